package directory

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// byTitle is a sort key that no column has.
func byTitle(u *User) (string, bool) {
	title, ok := u.Document["title"].(string)
	return title, ok
}

func (w *world) names(q UserQuery) (names []string, page []User) {
	w.t.Helper()
	total, page, err := w.dir.Users(w.t.Context(), q)
	if err != nil {
		w.t.Fatal(err)
	}
	names = []string{fmt.Sprint(total)}
	for _, u := range page {
		name, _ := u.Document["userName"].(string)
		names = append(names, strings.TrimSuffix(name, "@example.com"))
	}
	return names, page
}

func TestOrders(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for _, p := range [][3]string{{"d", "3", "x"}, {"b", "", "y"}, {"c", "1", ""}, {"a", "2", "X"}} {
			doc := person(p[0] + "@example.com")
			if p[1] != "" {
				doc["title"] = p[1]
			}
			if p[2] != "" {
				doc["displayName"] = p[2]
			}
			w.create(doc)
			time.Sleep(time.Second)
		}
		title, down := &Sort{}, &Sort{Descending: true}
		notC := func(u *User) bool { return u.Document["userName"] != "c@example.com" }
		for _, test := range []struct {
			name string
			q    UserQuery
			want string
		}{
			{"first stored", UserQuery{Limit: -1}, "4 d b c a"},
			{"by a column", UserQuery{Limit: -1, Sort: &Sort{By: store.FieldUserName}}, "4 a b c d"},
			{"by a column, downwards", UserQuery{Limit: 2, Sort: &Sort{By: store.FieldUserName, Descending: true}}, "4 d c"},
			{"by a column, of matches", UserQuery{Limit: 1, Offset: 1, Sort: &Sort{By: store.FieldUserName}, Match: notC}, "3 b"},
			{"by a time", UserQuery{Limit: -1, Sort: &Sort{By: store.FieldCreated, Descending: true}}, "4 a c b d"},
			{"by a key", UserQuery{Limit: -1, Sort: title, Key: byTitle}, "4 c a d b"},
			{"by a key, downwards", UserQuery{Limit: -1, Sort: down, Key: byTitle}, "4 b d a c"},
			{"by a key, a page", UserQuery{Offset: 1, Limit: 2, Sort: title, Key: byTitle}, "4 a d"},
			{"by a key, of matches", UserQuery{Limit: 2, Sort: title, Key: byTitle, Match: notC}, "3 a d"},
			{"by a key, the number alone", UserQuery{Sort: title, Key: byTitle, Match: notC}, "3"},
			{"by a key, past the end", UserQuery{Offset: 9, Limit: 1, Sort: title, Key: byTitle}, "4"},
			{"by a key, of an index", UserQuery{Limit: -1, Sort: title, Key: byTitle, Where: &Condition{Field: store.FieldDisplayName, Cmp: store.Eq, Value: "x"}}, "2 a d"},
			{"after somebody without a value, of who all have one", UserQuery{Limit: -1, Sort: &Sort{By: store.FieldUserName}, After: &Position{None: true, ID: "g"}}, "4"},
			{"the same, downwards", UserQuery{Limit: -1, Sort: &Sort{By: store.FieldUserName, Descending: true}, After: &Position{None: true, ID: "g"}}, "4 d c b a"},
		} {
			if got, _ := w.names(test.q); strings.Join(got, " ") != test.want {
				w.t.Errorf("%s: %v, want %s", test.name, got, test.want)
			}
		}
		// K-05: from each one's place on come the others, in every order and with and without a Match.
		for _, by := range []Field{"none", "", store.FieldID, store.FieldUserName, store.FieldDisplayName, store.FieldExternalID, store.FieldActive, store.FieldCreated, store.FieldLastModified} {
			for _, match := range []func(*User) bool{nil, notC} {
				for _, descending := range []bool{false, true} {
					q := UserQuery{Limit: -1, Match: match, Sort: &Sort{By: by, Descending: descending}, Key: byTitle}
					if by == "none" {
						q.Sort = nil
					}
					want, page := w.names(q)
					for i := range page {
						q.After = &page[i].Position
						if got, _ := w.names(q); got[0] != want[0] || !slices.Equal(got[1:], want[i+2:]) {
							w.t.Errorf("by %q, descending %t, after %s: %v, want %v", by, descending, want[i+1], got, want[i+2:])
						}
					}
				}
			}
		}
	})
}

// TestLongKeys: what a value is beyond MostKey takes no memory and has no say.
func TestLongKeys(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		long := strings.Repeat("x", MostKey)
		ids := []string{w.create(person("a@example.com", "title", long+"2")).ID, w.create(person("b@example.com", "title", long+"1")).ID}
		first := w.create(person("c@example.com", "title", long[1:]+"0")).ID
		slices.Sort(ids)
		_, page := w.names(UserQuery{Limit: -1, Sort: &Sort{}, Key: byTitle})
		var got []string
		for _, u := range page {
			got = append(got, u.ID)
			if len(u.Position.Key) > MostKey {
				w.t.Errorf("a key of %d bytes", len(u.Position.Key))
			}
		}
		if want := append([]string{first}, ids...); !slices.Equal(got, want) {
			w.t.Errorf("order %v, want %v", got, want)
		}
	})
}
