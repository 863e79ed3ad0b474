package scim

import (
	"fmt"
	"testing"
)

func TestChecklistVersion(t *testing.T) {
	t.Run("E-01 E-02 the tag is on every answer and moves", func(t *testing.T) {
		s := serve(t)
		version := 0
		moved := func(r reply) string {
			t.Helper()
			version++
			want := fmt.Sprintf(`W/"%d"`, version)
			if got := r.header.Get("ETag"); got != want {
				t.Errorf("%s: ETag %s, want %s", r.what, got, want)
			}
			if r.text != "" && r.at("meta", "version") != want {
				t.Errorf("%s: meta.version %v, want %s", r.what, r.at("meta", "version"), want)
			}
			return want
		}
		r := s.do("POST", "/Users", userBody("ann@suite.example", "")).is(201)
		moved(r)
		u := "/Users/" + r.id()
		moved(s.do("PUT", u, userBody("ann@suite.example", `"title":"T"`)).is(200))
		moved(s.do("PATCH", u, patchBody(`{"op":"remove","path":"title"}`)).is(200))
		s.group("G", r.id())
		moved(s.get(u).is(200)) // E-12: what is in the body has changed

		version = 0
		g := s.do("POST", "/Groups", groupBody("H")).is(201)
		moved(g)
		moved(s.do("PUT", "/Groups/"+g.id(), groupBody("H", r.id())).is(200))
		moved(s.do("PATCH", "/Groups/"+g.id(), patchBody(`{"op":"remove","path":"members"}`)).is(204))
	})

	t.Run("E-04 If-None-Match", func(t *testing.T) {
		s := serve(t)
		u, g := "/Users/"+s.user("ann@suite.example", ""), "/Groups/"+s.group("G")
		for _, path := range []string{u, g} {
			for _, tag := range []string{`W/"1"`, `"1"`, `*`, `W/"7", W/"1"`} {
				r := s.get(path, "If-None-Match: "+tag).is(304)
				if r.text != "" || r.header.Get("ETag") != `W/"1"` {
					t.Errorf("304 with body %q, ETag %q", r.text, r.header.Get("ETag"))
				}
			}
			for _, tag := range []string{`W/"7"`, `1`, `W/"1`, `nonsense`, `""`} {
				s.get(path, "If-None-Match: "+tag).is(200)
			}
		}
		s.get("/Users", "If-None-Match: *").is(200) // E-11
	})

	writes := []struct{ method, body, groupBody string }{
		{"PUT", userBody("ann@suite.example", `"title":"new"`), groupBody("New")},
		{"PATCH", patchBody(`{"op":"replace","path":"displayName","value":"new"}`), patchBody(`{"op":"replace","path":"displayName","value":"new"}`)},
		{"DELETE", "", ""},
	}
	for _, w := range writes {
		t.Run("E-05 E-06 E-07 E-09 M-60 U-18 X-07 If-Match "+w.method, func(t *testing.T) {
			s := serve(t)
			u, g := "/Users/"+s.user("ann@suite.example", ""), "/Groups/"+s.group("G")
			for _, tag := range []string{`W/"0"`, `W/"2", "3"`, `nonsense`, `W/"01"`, `"-1"`, `W/"99999999999999999999"`} {
				s.unchanged(u, w.method, u, w.body, 412, "", "If-Match: "+tag)
				s.unchanged(g, w.method, g, w.groupBody, 412, "", "If-Match: "+tag)
			}
			for _, path := range []string{u, g} {
				body := w.body
				if path == g {
					body = w.groupBody
				}
				if r := s.do(w.method, path, body, `If-Match: W/"7", "1"`); r.status >= 300 {
					t.Errorf("%s %s: %d %s", w.method, path, r.status, r.text)
				}
			}
		})
	}
	t.Run("E-08 If-Match *", func(t *testing.T) {
		s := serve(t)
		u := "/Users/" + s.user("ann@suite.example", "")
		s.do("PUT", u, userBody("ann@suite.example", `"title":"new"`), "If-Match: *").is(200)
		s.do("PUT", "/Users/nobody", userBody("ann@suite.example", ""), "If-Match: *").refused(404, "")
	})
	t.Run("E-10 20 writers with one tag", func(t *testing.T) {
		s := serve(t)
		u := "/Users/" + s.user("ann@suite.example", "")
		statuses := make(chan int)
		for i := range 20 {
			go func() {
				statuses <- s.do("PUT", u, userBody("ann@suite.example", fmt.Sprintf(`"title":"T%d"`, i)), `If-Match: W/"1"`).status
			}()
		}
		count := map[int]int{}
		for range 20 {
			count[<-statuses]++
		}
		if count[200] != 1 || count[412] != 19 {
			t.Errorf("statuses %v", count)
		}
	})
}
