package scim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// bulkBody is a bulk request; more is JSON members before its Operations.
func bulkBody(more string, operations ...string) string {
	if more != "" {
		more += ","
	}
	return `{"schemas":["` + bulkURN + `"],` + more + `"Operations":[` + strings.Join(operations, ",") + `]}`
}

// op is an operation; data "" is none.
func op(method, path, bulkID, data string) string {
	text := `{"method":"` + method + `","path":"` + path + `"`
	if bulkID != "" {
		text += `,"bulkId":"` + bulkID + `"`
	}
	if data != "" {
		text += `,"data":` + data
	}
	return text + "}"
}

func newUser(bulkID string) string {
	return op("POST", "/Users", bulkID, userBody(bulkID+"@suite.example", ""))
}

func managed(bulkID, manager string) string {
	return op("POST", "/Users", bulkID, userBody(bulkID+"@suite.example", `"`+ent+`":{"department":"D","manager":{"value":"`+manager+`"}}`))
}

func (s *suite) bulk(more string, operations ...string) reply {
	s.t.Helper()
	return s.do("POST", "/Bulk", bulkBody(more, operations...))
}

// statuses are those of the answer's operations, in order.
func (r reply) statuses() []string {
	r.t.Helper()
	r.is(200)
	all := []string{}
	list, _ := r.at("Operations").([]any)
	for _, entry := range list {
		status, _ := dig(entry, "status").(string)
		all = append(all, status)
	}
	return all
}

func (r reply) did(statuses ...string) reply {
	r.t.Helper()
	if diff := cmp.Diff(statuses, r.statuses()); diff != "" {
		r.t.Fatalf("statuses (-want +got)\n%s\n%s", diff, r.text)
	}
	return r
}

// idOf is the id that an operation's location ends in.
func (r reply) idOf(i int) string {
	r.t.Helper()
	location, _ := r.at("Operations", i, "location").(string)
	return location[strings.LastIndexByte(location, '/')+1:]
}

