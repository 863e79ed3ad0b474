# What a developer types. `.ci/run` is what must hold; the checks here are its steps.

SECONDS ?= 60
SEEDS ?= 1000
CRASHES ?= 1000
OPERATIONS ?= 20000
PEOPLE ?= 10000

.DEFAULT_GOAL := help
.PHONY: help build test race fuzz crash replicas simulate scale broken bench-servers generate lint image-build-steps ci

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the program, ./scimbridge
	go build -o scimbridge ./cmd/scimbridge

test: ## run the tests, by the command of the README
	@.ci/run test

race: ## run the tests under the race detector (needs gcc)
	@.ci/run race

fuzz: ## run every fuzz target for SECONDS (60) each
	@FUZZ_SECONDS=$(SECONDS) .ci/run fuzz

crash: ## kill the program CRASHES (1000) times under load; nothing accepted may be lost or done twice
	@CRASHES=$(CRASHES) .ci/run crash

replicas: ## three servers on one PostgreSQL under kills, stops and restarts while OPERATIONS (20000) writes go on
	@OPERATIONS=$(OPERATIONS) .ci/run replicas

simulate: ## play SEEDS (1000) random histories on virtual time against a model
	@SEEDS=$(SEEDS) .ci/run simulate

scale: ## provision PEOPLE (10000) and give all of them a role, on virtual time; prints the requests it took
	@PEOPLE=$(PEOPLE) .ci/run scale

broken: ## break each rule of convergence on purpose and see that its tests fail (some twenty minutes)
	SCIMBRIDGE_TEST_BROKEN=all go test ./internal/docs -run TestTheTestsOfARuleFailWhenItIsBroken -v -timeout 3h

bench-servers: ## what clients see of the program on both stores, and of one to three servers on PostgreSQL (some ten minutes)
	go test ./cmd/scimbridge -run '^$$' -bench Servers -benchtime 400x -timeout 1h

generate: ## write the generated code anew (genqlient, gqlgen)
	go generate ./...

lint: ## gofmt, go vet, staticcheck, and what else CI looks at without running tests
	@.ci/run modules format generate vet staticcheck documents

image-build-steps: ## take the Dockerfile's steps without an engine, and try the result
	@.ci/run image

ci: ## everything that must hold
	@.ci/run
