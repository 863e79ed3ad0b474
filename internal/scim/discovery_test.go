package scim

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

func TestChecklistDiscovery(t *testing.T) {
	s := serve(t, func(o *Options) { o.Limits = Limits{MaxPage: 7, PageSize: 5, Body: 4096, Operations: 3} })
	on := func(t *testing.T) *suite { return &suite{t: t, directory: s.directory, url: s.url} }

	t.Run("D-01 D-02 D-03 D-04 D-24 D-25 D-26 ServiceProviderConfig", func(t *testing.T) {
		r := on(t).get("/ServiceProviderConfig").is(200)
		yes, no := map[string]any{"supported": true}, map[string]any{"supported": false}
		r.wants(map[string]any{
			"schemas": []string{configURN},
			"patch":   yes, "etag": yes, "sort": yes, "changePassword": no,
			"bulk":       map[string]any{"supported": true, "maxOperations": 3, "maxPayloadSize": 4096},
			"filter":     map[string]any{"supported": true, "maxResults": 7},
			"pagination": map[string]any{"cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": 5, "maxPageSize": 7},
			"authenticationSchemes": []any{map[string]any{
				"type": "oauthbearertoken", "name": "OAuth Bearer Token", "description": "A bearer token in the Authorization header (RFC 6750)",
				"specUri": "https://www.rfc-editor.org/info/rfc6750", "primary": true,
			}},
			"meta": map[string]any{"resourceType": "ServiceProviderConfig", "location": s.url + "/ServiceProviderConfig"},
		})
	})
	t.Run("D-06 what is announced is so", func(t *testing.T) {
		s := on(t)
		id := s.user("ann@suite.example", "")
		s.do("PATCH", "/Users/"+id, patchBody(`{"op":"replace","value":{"active":false}}`)).is(200)
		s.get(filtered("/Users", `active eq false`)).is(200).wants(1, "totalResults")
		s.get("/Users/"+id, "If-None-Match: *").is(304)
		s.do("POST", "/Bulk", bulkBody("", `{"method":"DELETE","path":"/Users/`+id+`"}`)).is(200).wants("204", "Operations", 0, "status")
	})
	t.Run("D-07 D-08 D-09 D-10 ResourceTypes", func(t *testing.T) {
		s := on(t)
		list := s.get("/ResourceTypes").is(200).wants(2, "totalResults").wants(2, "itemsPerPage").wants([]string{listURN}, "schemas")
		for i, name := range []string{"User", "Group"} {
			one := s.get("/ResourceTypes/" + name).is(200)
			if diff := cmp.Diff(one.json(), list.at("Resources", i)); diff != "" {
				t.Error(diff)
			}
			one.wants(name, "id").wants(name, "name").wants("/"+name+"s", "endpoint").wants(s.url+"/ResourceTypes/"+name, "meta", "location").wants([]string{typeURN}, "schemas")
			s.get("/Schemas/" + one.at("schema").(string)).is(200)
			extensions, _ := one.at("schemaExtensions").([]any)
			for _, e := range extensions {
				if dig(e, "required") != false {
					t.Errorf("%v", e)
				}
				s.get("/Schemas/" + dig(e, "schema").(string)).is(200)
			}
		}
		list.wants([]any{map[string]any{"schema": ent, "required": false}, map[string]any{"schema": wisdom, "required": false}}, "Resources", 0, "schemaExtensions")
		s.get("/ResourceTypes/Nope").refused(404, "")
	})
	t.Run("D-11 D-12 D-13 D-14 D-19 D-23 Schemas", func(t *testing.T) {
		s := on(t)
		list := s.get("/Schemas").is(200).wants(4, "totalResults")
		if want := []string{core, ent, wisdom, schema.GroupURN}; !slices.Equal(list.ids(), want) {
			t.Fatalf("ids %v, want %v", list.ids(), want)
		}
		for i, id := range list.ids() {
			one := s.get("/Schemas/"+id).is(200).wants([]string{schemaURN}, "schemas").wants("Schema", "meta", "resourceType")
			if diff := cmp.Diff(one.json(), list.at("Resources", i)); diff != "" {
				t.Error(diff)
			}
			if one.text != s.get(strings.TrimPrefix(one.at("meta", "location").(string), s.url)).text {
				t.Error("meta.location gives another body")
			}
			if encoded := s.get("/Schemas/" + strings.ReplaceAll(id, ":", "%3A")); encoded.text != one.text {
				t.Error("encoded colons give another body")
			}
			attributes, _ := one.at("attributes").([]any)
			if len(attributes) == 0 {
				t.Errorf("%s has no attributes", id)
			}
			for _, a := range attributes { // D-15
				for _, key := range []string{"name", "type", "multiValued", "description", "required", "caseExact", "mutability", "returned", "uniqueness"} {
					if dig(a, key) == nil {
						t.Errorf("%s: %v has no %s", id, dig(a, "name"), key)
					}
				}
			}
		}
		s.get("/Schemas/"+listURN).refused(404, "")
		s.get("/Schemas/"+url.PathEscape("urn:x/y")).refused(404, "")
	})
	t.Run("D-20 parameters do not count", func(t *testing.T) {
		s := on(t)
		for _, path := range []string{"/Schemas", "/ResourceTypes", "/ServiceProviderConfig", "/Schemas/" + core} {
			if a, b := s.get(path).is(200), s.get(path+"?startIndex=2&count=1&attributes=id&sortBy=id"); a.text != b.text {
				t.Errorf("%s: %s", path, b.text)
			}
			s.get(path+"?filter="+url.QueryEscape(`name eq "User"`)).refused(403, "") // D-21
		}
	})
	t.Run("D-22 read-only", func(t *testing.T) {
		s := on(t)
		for _, path := range []string{"/Schemas", "/ResourceTypes", "/ServiceProviderConfig", "/Schemas/" + core, "/ResourceTypes/User"} {
			for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
				r := s.do(method, path, `{}`)
				r.refused(405, "")
				if got := r.header.Get("Allow"); got != "GET, HEAD, OPTIONS" {
					t.Errorf("%s %s: Allow %q", method, path, got)
				}
			}
		}
	})
	t.Run("D-05 by auth.discovery", func(t *testing.T) {
		closed, open := on(t), serve(t, func(o *Options) { o.DiscoveryNeedsAuth = false })
		for _, path := range []string{"/Schemas", "/ResourceTypes", "/ResourceTypes/User", "/ServiceProviderConfig", "/Schemas/" + core} {
			closed.get(path, "Authorization: ").refused(401, "")
			open.get(path, "Authorization: ").is(200)
		}
		open.get("/Users", "Authorization: ").refused(401, "")
		open.get("/SchemasX", "Authorization: ").refused(401, "")
	})
}