func TestChecklistBulk(t *testing.T) {
	t.Run("B-01 B-03 B-05 B-10 answers", func(t *testing.T) {
		s := serve(t)
		id := s.user("ann@suite.example", "")
		group := s.group("G")
		gone := s.user("gone@suite.example", "")
		u, g := "/Users/"+id, "/Groups/"+group
		r := s.bulk("",
			newUser("new"),
			op("PUT", u, "", userBody("ann@suite.example", `"title":"T"`)),
			op("PATCH", u, "p", patchBody(`{"op":"replace","path":"title","value":"U"}`)),
			op("PATCH", g, "", patchBody(`{"op":"add","path":"members","value":[{"value":"`+id+`"}]}`)),
			op("PATCH", g+"?attributes=displayName", "", patchBody(`{"op":"replace","path":"displayName","value":"H"}`)),
			op("DELETE", "/Users/"+gone, "", ""),
		).is(200)
		r.wants(map[string]any{
			"schemas": []string{bulkResponseURN},
			"Operations": []any{
				map[string]any{"method": "POST", "bulkId": "new", "status": "201", "location": s.url + "/Users/u-0004", "version": `W/"1"`},
				map[string]any{"method": "PUT", "status": "200", "location": s.url + u, "version": `W/"2"`},
				map[string]any{"method": "PATCH", "bulkId": "p", "status": "200", "location": s.url + u, "version": `W/"3"`},
				map[string]any{"method": "PATCH", "status": "204", "location": s.url + g, "version": `W/"2"`},
				map[string]any{"method": "PATCH", "status": "200", "location": s.url + g, "version": `W/"3"`},
				map[string]any{"method": "DELETE", "status": "204", "location": s.url + "/Users/" + gone},
			},
		})
		s.get(u).is(200).wants("U", "title").wants("H", "groups", 0, "display")
		s.get("/Users/"+gone).refused(404, "")
		s.get("/Users/u-0004").is(200).wants(true, "active")
	})

	const good = `{"method":"POST","path":"/Users","bulkId":"q","data":{"schemas":["` + core + `"],"userName":"q@suite.example"}}`
	t.Run("B-02 B-13 B-19 B-20 B-23 B-24 the whole is refused and nothing done", func(t *testing.T) {
		s := serve(t, func(o *Options) { o.Limits.Operations = 3 })
		for _, tt := range []struct {
			name, body string
			status     int
			scimType   string
			detail     string
		}{
			{"no schemas", `{"Operations":[` + good + `]}`, 400, "invalidSyntax", "schemas"},
			{"another schema", strings.Replace(bulkBody("", good), bulkURN, core, 1), 400, "invalidSyntax", "schemas"},
			{"no Operations", `{"schemas":["` + bulkURN + `"]}`, 400, "invalidSyntax", "Operations"},
			{"Operations is an object", `{"schemas":["` + bulkURN + `"],"Operations":` + good + `}`, 400, "invalidSyntax", "Operations"},
			{"no operation", bulkBody(""), 400, "invalidSyntax", "at least one"},
			{"an operation that is none", bulkBody("", good, `"x"`), 400, "invalidSyntax", "Operations[1]"},
			{"unparsable", bulkBody("", good) + "}", 400, "invalidSyntax", ""},
			{"cut", bulkBody("", good)[:100], 400, "invalidSyntax", ""},
			{"empty", "", 400, "invalidSyntax", "empty"},
			{"a negative failOnErrors", bulkBody(`"failOnErrors":-1`, good), 400, "invalidValue", "failOnErrors"},
			{"failOnErrors as text", bulkBody(`"failOnErrors":"1"`, good), 400, "invalidValue", "failOnErrors"},
			{"a fraction of failOnErrors", bulkBody(`"failOnErrors":1.5`, good), 400, "invalidValue", "failOnErrors"},
			{"one bulkId for two", bulkBody("", good, strings.ReplaceAll(good, "q@", "r@")), 400, "invalidValue", `"q"`},
			{"too many operations", bulkBody("", good, good, good, good), 413, "", "3"},
		} {
			if detail := s.do("POST", "/Bulk", tt.body).refused(tt.status, tt.scimType); !strings.Contains(detail, tt.detail) {
				t.Errorf("%s: the detail is %q", tt.name, detail)
			}
			s.get("/Users").is(200).wants(0, "totalResults")
		}
		s.bulk(`"failOnErrors":0`, good).did("201") // lenient: absent
		strict := serve(t, func(o *Options) { o.Strict = true })
		strict.bulk(`"failOnErrors":0`, good).refused(400, "invalidValue")
		strict.bulk(`"failOnErrors":99999999999999999999`, good).did("201")
	})
	t.Run("B-21 larger than maxPayloadSize", func(t *testing.T) {
		s := serve(t, func(o *Options) { o.Limits.Body = 1000 })
		s.get("/ServiceProviderConfig").wants(1000, "bulk", "maxPayloadSize")
		if detail := s.bulk("", good, strings.Repeat(" ", 1000)+good).refused(413, ""); !strings.Contains(detail, "1000") {
			t.Errorf("the detail is %q", detail)
		}
		s.refusesEndless("/Bulk", `{"schemas":`)
		s.get("/Users").wants(0, "totalResults")
	})

	t.Run("B-04 B-06 B-07 B-08 the form of an operation", func(t *testing.T) {
		data := userBody("new@suite.example", "")
		for _, tt := range []struct {
			name, operation  string
			status, scimType string
		}{
			{"B-04 no bulkId", op("POST", "/Users", "", data), "400", "invalidSyntax"},
			{"B-04 a bulkId that is no text", `{"method":"POST","path":"/Users","bulkId":7,"data":` + data + `}`, "400", "invalidSyntax"},
			{"B-06 GET", op("GET", "/Users/u-0001", "x", ""), "400", "invalidSyntax"},
			{"B-06 no method", `{"path":"/Users","bulkId":"x","data":` + data + `}`, "400", "invalidSyntax"},
			{"B-07 POST with an id", op("POST", "/Users/u-0001", "x", data), "400", "invalidSyntax"},
			{"B-07 PATCH without", op("PATCH", "/Users", "", patchBody(`{"op":"remove","path":"title"}`)), "400", "invalidSyntax"},
			{"B-07 DELETE without", op("DELETE", "/Users/", "", ""), "400", "invalidSyntax"},
			{"B-07 no path", `{"method":"DELETE"}`, "400", "invalidSyntax"},
			{"B-07 unknown", op("POST", "/Nope", "x", data), "404", ""},
			{"B-07 absolute", op("DELETE", "https://example.com/scim/v2/Users/u-0001", "", ""), "400", "invalidSyntax"},
			{"B-07 Bulk", op("POST", "/Bulk", "x", data), "404", ""},
			{"B-07 Me", op("DELETE", "/Me", "", ""), "404", ""},
			{"B-07 dots", op("DELETE", "/Users/..", "", ""), "404", ""},
			{"B-07 dots and more", op("DELETE", "/Groups/../Users/u-0001", "", ""), "404", ""},
			{"B-07 search", op("POST", "/Users/.search", "x", `{}`), "404", ""},
			{"B-08 POST without data", op("POST", "/Users", "x", ""), "400", "invalidSyntax"},
			{"B-08 PUT with null", op("PUT", "/Users/u-0001", "", "null"), "400", "invalidSyntax"},
			{"B-08 PATCH with text", op("PATCH", "/Users/u-0001", "", `"x"`), "400", "invalidSyntax"},
			{"B-22 a version that is no text", `{"method":"DELETE","path":"/Users/u-0001","version":1}`, "400", "invalidSyntax"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				s := serve(t)
				s.user("ann@suite.example", "")
				before := s.get("/Users").text
				s.bulk("", tt.operation).did(tt.status).wants(tt.status, "Operations", 0, "response", "status").
					wants([]string{"urn:ietf:params:scim:api:messages:2.0:Error"}, "Operations", 0, "response", "schemas")
				if got, _ := s.bulk("", tt.operation).at("Operations", 0, "response", "scimType").(string); got != tt.scimType {
					t.Errorf("scimType %q", got)
				}
				if after := s.get("/Users").text; after != before {
					t.Errorf("changed to %s", after)
				}
			})
		}
		lower := strings.Replace(good, "POST", "post", 1)
		serve(t).bulk("", lower).did("201").wants("POST", "Operations", 0, "method")
		serve(t, func(o *Options) { o.Strict = true }).bulk("", lower).did("400")
	})
	t.Run("B-09 failures", func(t *testing.T) {
		s := serve(t)
		s.user("ann@suite.example", "")
		r := s.bulk("",
			op("POST", "/Users", "dup", userBody("ann@suite.example", "")),
			op("PATCH", "/Users/no%20body", "", patchBody(`{"op":"remove","path":"title"}`)),
			op("DELETE", "/Groups/nothing", "", ""),
		).did("409", "404", "404")
		r.wants("uniqueness", "Operations", 0, "response", "scimType").wants(nil, "Operations", 0, "location").wants("dup", "Operations", 0, "bulkId")
		r.wants(s.url+"/Users/no%20body", "Operations", 1, "location").wants(s.url+"/Groups/nothing", "Operations", 2, "location")
		if detail, _ := r.at("Operations", 1, "response", "detail").(string); !strings.Contains(detail, "no body") {
			t.Errorf("detail %q", detail)
		}
	})
	t.Run("B-11 B-12 failOnErrors", func(t *testing.T) {
		bad := op("DELETE", "/Users/nobody", "", "")
		for _, tt := range []struct {
			more       string
			operations []string
			want       []string
		}{
			{"", []string{bad, newUser("a"), bad, newUser("b")}, []string{"404", "201", "404", "201"}},
			{`"failOnErrors":1`, []string{newUser("a"), bad, newUser("b")}, []string{"201", "404"}},
			{`"failOnErrors":2`, []string{bad, newUser("a"), bad, newUser("b")}, []string{"404", "201", "404"}},
			{`"failOnErrors":3`, []string{bad, newUser("a"), bad, newUser("b")}, []string{"404", "201", "404", "201"}},
			// What is referred to comes first: the failure does, too.
			{`"failOnErrors":1`, []string{op("POST", "/Groups", "g", groupBody("G", "bulkId:bad")), newUser("a"), op("POST", "/Users", "bad", `{}`)}, []string{"400"}},
		} {
			s := serve(t)
			s.bulk(tt.more, tt.operations...).did(tt.want...)
			made := 0
			for _, status := range tt.want {
				if status == "201" {
					made++
				}
			}
			s.get("/Users").wants(made, "totalResults")
		}
	})
	t.Run("B-22 version", func(t *testing.T) {
		s := serve(t)
		id := s.user("ann@suite.example", "")
		at := func(method, version, data string) string {
			return `{"method":"` + method + `","path":"/Users/` + id + `","Version":` + jsonOf(version) + `,"data":` + data + `}`
		}
		title := patchBody(`{"op":"add","path":"title","value":"T"}`)
		s.bulk("", at("PATCH", `W/"2"`, title), at("DELETE", `W/"7"`, "null"), at("DELETE", "nonsense", "null"), at("PUT", "", userBody("ann@suite.example", ""))).did("412", "412", "412", "412")
		s.get("/Users/"+id).is(200).wants(`W/"1"`, "meta", "version")
		s.bulk("", at("PATCH", `W/"1"`, title), at("PATCH", `W/"1"`, title), at("DELETE", "*", "null")).did("200", "412", "204")
	})
	t.Run("V-05 creates end with the whole answer", func(t *testing.T) {
		s := serve(t)
		s.directory.before = func(context.Context, string) error {
			s.directory.mu.Lock()
			defer s.directory.mu.Unlock()
			if len(s.directory.done) > 0 {
				t.Error("a create was told of before the answer was written")
			}
			return nil
		}
		s.bulk("", newUser("a"), newUser("b"), op("DELETE", "/Users/nobody", "", "")).did("201", "201", "404")
		s.directory.before = nil
		s.ended(1)
		if want := []bool{true, true}; !slices.Equal(s.directory.done, want) {
			t.Errorf("done %v", s.directory.done)
		}
	})
	t.Run("V-02 a refused deactivation in a bulk is told", func(t *testing.T) {
		s, told := leaving(t, nil)
		s.bulk("", op("PATCH", "/Users/u-0001", "", patchBody(`{"op":"replace","value":{"active":false,"emails":7}}`)),
			op("PATCH", "/Users/u-0001", "", patchBody(`{"op":"replace","path":"title","value":7}`)),
			op("POST", "/Users", "x", userBody("taken@suite.example", `"active":false`))).did("400", "400", "409")
		if len(*told) != 2 || !strings.HasPrefix((*told)[0], "u-0001: ") || !strings.Contains((*told)[0], "emails") || !strings.HasPrefix((*told)[1], ": userName") {
			t.Errorf("told %q", *told)
		}
	})
	t.Run("Z-19 a panic is one operation's", func(t *testing.T) {
		s := serve(t)
		s.directory.before = func(_ context.Context, method string) error {
			if method == "DeleteUser" {
				panic("a bug")
			}
			return nil
		}
		r := s.bulk("", newUser("a"), op("DELETE", "/Users/u-0001", "", ""), newUser("b")).did("201", "500", "201")
		if log := s.log.String(); strings.Contains(r.text, "a bug") || strings.Count(log, "request panicked") != 1 {
			t.Errorf("answer %s, log %s", r.text, log)
		}
	})
	t.Run("H-13 depth is that of a request by itself", func(t *testing.T) {
		s := serve(t, func(o *Options) { o.Limits.Depth = 4 })
		s.do("POST", "/Users", userBody("a@suite.example", `"x":[[[1]]]`)).is(201)
		s.bulk("", op("POST", "/Users", "b", userBody("b@suite.example", `"x":[[[1]]]`))).did("201")
		s.bulk("", op("POST", "/Users", "b", userBody("c@suite.example", `"x":[[[[1]]]]`))).refused(400, "invalidSyntax")
	})
}

