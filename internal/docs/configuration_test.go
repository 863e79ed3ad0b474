package docs

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/config"
)

var update = flag.Bool("update", false, "write docs/configuration.md")

// docs/configuration.md is written from the table that the program itself reads by.
func TestConfigurationReferenceIsTheProgramsOwn(t *testing.T) {
	const name = "docs/configuration.md"
	want := reference()
	if *update {
		if err := os.WriteFile(filepath.Join(root, name), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, read(t, name)); diff != "" {
		t.Errorf("%s is out of date; go test ./internal/docs -update writes it (-program +file):\n%s", name, diff)
	}
}

// A configuration that a document shows whole is one that loads.
func TestShownConfigurationsLoad(t *testing.T) {
	shown := 0
	for _, document := range documents(t) {
		found, _ := blocks(read(t, document))
		for _, b := range found {
			if b.language != "yaml" || !strings.Contains("\n"+b.text, "\ntenants:") {
				continue
			}
			shown++
			if _, err := config.Parse("scimbridge.yaml", []byte(b.text), nil); err != nil {
				t.Errorf("%s:%d: %v", document, b.line, err)
			}
		}
	}
	if shown == 0 {
		t.Error("no document shows a configuration")
	}
}

// The configuration that the public suites run against is one that loads, also where the suites are not.
func TestValidatorsConfigurationLoads(t *testing.T) {
	const name = "testdata/validators/scimbridge.yaml"
	if _, err := config.Parse(name, []byte(read(t, name)), nil); err != nil {
		t.Error(err)
	}
}

// reference is docs/configuration.md.
func reference() string {
	var b strings.Builder
	b.WriteString(`# Configuration

Every key of ` + "`scimbridge.yaml`" + `, with its default. This page is written from the program
(` + "`go test ./internal/docs -update`" + `); ` + "`scimbridge config init`" + ` writes the same as a commented file.

- Unknown keys are errors, and all errors are reported at once, with line, column and what was expected.
- **needed** has no default and must be there. **later** is a feature still to come: only the default is taken.
- A single value is overridden from the environment by ` + "`SCIMBRIDGE_`" + ` and the path in capitals, joined by two underscores:
  ` + "`" + config.Variable("tenants.default.wisdom.url") + "`" + `. The environment wins over the file.
- Secrets are references, never values: ` + "`env:NAME`, `file:PATH` or `credential:NAME`" + ` (systemd). Durations are 30s, 15m, 1h, 90d. Relative
  paths are relative to the file.
- NAME, KEY and VALUE stand for any key, ` + "`[]`" + ` for each entry of a list. Under ` + "`tenants.NAME.`" + ` the keys of a tenant follow.

| key | value | default | what it is |
| --- | --- | --- | --- |
`)
	for _, k := range config.Reference() {
		meaning := k.Meaning
		switch {
		case k.Needed:
			meaning = "**needed** " + meaning
		case k.Later:
			meaning = "**later** " + meaning
		}
		kind := k.Type
		if kind == "a text" || strings.HasPrefix(kind, "a table") {
			kind = "" // the meaning says more
		}
		def := ""
		if k.Default != "" {
			def = "`" + strings.ReplaceAll(k.Default, "|", `\|`) + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Path, plain(kind), def, plain(meaning))
	}
	return b.String()
}

// plain is text that a cell of a table shows as it stands.
func plain(text string) string {
	return strings.NewReplacer("|", `\|`, " '*'", ` '\*'`, "***@", `\*\*\*@`, "scim_*", `scim_\*`, "(?P<", "(?P&lt;").Replace(text)
}
