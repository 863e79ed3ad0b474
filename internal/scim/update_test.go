package scim

import (
	"fmt"
	"strings"
	"testing"
)

func TestChecklistPut(t *testing.T) {
	const full = `"title":"T","name":{"givenName":"Ann","familyName":"Lee"},"emails":[{"value":"a@x.test","type":"work"},{"value":"b@x.test"}],"` + ent + `":{"department":"Sales"}`
	t.Run("U-01 U-03 U-05 U-07 U-13 U-15 replaces", func(t *testing.T) {
		s := serve(t)
		created := s.do("POST", "/Users", userBody("ann@suite.example", full)).is(201)
		r := s.do("PUT", "/Users/"+created.id(), userBody("ann@suite.example", `"title":null,"emails":[{"value":"b@x.test"}]`)).is(200)
		r.wants(map[string]any{
			"schemas": []string{core}, "id": created.id(), "userName": "ann@suite.example", "active": true,
			"emails": []any{map[string]any{"value": "b@x.test"}},
			"meta": map[string]any{
				"resourceType": "User", "location": created.at("meta", "location"), "version": `W/"2"`,
				"created": created.at("meta", "created"), "lastModified": "2026-11-23T09:30:00.126456Z",
			},
		})
		if again := s.get("/Users/" + created.id()).is(200); again.text != r.text {
			t.Errorf("GET answers\n%s\nPUT answered\n%s", again.text, r.text)
		}
	})
	for _, active := range []string{"true", "false"} {
		t.Run("U-06 omitted active stays "+active, func(t *testing.T) {
			s := serve(t)
			id := s.user("ann@suite.example", `"active":`+active)
			s.do("PUT", "/Users/"+id, userBody("ann@suite.example", `"title":"T"`)).is(200).wants(active == "true", "active")
		})
	}
	t.Run("U-04 U-22 readOnly input is ignored", func(t *testing.T) {
		s := serve(t)
		other := s.user("bob@suite.example", "")
		created := s.do("POST", "/Users", userBody("ann@suite.example", "")).is(201)
		s.do("PUT", "/Users/"+created.id(), userBody("ann@suite.example", `"id":"`+other+`","title":"T","meta":{"created":"1999-01-01T00:00:00Z"},"groups":[{"value":"g"}]`)).
			is(200).wants(created.id(), "id").wants(created.at("meta", "created"), "meta", "created").wants(nil, "groups")
		s.get("/Users/"+other).is(200).wants(nil, "title")
	})
	t.Run("U-11 E-05 own userName in other case", func(t *testing.T) {
		s := serve(t)
		id := s.user("ann@suite.example", "")
		s.user("bob@suite.example", "")
		s.do("PUT", "/Users/"+id, userBody("ANN@suite.example", "")).is(200).wants("ANN@suite.example", "userName")
		s.unchanged("/Users/"+id, "PUT", "/Users/"+id, userBody("Bob@suite.example", ""), 409, "uniqueness")
	})
	t.Run("U-12 a rename keeps id and memberships", func(t *testing.T) {
		s := serve(t)
		created := s.do("POST", "/Users", userBody("ann@suite.example", "")).is(201)
		g := s.group("Analysts", created.id())
		s.do("PUT", "/Users/"+created.id(), userBody("ann.lee@suite.example", "")).is(200).
			wants(created.id(), "id").wants(created.at("meta", "created"), "meta", "created").wants(g, "groups", 0, "value")
		s.get("/Groups/"+g).is(200).wants("ann.lee@suite.example", "members", 0, "display")
	})
	t.Run("U-14 E-03 what changes nothing keeps the version", func(t *testing.T) {
		s := serve(t)
		id := s.user("ann@suite.example", full)
		first := s.get("/Users/" + id).is(200)
		for range 2 {
			if r := s.do("PUT", "/Users/"+id, first.text).is(200); r.text != first.text {
				t.Errorf("PUT of the GET body answers\n%s\nwant\n%s", r.text, first.text)
			}
		}
	})
	t.Run("U-19 a group's members are replaced", func(t *testing.T) {
		s := serve(t)
		a, b, c := s.user("a@suite.example", ""), s.user("b@suite.example", ""), s.user("c@suite.example", "")
		g := s.group("G", a, b)
		r := s.do("PUT", "/Groups/"+g, groupBody("G", c)).is(200)
		r.wants([]any{map[string]any{"value": c, "$ref": s.url + "/Users/" + c, "type": "User", "display": "c@suite.example"}}, "members")
		s.get("/Users/"+a).is(200).wants(nil, "groups")
		s.get("/Users/"+c).is(200).wants(g, "groups", 0, "value")
		s.do("PUT", "/Groups/"+g, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"G","externalId":"x"}`).is(200).
			wants(nil, "members").wants("x", "externalId")
	})
	t.Run("U-23 projection", func(t *testing.T) {
		s := serve(t)
		id := s.user("ann@suite.example", full)
		s.do("PUT", "/Users/"+id+"?attributes=userName", userBody("ann@suite.example", "")).is(200).
			wants(map[string]any{"schemas": []string{core}, "id": id, "userName": "ann@suite.example"})
	})
}

func TestChecklistPatch(t *testing.T) {
	t.Run("G-12 a suspended user stays a member", func(t *testing.T) {
		s := serve(t)
		u := s.user("ann@suite.example", "")
		g := s.group("G", u)
		for _, active := range []string{"false", "true"} {
			s.do("PATCH", "/Users/"+u, patchBody(`{"op":"replace","path":"active","value":`+active+`}`)).is(200).wants(g, "groups", 0, "value")
		}
	})
	t.Run("M-05 M-33 M-69 a user is answered whole", func(t *testing.T) {
		s := serve(t)
		id := s.user("ann@suite.example", `"title":"T"`)
		r := s.do("PATCH", "/Users/"+id, patchBody(`{"op":"replace","value":{"active":false}}`)).is(200).
			wants(false, "active").wants("T", "title").wants(`W/"2"`, "meta", "version")
		if again := s.get("/Users/" + id).is(200); again.text != r.text {
			t.Errorf("GET answers\n%s\nPATCH answered\n%s", again.text, r.text)
		}
		s.get(filtered("/Users", `active eq false`)).is(200).wants(1, "totalResults")
	})
	t.Run("M-05 M-06 A-14 a group is answered 204 unless attributes asks", func(t *testing.T) {
		s := serve(t)
		u := s.user("ann@suite.example", "")
		g := s.group("G")
		r := s.do("PATCH", "/Groups/"+g, patchBody(`{"op":"add","path":"members","value":[{"value":"`+u+`"}]}`)).is(204)
		if r.text != "" || r.header.Get("ETag") != `W/"2"` || r.header.Get("Content-Type") != "" {
			t.Errorf("204 with body %q, header %v", r.text, r.header)
		}
		s.do("PATCH", "/Groups/"+g+"?attributes=members", patchBody(`{"op":"replace","path":"displayName","value":"H"}`)).is(200).
			wants(u, "members", 0, "value").wants(nil, "displayName")
		s.directory.calls = nil
		s.do("PATCH", "/Groups/"+g+"?attributes=displayName", patchBody(`{"op":"replace","path":"displayName","value":"I"}`)).is(200).
			wants(map[string]any{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "id": g, "displayName": "I"})
		if len(s.directory.calls) != 1 {
			t.Errorf("the group was read again: %v", s.directory.calls)
		}
	})
	t.Run("M-15 what changes nothing keeps the version", func(t *testing.T) {
		s := serve(t)
		u := s.user("ann@suite.example", `"title":"T"`)
		g := s.group("G", u)
		s.do("PATCH", "/Users/"+u, patchBody(`{"op":"add","path":"title","value":"T"}`)).is(200).wants(`W/"2"`, "meta", "version") // 2: he became a member
		before := s.get("/Groups/" + g).text
		s.do("PATCH", "/Groups/"+g, patchBody(`{"op":"add","path":"members","value":[{"value":"`+u+`"}]}`, `{"op":"remove","path":"members[value eq \"nobody\"]"}`)).is(204) // M-29
		if after := s.get("/Groups/" + g).text; after != before {
			t.Errorf("changed from %s to %s", before, after)
		}
	})
	t.Run("U-06 removing active changes nothing", func(t *testing.T) {
		s := serve(t)
		u := s.user("ann@suite.example", `"active":false`)
		s.do("PATCH", "/Users/"+u, patchBody(`{"op":"remove","path":"active"}`)).is(200).wants(false, "active")
	})
	t.Run("M-63 C-25 password", func(t *testing.T) {
		s := serve(t)
		u := s.user("ann@suite.example", "")
		s.do("PATCH", "/Users/"+u, patchBody(`{"op":"replace","value":{"password":"hunter2"}}`)).is(200).wants(nil, "password").wants(`W/"1"`, "meta", "version")
	})
	t.Run("G-02 G-10 G-11 rename, remove all members", func(t *testing.T) {
		s := serve(t)
		u := s.user("ann@suite.example", "")
		g := s.group("G", u)
		s.do("PATCH", "/Groups/"+g, patchBody(`{"op":"replace","path":"displayName","value":"H"}`)).is(204)
		s.get("/Users/"+u).is(200).wants("H", "groups", 0, "display").wants("direct", "groups", 0, "type").wants(s.url+"/Groups/"+g, "groups", 0, "$ref")
		s.do("PATCH", "/Groups/"+g, patchBody(`{"op":"remove","path":"members"}`)).is(204)
		s.get("/Groups/"+g).is(200).wants(nil, "members")
		s.get("/Users/"+u).is(200).wants(nil, "groups")
	})
}

// TestChecklistBadPatch: each is refused whole, whatever was right in it (M-07).
func TestChecklistBadPatch(t *testing.T) {
	good := `{"op":"replace","path":"displayName","value":"Changed"}`
	tests := []struct {
		id, resource, body string
		status             int
		scimType           string
	}{
		{"M-01 another schema", "/Users/u-0001", `{"schemas":["urn:x"],"Operations":[` + good + `]}`, 400, "invalidSyntax"},
		{"M-02 no list", "/Users/u-0001", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":{}}`, 400, "invalidSyntax"},
		{"M-03 unknown op", "/Users/u-0001", patchBody(good, `{"op":"move","path":"title"}`), 400, "invalidSyntax"},
		{"M-10 a value without path", "/Users/u-0001", patchBody(good, `{"op":"add","value":"x"}`), 400, "invalidValue"},
		{"M-11 no value", "/Users/u-0001", patchBody(good, `{"op":"add","path":"title"}`), 400, "invalidValue"},
		{"M-21 remove without path", "/Users/u-0001", patchBody(good, `{"op":"remove"}`), 400, "noTarget"},
		{"M-27 required", "/Users/u-0001", patchBody(good, `{"op":"remove","path":"userName"}`), 400, "mutability"},
		{"M-27 required of a group", "/Groups/g-0003", patchBody(good, `{"op":"remove","path":"displayName"}`), 400, "mutability"},
		{"M-28 G-03 readOnly", "/Users/u-0001", patchBody(good, `{"op":"remove","path":"groups"}`), 400, "mutability"},
		{"M-44 readOnly", "/Users/u-0001", patchBody(good, `{"op":"replace","path":"id","value":"x"}`), 400, "mutability"},
		{"M-48 malformed path", "/Users/u-0001", patchBody(good, `{"op":"replace","path":"emails[","value":"x"}`), 400, "invalidPath"},
		{"M-48 malformed path of a group", "/Groups/g-0003", patchBody(good, `{"op":"remove","path":"members[value eq"}`), 400, "invalidPath"},
		{"M-49 unknown attribute", "/Users/u-0001", patchBody(good, `{"op":"replace","path":"nope","value":"x"}`), 400, "invalidPath"},
		{"M-56 wrong type", "/Users/u-0001", patchBody(good, `{"op":"replace","path":"active","value":"maybe"}`), 400, "invalidValue"},
		{"M-57 array index", "/Users/u-0001", patchBody(good, `{"op":"replace","path":"emails[0]","value":"x"}`), 400, "invalidPath"},
		{"M-58 userName in use", "/Users/u-0001", patchBody(good, `{"op":"replace","path":"userName","value":"BOB@suite.example"}`), 409, "uniqueness"},
		{"C-29 malformed JSON", "/Users/u-0001", `{"schemas":`, 400, "invalidSyntax"},
		{"G-04 a long id", "/Groups/g-0003", patchBody(`{"op":"add","path":"members","value":[{"value":"` + strings.Repeat("x", 100_000) + `"}]}`), 400, "invalidValue"},
		{"Field10 remove members null", "/Groups/g-0003", patchBody(`{"op":"remove","path":"members","value":null}`), 400, "invalidValue"},
		{"Field10 replace by an empty object", "/Groups/g-0003", patchBody(`{"op":"replace","path":"members","value":[{}]}`), 400, "invalidValue"},
		{"Field10 replace by null ids", "/Groups/g-0003", patchBody(`{"op":"replace","value":{"members":[{"value":null}]}}`), 400, "invalidValue"},
		{"G-04 G-15 unknown member", "/Groups/g-0003", patchBody(good, `{"op":"add","path":"members","value":[{"value":"u-0002"},{"value":"nobody"}]}`), 400, "invalidValue"},
		{"G-09 taken displayName", "/Groups/g-0003", patchBody(`{"op":"replace","path":"displayName","value":"admins"}`), 409, "uniqueness"},
	}
	for _, tt := range tests {
		t.Run(tt.id, func(t *testing.T) {
			s := serve(t, func(o *Options) { o.Strict = true })
			ann := s.user("ann@suite.example", `"displayName":"Ann"`)
			s.user("bob@suite.example", "")
			s.group("G", ann)
			s.group("Admins")
			s.unchanged(tt.resource, "PATCH", tt.resource, tt.body, tt.status, tt.scimType)
		})
	}
	t.Run("M-65 too many operations", func(t *testing.T) {
		s := serve(t, func(o *Options) { o.Limits.Operations = 2 })
		ann := "/Users/" + s.user("ann@suite.example", `"displayName":"Ann"`)
		s.unchanged(ann, "PATCH", ann, patchBody(good, good, good), 413, "")
	})
}

