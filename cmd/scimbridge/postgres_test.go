//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/scimbridge/scimbridge/internal/store/postgres/pgtest"
)

// TestDatabaseSettingsThatCostWrites: `check` and /healthz say of a PostgreSQL database what could cost writes that
// were accepted.
func TestDatabaseSettingsThatCostWrites(t *testing.T) {
	url := pgtest.Database(t)
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(t.Context(), fmt.Sprintf("ALTER DATABASE %s SET synchronous_commit = off", c.Config().Database)); err != nil {
		t.Fatal(err)
	}
	sim := start(t, "simulate", "--listen", "127.0.0.1:0", "--token", "key")
	config := writeConfig(t, sim.ready.GraphQL, "")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, regexp.MustCompile(`store: .*`).ReplaceAll(text, []byte("store: "+url)), 0o600); err != nil {
		t.Fatal(err)
	}
	const want = "PostgreSQL has synchronous_commit = off"
	out, errOut, code := command(t, "check", "--config", config)
	if code != exitPerson || !strings.Contains(out, "warning") || !strings.Contains(out, "store: "+want) {
		t.Errorf("check exited with %d: %s%s", code, out, errOut)
	}
	served := start(t, "serve", "--config", config)
	var health struct {
		Status   string
		Problems []string
	}
	call(t, "GET", served.ready.Admin+"/healthz", "", nil, &health)
	if health.Status != "degraded" || !strings.Contains(strings.Join(health.Problems, "\n"), "store: "+want) {
		t.Errorf("/healthz: %+v", health)
	}
}
