package scim

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// TestChecklistRoot is R-13: queries over users and groups at once, by GET and by POST.
func TestChecklistRoot(t *testing.T) {
	r := serveReal(t, func(o *Options) { o.Limits.MaxPage = 50 })
	var users, groups []string
	for i := range 5 {
		users = append(users, r.user(fmt.Sprintf("u%d@suite.example", i), fmt.Sprintf(`"displayName":"Name %d","title":"T","externalId":"x%d"`, 2*i, 9-i)))
	}
	for i := range 4 {
		groups = append(groups, r.group(fmt.Sprintf("name %d", 7-2*i), users[0]))
	}
	all := slices.Concat(users, groups)
	tests := []struct {
		id, filter string
		want       []string
	}{
		{"R-13 everything", "", all},
		{"F-43 of users alone", `userName pr`, users},
		{"F-43 of groups alone", `members.value eq "` + users[0] + `"`, groups},
		{"F-43 not at either", `nope eq "x"`, nil},
		{"F-43 no value", `not (userName pr)`, groups},
		{"F-43 null", `userName eq null`, groups},
		{"F-44 groups", `meta.resourceType eq "Group"`, groups},
		{"F-44 users", `meta.resourceType eq "User"`, users},
		{"F-44 type and more", `meta.resourceType eq "User" and displayName sw "NAME" and title eq "t"`, users},
		{"R-13 both", `displayName eq "Name 4" or displayName eq "Name 5"`, []string{users[2], groups[1]}},
		{"R-13 by id", `id eq "` + groups[3] + `"`, groups[3:]},
		{"Q-03 a look-up", `userName eq "u3@suite.example" or displayName eq "NAME 7"`, []string{users[3], groups[0]}},
	}
	for _, tt := range tests {
		t.Run(tt.id, func(t *testing.T) {
			s := r.on(t)
			message := map[string]any{"schemas": []string{searchURN}}
			path := "/"
			if tt.filter != "" {
				path, message["filter"] = filtered("/", tt.filter), tt.filter
			}
			got := s.get(path).is(200).wants(len(tt.want), "totalResults").wants([]string{listURN}, "schemas")
			if !slices.Equal(got.ids(), append([]string{}, tt.want...)) {
				t.Errorf("ids %v, want %v", got.ids(), tt.want)
			}
			if search := s.do("POST", "/.search", jsonOf(message)).is(200); search.text != got.text {
				t.Errorf(".search answers\n%s\nGET answers\n%s", search.text, got.text)
			}
		})
	}
	t.Run("R-13 each as itself", func(t *testing.T) {
		s := r.on(t)
		list := s.get("/?attributes=userName,members").is(200)
		list.wants("u0@suite.example", "Resources", 0, "userName").wants(users[0], "Resources", 5, "members", 0, "value")
		list = s.get("").is(200)
		for i, id := range all {
			path := "/Users/"
			if i >= len(users) {
				path = "/Groups/"
			}
			list.wants(s.get(path+id).is(200).json(), "Resources", i)
		}
		for _, filter := range []string{`meta.resourceType eq Group`, `userName eq`, `password pr`, ``} { // F-44
			s.get(filtered("/", filter)).refused(400, "invalidFilter")
		}
	})
	for _, tt := range []struct {
		id, query string
		want      []string
	}{
		{"P-15 unsorted", "", all},
		{"P-15 S-13 sorted by what both have", "sortBy=displayName", []string{users[0], groups[3], users[1], groups[2], users[2], groups[1], users[3], groups[0], users[4]}},
		{"P-15 sorted by what one has", "sortBy=userName", slices.Concat(users, slices.Sorted(slices.Values(groups)))},
		{"P-15 filtered", "filter=" + url.QueryEscape(`displayName co "name" and not (displayName eq "name 0")`), all[1:]},
	} {
		t.Run(tt.id, func(t *testing.T) {
			s := r.on(t)
			for _, size := range []int{1, 2, 4, 5, 9, 10} {
				var byIndex []string
				for at := 1; at <= len(tt.want); at += size {
					page := s.get(fmt.Sprintf("/?count=%d&startIndex=%d&%s", size, at, tt.query)).is(200).wants(len(tt.want), "totalResults").wants(at, "startIndex")
					page.wants(len(page.ids()), "itemsPerPage")
					byIndex = append(byIndex, page.ids()...)
				}
				if !slices.Equal(byIndex, tt.want) {
					t.Errorf("by index, %d a page: %v\nwant %v", size, byIndex, tt.want)
				}
				byCursor, pages := s.walk(fmt.Sprintf("/?count=%d&%s", size, tt.query), nil) // K-05
				if !slices.Equal(byCursor, tt.want) || pages != (len(tt.want)+size-1)/size {
					t.Errorf("by cursor, %d a page: %d pages of %v\nwant %v", size, pages, byCursor, tt.want)
				}
				if strings.Contains(tt.query, "sortBy") {
					down, _ := s.walk(fmt.Sprintf("/?count=%d&%s&sortOrder=descending", size, tt.query), nil)
					if slices.Reverse(down); !slices.Equal(down, tt.want) {
						t.Errorf("descending, %d a page: %v\nwant the reverse of %v", size, down, tt.want)
					}
				}
			}
			s.get("/?count=0&"+tt.query).is(200).wants(len(tt.want), "totalResults").wants([]any{}, "Resources")
			s.get("/?startIndex=100&"+tt.query).is(200).wants(len(tt.want), "totalResults").wants([]any{}, "Resources")
		})
	}
	for endpoint, want := range map[string][]string{"/Users": users, "/Groups": groups, "/": all} {
		t.Run("P-15 Q-01 K-15 pages of "+endpoint, func(t *testing.T) {
			s := r.on(t)
			var byIndex, byCursor []string
			for at := 1; at <= len(want); at += 2 {
				byIndex = append(byIndex, s.get(fmt.Sprintf("%s?count=2&startIndex=%d", endpoint, at)).is(200).ids()...)
			}
			for next := any(""); next != nil; {
				page := s.do("POST", strings.TrimSuffix(endpoint, "/")+"/.search", jsonOf(map[string]any{"schemas": []string{searchURN}, "count": 2, "cursor": next})).is(200)
				byCursor = append(byCursor, page.ids()...)
				next = page.at("nextCursor")
			}
			if !slices.Equal(byIndex, want) || !slices.Equal(byCursor, want) {
				t.Errorf("by index %v, by cursor %v, want %v", byIndex, byCursor, want)
			}
			s.get(endpoint+"?count=-1").is(200).wants(len(want), "totalResults").wants(0, "itemsPerPage")
			s.get(endpoint+"?startIndex=-1&count=1").is(200).wants(1, "startIndex").wants(1, "itemsPerPage")
			s.get(endpoint+"?startIndex=50").is(200).wants(50, "startIndex").wants(0, "itemsPerPage").wants([]any{}, "Resources")
		})
	}
	t.Run("S-10 P-10 P-11 P-14 refused", func(t *testing.T) {
		s := r.on(t)
		s.get("/?sortBy=nope").refused(400, "invalidValue")
		s.get("/?sortBy=password").refused(400, "invalidValue")
		s.get("/?count=x").refused(400, "invalidValue")
		s.get("/?sortBy=displayName&startIndex=9223372036854775807").refused(400, "tooMany")
		s.get("/?startIndex=9223372036854775807").is(200).wants(9, "totalResults")
		s.do("POST", "/.search", `{"schemas":["`+schema.GroupURN+`"]}`).refused(400, "invalidSyntax")
	})
	t.Run("Q-09 other methods", func(t *testing.T) {
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
			answer := r.on(t).do(method, "/.search", "")
			answer.refused(405, "")
			if got := answer.header.Get("Allow"); got != "OPTIONS, POST" {
				t.Errorf("%s: Allow %q", method, got)
			}
		}
		r.on(t).do("POST", "/", `{}`).refused(405, "")
	})
}
