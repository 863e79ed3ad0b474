package scenario_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/scenario"
)

// answers is a server that answers one request after the other, and keeps them.
type answers struct {
	*httptest.Server
	list []response
	got  []received
}

type response struct {
	status int
	header map[string]string
	body   string
}

type received struct {
	line   string // as it stood on the wire
	header http.Header
	body   string
}

func serve(t *testing.T, list ...response) *answers {
	t.Helper()
	a := &answers{list: list}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		a.got = append(a.got, received{r.Method + " " + r.RequestURI, r.Header, string(body)})
		if len(a.got) > len(a.list) {
			t.Errorf("one request too many: %s %s", r.Method, r.RequestURI)
			return
		}
		answer := a.list[len(a.got)-1]
		for name, value := range answer.header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(answer.status)
		if _, err := io.WriteString(w, answer.body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *answers) target() scenario.Target {
	return scenario.Target{Base: a.URL + "/scim/v2", Token: "secret", Client: a.Client()}
}

func TestRunSends(t *testing.T) {
	const value = `a"b/c d&e`
	capture := response{201, nil, `{"id": "a\"b/c d&e"}`}
	for _, test := range []struct {
		name, request string
		line, body    string
		header        map[string]string // "-" is: not sent
	}{
		{"a path as it stands", `{"method": "GET", "path": "//Users/"}`, "GET /scim/v2//Users/", "", nil},
		{"an encoded path as it stands", `{"method": "GET", "path": "/Users/%61%2Fb"}`, "GET /scim/v2/Users/%61%2Fb", "", nil},
		{"the base URL itself", `{"method": "GET", "path": ""}`, "GET /scim/v2", "", nil},
		{"quotes in a query", `{"method": "GET", "path": "/Users", "query": "filter=userName+eq+\"a@example.com\"&x=%5B[%zz"}`,
			`GET /scim/v2/Users?filter=userName+eq+"a@example.com"&x=%5B[%zz`, "", nil},
		{"references in path and query, encoded for their place", `{"method": "GET", "path": "/Users/{{it}}", "query": "filter=id+eq+%22{{it}}%22"}`,
			"GET /scim/v2/Users/a%22b%2Fc%20d&e?filter=id+eq+%22a%22b%2Fc+d%26e%22", "", nil},
		{"JSON as it was written, references in its strings", `{"method": "POST", "path": "/x", "body": {"z":  "{{it}}", "a": 1.0, "b": "{{base}}/Users/{{it}}"}}`,
			"POST /scim/v2/x", `{"z":  "a\"b/c d&e", "a": 1.0, "b": "BASE/Users/a\"b/c d&e"}`, nil},
		{"text that is no JSON", `{"method": "POST", "path": "/x", "rawBody": "{\"a\": "}`, "POST /scim/v2/x", `{"a": `, nil},
		{"an empty body", `{"method": "POST", "path": "/x", "rawBody": ""}`, "POST /scim/v2/x", "", map[string]string{"Content-Length": "0"}},
		{"a GET with Content-Type", `{"method": "GET", "path": "/x", "headers": {"Content-Type": "application/scim+json"}}`, "GET /scim/v2/x", "",
			map[string]string{"Content-Type": "application/scim+json"}},
		{"the scenario's headers and the token", `{"method": "GET", "path": "/x"}`, "GET /scim/v2/x", "",
			map[string]string{"Authorization": "Bearer secret", "Accept": "application/scim+json", "User-Agent": "Okta", "Content-Type": "-"}},
		{"the step's headers instead", `{"method": "GET", "path": "/x", "headers": {"accept": "*/*", "Authorization": "bearer {{token}}", "If-Match": "{{it}}"}}`, "GET /scim/v2/x", "",
			map[string]string{"Authorization": "bearer secret", "Accept": "*/*", "If-Match": value}},
		{"no headers", `{"method": "GET", "path": "/x", "headers": {"Accept": null, "authorization": null, "User-Agent": null}}`, "GET /scim/v2/x", "",
			map[string]string{"Authorization": "-", "Accept": "-", "User-Agent": "-"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := serve(t, capture, response{status: 204})
			s := steps(t, `{"method": "POST", "path": "/Users"}`, `{"status": [201], "capture": {"it": "/id"}}`, test.request, `{"status": [204]}`)
			if f := s.Run(t.Context(), server.target()); f != nil {
				t.Fatal(f)
			}
			got := server.got[1]
			if got.line != test.line {
				t.Errorf("sent %s, want %s", got.line, test.line)
			}
			if want := strings.ReplaceAll(test.body, "BASE", server.URL+"/scim/v2"); got.body != want {
				t.Errorf("body %s, want %s", got.body, want)
			}
			for name, want := range test.header {
				values, there := got.header[name]
				if !there {
					values = []string{"-"}
				}
				if diff := cmp.Diff([]string{want}, values); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}

// TestExpectations has for each key an answer that satisfies it (wrong: "") and those that do not.
func TestExpectations(t *testing.T) {
	const user = `{"id": "7", "active": true, "count": 2, "name": {"givenName": "Ann", "a/b": "x"}, "emails": [{"value": "a", "type": "work"}, {"value": "b"}],
		"empty": "", "none": [], "nothing": null, "members": [], "password": "", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Sales"}}`
	const urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	ok := response{200, map[string]string{"Content-Type": "application/scim+json; charset=utf-8"}, user}
	for _, test := range []struct {
		name, expect string
		answer       response
		wrong        string
	}{
		{"one of the statuses", `{"status": [200, 204]}`, response{status: 204}, ""},
		{"none of the statuses", `{"status": [200, 204]}`, response{status: 202}, "expected status 200 or 204, got 202"},
		{"a redirect is an answer", `{"status": [200]}`, response{308, map[string]string{"Location": "/elsewhere"}, ""}, "expected status 200, got 308"},

		{"bodyHas: nested, in part", `{"status": [200], "bodyHas": {"name": {"givenName": "Ann"}, "active": true, "nothing": null}}`, ok, ""},
		{"bodyHas: numbers by value", `{"status": [200], "bodyHas": {"count": 2.0e0}}`, ok, ""},
		{"bodyHas: another number", `{"status": [200], "bodyHas": {"count": 3}}`, ok, "/count: expected 3, got 2"},
		{"bodyHas: a number is no text", `{"status": [200], "bodyHas": {"id": 7}}`, ok, `/id: expected 7, got "7"`},
		{"bodyHas: text is no boolean", `{"status": [200], "bodyHas": {"active": "true"}}`, ok, `/active: expected "true", got true`},
		{"bodyHas: elements in any order", `{"status": [200], "bodyHas": {"emails": [{"value": "b"}, {"value": "a"}]}}`, ok, ""},
		{"bodyHas: no such element", `{"status": [200], "bodyHas": {"emails": [{"value": "b", "type": "work"}]}}`, ok, `/emails: expected an element with {"type":"work","value":"b"}, got [`},
		{"bodyHas: a list is no object", `{"status": [200], "bodyHas": {"emails": {"value": "a"}}}`, ok, `/emails: expected {"value":"a"}, got [`},
		{"bodyHas: an object is no list", `{"status": [200], "bodyHas": {"name": ["Ann"]}}`, ok, `/name: expected ["Ann"], got {`},
		{"bodyHas: not there", `{"status": [200], "bodyHas": {"name": {"familyName": "B"}}}`, ok, `/name/familyName: expected "B", it is not there`},
		{"bodyHas: null is not absent", `{"status": [200], "bodyHas": {"title": null}}`, ok, `/title: expected null, it is not there`},
		{"bodyHas: keys are compared exactly", `{"status": [200], "bodyHas": {"Active": true}}`, ok, `/Active: expected true, it is not there`},
		{"bodyHas: not an object at all", `{"status": [200], "bodyHas": {"id": "7"}}`, response{200, nil, `"7"`}, `the answer: expected {"id":"7"}, got "7"`},

		{"bodyHasNot: none matches", `{"status": [200], "bodyHasNot": [{"id": "8"}, {"emails": [{"value": "c"}]}]}`, ok, ""},
		{"bodyHasNot: the second matches", `{"status": [200], "bodyHasNot": [{"id": "8"}, {"emails": [{"value": "a"}]}]}`, ok, `expected an answer without {"emails":[{"value":"a"}]}`},

		{"bodyLacks: absent or empty", `{"status": [200], "bodyLacks": ["/title", "/empty", "/none", "/nothing", "/emails/2", "/emails/00", "/id/x"]}`, ok, ""},
		{"bodyLacks: there", `{"status": [200], "bodyLacks": ["/emails/1/value"]}`, ok, `/emails/1/value: expected nothing, got "b"`},
		{"bodyLacks: false is a value", `{"status": [200], "bodyLacks": ["/active"]}`, response{200, nil, `{"active": false}`}, "/active: expected nothing, got false"},
		{"bodyLacks: empty members are there", `{"status": [200], "bodyLacks": ["/members"]}`, ok, "/members: expected nothing, got []"},
		{"bodyLacks: an empty password is there", `{"status": [200], "bodyLacks": ["/password"]}`, ok, `/password: expected nothing, got ""`},
		{"bodyLacks: through a URN", `{"status": [200], "bodyLacks": ["/` + urn + `/department"]}`, ok, `/department: expected nothing, got "Sales"`},
		{"bodyLacks: an escaped token", `{"status": [200], "bodyLacks": ["/name/a~1b"]}`, ok, `/name/a~1b: expected nothing, got "x"`},

		{"bodyCount: that many", `{"status": [200], "bodyCount": {"/emails": 2, "/none": 0}}`, ok, ""},
		{"bodyCount: fewer", `{"status": [200], "bodyCount": {"/emails": 3}}`, ok, "/emails: expected 3 elements, got 2"},
		{"bodyCount: no list", `{"status": [200], "bodyCount": {"/id": 1}}`, ok, `/id: expected a list of 1, got "7"`},
		{"bodyCount: not there", `{"status": [200], "bodyCount": {"/Resources": 0}}`, ok, `/Resources: expected a list of 0, got nothing`},

		{"bodyType: every type", `{"status": [200], "bodyType": {"/id": "string", "/count": "number", "/active": "boolean", "/none": "array", "/name": "object", "/` + urn + `/department": "string"}}`, ok, ""},
		{"bodyType: another", `{"status": [200], "bodyType": {"/id": "number"}}`, ok, `/id: expected a value of type number, got "7"`},
		{"bodyType: null has none", `{"status": [200], "bodyType": {"/nothing": "object"}}`, ok, "/nothing: expected a value of type object, got null"},
		{"bodyType: not there", `{"status": [200], "bodyType": {"/x": "string"}}`, ok, "/x: expected a value of type string, got nothing"},

		{"headerHas: part of the value", `{"status": [200], "headerHas": {"content-type": "application/scim+json"}}`, ok, ""},
		{"headerHas: is there", `{"status": [401], "headerHas": {"WWW-Authenticate": ""}}`, response{401, map[string]string{"WWW-Authenticate": "Bearer"}, ""}, ""},
		{"headerHas: is not there", `{"status": [401], "headerHas": {"WWW-Authenticate": ""}}`, response{status: 401}, "header WWW-Authenticate: expected it, it is not there"},
		{"headerHas: another value", `{"status": [200], "headerHas": {"Content-Type": "application/json"}}`, ok, `header Content-Type: expected "application/json" in it, got "application/scim+json; charset=utf-8"`},
		{"headerHas: of an answer without body", `{"status": [304], "headerHas": {"ETag": ""}}`, response{status: 304}, "header ETag: expected it"},

		{"capture: a string", `{"status": [200], "capture": {"d": "/` + urn + `/department"}}`, ok, ""},
		{"capture: not a string", `{"status": [200], "capture": {"n": "/count"}}`, ok, "/count: expected a string to capture as {{n}}, got 2"},
		{"capture: not there", `{"status": [200], "capture": {"n": "/Resources/0/id"}}`, ok, "/Resources/0/id: expected a string to capture as {{n}}, got nothing"},

		{"no body satisfies what is expected of it", `{"status": [200, 204], "bodyHas": {"id": "7"}, "bodyCount": {"/x": 1}, "bodyType": {"/x": "string"}, "capture": {"x": "/x"}}`, response{status: 204}, ""},
		{"a body that is no JSON", `{"status": [200], "bodyType": {"/id": "string"}}`, response{200, nil, "<html>"}, "expected a JSON body"},
		{"a body with two members of one name", `{"status": [200], "bodyHas": {"id": "7"}}`, response{200, nil, `{"id": "8", "id": "7"}`}, "expected a JSON body"},
		{"a body of which nothing is expected", `{"status": [200]}`, response{200, nil, "<html>"}, ""},
		{"an error looked at, 4xx alone being listed", `{"status": [400, 409], "bodyHas": {"status": "409"}}`, response{409, nil, `{"status": "400"}`}, `/status: expected "409", got "400"`},
		{"an error not looked at, success being allowed too", `{"status": [200, 400], "bodyHas": {"id": "7"}, "headerHas": {"ETag": ""}, "capture": {"x": "/id"}}`, response{400, nil, `{"status": "400"}`}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := steps(t, `{"method": "GET", "path": "/x"}`, test.expect).Run(t.Context(), serve(t, test.answer).target())
			switch {
			case f == nil && test.wrong != "":
				t.Fatalf("passes, want %q", test.wrong)
			case f != nil && test.wrong == "":
				t.Fatal(f)
			case f != nil && (len(f.Wrong) != 1 || !strings.Contains(f.Wrong[0], test.wrong)):
				t.Fatalf("wrong is %q, want %q", f.Wrong, test.wrong)
			}
		})
	}
}

func TestReferencesInExpectations(t *testing.T) {
	server := serve(t, response{201, nil, `{"id": "a\"1"}`}, response{200, map[string]string{"Location": `/Users/a"1`}, `{"members": [{"value": "a\"1"}]}`})
	f := steps(t, `{"method": "POST", "path": "/x"}`, `{"status": [201], "capture": {"id": "/id"}}`,
		`{"method": "GET", "path": "/x"}`, `{"status": [200], "headerHas": {"Location": "/{{id}}"}, "bodyHas": {"members": [{"value": "{{id}}"}]}, "bodyHasNot": [{"members": [{"value": "{{id}}{{id}}"}]}]}`,
	).Run(t.Context(), server.target())
	if f != nil {
		t.Fatal(f)
	}
}

func TestAReferenceToWhatWasNotAnswered(t *testing.T) {
	server := serve(t, response{status: 204})
	f := steps(t, `{"method": "PUT", "path": "/x"}`, `{"status": [200, 204], "capture": {"id": "/id"}}`,
		`{"method": "GET", "path": "/Users/{{id}}"}`, `{"status": [200]}`).Run(t.Context(), server.target())
	if f == nil || f.Step != 2 || f.Wrong[0] != "path: {{id}} stands for nothing: no step before captured it" {
		t.Fatalf("%+v", f)
	}
	if len(server.got) != 1 {
		t.Error("the request was sent")
	}
}

// TestRunStopsAtTheFirstFailure also shows what a failure reads like.
func TestRunStopsAtTheFirstFailure(t *testing.T) {
	server := serve(t, response{status: 204}, response{200, map[string]string{"Content-Type": "application/scim+json", "Date": ""}, `{"active": true}`})
	target := server.target()
	var passed []string
	target.After = func(number int, step scenario.Step) { passed = append(passed, fmt.Sprint(number, " ", step.Name)) }
	f := steps(t, `{"method": "GET", "path": "/x"}`, `{"status": [204]}`,
		`{"method": "PATCH", "path": "/Users/7", "body": {"a": 1}}`, `{"status": [200], "bodyHas": {"active": false}, "headerHas": {"ETag": ""}}`,
		`{"method": "GET", "path": "/x"}`, `{"status": [200]}`).Run(t.Context(), target)
	if f == nil {
		t.Fatal("passes")
	}
	want := `okta/01-test: step 2, "step 2"
  header ETag: expected it, it is not there
  /active: expected false, got true
sent:
    PATCH ` + server.URL + `/scim/v2/Users/7
    Accept: application/scim+json
    Authorization: Bearer {{token}}
    User-Agent: Okta
    
    {"a": 1}
came back:
    200 OK
    Content-Length: 16
    Content-Type: application/scim+json
    Date: 
    
    {"active": true}`
	if diff := cmp.Diff(want, f.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"1 step 1"}, passed); diff != "" {
		t.Errorf("passed (-want +got):\n%s", diff)
	}
	if len(server.got) != 2 {
		t.Errorf("%d requests were sent", len(server.got))
	}
}

func TestNoAnswer(t *testing.T) {
	server := serve(t)
	target := server.target()
	server.Close()
	f := steps(t, `{"method": "GET", "path": "/x"}`, `{"status": [200, 404]}`).Run(t.Context(), target)
	if f == nil || f.Wrong[0] != "expected status 200 or 404, got no answer" || !strings.Contains(f.Got, "refused") {
		t.Fatalf("%+v", f)
	}
}

func TestTheDefaultClient(t *testing.T) {
	server := serve(t, response{status: 204})
	target := server.target()
	target.Client = nil
	if f := steps(t, `{"method": "GET", "path": "/x"}`, `{"status": [204]}`).Run(t.Context(), target); f != nil {
		t.Fatal(f)
	}
}
