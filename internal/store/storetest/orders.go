package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/scimbridge/scimbridge/internal/store"
)

var orders = []test{
	{"S-03 S-04 S-05 S-14 texts by code point, none last", func(t *T) {
		t.update(func(tx store.Tx) error {
			for n, name := range []string{"ä", "", "z", "a", "ab", "B", "\U0001f600", "￿", ""} {
				u := user(n)
				u.UserNameKey, u.DisplayNameKey, u.ExternalID = fmt.Sprintf("%s.%d", name, 9-n), name, name
				g := group(n)
				g.DisplayNameKey, g.ExternalID = name, name
				if err := errors.Join(tx.PutUser(u), tx.PutGroup(g)); err != nil {
					return err
				}
			}
			return nil
		})
		byText := []int{5, 3, 4, 2, 0, 7, 6, 1, 8}
		for _, f := range []store.Field{store.FieldDisplayName, store.FieldExternalID} {
			t.inOrder(store.Sort{By: f}, byText, byText)
		}
		t.inOrder(store.Sort{By: store.FieldUserName}, []int{8, 1, 5, 3, 4, 2, 0, 7, 6}, nil)
		t.inOrder(store.Sort{By: store.FieldID}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8})
	}},
	{"S-08 S-12 times, false before true, ties by id", func(t *T) {
		t.update(func(tx store.Tx) error {
			for n := range 4 {
				u, g := user(3-n), group(3-n)
				u.Active, u.Created, u.Modified = n%2 == 0, at(n), at(n/2)
				g.Created, g.Modified = at(-n), at(0)
				if err := errors.Join(tx.PutUser(u), tx.PutGroup(g)); err != nil {
					return err
				}
			}
			return nil
		})
		t.inOrder(store.Sort{By: store.FieldActive}, []int{0, 2, 1, 3}, nil)
		t.inOrder(store.Sort{By: store.FieldCreated}, []int{3, 2, 1, 0}, []int{0, 1, 2, 3})
		t.inOrder(store.Sort{By: store.FieldLastModified}, []int{2, 3, 0, 1}, []int{0, 1, 2, 3})
	}},
	{"what has no order is refused", func(t *T) {
		for _, f := range []store.Field{"", store.FieldEmail, store.FieldGroup, "nickName"} {
			t.fails(store.ErrCondition, "users by "+string(f), func(tx store.Tx) error {
				_, err := collect(tx.Users("t", store.Query{Sort: &store.Sort{By: f}}))
				return err
			})
		}
		for _, f := range []store.Field{store.FieldUserName, store.FieldActive, store.FieldMember} {
			t.fails(store.ErrCondition, "groups by "+string(f), func(tx store.Tx) error {
				_, err := collect(tx.Groups("t", store.Query{Sort: &store.Sort{By: f}}))
				return err
			})
		}
		for f, v := range map[store.Field]any{store.FieldUserName: true, store.FieldActive: "x", store.FieldCreated: "x", store.FieldLastModified: nil} {
			t.fails(store.ErrCondition, fmt.Sprintf("%s after a %T", f, v), func(tx store.Tx) error {
				_, err := collect(tx.Users("t", store.Query{Sort: &store.Sort{By: f}, After: &store.Position{Value: v, ID: "x"}}))
				return err
			})
		}
	}},
	{"K-06 a place outlives the resource that was there", func(t *T) {
		for _, by := range []store.Field{"", store.FieldUserName, store.FieldDisplayName, store.FieldExternalID, store.FieldCreated} {
			var all []*store.User
			t.update(func(tx store.Tx) (err error) {
				for n := range 6 {
					if err := tx.PutUser(user(n)); err != nil {
						return err
					}
				}
				all, err = collect(tx.Users("t", store.Query{}))
				return err
			})
			q := store.Query{Limit: 2}
			if by != "" {
				q.Sort = &store.Sort{By: by}
			}
			for n := range 3 {
				page := reads(t, func(tx store.Tx) ([]*store.User, error) { return collect(tx.Users("t", q)) })
				t.equal(fmt.Sprintf("by %q, page %d", by, n), page, all[2*n:2*n+2])
				last := page[1]
				q.After = &store.Position{Seq: last.Seq, ID: last.ID}
				if by != "" {
					q.After.Value = userValue(by, last)
				}
				t.update(func(tx store.Tx) error { return tx.DeleteUser("t", last.ID, at(9)) })
			}
			if rest := reads(t, func(tx store.Tx) ([]*store.User, error) { return collect(tx.Users("t", q)) }); len(rest) != 0 {
				t.Errorf("by %q: %d more", by, len(rest))
			}
			t.update(func(tx store.Tx) error {
				for _, n := range []int{0, 2, 4} {
					if err := tx.DeleteUser("t", user(n).ID, at(9)); err != nil {
						return err
					}
				}
				return nil
			})
		}
	}},
	{"any walk in any order is the model's", func(t *T) {
		tenant := 0
		rapid.Check(t.T, func(r *rapid.T) {
			tenant++
			w := drawWorld(r, fmt.Sprintf("tenant-%d", tenant))
			t.update(w.store)
			walk(r, "users", w.users, userOrders, userValue, func(u *store.User) (int64, string) { return u.Seq, u.ID }, drawMaybe(r, userLeaf), w.matchesUser,
				func(q store.Query) []*store.User { page, _ := usersAndCount(t, w.tenant, q); return page })
			walk(r, "groups", w.groups, groupOrders, groupValue, func(g *store.Group) (int64, string) { return g.Seq, g.ID }, drawMaybe(r, groupLeaf), w.matchesGroup,
				func(q store.Query) []*store.Group { page, _ := groupsAndCount(t, w.tenant, q); return page })
		})
	}},
}

