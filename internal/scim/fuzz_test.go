package scim

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// FuzzRequest sends anything anywhere. There is always an answer, it is never our fault,
// and what is refused is refused in SCIM's words; what was answered is what a GET shows.
func FuzzRequest(f *testing.F) {
	for _, seed := range [][3]string{
		{"GET", "/Users?filter=userName%20eq%20%22ann%22&count=-1&startIndex=0", ""},
		{"GET", "/Users/u-0001?attributes=emails.value,urn:ietf:params:scim:schemas:extension:wisdomai:2.0:User", ""},
		{"HEAD", "/Groups?excludedAttributes=members&filter=members[value%20eq%20%22u-0001%22]", ""},
		{"GET", "//%55sers/%2e%2e/?filter=%", ""},
		{"GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User?filter=x", ""},
		{"OPTIONS", "/.search", ""},
		{"POST", "/Users", userBody("bob", `"active":"False","emails":[{"value":"b@x.test","primary":true}],"`+wisdom+`":{"level":7,"customerIds":["a"]}`)},
		{"POST", "/Users/.search", `{"schemas":["` + searchURN + `"],"filter":"active eq true and not (title pr)","count":1e3,"attributes":["userName"]}`},
		{"POST", "/Groups", groupBody("New", "u-0001")},
		{"PUT", "/Users/u-0001", userBody("ann", `"name":{"givenName":null},"roles":[{"value":"{\"value\":1}"}],"`+ent+`":{"manager":""}`)},
		{"PUT", "/Groups/g-0002", groupWith(`[{"$ref":"https://x/Users/u-0001"},{}]`)},
		{"PATCH", "/Users/u-0001", patchBody(`{"op":"Add","path":"emails[type eq \"work\"].value","value":"x"}`, `{"op":"replace","value":{"name.givenName":"A","`+core+`":{"active":"false"}}}`)},
		{"PATCH", "/Users/u-0001", patchBody(`{"op":"remove","path":"`+wisdom+`:customerIds","value":["a",null,{}]}`, `{"op":"replace","path":"`+wisdom+`","value":null}`)},
		{"PATCH", "/Groups/g-0002", patchBody(`{"op":"remove","path":"members","value":null}`)},
		{"PATCH", "/Groups/g-0002?attributes=members", patchBody(`{"op":"remove","path":"members[display co \"a\" or not (type eq \"User\")]"}`, `{"op":"add","value":{"members":["u-0001"],"externalId":""}}`)},
	} {
		f.Add(seed[0], seed[1], seed[2], "application/scim+json", `W/"1"`)
	}
	f.Fuzz(func(t *testing.T, method, target, body, contentType, tag string) {
		for _, strict := range []bool{false, true} {
			fuzzRequest(t, strict, method, target, body, contentType, tag)
		}
	})
}

func fuzzRequest(t *testing.T, strict bool, method, target, body, contentType, tag string) {
	t.Helper()
	directory, log := newFake(), &lines{}
	h, err := New(Options{
		Directory: directory, Authenticate: authenticate, Strict: strict, UniqueGroupNames: true,
		Extension: []schema.Declared{{Name: "customerIds", Type: schema.String, MultiValued: true}, {Name: "level", Type: schema.Integer}},
		Log:       slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	send := func(method, target, body string, headers ...string) *httptest.ResponseRecorder {
		r, err := http.NewRequest(method, "http://x.test/scim/v2"+target, strings.NewReader(body))
		if err != nil || !strings.HasPrefix(r.URL.Path, "/scim/v2/") {
			return nil // what net/http would not let through
		}
		r.Header.Set("Authorization", "Bearer "+token)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	send("POST", "/Users", userBody("ann", `"title":"T","emails":[{"value":"a@x.test","type":"work"}],"`+wisdom+`":{"customerIds":["a","b"]}`))
	send("POST", "/Groups", groupBody("Admins", "u-0001"))

	w := send(method, target, body, "Content-Type", contentType, "If-Match", tag)
	if w == nil {
		return
	}
	if w.Code >= 500 && w.Code != http.StatusNotImplemented || w.Code < 200 || strings.Contains(log.String(), "level=ERROR") {
		t.Fatalf("status %d, %s, log %s", w.Code, w.Body, log)
	}
	if w.Body.Len() > 0 && method != http.MethodHead {
		var answer map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("status %d: %v in %s", w.Code, err, w.Body)
		}
		if w.Code >= 400 && (answer["status"] != strconv.Itoa(w.Code) || answer["detail"] == "") {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		if schemas, _ := answer["schemas"].([]any); len(schemas) == 0 {
			t.Fatalf("no schemas in %s", w.Body)
		}
	}
	// Every resource there is can be shown, and put back as it was shown.
	for _, u := range directory.users {
		shown := send("GET", "/Users/"+u.ID, "")
		if again := send("PUT", "/Users/"+u.ID, shown.Body.String()); again.Code != 200 || again.Body.String() != shown.Body.String() {
			t.Fatalf("after %s: GET %d %s PUT %d %s", w.Body, shown.Code, shown.Body, again.Code, again.Body)
		}
	}
	for _, g := range directory.groups {
		shown := send("GET", "/Groups/"+g.ID, "")
		if again := send("PUT", "/Groups/"+g.ID, shown.Body.String()); again.Code != 200 || again.Body.String() != shown.Body.String() {
			t.Fatalf("after %s: GET %d %s PUT %d %s", w.Body, shown.Code, shown.Body, again.Code, again.Body)
		}
	}
}
