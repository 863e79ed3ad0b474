package config_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/scimbridge/scimbridge/internal/config"
)

func TestStarterLoads(t *testing.T) {
	for _, idp := range config.IdPs() {
		t.Run(idp, func(t *testing.T) {
			source, err := config.Starter(idp)
			if err != nil {
				t.Fatal(err)
			}
			cfg := parse(t, string(source), "WISDOM_TOKEN=key")
			tenant := cfg.Tenants["default"]
			if got := strings.Join(tenant.Roles.Default, " "); got != "BASIC_EXPLORER" {
				t.Errorf("roles.default = %q, want BASIC_EXPLORER", got)
			}
			if key, err := tenant.Wisdom.Token.Resolve(t.Context()); key != "key" || err != nil {
				t.Errorf("token = %q, %v", key, err)
			}
			for line := range strings.Lines(string(source)) {
				if len(line) > 130 {
					t.Errorf("a line of %d characters: %s", len(line), line)
				}
			}
		})
	}
}

// TestStarterComments: a key that is commented out loads when it is let in.
func TestStarterComments(t *testing.T) {
	key := regexp.MustCompile(`(?m)^( *)# ([a-z_]+: .*)$`)
	entry := regexp.MustCompile(`(?m)^( *)# (- \{.*)$`)
	empty := regexp.MustCompile(`(?m)^( *(?:extension|groups):) \[\]`)
	for _, idp := range config.IdPs() {
		t.Run(idp, func(t *testing.T) {
			source, err := config.Starter(idp)
			if err != nil {
				t.Fatal(err)
			}
			text := key.ReplaceAllString(string(source), "$1$2")
			text = entry.ReplaceAllString(empty.ReplaceAllString(text, "$1"), "$1$2")
			cfg := parse(t, text)
			tenant := cfg.Tenants["default"]
			if len(tenant.Roles.Groups) < 2 || len(tenant.Extension) != 2 || len(tenant.Attributes) < 7 {
				t.Errorf("the comments were not let in: %d group rules, %d extension attributes, %d attributes",
					len(tenant.Roles.Groups), len(tenant.Extension), len(tenant.Attributes))
			}
		})
	}
}

// TestStarterNamesEveryKey: the generic starter shows every key of the reference.
func TestStarterNamesEveryKey(t *testing.T) {
	source, err := config.Starter("generic")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range config.Reference() {
		name := k.Path[strings.LastIndex(k.Path, ".")+1:]
		switch {
		case strings.HasSuffix(name, "[]"), strings.HasSuffix(k.Path, ".NAME"), strings.HasSuffix(k.Path, ".KEY"), strings.HasSuffix(k.Path, ".VALUE"):
			continue // stands for names and entries
		case strings.HasSuffix(k.Path, "email[].path"), strings.HasSuffix(k.Path, "KEY.paths"):
			continue // the long spelling of a plain path and of a list of paths
		}
		if !regexp.MustCompile(`\b` + name + `:`).Match(source) {
			t.Errorf("the generic starter does not show %s", k.Path)
		}
	}
}

func TestStarterOfNobody(t *testing.T) {
	if _, err := config.Starter("octa"); err == nil || !strings.Contains(err.Error(), "did you mean okta?") {
		t.Errorf("got %v, want a hint", err)
	}
}