var meta = []test{
	{"what is put is there, replaced by what is put later", func(t *T) {
		t.fails(store.ErrNotFound, "Meta of nothing", func(tx store.Tx) error { _, err := tx.Meta("a"); return err })
		for _, value := range []string{"1", "", "ü"} {
			t.update(func(tx store.Tx) error { return errors.Join(tx.PutMeta("a", value), tx.PutMeta("b", "other")) })
			t.equal("value", reads(t, func(tx store.Tx) (string, error) { return tx.Meta("a") }), value)
		}
		t.fails(store.ErrNotFound, "a name in another case", func(tx store.Tx) error { _, err := tx.Meta("A"); return err })
		if err := t.Store.View(t.Context(), func(tx store.Tx) error { return tx.PutMeta("a", "x") }); err == nil {
			t.Error("a View wrote")
		}
	}},
}

// inOrder wants users and groups, by number, in an order and in its reverse; nil: not asked.
func (t *T) inOrder(s store.Sort, wantUsers, wantGroups []int) {
	t.Helper()
	for _, s.Descending = range []bool{false, true} {
		if wantUsers != nil {
			want := make([]string, len(wantUsers))
			for i, n := range wantUsers {
				want[i] = user(n).ID
			}
			list := reads(t, func(tx store.Tx) ([]*store.User, error) { return collect(tx.Users("t", store.Query{Sort: &s})) })
			got := make([]string, len(list))
			for i, u := range list {
				got[i] = u.ID
			}
			if s.Descending {
				slices.Reverse(want)
			}
			t.equal(fmt.Sprintf("users by %s, descending %t", s.By, s.Descending), got, want)
		}
		if wantGroups != nil {
			want := make([]string, len(wantGroups))
			for i, n := range wantGroups {
				want[i] = group(n).ID
			}
			if s.Descending {
				slices.Reverse(want)
			}
			got := t.groupIDs(func(tx store.Tx) ([]*store.Group, error) { return collect(tx.Groups("t", store.Query{Sort: &s})) })
			t.equal(fmt.Sprintf("groups by %s, descending %t", s.By, s.Descending), got, want)
		}
	}
}

var (
	userOrders = []store.Field{"", store.FieldID, store.FieldUserName, store.FieldExternalID, store.FieldDisplayName, store.FieldActive,
		store.FieldCreated, store.FieldLastModified}
	groupOrders = []store.Field{"", store.FieldID, store.FieldExternalID, store.FieldDisplayName, store.FieldCreated, store.FieldLastModified}
)

func userValue(by store.Field, u *store.User) any {
	switch by {
	case store.FieldUserName:
		return u.UserNameKey
	case store.FieldActive:
		return u.Active
	}
	return commonValue(by, u.ID, u.ExternalID, u.DisplayNameKey, u.Created, u.Modified)
}

func groupValue(by store.Field, g *store.Group) any {
	return commonValue(by, g.ID, g.ExternalID, g.DisplayNameKey, g.Created, g.Modified)
}

func commonValue(by store.Field, id, externalID, displayName string, created, modified time.Time) any {
	switch by {
	case store.FieldID:
		return id
	case store.FieldExternalID:
		return externalID
	case store.FieldDisplayName:
		return displayName
	case store.FieldCreated:
		return created
	}
	return modified
}

// compareValues is the order of two values of one field.
func compareValues(a, b any) int {
	switch a := a.(type) {
	case bool:
		return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) // "false" before "true"
	case time.Time:
		return a.Compare(b.(time.Time))
	}
	x, y := a.(string), b.(string)
	if (x == "") != (y == "") {
		return strings.Compare(y, x) // what is not there comes last
	}
	return strings.Compare(x, y)
}

func drawMaybe(r *rapid.T, leaf func(*rapid.T) *store.Condition) *store.Condition {
	if rapid.Bool().Draw(r, "all") {
		return nil
	}
	return drawCondition(r, leaf, 2)
}

// walk reads rows page by page, each from the place of the one before, and compares them with a plain sort.
func walk[V any](r *rapid.T, what string, rows []V, fields []store.Field, value func(store.Field, V) any, place func(V) (int64, string),
	where *store.Condition, matches func(*store.Condition, V) bool, ask func(store.Query) []V) {
	by := rapid.SampledFrom(fields).Draw(r, what+" by")
	down := by != "" && rapid.Bool().Draw(r, "descending")
	var want []V
	for _, row := range rows {
		if where == nil || matches(where, row) {
			want = append(want, row)
		}
	}
	if by != "" {
		slices.SortFunc(want, func(a, b V) int {
			_, x := place(a)
			_, y := place(b)
			return cmp.Or(compareValues(value(by, a), value(by, b)), strings.Compare(x, y))
		})
		if down {
			slices.Reverse(want)
		}
	}
	q := store.Query{Where: where, Limit: rapid.IntRange(1, 3).Draw(r, "limit"), Offset: rapid.IntRange(0, 1).Draw(r, "offset")}
	if by != "" {
		q.Sort = &store.Sort{By: by, Descending: down}
	}
	got := append([]V{}, want[:min(q.Offset, len(want))]...)
	for {
		page := ask(q)
		got = append(got, page...)
		if len(page) < q.Limit || len(got) > len(rows) {
			break
		}
		last := page[len(page)-1]
		seq, id := place(last)
		q.After, q.Offset = &store.Position{Seq: seq, ID: id}, 0
		if by != "" {
			q.After.Value = value(by, last)
		}
	}
	if diff := gocmp.Diff(append([]V{}, want...), got, asStored); diff != "" {
		r.Fatalf("%s by %q, descending %t (-want +got):\n%s", what, by, down, diff)
	}
}
