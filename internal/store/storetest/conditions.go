package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/scimbridge/scimbridge/internal/store"
)

func eq(f store.Field, v any) *store.Condition {
	return &store.Condition{Field: f, Cmp: store.Eq, Value: v}
}

var conditions = []test{
	{"each field finds what it says", func(t *T) {
		inactive := user(2)
		inactive.Active = false
		t.update(func(tx store.Tx) error {
			err := errors.Join(tx.PutUser(user(1)), tx.PutUser(inactive), tx.PutUser(user(30)), tx.PutGroup(group(1)), tx.PutGroup(group(2)))
			if err != nil {
				return err
			}
			return errors.Join(t.add(tx, group(1).ID, user(1).ID, user(2).ID), t.add(tx, group(2).ID, user(2).ID, group(1).ID))
		})
		for _, c := range []struct {
			name  string
			where *store.Condition
			want  []int
		}{
			{"id", eq(store.FieldID, user(2).ID), []int{2}},
			{"userName", eq(store.FieldUserName, "user2@example.com"), []int{2}},
			{"userName sw", &store.Condition{Field: store.FieldUserName, Cmp: store.Sw, Value: "user"}, []int{1, 2, 30}},
			{"userName sw 3", &store.Condition{Field: store.FieldUserName, Cmp: store.Sw, Value: "user3"}, []int{30}},
			{"externalId", eq(store.FieldExternalID, "Ext-1"), []int{1}},
			{"externalId in another case", eq(store.FieldExternalID, "ext-1"), nil},
			{"displayName", eq(store.FieldDisplayName, "user ü 30"), []int{30}},
			{"displayName sw", &store.Condition{Field: store.FieldDisplayName, Cmp: store.Sw, Value: "user ü 3"}, []int{30}},
			{"emails.value", eq(store.FieldEmail, "u30@example.org"), []int{30}},
			{"active", eq(store.FieldActive, true), []int{1, 30}},
			{"inactive", eq(store.FieldActive, false), []int{2}},
			{"groups.value", eq(store.FieldGroup, group(1).ID), []int{1, 2}},
			{"modified at", eq(store.FieldLastModified, user(2).Modified), []int{2}},
			{"modified after", &store.Condition{Field: store.FieldLastModified, Cmp: store.Gt, Value: user(2).Modified}, []int{30}},
			{"modified from", &store.Condition{Field: store.FieldLastModified, Cmp: store.Ge, Value: user(2).Modified}, []int{2, 30}},
			{"modified before", &store.Condition{Field: store.FieldLastModified, Cmp: store.Lt, Value: user(2).Modified}, []int{1}},
			{"modified until", &store.Condition{Field: store.FieldLastModified, Cmp: store.Le, Value: user(2).Modified}, []int{1, 2}},
			{"finer than is stored", &store.Condition{Field: store.FieldLastModified, Cmp: store.Ge, Value: user(2).Modified.Add(1)}, []int{30}},
			{"all", &store.Condition{All: []*store.Condition{eq(store.FieldGroup, group(2).ID), eq(store.FieldActive, false)}}, []int{2}},
			{"any", &store.Condition{Any: []*store.Condition{eq(store.FieldID, user(30).ID), eq(store.FieldActive, false)}}, []int{2, 30}},
		} {
			var want []string
			for _, n := range c.want {
				want = append(want, user(n).ID)
			}
			t.equal(c.name, t.idsOf(c.where), want)
			t.equal(c.name+" counted", reads(t, func(tx store.Tx) (int, error) { return tx.CountUsers("t", c.where) }), len(want))
		}
		for _, c := range []struct {
			name  string
			where *store.Condition
			want  []string
		}{
			{"id", eq(store.FieldID, group(2).ID), []string{group(2).ID}},
			{"displayName", eq(store.FieldDisplayName, "group 2"), []string{group(2).ID}},
			{"displayName sw", &store.Condition{Field: store.FieldDisplayName, Cmp: store.Sw, Value: "group"}, []string{group(1).ID, group(2).ID}},
			{"externalId", eq(store.FieldExternalID, "GExt-1"), []string{group(1).ID}},
			{"members.value", eq(store.FieldMember, user(2).ID), []string{group(1).ID, group(2).ID}},
			{"members.value of a group", eq(store.FieldMember, group(1).ID), []string{group(2).ID}},
			{"modified", &store.Condition{Field: store.FieldLastModified, Cmp: store.Gt, Value: group(1).Modified}, []string{group(2).ID}},
		} {
			got := t.groupIDs(func(tx store.Tx) ([]*store.Group, error) { return collect(tx.Groups("t", store.Query{Where: c.where})) })
			t.equal("groups by "+c.name, got, c.want)
			t.equal("groups by "+c.name+" counted", reads(t, func(tx store.Tx) (int, error) { return tx.CountGroups("t", c.where) }), len(c.want))
		}
	}},
	{"an empty text is an attribute that is not there", func(t *T) {
		t.update(func(tx store.Tx) error {
			bare := &store.User{Tenant: "t", ID: "bare", UserNameKey: "bare", EmailKeys: []string{""}}
			return errors.Join(tx.PutUser(bare), tx.PutUser(user(1)))
		})
		for _, f := range []store.Field{store.FieldID, store.FieldUserName, store.FieldExternalID, store.FieldDisplayName, store.FieldEmail, store.FieldGroup} {
			t.equal(string(f)+` eq ""`, t.idsOf(eq(f, "")), []string{})
			t.equal(string(f)+` eq "" or ""`, t.idsOf(&store.Condition{Any: []*store.Condition{eq(f, ""), eq(f, "")}}), []string{})
		}
		sw := &store.Condition{Field: store.FieldDisplayName, Cmp: store.Sw, Value: ""}
		t.equal(`displayName sw ""`, t.idsOf(sw), []string{user(1).ID})
	}},
	{"what no index answers is refused", func(t *T) {
		good := eq(store.FieldID, "x")
		for name, c := range map[string]*store.Condition{
			"empty":                 {},
			"field and all":         {Field: store.FieldID, Cmp: store.Eq, Value: "x", All: []*store.Condition{good}},
			"all and any":           {All: []*store.Condition{good}, Any: []*store.Condition{good}},
			"nil inside":            {Any: []*store.Condition{good, nil}},
			"deep inside":           {All: []*store.Condition{good, {Any: []*store.Condition{good, {}}}}},
			"unknown field":         eq("nickName", "x"),
			"unknown comparison":    {Field: store.FieldID, Cmp: "co", Value: "x"},
			"prefix of an id":       {Field: store.FieldID, Cmp: store.Sw, Value: "x"},
			"order of texts":        {Field: store.FieldUserName, Cmp: store.Gt, Value: "x"},
			"order of booleans":     {Field: store.FieldActive, Cmp: store.Gt, Value: true},
			"text for a boolean":    eq(store.FieldActive, "true"),
			"text for a time":       eq(store.FieldLastModified, "2026-01-01T00:00:00Z"),
			"number for a text":     eq(store.FieldUserName, 5),
			"nil for a text":        eq(store.FieldUserName, nil),
			"group's field":         eq(store.FieldMember, "x"),
			"boolean for an e-mail": eq(store.FieldEmail, true),
		} {
			t.fails(store.ErrCondition, name+": Users", func(tx store.Tx) error {
				_, err := collect(tx.Users("t", store.Query{Where: c}))
				return err
			})
			t.fails(store.ErrCondition, name+": CountUsers", func(tx store.Tx) error { _, err := tx.CountUsers("t", c); return err })
		}
		for _, f := range []store.Field{store.FieldUserName, store.FieldEmail, store.FieldGroup} {
			t.fails(store.ErrCondition, "Groups by "+string(f), func(tx store.Tx) error {
				_, err := collect(tx.Groups("t", store.Query{Where: eq(f, "x")}))
				return err
			})
			t.fails(store.ErrCondition, "CountGroups by "+string(f), func(tx store.Tx) error { _, err := tx.CountGroups("t", eq(f, "x")); return err })
		}
	}},
	{"a list of 5,000 ids is one condition", func(t *T) {
		t.update(func(tx store.Tx) error {
			return errors.Join(tx.PutUser(user(1)), tx.PutUser(user(2)), tx.PutUser(user(3)))
		})
		var list []*store.Condition
		for n := range 5000 {
			list = append(list, eq(store.FieldID, fmt.Sprintf("nobody-%d", n)))
		}
		list = append(list, eq(store.FieldID, user(3).ID), eq(store.FieldID, user(1).ID), eq(store.FieldUserName, user(2).UserNameKey))
		t.equal("ids", t.idsOf(&store.Condition{Any: list}), []string{user(1).ID, user(2).ID, user(3).ID})
		var names []*store.Condition
		for n := range 300 { // of a kind that is no list
			names = append(names, &store.Condition{Field: store.FieldUserName, Cmp: store.Sw, Value: fmt.Sprintf("nobody-%d", n)})
		}
		names = append(names, &store.Condition{Field: store.FieldUserName, Cmp: store.Sw, Value: "user2"})
		t.equal("prefixes", t.idsOf(&store.Condition{Any: names}), []string{user(2).ID})
	}},
	{"any condition selects what it means", func(t *T) {
		tenant := 0
		rapid.Check(t.T, func(r *rapid.T) {
			tenant++
			w := drawWorld(r, fmt.Sprintf("tenant-%d", tenant))
			t.update(w.store)
			for range 4 {
				where := drawCondition(r, userLeaf, 3)
				compareQuery(r, "users", where, w.users, w.matchesUser, func(q store.Query) ([]*store.User, int) { return usersAndCount(t, w.tenant, q) })
				where = drawCondition(r, groupLeaf, 3)
				compareQuery(r, "groups", where, w.groups, w.matchesGroup, func(q store.Query) ([]*store.Group, int) { return groupsAndCount(t, w.tenant, q) })
			}
		})
	}},
}