func TestChecklistParallel(t *testing.T) {
	t.Run("M-67 different members", func(t *testing.T) {
		s := serve(t)
		g := s.group("G")
		statuses := make(chan int)
		for i := range 64 {
			id := s.user(fmt.Sprintf("u%d@suite.example", i), "")
			go func() {
				statuses <- s.do("PATCH", "/Groups/"+g, patchBody(`{"op":"add","path":"members","value":[{"value":"`+id+`"}]}`)).status
			}()
		}
		for range 64 {
			if status := <-statuses; status != 204 {
				t.Errorf("status %d", status)
			}
		}
		if members, _ := s.get("/Groups/" + g).at("members").([]any); len(members) != 64 {
			t.Errorf("%d members", len(members))
		}
	})
	t.Run("U-21 PUT and PATCH", func(t *testing.T) {
		s := serve(t)
		u := "/Users/" + s.user("ann@suite.example", "")
		statuses := make(chan int)
		for i := range 32 {
			go func() {
				statuses <- s.do("PUT", u, userBody("ann@suite.example", fmt.Sprintf(`"title":"T%d","nickName":"N%d"`, i, i))).status
			}()
			go func() { statuses <- s.do("PATCH", u, patchBody(`{"op":"replace","value":{"locale":"de"}}`)).status }()
		}
		for range 64 {
			if status := <-statuses; status != 200 {
				t.Errorf("status %d", status)
			}
		}
		r := s.get(u).is(200)
		if title, nick := r.at("title").(string), r.at("nickName").(string); title[1:] != nick[1:] {
			t.Errorf("half of two PUTs: %s, %s", title, nick)
		}
	})
	t.Run("X-11 two DELETEs", func(t *testing.T) {
		s := serve(t)
		u := "/Users/" + s.user("ann@suite.example", "")
		statuses := make(chan int)
		for range 2 {
			go func() { statuses <- s.do("DELETE", u, "").status }()
		}
		if a, b := <-statuses, <-statuses; a+b != 204+404 {
			t.Errorf("statuses %d, %d", a, b)
		}
	})
}

