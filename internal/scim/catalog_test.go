package scim

import (
	"fmt"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// TestOktaRolesAndEntitlements is Okta's discovery of what a user can be given.
func TestOktaRolesAndEntitlements(t *testing.T) {
	s := serve(t, func(o *Options) {
		o.Roles = []Role{{"CREATOR", "Creator", ""}, {"EXPLORER", "Explorer", "The WisdomAI role EXPLORER."}, {"VIEWER", "Viewer", ""}}
	})
	for _, tt := range []struct{ name, endpoint, urn string }{
		{"Role", "/Roles", schema.RoleURN},
		{"Entitlement", "/Entitlements", schema.EntitlementURN},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &suite{t: t, directory: s.directory, url: s.url, log: s.log}
			s.get("/ResourceTypes").is(200).wants(4, "totalResults")
			s.get("/ResourceTypes/"+tt.name).is(200).wants(tt.endpoint, "endpoint").wants(tt.urn, "schema").wants(tt.name, "id").wants(tt.name, "name")
			if all := s.get("/Schemas").is(200).ids(); !slices.Contains(all, tt.urn) {
				t.Errorf("schemas %v", all)
			}
			s.get("/Schemas/"+tt.urn).is(200).wants("displayName", "attributes", 0, "name").wants("readOnly", "attributes", 0, "mutability")

			explorer := map[string]any{
				"schemas": []string{tt.urn}, "id": "EXPLORER", "displayName": "Explorer", "description": "The WisdomAI role EXPLORER.",
				"meta": map[string]any{"resourceType": tt.name, "location": s.url + tt.endpoint + "/EXPLORER"},
			}
			list := s.get(tt.endpoint+"?startIndex=1&count=100").is(200).wants(3, "totalResults").wants(3, "itemsPerPage").wants(explorer, "Resources", 1)
			s.get(tt.endpoint + "/EXPLORER").is(200).wants(explorer)
			s.get(tt.endpoint + "/EXPLORER?attributes=displayName").is(200).wants(map[string]any{"schemas": []string{tt.urn}, "id": "EXPLORER", "displayName": "Explorer"})
			s.get(tt.endpoint+"/CREATOR").is(200).wants(nil, "description")
			s.get(tt.endpoint+"/explorer").refused(404, "")
			if head := s.do("HEAD", tt.endpoint, ""); head.status != 200 || head.header.Get("Content-Length") != fmt.Sprint(len(s.get(tt.endpoint).text)) {
				t.Errorf("HEAD: %d %v", head.status, head.header)
			}

			for query, want := range map[string][]string{
				"":                                   {"CREATOR", "EXPLORER", "VIEWER"},
				"startIndex=2&count=1":               {"EXPLORER"},
				"startIndex=4":                       {},
				"startIndex=9&count=0":               {},
				filterOf(`id eq "VIEWER"`):           {"VIEWER"},
				filterOf(`id eq "viewer"`):           {}, // ids have case
				filterOf(`displayName eq "viewer"`):  {"VIEWER"},
				filterOf(`not (description pr)`):     {"CREATOR", "VIEWER"},
				filterOf(`displayName co "xplor"`):   {"EXPLORER"},
				filterOf(`meta.resourceType eq "x"`): {},
			} {
				if got := s.get(tt.endpoint + "?" + query).is(200).ids(); !slices.Equal(got, want) {
					t.Errorf("%s: %v, want %v", query, got, want)
				}
			}
			s.get(tt.endpoint+"?"+filterOf(`userName eq "x"`)).refused(400, "invalidFilter")
			s.get(tt.endpoint+"?count=x").refused(400, "invalidValue")
			s.get(tt.endpoint+"?attributes=id&excludedAttributes=displayName").refused(400, "invalidValue")
			s.get(tt.endpoint, "Authorization: ").refused(401, "")

			for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
				for _, path := range []string{tt.endpoint, tt.endpoint + "/EXPLORER"} {
					r := s.do(method, path, `{"schemas":["`+tt.urn+`"],"id":"NEW","displayName":"New"}`)
					r.refused(405, "")
					if allow := r.header.Get("Allow"); allow != "GET, HEAD, OPTIONS" {
						t.Errorf("%s %s: Allow %q", method, path, allow)
					}
				}
			}
			s.bulk("", op("POST", tt.endpoint, "x", `{}`)).did("404")
			if diff := cmp.Diff(list.text, s.get(tt.endpoint+"?count=100").text); diff != "" {
				t.Errorf("changed: %s", diff)
			}
		})
	}
	t.Run("a mapping that gives no role has no such types", func(t *testing.T) {
		s := serve(t)
		s.get("/Roles").refused(404, "")
		s.get("/Entitlements/x").refused(404, "")
		s.get("/ResourceTypes").is(200).wants(2, "totalResults")
	})
}

func filterOf(filter string) string { return "filter=" + url.QueryEscape(filter) }

func TestCatalogsAreSortedAndPagedByIndex(t *testing.T) {
	s := serve(t, func(o *Options) {
		o.Roles = []Role{{ID: "VIEWER", DisplayName: "Viewer"}, {ID: "ADMIN", DisplayName: "admin"}, {ID: "EXPLORER", DisplayName: "Explorer"}}
	})
	for query, want := range map[string][]string{
		"":                    {"VIEWER", "ADMIN", "EXPLORER"},
		"?sortBy=displayName": {"ADMIN", "EXPLORER", "VIEWER"}, // without case
		"?sortBy=displayName&sortOrder=descending&count=2": {"VIEWER", "EXPLORER"},
		"?sortBy=id&startIndex=2":                          {"EXPLORER", "VIEWER"},
	} {
		r := s.get("/Roles" + query).is(200)
		for i, id := range want {
			r.wants(id, "Resources", i, "id")
		}
		r.wants(len(want), "itemsPerPage")
	}
	s.get("/Roles?sortBy=nope").refused(400, "invalidValue")
	s.get("/Roles?cursor").refused(400, "invalidCursor")
}
