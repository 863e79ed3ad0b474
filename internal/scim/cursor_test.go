package scim

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/scimbridge/scimbridge/internal/directory"
	"pgregory.net/rapid"
)

var unreserved = regexp.MustCompile(`^[A-Za-z0-9._~-]+$`)

// walk reads a list by cursor to its end, calls between after each page, and gives the
// ids in order and how many pages there were.
func (s *suite) walk(query string, between func()) (ids []string, pages int) {
	s.t.Helper()
	cursor := ""
	for {
		r := s.get(query + "&cursor=" + cursor).is(200)
		page := r.ids()
		ids = append(ids, page...)
		pages++
		r.wants(len(page), "itemsPerPage")
		if r.at("startIndex") != nil || r.at("previousCursor") != nil { // K-04
			s.t.Errorf("a page by cursor says %s", r.text)
		}
		next := r.at("nextCursor")
		if next == nil {
			return ids, pages
		}
		if cursor, _ = next.(string); !unreserved.MatchString(cursor) { // K-03
			s.t.Fatalf("nextCursor %v", next)
		}
		if pages > 1000 {
			s.t.Fatal("the walk does not end")
		}
		if between != nil {
			between()
		}
	}
}

func TestChecklistCursor(t *testing.T) {
	r := serveReal(t, func(o *Options) { o.Limits.PageSize, o.Limits.MaxPage = 7, 50 })
	var all []string
	for i := range 95 {
		all = append(all, r.user(fmt.Sprintf("canary%02d@suite.example", (i*37)%95), fmt.Sprintf(`"title":"T%d","nickName":"Nick%d"`, i%2, i%5)))
	}
	first := r.get("/Users?cursor=&count=10&sortBy=userName").is(200)
	cursor, _ := first.at("nextCursor").(string)

	t.Run("K-01 K-13 the first page", func(t *testing.T) {
		s := r.on(t)
		for _, query := range []string{"cursor&count=10", "cursor=&count=10"} {
			page := s.get("/Users?"+query).is(200).wants(95, "totalResults").wants(10, "itemsPerPage")
			if !slices.Equal(page.ids(), all[:10]) || page.at("nextCursor") == nil || page.at("startIndex") != nil {
				t.Error(page.text)
			}
		}
		s.get("/Users").is(200).wants(1, "startIndex").wants(nil, "nextCursor").wants(7, "itemsPerPage")
		s.get("/Users?cursor").is(200).wants(7, "itemsPerPage")
		s.get("/Users?cursor&count=1000").is(200).wants(50, "itemsPerPage")
	})
	for _, tt := range []struct {
		id, query string
		pages     int
	}{
		{"K-02 K-03 K-04 K-05 creation order", "count=10", 10},
		{"K-02 pages that come out even", "count=19", 5},
		{"K-12 by a column", "count=10&sortBy=userName", 10},
		{"K-12 by a column with ties, downwards", "count=10&sortBy=active&sortOrder=descending", 10},
		{"K-12 by a time", "count=10&sortBy=meta.lastModified&sortOrder=descending", 10},
		{"K-12 by anything", "count=10&sortBy=nickName", 10},
		{"K-12 by what nobody has", "count=10&sortBy=" + ent + ":department&sortOrder=descending", 10},
		{"K-17 of an index", "count=10&filter=" + url.QueryEscape(`userName sw "canary1"`), 1},
		{"K-17 of a filter", "count=10&filter=" + url.QueryEscape(`title eq "T1"`), 5},
		{"K-17 of a filter, sorted", "count=10&sortBy=userName&sortOrder=descending&filter=" + url.QueryEscape(`title eq "T1"`), 5},
	} {
		t.Run(tt.id, func(t *testing.T) {
			s := r.on(t)
			var want []string
			for at := 1; ; at += 50 { // the same list by index
				page := s.get(fmt.Sprintf("/Users?%s&count=50&startIndex=%d", strings.Replace(tt.query, "count=", "x=", 1), at)).is(200).ids()
				want = append(want, page...)
				if len(page) < 50 {
					break
				}
			}
			got, pages := s.walk("/Users?"+tt.query, nil)
			if diff := cmp.Diff(want, got); diff != "" || pages != tt.pages || len(got) == 0 {
				t.Errorf("%d pages, want %d (-want +got)\n%s", pages, tt.pages, diff)
			}
		})
	}
	t.Run("K-07 K-17 not of this query", func(t *testing.T) {
		s := r.on(t)
		s.get("/Users?count=10&sortBy=userName&cursor=" + cursor).is(200)
		byte0 := "A"
		if cursor[0] == 'A' {
			byte0 = "B"
		}
		for _, path := range []string{
			"/Users?sortBy=userName&cursor=nonsense", "/Users?sortBy=userName&cursor=%00%ff", "/Users?sortBy=userName&cursor=" + cursor[1:], "/Users?sortBy=userName&cursor=" + cursor[:len(cursor)-4],
			"/Users?sortBy=userName&cursor=" + byte0 + cursor[1:], "/Users?sortBy=userName&cursor=" + cursor + "AAAA",
			"/Users?cursor=" + cursor, "/Users?sortBy=displayName&cursor=" + cursor, "/Users?sortBy=userName&sortOrder=descending&cursor=" + cursor,
			"/Users?sortBy=userName&filter=title+pr&cursor=" + cursor, "/?sortBy=userName&cursor=" + cursor,
			"/Groups?sortBy=displayName&cursor=" + cursor,
		} {
			s.get(path).refused(400, "invalidCursor")
		}
		groups := s.get("/Groups?cursor=").is(200)
		if groups.at("nextCursor") != nil {
			t.Error(groups.text)
		}
	})
	t.Run("K-07 of another tenant", func(t *testing.T) {
		r.over(t, func(o *Options) { o.CursorKey = bytes.Repeat([]byte{1}, 32) }).get("/Users?sortBy=userName&cursor="+cursor).refused(400, "invalidCursor")
		r.over(t, func(o *Options) { o.CursorKey = nil }).get("/Users?sortBy=userName&cursor="+cursor).refused(400, "invalidCursor")
	})
	t.Run("K-08 cursors do not expire, nor with the process", func(t *testing.T) {
		next := r.get("/Users?count=10&sortBy=userName&cursor=" + cursor).is(200)
		if again := r.over(t).get("/Users?count=10&sortBy=userName&cursor=" + cursor).is(200); !slices.Equal(again.ids(), next.ids()) {
			t.Errorf("another process goes on with %v, want %v", again.ids(), next.ids())
		}
		if timeout := r.on(t).get("/ServiceProviderConfig").wants(true, "pagination", "cursor").wants("index", "pagination", "defaultPaginationMethod").at("pagination", "cursorTimeout"); timeout != nil {
			t.Errorf("cursorTimeout %v", timeout)
		}
	})
	t.Run("K-09 count", func(t *testing.T) {
		s := r.on(t)
		s.get("/Users?cursor&count=ten").refused(400, "invalidCount")
		s.get("/Users?cursor&count=").refused(400, "invalidCount")
		s.get("/Users?count=ten").refused(400, "invalidValue")
		s.get("/Users?cursor&count=-1").is(200).wants(0, "itemsPerPage").wants(95, "totalResults")
		s.get("/Users?count=3&sortBy=userName&cursor="+cursor).is(200).wants(3, "itemsPerPage")
		s.do("POST", "/Users/.search", `{"schemas":["`+searchURN+`"],"cursor":"","count":"x"}`).refused(400, "invalidCount")
	})
	t.Run("K-10 K-11 the number only", func(t *testing.T) {
		s := r.on(t)
		for _, query := range []string{"cursor&count=0", "cursor&count=0&sortBy=title", "cursor&count=0&filter=title+eq+%22T1%22"} {
			page := s.get("/Users?"+query).is(200).wants([]any{}, "Resources").wants(nil, "nextCursor")
			if n, _ := page.at("totalResults").(float64); n != 95 && n != 47 {
				t.Error(page.text)
			}
		}
	})
	t.Run("K-14 cursor and startIndex", func(t *testing.T) {
		s := r.on(t)
		s.get("/Users?cursor&startIndex=1").refused(400, "invalidValue")
		s.get("/Users?cursor&cursor").refused(400, "invalidValue")
		s.do("POST", "/Users/.search", `{"schemas":["`+searchURN+`"],"cursor":"","startIndex":1}`).refused(400, "invalidValue")
	})
	t.Run("K-15 search", func(t *testing.T) {
		s := r.on(t)
		var got []string
		next := ""
		for {
			page := s.do("POST", "/Users/.search", jsonOf(map[string]any{"schemas": []string{searchURN}, "cursor": next, "count": 40})).is(200).wants(nil, "startIndex")
			got = append(got, page.ids()...)
			if next, _ = page.at("nextCursor").(string); next == "" {
				break
			}
		}
		if !slices.Equal(got, all) {
			t.Errorf("got %v", got)
		}
		s.do("POST", "/Users/.search", jsonOf(map[string]any{"schemas": []string{searchURN}, "sortBy": "userName", "cursor": cursor})).is(200).wants(7, "itemsPerPage")
		s.do("POST", "/Users/.search", jsonOf(map[string]any{"schemas": []string{searchURN}, "cursor": cursor})).refused(400, "invalidCursor")
		s.do("POST", "/Users/.search", jsonOf(map[string]any{"schemas": []string{searchURN}, "cursor": 5})).refused(400, "invalidValue")
		s.do("POST", "/Users/.search", `{"schemas":["`+searchURN+`"],"cursor":null}`).is(200).wants(1, "startIndex")
	})
	t.Run("K-16 a cursor says and grants nothing", func(t *testing.T) {
		plain, err := base64.RawURLEncoding.DecodeString(cursor)
		if err != nil || bytes.Contains(plain, []byte("canary")) || strings.Contains(cursor, "canary") {
			t.Errorf("%q, %v", plain, err)
		}
		r.on(t).get("/Users?sortBy=userName&cursor="+cursor, "Authorization: ").refused(401, "")
	})
}