func TestChecklistDelete(t *testing.T) {
	s := serve(t)
	u, v := s.user("ann@suite.example", ""), s.user("bob@suite.example", "")
	g := s.group("G", u, v)
	t.Run("X-01 X-02 X-03 X-05 X-06 a user", func(t *testing.T) {
		if r := s.do("DELETE", "/Users/"+u, "").is(204); r.text != "" || r.header.Get("Content-Type") != "" {
			t.Errorf("204 with body %q, Content-Type %q", r.text, r.header.Get("Content-Type"))
		}
		s.get("/Users/"+u).refused(404, "")
		s.do("PUT", "/Users/"+u, userBody("ann@suite.example", "")).refused(404, "")
		s.do("PATCH", "/Users/"+u, patchBody(`{"op":"replace","value":{"active":false}}`)).refused(404, "")
		s.do("DELETE", "/Users/"+u, "").refused(404, "")
		s.get(filtered("/Users", `userName eq "ann@suite.example"`)).is(200).wants(0, "totalResults")
		s.get("/Groups/"+g).is(200).wants(v, "members", 0, "value").wants(nil, "members", 1)
	})
	t.Run("X-10 a manager who is gone stays as text", func(t *testing.T) {
		s := serve(t)
		boss := s.user("boss@suite.example", "")
		u := s.user("ann@suite.example", `"`+ent+`":{"manager":{"value":"`+boss+`"}}`)
		s.do("DELETE", "/Users/"+boss, "").is(204)
		s.get("/Users/"+u).is(200).wants(boss, ent, "manager", "value")
	})
	t.Run("X-04 the name is free again", func(t *testing.T) {
		if again := s.user("ann@suite.example", ""); again == u {
			t.Error("the id was used again")
		}
	})
	t.Run("G-16 X-06 a group", func(t *testing.T) {
		s.do("DELETE", "/Groups/"+g, "").is(204)
		s.do("DELETE", "/Groups/"+g, "").refused(404, "")
		s.get("/Users/"+v).is(200).wants(nil, "groups")
	})
	t.Run("X-08 collections", func(t *testing.T) {
		s.do("DELETE", "/Users", "").refused(405, "")
		s.do("DELETE", "/Schemas", "").refused(405, "")
	})
}
