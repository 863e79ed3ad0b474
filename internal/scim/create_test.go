package scim

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestChecklistCreate(t *testing.T) {
	t.Run("C-01 C-02 C-04 C-27 C-32 Created", func(t *testing.T) {
		s := serve(t)
		r := s.do("POST", "/Users", userBody("ann@suite.example", `"title":"Engineer"`)).is(201)
		location := s.url + "/Users/" + r.id()
		if got := r.header.Get("Location"); got != location {
			t.Errorf("Location %q, want %q", got, location)
		}
		r.wants(map[string]any{
			"schemas": []string{core}, "id": r.id(), "userName": "ann@suite.example", "title": "Engineer", "active": true,
			"meta": map[string]any{
				"resourceType": "User", "location": location, "version": `W/"1"`,
				"created": "2026-11-23T09:30:00.124956Z", "lastModified": "2026-11-23T09:30:00.124956Z",
			},
		})
		if _, err := time.Parse(time.RFC3339, r.at("meta", "created").(string)); err != nil {
			t.Error(err)
		}
		if again := s.get("/Users/" + r.id()).is(200); again.text != r.text { // R-01, C-35
			t.Errorf("GET answers\n%s\nPOST answered\n%s", again.text, r.text)
		}
		g := s.do("POST", "/Groups", groupBody("Analysts", r.id())).is(201).wants("Group", "meta", "resourceType")
		if got, want := g.header.Get("Location"), s.url+"/Groups/"+g.id(); got != want || g.at("meta", "location") != want {
			t.Errorf("Location %q, meta.location %q, want %q", got, g.at("meta", "location"), want)
		}
	})
	t.Run("C-05 readOnly input is ignored", func(t *testing.T) {
		s := serve(t)
		r := s.do("POST", "/Users", userBody("ann@suite.example",
			`"id":"x","meta":{"created":"1999-01-01T00:00:00Z","resourceType":"User"},"groups":[{"value":"g"}]`)).is(201)
		r.wants("2026-11-23T09:30:00.124956Z", "meta", "created").wants(nil, "groups")
		if r.id() == "x" {
			t.Error("the client's id was taken")
		}
	})
	t.Run("C-15 C-16 C-17 R-10 extensions", func(t *testing.T) {
		s := serve(t)
		r := s.do("POST", "/Users", `{"SCHEMAS":["`+strings.ToUpper(core)+`","`+ent+`"],"USERNAME":"ann@suite.example",
			"Emails":[{"VALUE":"ann@suite.example","type":"work"}],
			"`+strings.ToUpper(ent)+`":{"Department":"Sales","manager":{"value":"not an id"}},
			"`+wisdom+`":{"region":"emea","customerIds":["a","b"],"level":7,"attributes":[{"key":"tier","value":"gold"}]}}`).is(201)
		r.wants([]string{core, ent, wisdom}, "schemas")
		r.wants(map[string]any{"department": "Sales", "manager": map[string]any{"value": "not an id"}}, ent)
		r.wants(map[string]any{"region": "emea", "customerIds": []string{"a", "b"}, "level": 7, "attributes": []any{map[string]any{"key": "tier", "value": "gold"}}}, wisdom)
		r.wants([]any{map[string]any{"value": "ann@suite.example", "type": "work"}}, "emails")
		s.do("POST", "/Users", userBody("bob@suite.example", "")).is(201).wants([]string{core}, "schemas")
	})
	t.Run("C-18 C-22 C-25 C-31 what is kept", func(t *testing.T) {
		s := serve(t)
		r := s.do("POST", "/Users", userBody("zoë@suite.example",
			`"nope":1,"title":null,"emails":[],"displayName":"Zoë 😀 אבג e\u0301","password":"hunter2"`)).is(201)
		r.wants(nil, "nope").wants(nil, "title").wants(nil, "emails").wants("Zoë 😀 אבג e\u0301", "displayName")
		if all := r.text + s.get("/Users").text + s.log.String(); strings.Contains(all, "hunter2") {
			t.Error("the password came back")
		}
	})
	t.Run("C-11 C-26 one externalId for two", func(t *testing.T) {
		s := serve(t)
		for _, name := range []string{"Ann@suite.example", "bob@suite.example"} {
			s.do("POST", "/Users", userBody(name, `"externalId":"AbC"`)).is(201).wants("AbC", "externalId").wants(name, "userName")
		}
	})
	t.Run("C-33 50 creates of one userName", func(t *testing.T) {
		s := serve(t)
		statuses := make(chan int)
		for range 50 {
			go func() { statuses <- s.do("POST", "/Users", userBody("ann@suite.example", "")).status }()
		}
		count := map[int]int{}
		for range 50 {
			count[<-statuses]++
		}
		if count[201] != 1 || count[409] != 49 {
			t.Errorf("statuses %v", count)
		}
	})
	t.Run("C-34 projection", func(t *testing.T) {
		s := serve(t)
		r := s.do("POST", "/Users?attributes=userName", userBody("ann@suite.example", `"title":"T"`)).is(201)
		r.wants(map[string]any{"schemas": []string{core}, "id": r.id(), "userName": "ann@suite.example"})
	})
	t.Run("U-02 C-36 PUT does not create", func(t *testing.T) {
		s := serve(t)
		s.do("PUT", "/Users/nobody", userBody("ann@suite.example", "")).refused(404, "")
		s.get("/Users").is(200).wants(0, "totalResults")
	})
}

