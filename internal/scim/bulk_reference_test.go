package scim

import (
	"context"
	"slices"
	"testing"

	"github.com/scimbridge/scimbridge/internal/directory"
)

func TestChecklistBulkReferences(t *testing.T) {
	group := func(bulkID string, members ...string) string {
		return op("POST", "/Groups", bulkID, groupBody(bulkID, members...))
	}
	members := func(r reply) []string {
		ids := []string{}
		list, _ := r.is(200).at("members").([]any)
		for _, m := range list {
			ids = append(ids, dig(m, "value").(string))
		}
		return ids
	}
	has := func(t *testing.T, s *suite, id string, want ...string) {
		t.Helper()
		if got := members(s.get("/Groups/" + id)); !slices.Equal(got, want) {
			t.Errorf("members of %s: %v, want %v", id, got, want)
		}
	}
	t.Run("B-14 in data", func(t *testing.T) {
		s := serve(t)
		r := s.bulk("", newUser("q"), group("G", "bulkId:q"), managed("r", "bulkId:q"),
			op("POST", "/Users", "by-ref", userBody("ref@suite.example", `"`+ent+`":{"manager":{"$ref":"https://x.test/Users/bulkId:q","value":"bulkId:q"}}`))).did("201", "201", "201", "201")
		has(t, s, r.idOf(1), r.idOf(0))
		s.get("/Users/"+r.idOf(2)).wants(r.idOf(0), ent, "manager", "value")
		s.get("/Users/"+r.idOf(3)).wants("https://x.test/Users/"+r.idOf(0), ent, "manager", "$ref")
	})
	t.Run("B-15 in paths and PATCH values", func(t *testing.T) {
		s := serve(t)
		r := s.bulk("", group("g"), newUser("u"), newUser("v"),
			op("PATCH", "/Groups/bulkId:g", "", patchBody(`{"op":"add","path":"members","value":[{"value":"bulkId:u"},{"value":"bulkId:v"}]}`)),
			op("PATCH", "/Groups/bulkId:g", "", patchBody(`{"op":"remove","path":"members[value eq \"bulkId:u\"]"}`)),
			op("PATCH", "/Users/bulkId:u", "", patchBody(`{"op":"add","path":"`+ent+`:manager","value":"bulkId:v"}`)),
			op("PUT", "/Users/bulkId:v", "", userBody("v@suite.example", `"title":"T"`)),
			group("gone"), op("DELETE", "/Groups/bulkId:gone", "", "")).did("201", "201", "201", "204", "204", "200", "200", "201", "204")
		has(t, s, r.idOf(0), r.idOf(2))
		s.get("/Users/"+r.idOf(1)).wants(r.idOf(2), ent, "manager", "value")
		s.get("/Users/"+r.idOf(2)).wants("T", "title")
		r.wants(s.url+"/Groups/"+r.idOf(0), "Operations", 3, "location")
		s.get("/Groups/"+r.idOf(7)).refused(404, "")
	})
	t.Run("B-16 further down", func(t *testing.T) {
		s := serve(t)
		id := s.group("Old")
		r := s.bulk("", group("G", "bulkId:q", "bulkId:H"), op("PATCH", "/Groups/"+id, "", patchBody(`{"op":"add","path":"members","value":[{"value":"bulkId:q"}]}`)),
			managed("q", "bulkId:boss"), group("H"), newUser("boss")).did("201", "204", "201", "201", "201")
		has(t, s, r.idOf(0), r.idOf(2), r.idOf(3))
		has(t, s, id, r.idOf(2))
		s.get("/Users/"+r.idOf(2)).wants(r.idOf(4), ent, "manager", "value")
	})
	t.Run("B-17 circles", func(t *testing.T) {
		s := serve(t)
		r := s.bulk(`"failOnErrors":1`, group("A", "bulkId:B", "bulkId:u"), group("B", "bulkId:A"), group("C", "bulkId:C"),
			managed("u", "bulkId:v"), managed("v", "bulkId:w"), managed("w", "bulkId:u"), managed("self", "bulkId:self")).
			did("201", "201", "201", "201", "201", "201", "201")
		has(t, s, r.idOf(0), r.idOf(1), r.idOf(3))
		has(t, s, r.idOf(1), r.idOf(0))
		has(t, s, r.idOf(2), r.idOf(2))
		for i, boss := range map[int]int{3: 4, 4: 5, 5: 3, 6: 6} {
			s.get("/Users/"+r.idOf(i)).wants(r.idOf(boss), ent, "manager", "value").wants("D", ent, "department")
		}
		for i, path := range []string{"/Groups/", "/Groups/", "/Groups/"} { // the version told is the one there is
			s.get(path+r.idOf(i)).wants(r.at("Operations", i, "version"), "meta", "version")
		}
	})
	t.Run("B-17 a circle that another operation refers to is closed before", func(t *testing.T) {
		s := serve(t)
		r := s.bulk("", op("PATCH", "/Groups/bulkId:A", "", patchBody(`{"op":"remove","path":"members"}`)), group("A", "bulkId:B"), group("B", "bulkId:A")).did("204", "201", "201")
		has(t, s, r.idOf(1))
		has(t, s, r.idOf(2), r.idOf(1))
	})
	t.Run("B-17 a circle that cannot be closed leaves nothing", func(t *testing.T) {
		s := serve(t)
		s.group("A") // taken
		s.user("u@suite.example", "")
		r := s.bulk("", group("A", "bulkId:B"), group("B", "bulkId:A"), managed("u", "bulkId:v"), managed("v", "bulkId:u"), group("other")).did("409", "409", "409", "409", "201")
		r.wants("uniqueness", "Operations", 0, "response", "scimType").wants(nil, "Operations", 1, "response", "scimType")
		s.get("/Groups").wants(2, "totalResults")
		s.get("/Users").wants(1, "totalResults")
	})
	t.Run("V-37 what is recorded and answered 503 is not taken back", func(t *testing.T) {
		s := serve(t)
		s.directory.before = func(_ context.Context, method string) error {
			if method == "ReplaceGroup" {
				return &directory.Error{Kind: directory.Unavailable, Recorded: true, Detail: "recorded"}
			}
			return nil
		}
		s.bulk("", group("A", "bulkId:B"), group("B", "bulkId:A")).did("201", "503") // one of them closes the circle
		s.get("/Groups").wants(2, "totalResults")
	})
	t.Run("B-18 references to nothing", func(t *testing.T) {
		s := serve(t)
		id := s.group("Old")
		r := s.bulk(`"failOnErrors":5`, op("POST", "/Users", "bad", userBody("", "")), group("G", "bulkId:bad"), managed("u", "bulkId:nope"), group("H", "bulkId:G"),
			op("PATCH", "/Groups/bulkId:G", "", patchBody(`{"op":"remove","path":"members"}`)),
			op("PATCH", "/Groups/"+id, "p", patchBody(`{"op":"add","path":"members","value":[{"value":"bulkId:p"}]}`))).did("400", "409", "409", "409", "409")
		r.wants(nil, "Operations", 4, "location")
		s.get("/Groups").wants(1, "totalResults")
		s.bulk("", op("PATCH", "/Groups/"+id, "p", patchBody(`{"op":"add","path":"members","value":[{"value":"bulkId:p"}]}`))).did("409")
	})
	t.Run("groups of a user are no references", func(t *testing.T) {
		s := serve(t)
		r := s.bulk("", op("POST", "/Users", "u", userBody("u@suite.example", `"Groups":[{"value":"bulkId:G"}]`)), group("G", "bulkId:u")).did("201", "201")
		has(t, s, r.idOf(1), r.idOf(0))
		r.wants(`W/"1"`, "Operations", 0, "version")
	})
	t.Run("B-28 elsewhere it is a wrong value", func(t *testing.T) {
		s := serve(t)
		s.do("POST", "/Groups", groupBody("New", "bulkId:x")).refused(400, "invalidValue")
	})
	t.Run("takeBack keeps who was there before", func(t *testing.T) {
		s := serve(t)
		s.user("taken@suite.example", "")
		s.directory.adopted = true
		s.bulk("", op("POST", "/Users", "u", userBody("taken@suite.example", `"`+ent+`":{"manager":{"value":"bulkId:v"}}`)), managed("v", "bulkId:u")).did("409", "409")
		s.get(filtered("/Users", `userName eq "v@suite.example"`)).wants(1, "totalResults")
		s.ended(3)
		if want := []bool{true, false}; !slices.Equal(s.directory.done, want) {
			t.Errorf("done %v: a repeated POST is to take him up", s.directory.done)
		}
	})
}