// ended waits until the handlers of n requests, all there were, have ended: they do after
// their answers.
func (s *suite) ended(n int) {
	for range n {
		<-s.requests
	}
}

// TestChecklistBulkAlone is B-25: what refuses a request refuses the same operation, in the
// same words.
func TestChecklistBulkAlone(t *testing.T) {
	user := "/Users/u-0001"
	for _, tt := range []struct{ id, method, path, data string }{
		{"C-01", "POST", "/Users", userBody("new@suite.example", `"title":"T"`)},
		{"C-06", "POST", "/Users", userBody("", "")},
		{"C-08", "POST", "/Users", userBody("taken@suite.example", "")},
		{"C-12", "POST", "/Users", `{"userName":"new@suite.example"}`},
		{"C-19", "POST", "/Users", userBody("new@suite.example", `"active":1`)},
		{"C-23", "POST", "/Users", userBody("new@suite.example", `"emails":[{"value":"a","primary":true},{"value":"b","primary":true}]`)},
		{"C-25", "POST", "/Users?attributes=a&excludedAttributes=b", userBody("new@suite.example", "")},
		{"C-31", "POST", "/Users", userBody("new@suite.example", `"title":"a\u0000"`)},
		{"G-04", "POST", "/Groups", groupBody("New", "nobody")},
		{"G-09", "POST", "/Groups", groupBody("admins")},
		{"U-01", "PUT", user, userBody("ann@suite.example", `"title":"T"`)},
		{"U-02", "PUT", "/Users/nobody", `{}`},
		{"U-08", "PUT", user, `{"schemas":["` + core + `"]}`},
		{"U-19", "PUT", "/Groups/g-0003", groupBody("Admins", "u-0001")},
		{"M-01", "PATCH", user, `{"schemas":["urn:x"],"Operations":[]}`},
		{"M-03", "PATCH", user, patchBody(`{"op":"copy","path":"title","value":"x"}`)},
		{"M-04", "PATCH", user, patchBody(`{"op":"Replace","path":"title","value":"x"}`)},
		{"M-19", "PATCH", user, patchBody(`{"op":"replace","path":"emails[type eq \"work\" or type pr].value","value":"x"}`)},
		{"M-44", "PATCH", user, patchBody(`{"op":"replace","path":"id","value":"x"}`)},
		{"M-56", "PATCH", user, patchBody(`{"op":"replace","path":"active","value":"maybe"}`)},
		{"M-59", "PATCH", "/Users/nobody", patchBody(`{"op":"copy"}`)},
		{"M-65", "PATCH", user, patchBody(strings.Repeat(`{"op":"remove","path":"title"},`, 5) + `{"op":"remove","path":"title"}`)},
		{"M-47", "PATCH", "/Groups/g-0003", patchBody(`{"op":"add","path":"members","value":[{"value":"nobody"}]}`)},
		{"X-01", "DELETE", user, ""},
		{"X-02", "DELETE", "/Users/nobody", ""},
		{"X-06", "DELETE", "/Groups/g-0003", ""},
		{"B-28", "PUT", "/Groups/nothing", groupBody("G", "nobody")},
	} {
		for _, strict := range []bool{false, true} {
			t.Run(fmt.Sprintf("B-25 %s strict=%t", tt.id, strict), func(t *testing.T) {
				world := func() *suite {
					s := serve(t, func(o *Options) {
						o.Strict, o.Limits.Operations, o.BaseURL = strict, 5, "https://scim.example.com/scim/v2"
					})
					s.user("ann@suite.example", `"title":"old"`)
					s.user("taken@suite.example", "")
					s.group("Admins")
					return s
				}
				alone, within := world(), world()
				want := alone.do(tt.method, tt.path, tt.data)
				bulkID := ""
				if tt.method == "POST" {
					bulkID = "x"
				}
				got := within.bulk("", op(tt.method, tt.path, bulkID, tt.data)).did(fmt.Sprint(want.status))
				if want.status >= 400 {
					got.wants(want.json(), "Operations", 0, "response")
				}
				for _, list := range []string{"/Users", "/Groups"} {
					if diff := cmp.Diff(alone.get(list).text, within.get(list).text); diff != "" {
						t.Errorf("%s (-alone +bulk)\n%s", list, diff)
					}
				}
				if diff := cmp.Diff(alone.directory.calls, within.directory.calls); diff != "" {
					t.Errorf("the directory was asked (-alone +bulk)\n%s", diff)
				}
			})
		}
	}
}

// TestBulkBudget: time given out is the whole request's, and what it did not reach says so.
func TestBulkBudget(t *testing.T) {
	s := serve(t, func(o *Options) { o.RequestBudget = 1 })
	s.bulk("", newUser("a")).did("201") // the fake looks at no clock
	s.directory.before = func(ctx context.Context, _ string) error {
		<-ctx.Done()
		return ctx.Err()
	}
	r := s.bulk("", newUser("b"), newUser("c")).did("503", "503")
	if detail, _ := r.at("Operations", 1, "response", "detail").(string); !strings.Contains(detail, "too long") {
		t.Errorf("%s", r.text)
	}
}
