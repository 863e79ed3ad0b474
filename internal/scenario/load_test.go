package scenario_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/scenario"
)

// TestEveryScenarioLoads reads testdata/idp whole: Load refuses a key that it does not know.
func TestEveryScenarioLoads(t *testing.T) {
	all, err := scenario.Load(scenarios)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(scenarios, "*", "*"))
	if err != nil || len(files) != len(all) {
		t.Errorf("%d files, %d scenarios, %v", len(files), len(all), err)
	}
	folders := map[string]bool{}
	steps := 0
	for _, s := range all {
		folders[filepath.Dir(s.File)] = true
		steps += len(s.Steps)
	}
	for _, folder := range []string{"okta", "entra", "entra-aadOptscim062020", "entra-validator", "onelogin", "ping", "jumpcloud", "google", "sailpoint", "authentik", "keycloak", "generic"} {
		if !folders[folder] {
			t.Errorf("no scenario of %s", folder)
		}
	}
	if steps < 700 {
		t.Errorf("only %d steps", steps)
	}
}

func TestLoadReadsEveryKey(t *testing.T) {
	s := parse(t, `{
		"idp": "okta", "dialect": "d", "scenario": "all-keys", "about": "a", "evidence": "documented",
		"headers": {"Accept": "x", "User-Agent": null},
		"steps": [{
			"name": "first", "check": true, "quirks": ["q"],
			"request": {"method": "POST", "path": "/Users", "query": "a=b", "headers": {"X": "y"}, "body": {"b": [1]}},
			"expect": {"status": [200, 204], "bodyHas": {"id": "1"}, "bodyHasNot": [{"a": 1}], "bodyLacks": ["/x"], "bodyCount": {"/y": 1},
				"bodyType": {"/id": "string"}, "headerHas": {"ETag": ""}, "capture": {"id": "/id"}}
		}, {
			"name": "second", "request": {"method": "PUT", "path": "/Users/{{id}}", "rawBody": ""}, "expect": {"status": [400]}
		}]
	}`)
	text := func(s string) *string { return &s }
	want := &scenario.Scenario{
		File: "okta/01-test", IdP: "okta", Dialect: "d", Name: "all-keys", About: "a", Evidence: "documented",
		Headers: map[string]*string{"Accept": text("x"), "User-Agent": nil},
		Steps: []scenario.Step{{
			Name: "first", Check: true, Quirks: []string{"q"},
			Request: scenario.Request{Method: "POST", Path: "/Users", Query: "a=b", Headers: map[string]*string{"X": text("y")}, Body: []byte(`{"b": [1]}`)},
			Expect: scenario.Expect{Status: []int{200, 204}, BodyHas: []byte(`{"id": "1"}`), BodyHasNot: []jsontext.Value{[]byte(`{"a": 1}`)},
				BodyLacks: []string{"/x"}, BodyCount: map[string]int{"/y": 1}, BodyType: map[string]string{"/id": "string"},
				HeaderHas: map[string]string{"ETag": ""}, Capture: map[string]string{"id": "/id"}},
		}, {
			Name: "second", Request: scenario.Request{Method: "PUT", Path: "/Users/{{id}}", RawBody: text("")}, Expect: scenario.Expect{Status: []int{400}},
		}},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, test := range []struct{ name, step, want string }{
		{"an unknown key of a step", `"name": "x", "note": "", "request": {"method": "GET", "path": ""}, "expect": {"status": [200]}`, "note"},
		{"an unknown key of a request", `"name": "x", "request": {"method": "GET", "path": "", "params": {}}, "expect": {"status": [200]}`, "params"},
		{"an unknown expectation", `"name": "x", "request": {"method": "GET", "path": ""}, "expect": {"status": [200], "bodyhas": {}}`, "bodyhas"},
		{"a doubled key", `"name": "x", "name": "y", "request": {"method": "GET", "path": ""}, "expect": {"status": [200]}`, "duplicate"},
		{"no status", `"name": "x", "request": {"method": "GET", "path": ""}, "expect": {}`, "expect.status is needed"},
		{"no method", `"name": "x", "request": {"path": ""}, "expect": {"status": [200]}`, "request.method"},
		{"a relative path", `"name": "x", "request": {"method": "GET", "path": "Users"}, "expect": {"status": [200]}`, `"Users" does not begin with /`},
		{"two bodies", `"name": "x", "request": {"method": "PUT", "path": "", "body": {}, "rawBody": ""}, "expect": {"status": [200]}`, "exclude each other"},
		{"an unknown type", `"name": "x", "request": {"method": "GET", "path": ""}, "expect": {"status": [200], "bodyType": {"/id": "text"}}`, `"text", expected one of string`},
		{"no pointer", `"name": "x", "request": {"method": "GET", "path": ""}, "expect": {"status": [200], "bodyLacks": ["members"]}`, `"members" is no JSON Pointer`},
		{"a reference that no step captures", `"name": "x", "request": {"method": "GET", "path": "/Users/{{ann.id}}"}, "expect": {"status": [200]}`, "{{ann.id}} stands for nothing"},
		{"a reference to what the same step captures", `"name": "x", "request": {"method": "POST", "path": "", "body": {"a": "{{id}}"}}, "expect": {"status": [201], "capture": {"id": "/id"}}`, "{{id}} stands for nothing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := scenario.Load(folder(t, `{"idp": "okta", "scenario": "s", "about": "a", "evidence": "e", "steps": [{`+test.step+`}]}`))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want one with %q", err, test.want)
			}
		})
	}
	for name, text := range map[string]string{
		"no steps": `{"idp": "o", "scenario": "s", "about": "a", "evidence": "e", "steps": []}`,
		"no word about it": `{"idp": "o", "scenario": "s", "evidence": "e",
			"steps": [{"name": "x", "request": {"method": "GET", "path": ""}, "expect": {"status": [200]}}]}`,
	} {
		if _, err := scenario.Load(folder(t, text)); err == nil || !strings.Contains(err.Error(), "are needed") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := scenario.Load(t.TempDir()); err == nil {
		t.Error("a folder without scenarios is no error")
	}
}

// folder holds one scenario, okta/01-test.
func folder(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "okta"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "okta", "01-test.json"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func parse(t *testing.T, text string) *scenario.Scenario {
	t.Helper()
	all, err := scenario.Load(folder(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

// steps is a scenario of these steps, each given as request and expectation.
func steps(t *testing.T, pairs ...string) *scenario.Scenario {
	t.Helper()
	var list []string
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, fmt.Sprintf(`{"name": "step %d", "request": %s, "expect": %s}`, i/2+1, pairs[i], pairs[i+1]))
	}
	return parse(t, `{"idp": "okta", "scenario": "s", "about": "a", "evidence": "e",
		"headers": {"Accept": "application/scim+json", "User-Agent": "Okta"}, "steps": [`+strings.Join(list, ",")+`]}`)
}
