package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/config"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/export"
	"github.com/scimbridge/scimbridge/internal/scim"
	"github.com/scimbridge/scimbridge/internal/store"
)

func newPlan() *cobra.Command {
	var path, tenant, request, exported string
	c := &cobra.Command{
		Use:   "plan",
		Short: "Show what the configuration, a SCIM request or an export would do, doing nothing",
		Long: `plan shows, person by person and call by call, what would be done at WisdomAI, with the rule behind each
role and attribute. It goes by what is recorded, as if a listing had just shown nothing new, and
changes nothing. Calls are those of each person; sent together they are fewer.

Without a flag it is about the mapping and the policies of the configuration, against those in force:
what the next start, or a reload, would do. It prints the hash that ` + "`scimbridge apply --approve`" + ` takes,
and exits with 3 if they would be held until then.

--request FILE is about SCIM requests: {"method": "PATCH", "path": "/Users/ID", "body": {...}}, or a list of them, each
of which sees what those before it did.

--export FILE is about what an identity provider has: SCIM Users and Groups as JSON (a list, a ListResponse, or one
a line), or a table (FILE.csv) with columns such as userName, email, externalId, active, groups. Each person
is planned by himself: looked up, created or replaced, and put into his groups. Who is not in it is left alone.

FILE may be - for standard input (JSON).`,
		Example: `  scimbridge plan
  scimbridge plan --output json
  echo '{"method": "DELETE", "path": "/Users/ID"}' | scimbridge plan --request -
  scimbridge plan --export people.csv`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if request != "" && exported != "" {
				return usage("--request and --export exclude each other")
			}
			out := newPlanPrinter(c.OutOrStdout(), jsonOutput(c))
			switch {
			case request != "":
				return planOver(c, path, tenant, func(ctx context.Context, dir *directory.Directory, o scim.Options) error {
					return planRequests(ctx, c, dir, o, request, out)
				})
			case exported != "":
				return planOver(c, path, tenant, func(ctx context.Context, dir *directory.Directory, o scim.Options) error {
					return planExport(ctx, c, dir, o, exported, out)
				})
			}
			return withDirectory(c, path, tenant, func(ctx context.Context, dir *directory.Directory) error {
				plan, err := dir.PlanRules(ctx, out.person)
				if err != nil {
					return err
				}
				if err := out.rules(plan); err != nil {
					return err
				}
				if len(plan.Held) > 0 {
					return &exitError{code: exitPerson}
				}
				return nil
			})
		},
	}
	tenantFlags(c, &path, &tenant)
	c.Flags().StringVar(&request, "request", "", "file with a SCIM request, or a list of them, to plan")
	c.Flags().StringVar(&exported, "export", "", "file with an identity provider's people to plan")
	return c
}

// planOver runs fn with what it takes to make a SCIM server over a directory that is rehearsed on.
func planOver(c *cobra.Command, path, tenant string, fn func(context.Context, *directory.Directory, scim.Options) error) error {
	return withStore(c, path, tenant, func(ctx context.Context, cfg *config.Config, s store.Store) error {
		quiet := slog.New(slog.DiscardHandler)
		dir, err := directory.New(ctx, directoryOptions(cfg.Tenants[tenant], s, quiet))
		if err != nil {
			return err
		}
		o := scimOptions(cfg, cfg.Tenants[tenant], quiet)
		o.Authenticate = func(context.Context, *http.Request) (directory.Caller, error) {
			return directory.Caller{Token: "scimbridge plan"}, nil
		}
		return fn(ctx, dir, o)
	})
}

// rehearsed plays on a SCIM server over the directory, and undoes it.
func rehearsed(ctx context.Context, dir *directory.Directory, o scim.Options, play func(export.Server) error) ([]directory.PersonPlan, error) {
	return dir.Rehearse(ctx, func(d *directory.Directory) error {
		server := scimServer{options: o}
		server.options.Directory = scim.Over(d)
		if err := server.follow(d.Rules()); err != nil {
			return err
		}
		return play(export.Server{Handler: &server, Base: o.Mount})
	})
}

// plannedRequest is a SCIM request as a file holds it.
type plannedRequest struct {
	Method string          `json:"method"`
	Path   string          `json:"path"` // below the base URL, with or without a query
	Query  string          `json:"query"`
	Body   json.RawMessage `json:"body"`
}

func planRequests(ctx context.Context, c *cobra.Command, dir *directory.Directory, o scim.Options, file string, out *planPrinter) error {
	text, err := readInput(c, file)
	if err != nil {
		return err
	}
	requests, err := readRequests(text)
	if err != nil {
		return usage("%s: %v", file, err)
	}
	var answers []export.Answer
	people, err := rehearsed(ctx, dir, o, func(s export.Server) error {
		answers = nil
		for _, r := range requests {
			target := r.Path
			if r.Query != "" {
				target += "?" + r.Query
			}
			answers = append(answers, s.Do(ctx, r.Method, target, r.Body))
		}
		return nil
	})
	if err != nil {
		return err
	}
	held := false
	for _, p := range people {
		held = held || p.Held()
		if err := out.person(p); err != nil {
			return err
		}
	}
	if err := out.answers(answers); err != nil || !held {
		return err
	}
	return &exitError{code: exitPerson}
}

func readRequests(text []byte) ([]plannedRequest, error) {
	var requests []plannedRequest
	if trimmed := bytes.TrimSpace(text); len(trimmed) == 0 || trimmed[0] != '[' {
		text = append(append([]byte{'['}, text...), ']')
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(&requests); err != nil {
		return nil, fmt.Errorf("expected {\"method\": ..., \"path\": ..., \"body\": ...} or a list of them: %w", err)
	}
	for _, r := range requests {
		if r.Method == "" || !strings.HasPrefix(r.Path, "/") {
			return nil, errors.New(`each request needs a method, and a path such as /Users/ID`)
		}
	}
	return requests, nil
}

func planExport(ctx context.Context, c *cobra.Command, dir *directory.Directory, o scim.Options, file string, out *planPrinter) error {
	text, err := readInput(c, file)
	if err != nil {
		return err
	}
	read := export.ReadJSON
	if strings.HasSuffix(strings.ToLower(file), ".csv") {
		read = export.ReadCSV
	}
	x, err := read(bytes.NewReader(text))
	if err != nil {
		return &exitError{exitFailed, fmt.Sprintf("%s: %v", file, err)}
	}
	person := false
	for _, p := range x.People {
		var answers []export.Answer
		people, err := rehearsed(ctx, dir, o, func(s export.Server) (err error) {
			answers, err = x.Play(ctx, p, s)
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", p.UserName, err)
		}
		n := len(answers)
		refused := n > 0 && answers[n-1].Status >= 400
		if refused {
			out.refused(p.UserName, answers[n-1])
		}
		person = person || refused
		for _, plan := range people {
			person = person || plan.Held()
			if len(plan.Accounts) == 0 && !refused {
				continue // a group's other members
			}
			if err := out.person(plan); err != nil {
				return err
			}
		}
	}
	if err := out.exported(len(x.People)); err != nil || !person {
		return err
	}
	return &exitError{code: exitPerson}
}

func readInput(c *cobra.Command, file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(c.InOrStdin())
	}
	return os.ReadFile(file)
}
