package docs

import (
	"go/parser"
	"go/token"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/scimbridge/scimbridge/"

// uses are what the files of a package import, sorted: packages of ours by their folder,
// libraries by their module without "github.com/".
type uses struct {
	ours, libraries []string
	standard        []string
}

// row is a package of the table in docs/architecture.md.
type row struct {
	folder, touches string
	uses
}

// table reads the rows, top to bottom.
func table(t *testing.T) []row {
	t.Helper()
	var rows []row
	for line := range strings.Lines(read(t, "docs/architecture.md")) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "| `") || len(cells) != 5 {
			continue
		}
		folder := quoted(cells[0])
		if len(folder) != 1 {
			t.Fatalf("a row of the table names not one package: %s", line)
		}
		rows = append(rows, row{folder: folder[0], touches: strings.TrimSpace(cells[2]),
			uses: uses{ours: quoted(cells[3]), libraries: quoted(cells[4])}})
	}
	if len(rows) == 0 {
		t.Fatal("docs/architecture.md has no table of packages")
	}
	return rows
}

// quoted are the words in `backquotes`, sorted.
func quoted(cell string) []string {
	var words []string
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
		words = append(words, m[1])
	}
	slices.Sort(words)
	return words
}

// packages are what the Go files of each folder import: those of the program, and those
// of its tests. Files of the tools' module and of testdata are no packages of ours.
func packages(t *testing.T) (program, tests map[string]uses) {
	t.Helper()
	modules := requirements(t)
	program, tests = map[string]uses{}, map[string]uses{}
	sources := files(t, func(p string) bool {
		return strings.HasSuffix(p, ".go") && !strings.HasPrefix(p, "tools/") && !slices.Contains(strings.Split(p, "/"), "testdata")
	})
	for _, p := range sources {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, p), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		into := program
		if strings.HasSuffix(p, "_test.go") {
			into = tests
		}
		u := into[path.Dir(p)]
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(name, "/")
			switch folder, ours := strings.CutPrefix(name, module); {
			case ours:
				u.ours = append(u.ours, folder)
			case strings.Contains(first, "."):
				u.libraries = append(u.libraries, moduleOf(t, modules, name))
			default:
				u.standard = append(u.standard, name)
			}
		}
		into[path.Dir(p)] = u
	}
	for _, m := range []map[string]uses{program, tests} {
		for folder, u := range m {
			for _, list := range []*[]string{&u.ours, &u.libraries, &u.standard} {
				slices.Sort(*list)
				*list = slices.Compact(*list)
			}
			m[folder] = u
		}
	}
	return program, tests
}

// requirements are the modules that go.mod names.
func requirements(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^(?:require)?\s+(\S+\.\S+/?\S*) v\S+`).FindAllStringSubmatch(read(t, "go.mod"), -1) {
		names = append(names, m[1])
	}
	return names
}

func moduleOf(t *testing.T, modules []string, name string) string {
	t.Helper()
	longest := ""
	for _, m := range modules {
		if (name == m || strings.HasPrefix(name, m+"/")) && len(m) > len(longest) {
			longest = m
		}
	}
	if longest == "" {
		t.Fatalf("go.mod has no module of %s", name)
	}
	return strings.TrimPrefix(longest, "github.com/")
}

// The table has every package, with exactly what it imports.
func TestTheTableOfPackagesIsWhatTheCodeImports(t *testing.T) {
	program, tests := packages(t)
	said := map[string]uses{}
	for _, r := range table(t) {
		said[r.folder] = r.uses
	}
	for folder := range tests {
		if _, ok := program[folder]; !ok {
			program[folder] = uses{}
		}
	}
	for folder, u := range program {
		u.standard = nil
		program[folder] = u
	}
	for _, folder := range slices.Sorted(maps.Keys(program)) {
		want, ok := said[folder]
		if !ok {
			t.Errorf("docs/architecture.md has no row for %s, which imports %v and %v", folder, program[folder].ours, program[folder].libraries)
			continue
		}
		if diff := cmp.Diff(want, program[folder], cmp.AllowUnexported(uses{})); diff != "" {
			t.Errorf("%s imports something else than its row in docs/architecture.md says (-row +code):\n%s", folder, diff)
		}
	}
	for folder := range said {
		if _, ok := program[folder]; !ok {
			t.Errorf("docs/architecture.md has a row for %s, and there is no such package", folder)
		}
	}
}

// Arrows point down: a package, its tests included, imports only what stands below it.
func TestImportsPointDown(t *testing.T) {
	_, tests := packages(t)
	rows := table(t)
	place := map[string]int{}
	for i, r := range rows {
		place[r.folder] = i
	}
	for i, r := range rows {
		for _, other := range r.ours {
			if place[other] <= i {
				t.Errorf("the table lets %s import %s, which stands above it", r.folder, other)
			}
		}
		for _, other := range tests[r.folder].ours {
			if at, ok := place[other]; other != r.folder && (!ok || at < i) {
				t.Errorf("a test of %s imports %s, which stands above it", r.folder, other)
			}
		}
	}
}

// The simulator is the command's and the tests'; nothing else that the command is built from knows it.
func TestTheBridgeDoesNotKnowTheSimulator(t *testing.T) {
	const command, simulator = "cmd/scimbridge", "internal/wisdom/simulator"
	program, _ := packages(t)
	built := map[string]bool{}
	var build func(folder string)
	build = func(folder string) {
		if built[folder] || strings.HasPrefix(folder, simulator) {
			return
		}
		built[folder] = true
		for _, other := range program[folder].ours {
			build(other)
			if folder != command && strings.HasPrefix(other, simulator) {
				t.Errorf("%s imports %s", folder, other)
			}
		}
	}
	build(command)
	if len(built) < 5 {
		t.Fatalf("%s is built from %v: this test looks at the wrong thing", command, slices.Sorted(maps.Keys(built)))
	}
}

// What the table calls pure has no way to a file, a socket, a database, a log or a deadline.
func TestPurePackagesTouchNothing(t *testing.T) {
	program, _ := packages(t)
	outside := []string{"context", "database/sql", "log", "log/slog", "net", "os", "os/exec", "syscall"}
	pure := 0
	for _, r := range table(t) {
		if r.touches != "pure" {
			continue
		}
		pure++
		for _, name := range program[r.folder].standard {
			if slices.Contains(outside, name) {
				t.Errorf("%s is to be pure and imports %s", r.folder, name)
			}
		}
	}
	if pure == 0 {
		t.Error("the table calls no package pure")
	}
}