func usersAndCount(t *T, tenant string, q store.Query) (page []*store.User, total int) {
	t.view(func(tx store.Tx) (err error) {
		if page, err = collect(tx.Users(tenant, q)); err == nil {
			total, err = tx.CountUsers(tenant, q.Where)
		}
		return err
	})
	return page, total
}

func groupsAndCount(t *T, tenant string, q store.Query) (page []*store.Group, total int) {
	t.view(func(tx store.Tx) (err error) {
		if page, err = collect(tx.Groups(tenant, q)); err == nil {
			total, err = tx.CountGroups(tenant, q.Where)
		}
		return err
	})
	return page, total
}

// compareQuery compares a page and a count with a walk over all rows.
func compareQuery[V any](r *rapid.T, what string, where *store.Condition, rows []V, matches func(*store.Condition, V) bool, ask func(store.Query) ([]V, int)) {
	var want []V
	for _, row := range rows {
		if matches(where, row) {
			want = append(want, row)
		}
	}
	q := store.Query{Where: where, Offset: rapid.IntRange(0, 4).Draw(r, "offset"), Limit: rapid.IntRange(0, 4).Draw(r, "limit")}
	page, total := ask(q)
	if total != len(want) {
		r.Fatalf("%s: count %d, want %d", what, total, len(want))
	}
	want = want[min(q.Offset, len(want)):]
	if q.Limit > 0 {
		want = want[:min(q.Limit, len(want))]
	}
	if diff := cmp.Diff(want, page, asStored); diff != "" {
		r.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

// world is a small tenant in which values collide often.
type world struct {
	tenant  string
	users   []*store.User
	groups  []*store.Group
	members map[[2]string]bool // group, member
}

// texts are values that are prefixes of each other, mean something to SQL, or are not there.
var texts = []string{"", "a", "ab", "abc", "b", "%", "_", "a%", "'", "\\", "ä", "z", "\U0010ffff", "a\U0010ffff"}

func drawWorld(r *rapid.T, tenant string) *world {
	w := &world{tenant: tenant, members: make(map[[2]string]bool)}
	text := rapid.SampledFrom(texts)
	seconds := rapid.IntRange(0, 4)
	for n := range rapid.IntRange(0, 8).Draw(r, "users") {
		u := user(n)
		u.Tenant, u.UserNameKey = tenant, fmt.Sprintf("%s.%d", text.Draw(r, "userName"), n)
		u.ExternalID, u.DisplayNameKey = text.Draw(r, "externalId"), text.Draw(r, "displayName")
		u.EmailKeys = rapid.SliceOfNDistinct(text, 0, 3, rapid.ID).Draw(r, "emails")
		u.Active, u.Modified = rapid.Bool().Draw(r, "active"), at(seconds.Draw(r, "modified"))
		w.users = append(w.users, u)
	}
	for n := range rapid.IntRange(0, 4).Draw(r, "groups") {
		g := group(n)
		g.Tenant, g.ExternalID, g.DisplayNameKey = tenant, text.Draw(r, "externalId"), text.Draw(r, "displayName")
		g.Modified = at(seconds.Draw(r, "modified"))
		w.groups = append(w.groups, g)
		for _, u := range w.users {
			if rapid.Bool().Draw(r, "member") {
				w.members[[2]string{g.ID, u.ID}] = true
			}
		}
	}
	return w
}

func (w *world) store(tx store.Tx) error {
	for _, u := range w.users {
		if err := tx.PutUser(u); err != nil {
			return err
		}
	}
	for _, g := range w.groups {
		if err := tx.PutGroup(g); err != nil {
			return err
		}
	}
	for m := range w.members {
		if _, err := tx.AddMember(w.tenant, store.Member{Group: m[0], ID: m[1], Type: "User"}); err != nil {
			return err
		}
	}
	return nil
}

func drawCondition(r *rapid.T, leaf func(*rapid.T) *store.Condition, depth int) *store.Condition {
	kind := 0
	if depth > 0 {
		kind = rapid.IntRange(0, 3).Draw(r, "kind")
	}
	var list []*store.Condition
	if kind >= 2 {
		for range rapid.IntRange(1, 4).Draw(r, "terms") {
			list = append(list, drawCondition(r, leaf, depth-1))
		}
	}
	switch kind {
	case 2:
		return &store.Condition{All: list}
	case 3:
		return &store.Condition{Any: list}
	}
	return leaf(r)
}

func drawText(r *rapid.T, f store.Field) *store.Condition {
	c := eq(f, rapid.SampledFrom(texts).Draw(r, "text"))
	if (f == store.FieldUserName || f == store.FieldDisplayName) && rapid.Bool().Draw(r, "prefix") {
		c.Cmp = store.Sw
	}
	return c
}

func drawTime(r *rapid.T) *store.Condition {
	fine := time.Duration(rapid.IntRange(0, 1).Draw(r, "nanoseconds"))
	return &store.Condition{
		Field: store.FieldLastModified,
		Cmp:   rapid.SampledFrom([]store.Cmp{store.Eq, store.Gt, store.Ge, store.Lt, store.Le}).Draw(r, "cmp"),
		Value: at(rapid.IntRange(0, 4).Draw(r, "time")).Add(fine),
	}
}

func userLeaf(r *rapid.T) *store.Condition {
	f := rapid.SampledFrom([]store.Field{
		store.FieldID, store.FieldUserName, store.FieldExternalID, store.FieldDisplayName, store.FieldEmail,
		store.FieldActive, store.FieldGroup, store.FieldLastModified,
	}).Draw(r, "field")
	switch f {
	case store.FieldID:
		return eq(f, user(rapid.IntRange(0, 9).Draw(r, "user")).ID)
	case store.FieldGroup:
		return eq(f, group(rapid.IntRange(0, 5).Draw(r, "group")).ID)
	case store.FieldActive:
		return eq(f, rapid.Bool().Draw(r, "active"))
	case store.FieldLastModified:
		return drawTime(r)
	case store.FieldUserName:
		if rapid.Bool().Draw(r, "whole") {
			return eq(f, fmt.Sprintf("%s.%d", rapid.SampledFrom(texts).Draw(r, "text"), rapid.IntRange(0, 4).Draw(r, "n")))
		}
	}
	return drawText(r, f)
}

func groupLeaf(r *rapid.T) *store.Condition {
	f := rapid.SampledFrom([]store.Field{
		store.FieldID, store.FieldExternalID, store.FieldDisplayName, store.FieldMember, store.FieldLastModified,
	}).Draw(r, "field")
	switch f {
	case store.FieldID:
		return eq(f, group(rapid.IntRange(0, 5).Draw(r, "group")).ID)
	case store.FieldMember:
		return eq(f, user(rapid.IntRange(0, 9).Draw(r, "user")).ID)
	case store.FieldLastModified:
		return drawTime(r)
	}
	return drawText(r, f)
}

func (w *world) matchesUser(c *store.Condition, u *store.User) bool {
	switch {
	case c.All != nil:
		return !slices.ContainsFunc(c.All, func(c *store.Condition) bool { return !w.matchesUser(c, u) })
	case c.Any != nil:
		return slices.ContainsFunc(c.Any, func(c *store.Condition) bool { return w.matchesUser(c, u) })
	}
	switch c.Field {
	case store.FieldActive:
		return u.Active == c.Value.(bool)
	case store.FieldGroup:
		return w.members[[2]string{c.Value.(string), u.ID}]
	case store.FieldEmail:
		return c.Value != "" && slices.Contains(u.EmailKeys, c.Value.(string))
	case store.FieldUserName:
		return matchesText(c, u.UserNameKey)
	}
	return matchesCommon(c, u.ID, u.ExternalID, u.DisplayNameKey, u.Modified)
}

func (w *world) matchesGroup(c *store.Condition, g *store.Group) bool {
	switch {
	case c.All != nil:
		return !slices.ContainsFunc(c.All, func(c *store.Condition) bool { return !w.matchesGroup(c, g) })
	case c.Any != nil:
		return slices.ContainsFunc(c.Any, func(c *store.Condition) bool { return w.matchesGroup(c, g) })
	case c.Field == store.FieldMember:
		return w.members[[2]string{g.ID, c.Value.(string)}]
	}
	return matchesCommon(c, g.ID, g.ExternalID, g.DisplayNameKey, g.Modified)
}

func matchesCommon(c *store.Condition, id, externalID, displayName string, modified time.Time) bool {
	switch c.Field {
	case store.FieldID:
		return matchesText(c, id)
	case store.FieldExternalID:
		return matchesText(c, externalID)
	case store.FieldDisplayName:
		return matchesText(c, displayName)
	}
	order := modified.Compare(c.Value.(time.Time))
	switch c.Cmp {
	case store.Eq:
		return order == 0
	case store.Gt:
		return order > 0
	case store.Ge:
		return order >= 0
	case store.Lt:
		return order < 0
	}
	return order <= 0
}

func matchesText(c *store.Condition, have string) bool {
	if have == "" {
		return false
	}
	if c.Cmp == store.Sw {
		return strings.HasPrefix(have, c.Value.(string))
	}
	return have == c.Value
}
