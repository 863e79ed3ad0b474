package scenario_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/scenario"
)

var update = flag.Bool("update", false, "write what each scenario leaves at WisdomAI to testdata/golden/idp")

const (
	scenarios = "../../testdata/idp"
	golden    = "../../testdata/golden/idp"
)

// TestScenarios replays every scenario of testdata/idp, each on a bridge of its own, and
// compares what it does and leaves at WisdomAI with its golden file.
func TestScenarios(t *testing.T) {
	all, err := scenario.Load(scenarios)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]bool{}
	for _, s := range all {
		files[s.File] = true
		t.Run(s.File, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			stages := []scenario.Stage{{Users: b.Simulator.Users()}}
			b.target.After = func(number int, step scenario.Step) {
				b.Settled(t)
				stages = append(stages, scenario.Stage{After: fmt.Sprintf("%d %s", number, step.Name), Users: b.Simulator.Users()})
			}
			if failure := s.Run(t.Context(), b.target); failure != nil {
				t.Fatal(failure)
			}
			compare(t, filepath.Join(golden, s.File+".json"), scenario.Record(stages))
		})
	}
	kept, err := filepath.Glob(filepath.Join(golden, "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range kept {
		name, err := filepath.Rel(golden, strings.TrimSuffix(file, ".json"))
		if err != nil || !files[filepath.ToSlash(name)] {
			t.Errorf("%s is of no scenario: remove it", file)
		}
	}
}

func compare(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("no golden file for\n%s\nrun go test ./internal/scenario -update, and read what it wrote", got)
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("what is at WisdomAI (-%s +now):\n%s", file, diff)
	}
}