// TestChecklistBadBody is what bad input gets, on POST and on PUT, in strict mode too.
func TestChecklistBadBody(t *testing.T) {
	many := strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000)
	tests := []struct {
		id, endpoint, body string
		status             int
		scimType, detail   string
	}{
		{"C-06 U-08 no userName", "/Users", `{"schemas":["` + core + `"]}`, 400, "invalidValue", "userName"},
		{"C-06 null", "/Users", `{"schemas":["` + core + `"],"userName":null}`, 400, "invalidValue", "userName"},
		{"C-06 empty", "/Users", userBody("", ""), 400, "invalidValue", "userName"},
		{"C-06 blank", "/Users", userBody("  ", ""), 400, "invalidValue", "userName"},
		{"C-07 no displayName", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"]}`, 400, "invalidValue", "displayName"},
		{"C-07 empty", "/Groups", groupBody(""), 400, "invalidValue", "displayName"},
		{"C-08 duplicate", "/Users", userBody("taken@suite.example", ""), 409, "uniqueness", "userName"},
		{"C-09 duplicate in other case", "/Users", userBody("TAKEN@suite.example", ""), 409, "uniqueness", "userName"},
		{"C-10 duplicate in full width", "/Users", userBody("ｔａｋｅｎ@suite.example", ""), 409, "uniqueness", "userName"},
		{"C-19 a number for a name", "/Users", userBody("new@suite.example", `"active":1`), 400, "invalidValue", "active"},
		{"C-19 a string for an object", "/Users", userBody("new@suite.example", `"name":"x"`), 400, "invalidValue", "name"},
		{"C-20 a fraction", "/Users", userBody("new@suite.example", `"`+wisdom+`":{"level":1.5}`), 400, "invalidValue", "level"},
		{"C-23 U-16 two primaries", "/Users", userBody("new@suite.example", `"emails":[{"value":"a","primary":true},{"value":"b","primary":true}]`), 400, "invalidValue", "emails.primary"},
		{"C-28 U-17 Z-09 open brace", "/Users", `{`, 400, "invalidSyntax", ""},
		{"C-28 empty", "/Users", ``, 400, "invalidSyntax", "empty"},
		{"C-28 list", "/Users", `[]`, 400, "invalidSyntax", "list"},
		{"C-28 string", "/Groups", `"x"`, 400, "invalidSyntax", "string"},
		{"C-28 null", "/Groups", `null`, 400, "invalidSyntax", "null"},
		{"C-29 U-17 a key twice", "/Users", userBody("new@suite.example", `"title":"a","TITLE":"b"`), 400, "invalidSyntax", "TITLE"},
		{"C-30 not UTF-8", "/Users", userBody("new@suite.example", "\"title\":\"\xff\""), 400, "invalidSyntax", ""},
		{"C-30 byte order mark", "/Users", "\xEF\xBB\xBF" + userBody("new@suite.example", ""), 400, "invalidSyntax", "byte order mark"},
		{"C-31 NUL", "/Users", userBody("new@suite.example", `"title":"a\u0000"`), 400, "invalidValue", "title"},
		{"G-04 unknown member", "/Groups", groupBody("New", "nobody"), 400, "invalidValue", "nobody"},
		{"G-07 a member of another type", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"New","members":[{"value":"u-0001","type":"Group"}]}`, 400, "invalidValue", "u-0001"},
		{"G-07 an unknown type", "/Groups", groupWith(`[{"value":"u-0001","type":"Robot"}]`), 400, "invalidValue", "members.type"},
		{"Field10 a member whose id is null", "/Groups", groupWith(`[{"value":null}]`), 400, "invalidValue", "members.value"},
		{"Field10 a member without anything", "/Groups", groupWith(`[{}]`), 400, "invalidValue", "members.value"},
		{"Field10 a member that is null", "/Groups", groupWith(`[null]`), 400, "invalidValue", "members.value"},
		{"Field10 a member without id", "/Groups", groupWith(`[{"display":"Ann"}]`), 400, "invalidValue", "members.value"},
		{"Field10 a member with an empty id", "/Groups", groupWith(`[{"value":""}]`), 400, "invalidValue", "members.value"},
		{"Field10 a member with a blank id", "/Groups", groupWith(`[{"value":" "}]`), 400, "invalidValue", "members.value"},
		{"Field10 the second of two", "/Groups", groupWith(`[{"value":"u-0001"},{"value":null,"$ref":null}]`), 400, "invalidValue", "members.value: expected the id of a member; the value names nobody (value 2 of the list)"},
		{"Field10 an empty object for a list", "/Groups", groupWith(`{}`), 400, "invalidValue", "members"},
		{"Field10 empty text for a list", "/Groups", groupWith(`""`), 400, "invalidValue", "members"},
		{"G-09 taken displayName", "/Groups", groupBody("ADMINS"), 409, "uniqueness", "displayName"},
		{"H-13 depth", "/Users", many, 400, "invalidSyntax", "deep"},
		{"B-28 bulkId outside a bulk", "/Groups", groupBody("New", "bulkId:x"), 400, "invalidValue", "bulkId:x"},
	}
	for _, strict := range []bool{false, true} {
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s strict=%t", tt.id, strict), func(t *testing.T) {
				s := serve(t, func(o *Options) { o.Strict = strict })
				s.user("taken@suite.example", "")
				s.group("Admins")
				var mine string
				if tt.endpoint == "/Users" {
					mine = "/Users/" + s.user("mine@suite.example", `"title":"T","emails":[{"value":"mine@suite.example"}]`)
				} else {
					mine = "/Groups/" + s.group("Mine", "u-0001")
				}
				before := s.get(tt.endpoint).is(200).text
				detail := s.do("POST", tt.endpoint, tt.body).refused(tt.status, tt.scimType)
				if !strings.Contains(detail, tt.detail) {
					t.Errorf("the detail %q does not say %q", detail, tt.detail)
				}
				if after := s.get(tt.endpoint).is(200).text; after != before {
					t.Errorf("something was created: %s", after)
				}
				s.unchanged(mine, "PUT", mine, tt.body, tt.status, tt.scimType)
			})
		}
	}
}
