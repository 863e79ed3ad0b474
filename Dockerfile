# The image holds one static program and the certificates it checks WisdomAI's by: no shell,
# no package manager, no root. `.ci/run image` takes the same steps without an engine.
#
#   docker build --build-arg VERSION=1.2.3 --tag scimbridge .

# The release of go.mod; its patch releases, which bring security fixes, come with a rebuild.
FROM golang:1.26 AS build
WORKDIR /src

# Modules before source: this layer is fetched again only when a requirement changes.
COPY go.mod go.sum ./
RUN go mod download

COPY LICENSE ./
COPY cmd ./cmd
COPY internal ./internal

# What --version prints.
ARG VERSION=devel
# No cgo, so that nothing of the system is needed. nomsgpack leaves out a codec of gin's that is
# never used. trimpath and -s -w leave out the builder's paths and the
# symbols; a panic still prints its stack.
RUN CGO_ENABLED=0 go build -tags nomsgpack -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o out/scimbridge ./cmd/scimbridge
# A folder to be copied: the final stage has no shell to make one with.
RUN mkdir -p out/data

FROM scratch
LABEL org.opencontainers.image.title="scimbridge" \
      org.opencontainers.image.description="SCIM 2.0 provisioning for WisdomAI" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/LICENSE /LICENSE
COPY --from=build /src/out/scimbridge /usr/local/bin/scimbridge
# State must outlive the container: it holds what was accepted and is not yet delivered.
COPY --from=build --chown=65532:65532 /src/out/data /data
VOLUME /data

# A number, so that Kubernetes' runAsNonRoot can be checked without /etc/passwd.
USER 65532:65532
WORKDIR /data

# Where a container differs from a host, whatever the configuration file says: loopback is out of
# reach there, and the file's own folder is read-only. public_url is still needed.
ENV SCIMBRIDGE_LISTEN=0.0.0.0:8080 \
    SCIMBRIDGE_ADMIN_LISTEN=0.0.0.0:8081 \
    SCIMBRIDGE_STORE=sqlite:/data/scimbridge.db \
    TMPDIR=/data

# SCIM; health and metrics, which ask for no token and are not for the IdP.
EXPOSE 8080 8081
ENTRYPOINT ["/usr/local/bin/scimbridge"]
CMD ["serve", "--config", "/etc/scimbridge/scimbridge.yaml"]
