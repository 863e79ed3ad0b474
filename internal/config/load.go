package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/scimbridge/scimbridge/internal/mapping"
)

// maxFile bounds the file: a thousand group rules are some 100 kB.
const maxFile = 4 << 20

// Load reads and checks the configuration file at path with the overrides of
// environ, which is spelled as os.Environ returns it: all of it is needed, because
// a SCIMBRIDGE_ variable that names no key is an error. What is wrong with the
// configuration is *Errors, all of it at once; any other error is why the file could
// not be read. Secrets are not resolved.
func Load(path string, environ []string) (*Config, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("configuration %s is missing; `scimbridge config init --idp okta` (or entra, ...) writes one: %w", path, err)
	case err != nil:
		return nil, fmt.Errorf("read configuration: %w", err)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("read configuration: %s is larger than %d bytes", path, maxFile)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, source, environ)
}

// Parse is Load of a file whose content is at hand; path is what faults name and
// relative paths are relative to its folder.
func Parse(path string, source []byte, env []string) (*Config, error) {
	root, faults := parse(source)
	if root == nil {
		return nil, &Errors{File: path, Faults: faults}
	}
	d := &decoder{keys: keys(), dir: filepath.Dir(path), environ: environ(env), faults: faults, at: map[string]*node{}}
	if root.kind == null {
		root = &node{kind: table, line: root.line, column: root.column}
	}
	d.override(root)
	d.at[""] = root
	cfg := &Config{File: path, Sum: sha256.Sum256(source)}
	d.table(root, reflect.ValueOf(cfg).Elem(), "", "")
	d.addresses(cfg)
	d.tenants(cfg)
	if len(d.faults) > 0 {
		sortFaults(d.faults)
		return nil, &Errors{File: path, Faults: d.faults}
	}
	return cfg, nil
}

// faulty reports whether a fault stands at path, above it or below it: what is
// decoded there is then not what was meant, and judging it further would mislead.
func (d *decoder) faulty(path string) bool {
	return slices.ContainsFunc(d.faults, func(f Fault) bool { return related(f.Path, path) })
}

func related(a, b string) bool { return a != "" && (a == b || below(a, b) || below(b, a)) }

// below reports whether path lies below above.
func below(path, above string) bool {
	rest, ok := strings.CutPrefix(path, above)
	return ok && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "["))
}

// protected refuses what can be nobody's address, and so would protect nobody.
func (d *decoder) protected(t *Tenant, path string) {
	for i, text := range t.Protected {
		if at := fmt.Sprintf("%s[%d]", join(path, "protected"), i); !d.faulty(at) {
			if problem := checkAddress(text); problem != "" {
				d.fault(d.place(at), at, "%s", problem)
			}
		}
	}
}

// compile builds the tenant's rules for package mapping, which checks them. Its
// faults are put where the file has them.
func (d *decoder) compile(t *Tenant, path string) {
	decoded := len(d.faults)
	rules, problems := mapping.Compile(t.spec())
	for _, p := range problems {
		at := join(path, p.Path)
		rule := p.Path // the entry of a list is judged as one
		if i := strings.IndexByte(rule, ']'); i >= 0 {
			rule = rule[:i+1]
		}
		if slices.ContainsFunc(d.faults[:decoded], func(f Fault) bool { return related(f.Path, join(path, rule)) }) {
			continue
		}
		d.fault(d.place(at), at, "%s", p.Message)
	}
	t.Rules = rules
}