// TestCursorsAreSealed: what was sealed is opened as it was, for its list alone, and
// every bit of it counts.
func TestCursorsAreSealed(t *testing.T) {
	cs, err := newCursors(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		p := place{group: rapid.Bool().Draw(r, "group"), Position: directory.Position{
			Seq: rapid.Int64Min(0).Draw(r, "seq"), None: rapid.Bool().Draw(r, "none"), Key: rapid.String().Draw(r, "key"), ID: rapid.String().Draw(r, "id")}}
		list := rapid.String().Draw(r, "list")
		cursor := cs.seal(list, p)
		got, err := cs.open(list, cursor)
		if err != nil || *got != p || !unreserved.MatchString(cursor) {
			r.Fatalf("%s: %+v, %v; want %+v", cursor, got, err, p)
		}
		if _, err := cs.open(list+"x", cursor); err == nil {
			r.Fatal("opened for another list")
		}
		sealed, _ := base64.RawURLEncoding.DecodeString(cursor)
		sealed[rapid.IntRange(0, len(sealed)-1).Draw(r, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(r, "bit")
		if _, err := cs.open(list, base64.RawURLEncoding.EncodeToString(sealed)); err == nil {
			r.Fatal("opened after a change")
		}
	})
	if _, err := newCursors([]byte("short")); err == nil {
		t.Error("a short key is taken")
	}
}

// TestChecklistWalkAmongWrites is K-06: whoever is not written during a walk is shown
// once, in his place, whatever is created, changed and deleted between its pages.
func TestChecklistWalkAmongWrites(t *testing.T) {
	r := serveReal(t)
	serial := 0
	create := func(s *suite, title string) string {
		serial++
		return s.user(fmt.Sprintf("u%d@suite.example", serial*7919%10007), fmt.Sprintf(`"title":%q,"displayName":%q`, title, title))
	}
	var there []string
	for range 12 {
		there = append(there, create(r.suite, "m"))
	}
	rapid.Check(t, func(rt *rapid.T) {
		s := r.on(t)
		query := rapid.SampledFrom([]string{"", "sortBy=userName", "sortBy=displayName", "sortBy=title", "sortBy=meta.lastModified", "sortBy=id",
			"sortBy=nickName", "filter=title+pr", "filter=title+pr&sortBy=displayName", "filter=title+pr&sortBy=title"}).Draw(rt, "query")
		if strings.Contains(query, "sortBy") && rapid.Bool().Draw(rt, "descending") {
			query += "&sortOrder=descending"
		}
		title := rapid.SampledFrom([]string{"a", "m", "M", "z", "ä"})
		touched := map[string]bool{}
		before := slices.Clone(there)
		got, _ := s.walk(fmt.Sprintf("/Users?%s&count=%d", query, rapid.IntRange(1, 5).Draw(rt, "count")), func() {
			switch rapid.IntRange(0, 3).Draw(rt, "write") {
			case 0:
				id := create(s, title.Draw(rt, "title"))
				there, touched[id] = append(there, id), true
			case 1:
				if len(there) > 8 {
					i := rapid.IntRange(0, len(there)-1).Draw(rt, "who")
					s.do("DELETE", "/Users/"+there[i], "").is(204)
					touched[there[i]] = true
					there = slices.Delete(there, i, i+1)
				}
			case 2:
				id := there[rapid.IntRange(0, len(there)-1).Draw(rt, "who")]
				value := jsonOf(title.Draw(rt, "title"))
				s.do("PATCH", "/Users/"+id, patchBody(`{"op":"replace","value":{"title":`+value+`,"displayName":`+value+`}}`)).is(200)
				touched[id] = true
			}
		})
		isTouched := func(id string) bool { return touched[id] }
		want := slices.DeleteFunc(s.get("/Users?count=1000&"+query).is(200).ids(), isTouched)
		if got = slices.DeleteFunc(got, isTouched); !slices.Equal(got, want) {
			rt.Fatalf("%s: untouched ones in the walk %v\nwant %v", query, got, want)
		}
		if untouched := slices.DeleteFunc(before, isTouched); len(untouched) != len(want) {
			rt.Fatalf("%d were untouched, %d are listed", len(untouched), len(want))
		}
	})
}
