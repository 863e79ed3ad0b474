package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scimbridge/scimbridge/internal/store/enginetest"
)

// TestMigrate follows a store from nothing to the newest schema, one that lacks a migration,
// and one that a newer program wrote.
func TestMigrate(t *testing.T) {
	enginetest.Only(t, enginetest.SQLite, "it writes to the file beside the program")
	config := writeConfig(t, "http://127.0.0.1:9/graphql", "")
	file := filepath.Join(filepath.Dir(config), "scimbridge.db")
	status := func(code int) (s schemaStatus) {
		t.Helper()
		stdout, stderr, got := command(t, "migrate", "status", "--output", "json", "--config", config)
		if err := json.Unmarshal([]byte(stdout), &s); err != nil || got != code {
			t.Fatalf("migrate status exited with %d, want %d: %v\n%s%s", got, code, err, stdout, stderr)
		}
		return s
	}
	execute := func(statement string) {
		t.Helper()
		db, err := sql.Open("sqlite", file)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}

	none := status(exitPerson)
	if want := (schemaStatus{Engine: "sqlite", Store: "sqlite:" + file, Program: none.Program}); none != want || none.Program < 1 {
		t.Errorf("without a store: %+v, want %+v", none, want)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("migrate status made a file: %v", err)
	}
	stdout, stderr, code := command(t, "migrate", "status", "--config", config)
	if code != exitPerson || !strings.Contains(stdout, "schema   version 0\n") || !strings.Contains(stderr, "migrate up") {
		t.Errorf("migrate status exited with %d:\n%s%s", code, stdout, stderr)
	}

	stdout, stderr, code = command(t, "migrate", "up", "--output", "json", "--config", config)
	var up struct{ From, To int64 }
	if err := json.Unmarshal([]byte(stdout), &up); err != nil || code != exitDone || up.From != 0 || up.To != none.Program {
		t.Errorf("migrate up exited with %d: %v\n%s%s", code, err, stdout, stderr)
	}
	if s := status(exitDone); s.Schema != s.Program {
		t.Errorf("after migrate up: %+v", s)
	}
	if stdout, stderr, code := command(t, "migrate", "up", "--config", config); code != exitDone || !strings.Contains(stdout, "nothing was missing") {
		t.Errorf("a second migrate up exited with %d:\n%s%s", code, stdout, stderr)
	}

	execute("UPDATE goose_db_version SET is_applied = 0 WHERE version_id = (SELECT MAX(version_id) FROM goose_db_version)")
	if s := status(exitPerson); s.Schema < 1 || s.Schema >= s.Program {
		t.Errorf("without the last migration: %+v", s)
	}
	execute("UPDATE goose_db_version SET is_applied = 1")

	execute("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)")
	if s := status(exitPerson); s.Schema != 99 {
		t.Errorf("of a newer program: %+v", s)
	}
	if stdout, stderr, code := command(t, "migrate", "up", "--config", config); code != exitFailed || !strings.Contains(stderr, "version 99") {
		t.Errorf("migrate up of a newer store exited with %d:\n%s%s", code, stdout, stderr)
	}
}
