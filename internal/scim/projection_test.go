package scim

import (
	"slices"
	"strings"
	"testing"

	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// TestChecklistProjection runs each projection on GET, in a list and on PUT, and
// looks at the ETag, which is the resource's.
func TestChecklistProjection(t *testing.T) {
	s := serve(t)
	id := s.user("ann@suite.example", `"title":"T","name":{"givenName":"Ann","familyName":"Lee"},
		"emails":[{"value":"a@x.test","type":"work"},{"value":"b@x.test"}],
		"`+ent+`":{"department":"Sales","costCenter":"7","manager":{"value":"m"}},"`+wisdom+`":{"region":"emea"}`)
	u := "/Users/" + id
	whole := s.get(u).is(200).json()
	minimum := map[string]any{"schemas": []string{core}, "id": id}
	with := func(more map[string]any) map[string]any {
		m := map[string]any{"schemas": []string{core}, "id": id}
		for k, v := range more {
			m[k] = v
		}
		return m
	}
	// without is the whole user but for some attributes.
	without := func(names ...string) map[string]any {
		m := map[string]any{}
		for k, v := range whole {
			if !slices.Contains(names, k) {
				m[k] = v
			}
		}
		return m
	}
	tests := []struct {
		id, query string
		want      map[string]any
	}{
		{"A-01", "attributes=userName", with(map[string]any{"userName": "ann@suite.example"})},
		{"A-02", "excludedAttributes=emails,meta", without("emails", "meta")},
		{"A-03", "excludedAttributes=id,schemas", without()},
		{"A-05 of a complex one", "attributes=name.givenName", with(map[string]any{"name": map[string]any{"givenName": "Ann"}})},
		{"A-05 of each value", "attributes=emails.type", with(map[string]any{"emails": []any{map[string]any{"type": "work"}}})},
		{"A-05 of meta", "attributes=meta.version", with(map[string]any{"meta": map[string]any{"version": `W/"1"`}})},
		{"A-05 the whole wins", "attributes=name.givenName,name", with(map[string]any{"name": whole["name"]})},
		{"A-06", "excludedAttributes=name.familyName,emails.type", func() map[string]any {
			m := without()
			m["name"] = map[string]any{"givenName": "Ann"}
			m["emails"] = []any{map[string]any{"value": "a@x.test"}, map[string]any{"value": "b@x.test"}}
			return m
		}()},
		{"A-07 core by URN, in capitals", "attributes=" + strings.ToUpper(core) + ":USERNAME", with(map[string]any{"userName": "ann@suite.example"})},
		{"A-07 of an extension", "attributes=" + ent + ":department", with(map[string]any{"schemas": []string{core, ent}, ent: map[string]any{"department": "Sales"}})},
		{"A-07 a sub-attribute of an extension", "attributes=" + ent + ":manager.value", with(map[string]any{"schemas": []string{core, ent}, ent: map[string]any{"manager": map[string]any{"value": "m"}}})},
		{"A-07 a whole extension", "attributes=" + strings.ToUpper(ent), with(map[string]any{"schemas": []string{core, ent}, ent: whole[ent]})},
		{"A-08 A-17 a whole extension", "excludedAttributes=" + ent, func() map[string]any {
			m := without(ent)
			m["schemas"] = []string{core, wisdom}
			return m
		}()},
		{"A-08 one of an extension", "excludedAttributes=" + ent + ":department," + ent + ":manager", func() map[string]any {
			m := without()
			m[ent] = map[string]any{"costCenter": "7"}
			return m
		}()},
		{"A-09 unknown", "attributes=nope,name.nope,urn:x:y", minimum},
		{"A-09 unknown excluded", "excludedAttributes=nope", without()},
		{"A-10", "attributes=userName,+displayName,,&attributes=title", with(map[string]any{"userName": "ann@suite.example", "title": "T"})},
		{"A-10 none", "attributes=", without()},
		{"A-11", "attributes=password", minimum},
		{"A-12 named", "attributes=" + wisdom + ":delivery.state", with(map[string]any{"schemas": []string{core, wisdom}, wisdom: map[string]any{"delivery": map[string]any{"state": "pending"}}})},
		{"A-12 not named", "attributes=" + wisdom, with(map[string]any{"schemas": []string{core, wisdom}, wisdom: map[string]any{"region": "emea"}})},
		{"attributes-filter", `attributes=emails[type eq "work, home"],title`, with(map[string]any{"title": "T", "emails": whole["emails"]})},
	}
	for _, tt := range tests {
		t.Run(tt.id, func(t *testing.T) {
			query := strings.ReplaceAll(tt.query, " ", "%20")
			s := &suite{t: t, directory: s.directory, url: s.url}
			one := s.get(u + "?" + query).is(200).wants(tt.want)
			if got := one.header.Get("ETag"); got != `W/"1"` {
				t.Errorf("ETag %s", got)
			}
			s.get("/Users?"+query).is(200).wants(tt.want, "Resources", 0)
			s.do("PUT", u+"?"+query, userBody("ann@suite.example", "")).is(200)                                               // changes him
			s.do("PUT", u+"?"+query, jsonOf(whole)).is(200).wants(tt.want["userName"], "userName").wants(tt.want["id"], "id") // and back
			s.directory.users[0].Version, s.directory.users[0].Modified = 1, s.directory.users[0].Created
		})
	}
	t.Run("A-04", func(t *testing.T) {
		s := &suite{t: t, url: s.url}
		s.get(u+"?attributes=userName&excludedAttributes=title").refused(400, "invalidValue")
		s.get("/Users?attributes=userName&excludedAttributes=title").refused(400, "invalidValue")
	})
	t.Run("A-12 delivery", func(t *testing.T) {
		s := &suite{t: t, url: s.url}
		s.get(u+"?attributes="+wisdom+":delivery").is(200).
			wants(map[string]any{"state": "pending", "since": whole["meta"].(map[string]any)["created"], "detail": "WisdomAI is unreachable"}, wisdom, "delivery")
		// The version says nothing about the delivery, so nothing is "not modified".
		s.get(u+"?attributes="+wisdom+":delivery", `If-None-Match: W/"1"`).is(200)
		s.get(filtered("/Users", wisdom+`:delivery.state eq "pending"`)).is(200).wants(1, "totalResults").wants(nil, "Resources", 0, wisdom, "delivery")
	})
}

func TestChecklistProjectionOfGroups(t *testing.T) {
	s := serve(t)
	u := s.user("ann@suite.example", `"displayName":"Ann"`)
	inner := s.group("Inner")
	g := s.group("Outer", u, inner)
	t.Run("G-01 G-06 G-17 G-18 members", func(t *testing.T) {
		s := &suite{t: t, url: s.url}
		s.get("/Groups/"+g).is(200).wants([]any{
			map[string]any{"value": u, "$ref": s.url + "/Users/" + u, "type": "User", "display": "Ann"},
			map[string]any{"value": inner, "$ref": s.url + "/Groups/" + inner, "type": "Group", "display": "Inner"},
		}, "members")
		s.get("/Groups/"+g+"?attributes=members.value").is(200).wants([]any{map[string]any{"value": u}, map[string]any{"value": inner}}, "members")
		s.get("/Groups/"+g+"?excludedAttributes=members.$ref,members.display").is(200).wants(map[string]any{"value": u, "type": "User"}, "members", 0)
	})
	for _, path := range []string{"/Groups/" + g + "?excludedAttributes=members", "/Groups/" + g + "?attributes=displayName",
		"/Groups?excludedAttributes=members", filtered("/Groups", `displayName eq "OUTER"`, "excludedAttributes=Members")} {
		t.Run("A-16 "+path, func(t *testing.T) {
			s := &suite{t: t, directory: s.directory, url: s.url}
			s.directory.calls = nil
			if r := s.get(path).is(200); strings.Contains(r.text, "members") {
				t.Errorf("members are shown: %s", r.text)
			}
			for _, call := range s.directory.calls {
				if strings.HasSuffix(call, "true") {
					t.Errorf("members were read: %v", s.directory.calls)
				}
			}
		})
	}
	t.Run("A-16 304 reads no members", func(t *testing.T) {
		s := &suite{t: t, directory: s.directory, url: s.url}
		tag := s.get("/Groups/" + g).header.Get("ETag")
		s.directory.calls = nil
		s.get("/Groups/"+g, "If-None-Match: "+tag).is(304)
		if want := []string{"Group false"}; !slices.Equal(s.directory.calls, want) {
			t.Errorf("calls %v, want %v", s.directory.calls, want)
		}
		s.get("/Groups/"+g, `If-None-Match: "old"`).is(200).wants(u, "members", 0, "value")
	})
	t.Run("every attribute of the schema is rendered", func(t *testing.T) {
		for _, a := range schema.Group(true).Schema.Attributes {
			if a.Name != "displayName" && a.Name != "members" {
				t.Errorf("%s is not", a.Name)
			}
		}
		for _, sub := range schema.Group(true).Schema.Attribute("members").SubAttributes {
			if !slices.Contains([]string{"value", "$ref", "type", "display"}, sub.Name) {
				t.Errorf("members.%s is not", sub.Name)
			}
		}
	})
}
