package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scimbridge/scimbridge/internal/config"
)

// store loads a configuration in dir with that store.
func store(dir, text string, env ...string) (config.Store, error) {
	cfg, err := config.Parse(filepath.Join(dir, "scimbridge.yaml"), fmt.Appendf(nil, "store: %q\n%s", text, least), env)
	if err != nil {
		return config.Store{}, err
	}
	return cfg.Store, nil
}

func TestStoreIsTaken(t *testing.T) {
	tests := []struct{ text, engine, shown string }{
		{"sqlite:state.db", config.SQLite, "sqlite:/etc/state.db"},
		{"postgres://scim@db/scimbridge", config.Postgres, ""},
		{"postgresql://scim@db/scimbridge", config.Postgres, ""},
		{"postgres://db/scimbridge", config.Postgres, ""},
		{"postgres://scim@a:5432,b:5433/scimbridge?target_session_attrs=read-write", config.Postgres, ""},
		{"postgres://scim@/scimbridge?host=/var/run/postgresql", config.Postgres, ""},
		{"postgres:///scimbridge", config.Postgres, ""},
		{"postgres://scim@db?dbname=scimbridge", config.Postgres, ""},
		{"postgres://scim@pooler:6432/scimbridge?default_query_exec_mode=exec", config.Postgres, ""},
		{"postgres://scim@db/scimbridge?sslmode=verify-full&sslcert=/etc/ssl/a.pem&sslkey=/etc/ssl/a.key&sslrootcert=system", config.Postgres, ""},
		{"env:DATABASE_URL", config.Postgres, ""},
		{"file:url", config.Postgres, ""},
		{"credential:database", config.Postgres, ""},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			got, err := store("/etc", test.text)
			if err != nil {
				t.Fatal(err)
			}
			if test.shown == "" {
				test.shown = test.text
			}
			if got.Engine != test.engine || got.String() != test.shown {
				t.Errorf("engine %q, shown as %q, want %q and %q", got.Engine, got, test.engine, test.shown)
			}
		})
	}
}

// What is refused is not echoed: it may hold a password wherever it was put.
func TestStoreIsRefused(t *testing.T) {
	tests := []struct{ name, text, says string }{
		{"no engine", "hunter2", "expected sqlite:PATH, postgres://"},
		{"another engine", "mysql://root:hunter2@db/x", "expected sqlite:PATH, postgres://"},
		{"no file", "sqlite:", "names no file"},
		{"in memory", "sqlite::memory:", "names no file"},
		{"a password", "postgres://scim:hunter2@db/scimbridge", "PGPASSWORD"},
		{"a password of nothing", "postgres://scim:@db/scimbridge", "env:NAME"},
		{"a password as a parameter", "postgres://scim@db/scimbridge?password=hunter2", "sslcert"},
		{"the password of a key", "postgres://scim@db/scimbridge?sslpassword=hunter2", "holds a password"},
		{"a password with a slash", "postgres://scim:1/hunter2@db/scimbridge", "%40"},
		{"a password with a question mark", "postgres://scim:1?hunter2@db/scimbridge", "names no database"},
		{"a password with a hash", "postgres://scim:1#hunter2@db/scimbridge", "%40"},
		{"a password with a percent", "postgres://scim:1%hunter2@db/scimbridge", "%40"},
		{"a password where the port is", "postgres://scim:hunter2/scimbridge", "%40"},
		{"a query that is none", "postgres://scim@db/scimbridge?options=%hunter2", "%40"},
		{"no slashes", "postgres:hunter2", "postgres://USER@HOST/DATABASE"},
		{"no database", "postgres://scim@db", "names no database"},
		{"no database but a slash", "postgres://scim@db/", "names no database"},
		{"keywords and values", "host=db password=hunter2", "expected sqlite:PATH, postgres://"},
		{"a relative file", "postgres://scim@db/scimbridge?sslrootcert=ca.pem", "sslrootcert; expected an absolute path"},
		{"no name of a variable", "env:hunter2-hunter2", "env:"},
		{"no name of a credential", "credential:../hunter2", "credential:"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := store("/etc", test.text)
			faults, ok := errors.AsType[*config.Errors](err)
			if !ok || len(faults.Faults) != 1 || faults.Faults[0].Path != "store" || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want one fault of store that says %q", err, test.says)
			}
			if ok && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a secret is echoed: %v", err)
			}
		})
	}
}

func TestStoreDatabaseURL(t *testing.T) {
	dir := t.TempDir()
	const url = "postgres://scim:hunter2@db/scimbridge"
	if err := os.WriteFile(filepath.Join(dir, "url"), []byte(url+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, text, env string
		want            string
		says            string // of the error
	}{
		{name: "in the file", text: "postgres://scim@db/scimbridge", want: "postgres://scim@db/scimbridge"},
		{name: "variable", text: "env:DATABASE_URL", env: "DATABASE_URL=" + url, want: url},
		{name: "file", text: "file:url", want: url},
		{name: "credential", text: "credential:url", env: "CREDENTIALS_DIRECTORY=" + dir, want: url},
		{name: "variable not set", text: "env:DATABASE_URL", says: "set DATABASE_URL"},
		{name: "another engine", text: "env:DATABASE_URL", env: "DATABASE_URL=sqlite:hunter2.db", says: "postgres://USER@HOST/DATABASE"},
		{name: "a password that is not escaped", text: "env:DATABASE_URL", env: "DATABASE_URL=postgres://scim:1/hunter2@db/scimbridge", says: "%40"},
		{name: "no database", text: "env:DATABASE_URL", env: "DATABASE_URL=postgres://scim:hunter2@db", says: "names no database"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, err := store(dir, test.text, test.env) // resolves nothing
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.DatabaseURL(t.Context())
			if got != test.want || (err != nil) != (test.says != "") {
				t.Fatalf("DatabaseURL() = %q, %v, want %q", got, err, test.want)
			}
			if err != nil {
				if _, ok := errors.AsType[*config.SecretError](err); !ok || !strings.Contains(err.Error(), test.says) {
					t.Errorf("error %v of %T, want *config.SecretError that says %q", err, err, test.says)
				}
				if strings.Contains(err.Error(), "hunter2") {
					t.Errorf("the error holds the secret: %v", err)
				}
			}
			if shown := fmt.Sprintf("%v %+v", s, s); strings.Contains(shown, "hunter2") {
				t.Errorf("the secret is shown: %s", shown)
			}
		})
	}
}
