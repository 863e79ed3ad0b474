package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPostgresStore: what commands say of a PostgreSQL store that none of them can open.
func TestPostgresStore(t *testing.T) {
	config := writeConfig(t, "http://127.0.0.1:9/graphql", "")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`(?m)^store: .*$`).ReplaceAll(text, []byte("store: file:url"))
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	url := filepath.Join(filepath.Dir(config), "url")
	tests := []struct {
		name, url string
		args      []string
		says      string
	}{
		{"no secret", "", []string{"serve"}, url + " is missing"},
		{"no secret", "", []string{"token", "list"}, "file:url"},
		{"no secret", "", []string{"migrate", "status"}, "file:url"},
		{"no secret", "", []string{"check"}, "file:url"},
		{"no URL", "hunter2", []string{"serve"}, "postgres://USER@HOST/DATABASE"},
		{"no secret", "", []string{"backup", filepath.Join(t.TempDir(), "copy.db")}, "pg_dump"},
	}
	for _, test := range tests {
		t.Run(test.args[0]+", "+test.name, func(t *testing.T) {
			if test.url != "" {
				if err := os.WriteFile(url, []byte(test.url), 0o600); err != nil {
					t.Fatal(err)
				}
				defer os.Remove(url)
			}
			stdout, stderr, code := command(t, append(test.args, "--config", config)...)
			if said := stdout + stderr; code != exitFailed || !strings.Contains(said, test.says) || strings.Contains(said, "hunter2") {
				t.Errorf("exited with %d, want one that says %q:\n%s", code, test.says, said)
			}
		})
	}
	// demo has a store of its own, and resolves no secret of the file.
	demo := start(t, "demo", "--listen", "127.0.0.1:0", "--config", config)
	if status := call(t, "GET", demo.ready.SCIM+"/Users", demo.ready.Token, nil, nil); status != 200 {
		t.Errorf("GET of the demo: %d", status)
	}
}
