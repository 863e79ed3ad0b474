//go:build unix

package sqlite_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/scimbridge/scimbridge/internal/store/sqlite"
)

// nobody is the user without rights, by Linux's custom.
const nobody = 65534

// TestOpenWithoutPermission opens stores as a user who may not write them. Root may
// write everything, so it lends the child another user.
func TestOpenWithoutPermission(t *testing.T) {
	program := os.Args[0]
	dir := t.TempDir()
	if os.Getuid() == 0 {
		if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(program) // where it is, nobody may start it
		if err != nil {
			t.Fatal(err)
		}
		program = filepath.Join(dir, "child")
		if err := os.WriteFile(program, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name         string
		folder, file os.FileMode // of the store, for all users
	}{
		{"a file that may not be written", 0o777, 0o444},
		{"a file that may not be read", 0o777, 0},
		{"a folder that may not be written", 0o555, 0o666},
		{"a folder that may not be entered", 0o666, 0o666},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := filepath.Join(dir, strings.ReplaceAll(test.name, " ", "-"))
			if err := os.Mkdir(folder, 0o777); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(folder, "a.db")
			s := open(t, path)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, test.file); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(folder, test.folder); err != nil {
				t.Fatal(err)
			}
			defer os.Chmod(folder, 0o777)

			cmd := exec.CommandContext(t.Context(), program)
			cmd.Dir = dir
			if os.Getuid() == 0 {
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			}
			out := start(t, cmd, "open", path)
			if !out.Scan() {
				t.Fatalf("no error: %v", cmd.Wait())
			}
			got := out.Text()
			if err := cmd.Wait(); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{string(sqlite.KindPermission) + ":", path, "give user"} {
				if !strings.Contains(got, want) {
					t.Errorf("got %q, which does not say %q", got, want)
				}
			}
		})
	}
}
