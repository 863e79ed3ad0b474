package config_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/config"
)

var update = flag.Bool("update", false, "write what the files of testdata/config give beside them")

const testdata = "../../testdata/config"

// TestFaults loads each file of testdata/config, with the variables that its
// `# env:` lines name, and compares what is printed with the .txt beside it. An
// empty .txt is a file without faults.
func TestFaults(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testdata, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", testdata, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var env []string
			for line := range strings.Lines(string(source)) {
				if pair, ok := strings.CutPrefix(line, "# env: "); ok {
					env = append(env, strings.TrimSuffix(pair, "\n"))
				}
			}
			got := ""
			if _, err := config.Parse(name+".yaml", source, env); err != nil {
				var faults *config.Errors
				if !errors.As(err, &faults) {
					t.Fatalf("got %T, want *config.Errors", err)
				}
				got = err.Error() + "\n"
			}
			if strings.Contains(got, "hunter2") {
				t.Errorf("a secret is echoed:\n%s", got)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}
