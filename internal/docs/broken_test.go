package docs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// broken is a rule of convergence.md broken on purpose: a piece of the program, and what
// stands in its place.
type broken struct {
	rule, file, what string
	old, new         string
	line             int
}

const brokenRules = "testdata/broken/rules.txt"

// brokenRulesOf reads testdata/broken/rules.txt, whose head explains its form.
func brokenRulesOf(t *testing.T) []broken {
	t.Helper()
	head := regexp.MustCompile(`^== (V-[0-9]{2}) (\S+): (.+)$`)
	var all []broken
	var into *string
	for i, line := range strings.Split(read(t, brokenRules), "\n") {
		if m := head.FindStringSubmatch(line); m != nil {
			all = append(all, broken{rule: m[1], file: m[2], what: m[3], line: i + 1})
			into = nil
			continue
		}
		switch {
		case len(all) == 0 || line == "":
			continue
		case strings.HasPrefix(line, "-"):
			into = &all[len(all)-1].old
		case strings.HasPrefix(line, "+"):
			into = &all[len(all)-1].new
		default:
			t.Fatalf("%s:%d: neither a head nor a line that begins with - or +", brokenRules, i+1)
		}
		if *into != "" {
			*into += "\n"
		}
		*into += line[1:]
	}
	return all
}

// TestBrokenRulesAreUpToDate: each piece still stands in the program, once, and every rule
// of convergence.md is broken by at least one.
func TestBrokenRulesAreUpToDate(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range brokenRulesOf(t) {
		seen[b.rule] = true
		if n := strings.Count(read(t, b.file), b.old); n != 1 || b.old == "" {
			t.Errorf("%s:%d: %s (%s): the text stands in %s %d times", brokenRules, b.line, b.rule, b.what, b.file, n)
		}
	}
	for n := 1; n <= 42; n++ {
		if rule := fmt.Sprintf("V-%02d", n); !seen[rule] {
			t.Errorf("%s breaks nothing of %s", brokenRules, rule)
		}
	}
}

// TestTheTestsOfARuleFailWhenItIsBroken breaks one rule after the other in a copy of the
// program and runs the tests that name it: at least one must fail. It takes some twenty minutes, so
// it runs only when SCIMBRIDGE_TEST_BROKEN says which rules: "all", or a regular expression.
func TestTheTestsOfARuleFailWhenItIsBroken(t *testing.T) {
	which := os.Getenv("SCIMBRIDGE_TEST_BROKEN")
	if which == "" {
		t.Skip("SCIMBRIDGE_TEST_BROKEN=all runs it (make broken)")
	}
	if which == "all" {
		which = ""
	}
	only := regexp.MustCompile(which)
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS("../..")); err != nil {
		t.Fatal(err)
	}
	for _, b := range brokenRulesOf(t) {
		if !only.MatchString(b.rule) {
			continue
		}
		t.Run(b.rule+" "+b.what, func(t *testing.T) {
			path := filepath.Join(copied, b.file)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			defer os.WriteFile(path, whole, 0o644)
			if err := os.WriteFile(path, bytes.Replace(whole, []byte(b.old), []byte(b.new), 1), 0o644); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			name := strings.ReplaceAll(b.rule, "-", "")
			c := exec.CommandContext(ctx, "go", append([]string{"test", "-vet=off", "-run", name}, packagesThatTest(t, name)...)...)
			c.Dir = copied
			out, err := c.CombinedOutput()
			switch {
			case err == nil:
				t.Errorf("the tests of %s pass although it is broken", b.rule)
			case !bytes.Contains(out, []byte("--- FAIL: ")) && !bytes.Contains(out, []byte("panic: ")):
				t.Errorf("it does not compile, or no test ran:\n%s", out)
			default:
				for line := range strings.Lines(string(out)) {
					if strings.HasPrefix(line, "--- FAIL: ") {
						t.Log(strings.TrimSpace(line))
					}
				}
			}
		})
	}
}

// packagesThatTest are the folders with a test that has name in its own.
func packagesThatTest(t *testing.T, name string) []string {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func Test\w*` + name)
	var folders []string
	for _, path := range files(t, func(path string) bool { return strings.HasSuffix(path, "_test.go") }) {
		if folder := "./" + filepath.Dir(path); !slices.Contains(folders, folder) && declared.MatchString(read(t, path)) {
			folders = append(folders, folder)
		}
	}
	return folders
}
