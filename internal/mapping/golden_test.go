package mapping

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite what testdata/mapping expects")

const goldens = "../../testdata/mapping"

// goldenFile is one file of testdata/mapping; its README says how to read it.
type goldenFile struct {
	About string       `json:"about"`
	Rules *fileRules   `json:"rules,omitempty"`
	Cases []goldenCase `json:"cases"`
}

type goldenCase struct {
	Name   string          `json:"name"`
	Rules  *fileRules      `json:"rules,omitempty"` // instead of the file's
	User   json.RawMessage `json:"user,omitempty"`
	Groups json.RawMessage `json:"groups,omitempty"`
	Faults []string        `json:"faults,omitempty"` // what Compile says; then there is no result
	Expect *goldenResult   `json:"expect,omitempty"`
}

// goldenResult is a Result as a person reads it.
type goldenResult struct {
	Email      string            `json:"email,omitempty"`
	Roles      []string          `json:"roles,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	FreeKeys   []string          `json:"free_keys,omitempty"`
	Reasons    []string          `json:"reasons,omitempty"`
	Problems   []goldenProblem   `json:"problems,omitempty"`
}

type goldenProblem struct {
	Kind      ProblemKind `json:"kind"`
	Attribute string      `json:"attribute,omitempty"`
	Key       string      `json:"key,omitempty"`
	Detail    string      `json:"detail"`
}

// fileRules are rules in the spelling of the configuration file.
type fileRules struct {
	raw  json.RawMessage
	spec Spec
}

func (f *fileRules) MarshalJSON() ([]byte, error) { return f.raw, nil }

func (f *fileRules) UnmarshalJSON(raw []byte) error {
	f.raw = bytes.Clone(raw)
	var file struct {
		Email         []json.RawMessage          `json:"email"`
		EmailDomains  []string                   `json:"email_domains"`
		PlusSuffix    string                     `json:"plus_suffix"`
		WorkspaceURI  string                     `json:"workspace_uri"`
		Attributes    map[string]json.RawMessage `json:"attributes"`
		AttributeKeys struct {
			Allow    []string `json:"allow"`
			Deny     []string `json:"deny"`
			TakeOver []string `json:"take_over"`
		} `json:"attribute_keys"`
		Extension []struct {
			Name        string `json:"name"`
			Type        string `json:"type"`
			MultiValued bool   `json:"multiValued"`
			Key         string `json:"key"`
		} `json:"extension"`
		Roles struct {
			Allow      []string `json:"allow"`
			Privileged []string `json:"privileged"`
			Default    []string `json:"default"`
			Groups     []struct {
				Group      string   `json:"group"`
				ExternalID string   `json:"external_id"`
				Match      string   `json:"match"`
				Role       string   `json:"role"`
				Scopes     []string `json:"scopes"`
			} `json:"groups"`
			NamingConvention bool              `json:"naming_convention"`
			SCIMRoles        map[string]string `json:"scim_roles"`
		} `json:"roles"`
	}
	if err := strictly(raw, &file); err != nil {
		return err
	}
	spec := Spec{
		EmailDomains: file.EmailDomains, PlusSuffix: file.PlusSuffix, WorkspaceURI: file.WorkspaceURI,
		AttributeKeys: KeyBounds(file.AttributeKeys),
		Roles: RolesSpec{
			Allow: file.Roles.Allow, Privileged: file.Roles.Privileged, Default: file.Roles.Default,
			NamingConvention: file.Roles.NamingConvention, SCIMRoles: file.Roles.SCIMRoles,
		},
	}
	for _, source := range file.Email {
		var s struct{ CEL string }
		var path string
		if json.Unmarshal(source, &path) != nil {
			if err := strictly(source, &s); err != nil {
				return err
			}
		}
		spec.Email = append(spec.Email, Source{Path: path, CEL: s.CEL})
	}
	for _, key := range slices.Sorted(maps.Keys(file.Attributes)) {
		rule := AttributeRule{Key: key}
		var path string
		if json.Unmarshal(file.Attributes[key], &path) == nil {
			rule.Paths = []string{path}
			spec.Attributes = append(spec.Attributes, rule)
			continue
		}
		var a struct {
			Path             any
			CEL              string
			Value            *string
			Required         bool
			Join, Split, Sub string
		}
		if err := strictly(file.Attributes[key], &a); err != nil {
			return err
		}
		switch paths := a.Path.(type) {
		case string:
			rule.Paths = []string{paths}
		case []any:
			for _, p := range paths {
				rule.Paths = append(rule.Paths, p.(string))
			}
		}
		rule.CEL, rule.Value, rule.Required, rule.Join, rule.Split, rule.Sub = a.CEL, a.Value, a.Required, a.Join, a.Split, a.Sub
		spec.Attributes = append(spec.Attributes, rule)
	}
	for _, e := range file.Extension {
		spec.Extension = append(spec.Extension, ExtensionAttribute(e))
	}
	for _, g := range file.Roles.Groups {
		spec.Roles.Groups = append(spec.Roles.Groups, GroupRule(g))
	}
	f.spec = spec
	return nil
}

func strictly(raw []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// golden runs one file of testdata/mapping.
func golden(t *testing.T, name string) {
	t.Helper()
	file := filepath.Join(goldens, name)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var g goldenFile
	if err := strictly(raw, &g); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if len(g.Cases) == 0 {
		t.Fatalf("%s has no cases", file)
	}
	for i := range g.Cases {
		c := &g.Cases[i]
		t.Run(c.Name, func(t *testing.T) {
			rules := c.Rules
			if rules == nil {
				rules = g.Rules
			}
			got, faults := resolveCase(t, rules.spec, c)
			if *update {
				c.Expect, c.Faults = got, faults
				return
			}
			if diff := cmp.Diff(c.Faults, faults); diff != "" {
				t.Errorf("faults (-expected +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.Expect, got); diff != "" {
				t.Errorf("result (-expected +got):\n%s", diff)
			}
		})
	}
	if *update {
		writeGolden(t, file, g)
	}
}

func resolveCase(t *testing.T, spec Spec, c *goldenCase) (*goldenResult, []string) {
	rules, errs := Compile(spec)
	if len(errs) > 0 {
		var faults []string
		for _, e := range errs {
			faults = append(faults, e.Error())
		}
		return nil, faults
	}
	user := document(t, string(c.User))
	var groups []Group
	if c.Groups != nil {
		if err := strictly(c.Groups, &groups); err != nil {
			t.Fatal(err)
		}
	}
	r := rules.Resolve(user, groups)
	if r.EmailKey != FoldAddress(r.Email) {
		t.Errorf("EmailKey is %q, Email %q", r.EmailKey, r.Email)
	}
	got := &goldenResult{Email: r.Email, FreeKeys: r.FreeKeys}
	if len(r.Attributes) > 0 {
		got.Attributes = r.Attributes
	}
	for _, grant := range r.Grants {
		got.Roles = append(got.Roles, strings.TrimPrefix(what(grant), "role "))
	}
	for _, reason := range r.Reasons {
		line := fmt.Sprintf("%s <- %s (%s)", reason.What, reason.Rule, reason.From)
		if reason.Refused != "" {
			line += ": refused, " + reason.Refused
		}
		got.Reasons = append(got.Reasons, line)
	}
	for _, p := range r.Problems {
		got.Problems = append(got.Problems, goldenProblem(p))
	}
	return got, nil
}

// document decodes a SCIM document as the protocol hands it on: numbers as json.Number.
func document(t testing.TB, raw string) map[string]any {
	t.Helper()
	var doc map[string]any
	if raw == "" {
		return doc
	}
	decoder := json.NewDecoder(strings.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func writeGolden(t *testing.T, file string, g goldenFile) {
	t.Helper()
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(g); err != nil {
		t.Fatal(err)
	}
	pretty := layout(b.Bytes(), "", 2) + "\n"
	if err := os.WriteFile(file, []byte(pretty), 0o644); err != nil {
		t.Fatal(err)
	}
}

// layout indents JSON, but keeps on one line what fits there. The outermost levels
// are always spread.
func layout(raw []byte, indent string, spread int) string {
	const width = 130
	if spread <= 0 {
		var line bytes.Buffer
		if json.Compact(&line, raw) == nil && len(indent)+line.Len() < width {
			return spaced(line.Bytes())
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	open, err := decoder.Token()
	if delim, ok := open.(json.Delim); err != nil || !ok {
		return string(bytes.TrimSpace(raw))
	} else {
		var items []string
		inner := indent + " "
		for decoder.More() {
			prefix := ""
			if delim == '{' {
				key, _ := decoder.Token()
				quoted, _ := json.Marshal(key)
				prefix = string(quoted) + ": "
			}
			var value json.RawMessage
			if err := decoder.Decode(&value); err != nil {
				return string(raw)
			}
			items = append(items, inner+prefix+layout(value, inner, spread-1))
		}
		closing := map[json.Delim]string{'{': "}", '[': "]"}[delim]
		if len(items) == 0 {
			return delim.String() + closing
		}
		return delim.String() + "\n" + strings.Join(items, ",\n") + "\n" + indent + closing
	}
}

// spaced puts a blank after each comma and colon that is outside a string.
func spaced(line []byte) string {
	var b strings.Builder
	quoted, escaped := false, false
	for _, c := range line {
		b.WriteByte(c)
		if c == '"' && !escaped {
			quoted = !quoted
		}
		escaped = c == '\\' && !escaped
		if !quoted && (c == ',' || c == ':') {
			b.WriteByte(' ')
		}
	}
	return b.String()
}
