package storetest

import (
	"errors"
	"fmt"

	"github.com/scimbridge/scimbridge/internal/store"
)

// group is a group of the tenant t with every field set.
func group(n int) *store.Group {
	return &store.Group{
		Tenant: "t", ID: fmt.Sprintf("group-%03d", n),
		DisplayName: fmt.Sprintf("Group %d", n), DisplayNameKey: fmt.Sprintf("group %d", n), ExternalID: fmt.Sprintf("GExt-%d", n),
		Version: int64(n + 1), Created: at(n), Modified: at(n + 1000),
	}
}

func (t *T) groupIDs(fn func(tx store.Tx) ([]*store.Group, error)) []string {
	t.Helper()
	var ids []string
	for _, g := range reads(t, fn) {
		ids = append(ids, g.ID)
	}
	return ids
}

var groups = []test{
	{"PutGroup inserts and replaces, and Group finds", func(t *T) {
		t.fails(store.ErrNotFound, "Group", func(tx store.Tx) error { _, err := tx.Group("t", group(1).ID); return err })
		other := group(2)
		other.ID = group(1).ID
		for _, want := range []*store.Group{group(1), other, {Tenant: "t", ID: group(1).ID}} {
			t.update(func(tx store.Tx) error { return tx.PutGroup(want) })
			t.equal("group", reads(t, func(tx store.Tx) (*store.Group, error) { return tx.Group("t", want.ID) }), want)
		}
		t.fails(store.ErrNotFound, "Group of another tenant", func(tx store.Tx) error { _, err := tx.Group("u", group(1).ID); return err })
	}},
	{"names may repeat, and GroupsByName finds all", func(t *T) {
		a, b, c := group(1), group(2), group(3)
		a.DisplayNameKey, b.DisplayNameKey = "twin", "twin"
		t.update(func(tx store.Tx) error { return errors.Join(tx.PutGroup(b), tx.PutGroup(c), tx.PutGroup(a)) })
		t.equal("twins", t.groupIDs(func(tx store.Tx) ([]*store.Group, error) { return tx.GroupsByName("t", "twin") }), []string{b.ID, a.ID})
		for _, none := range []string{"", "nobody"} {
			t.equal("groups named "+none, t.groupIDs(func(tx store.Tx) ([]*store.Group, error) { return tx.GroupsByName("t", none) }), []string(nil))
		}
	}},
	{"Members in the order they were added, with the name of now", func(t *T) {
		nameless := user(2)
		nameless.DisplayName, nameless.DisplayNameKey = "", ""
		t.update(func(tx store.Tx) error {
			err := errors.Join(tx.PutUser(user(1)), tx.PutUser(nameless), tx.PutGroup(group(1)), tx.PutGroup(group(2)))
			if err != nil {
				return err
			}
			for _, m := range []store.Member{
				{ID: nameless.ID, Type: "User"}, {ID: group(2).ID, Type: "Group"}, {ID: user(1).ID, Type: "User"}, {ID: "gone", Type: "User"},
			} {
				m.Group = group(1).ID
				if added, err := tx.AddMember("t", m); err != nil || !added {
					return fmt.Errorf("add %s: %v, %w", m.ID, added, err)
				}
			}
			return nil
		})
		members := func(tx store.Tx) ([]*store.Member, error) { return collect(tx.Members("t", group(1).ID)) }
		t.equal("members", reads(t, members), []*store.Member{
			{Group: group(1).ID, ID: nameless.ID, Type: "User", Display: nameless.UserName},
			{Group: group(1).ID, ID: group(2).ID, Type: "Group", Display: group(2).DisplayName},
			{Group: group(1).ID, ID: user(1).ID, Type: "User", Display: user(1).DisplayName},
			{Group: group(1).ID, ID: "gone", Type: "User"},
		})
		nameless.DisplayName = "Named"
		t.update(func(tx store.Tx) error { return tx.PutUser(nameless) })
		t.equal("display", reads(t, members)[0].Display, "Named")
		t.equal("members of nobody", t.membersOf("nobody"), []string(nil))
	}},
	{"AddMember and RemoveMember say whether they changed anything", func(t *T) {
		m := store.Member{Group: group(1).ID, ID: user(1).ID, Type: "User"}
		t.fails(store.ErrNotFound, "AddMember without a group", func(tx store.Tx) error { _, err := tx.AddMember("t", m); return err })
		t.update(func(tx store.Tx) error { return errors.Join(tx.PutUser(user(1)), tx.PutGroup(group(1))) })
		for _, step := range []struct {
			name string
			run  func(tx store.Tx) (bool, error)
			want bool
			has  bool
		}{
			{"remove who is not there", func(tx store.Tx) (bool, error) { return tx.RemoveMember("t", m.Group, m.ID) }, false, false},
			{"add", func(tx store.Tx) (bool, error) { return tx.AddMember("t", m) }, true, true},
			{"add again", func(tx store.Tx) (bool, error) { return tx.AddMember("t", m) }, false, true},
			{"remove in another tenant", func(tx store.Tx) (bool, error) { return tx.RemoveMember("u", m.Group, m.ID) }, false, true},
			{"remove", func(tx store.Tx) (bool, error) { return tx.RemoveMember("t", m.Group, m.ID) }, true, false},
			{"remove again", func(tx store.Tx) (bool, error) { return tx.RemoveMember("t", m.Group, m.ID) }, false, false},
			{"remove from no group", func(tx store.Tx) (bool, error) { return tx.RemoveMember("t", "nobody", m.ID) }, false, false},
		} {
			var got bool
			t.update(func(tx store.Tx) (err error) { got, err = step.run(tx); return err })
			t.equal(step.name, got, step.want)
			t.equal(step.name+": HasMember", reads(t, func(tx store.Tx) (bool, error) { return tx.HasMember("t", m.Group, m.ID) }), step.has)
		}
	}},
	{"who is added again comes last", func(t *T) {
		t.update(func(tx store.Tx) error {
			if err := tx.PutGroup(group(1)); err != nil {
				return err
			}
			return t.add(tx, group(1).ID, "a", "b", "c")
		})
		t.update(func(tx store.Tx) error {
			if _, err := tx.RemoveMember("t", group(1).ID, "a"); err != nil {
				return err
			}
			return t.add(tx, group(1).ID, "a", "d")
		})
		t.equal("members", t.membersOf(group(1).ID), []string{"b", "c", "a", "d"})
	}},
	{"GroupsOf are ordered by name", func(t *T) {
		t.update(func(tx store.Tx) error {
			for n, name := range []string{"zebra", "Äpfel", "apple", "apple"} {
				g := group(n)
				g.DisplayName, g.DisplayNameKey = name, name
				if err := tx.PutGroup(g); err != nil {
					return err
				}
				if err := t.add(tx, g.ID, user(1).ID); err != nil {
					return err
				}
			}
			return errors.Join(tx.PutGroup(group(9)), t.add(tx, group(9).ID, user(2).ID))
		})
		t.equal("groups", t.groupIDs(func(tx store.Tx) ([]*store.Group, error) { return tx.GroupsOf("t", user(1).ID) }),
			[]string{"group-002", "group-003", "group-000", "group-001"})
		t.equal("in another tenant", t.groupIDs(func(tx store.Tx) ([]*store.Group, error) { return tx.GroupsOf("u", user(1).ID) }), []string(nil))
	}},
	{"DeleteGroup removes its members and its place in other groups, and leaves a tombstone (V-29)", func(t *T) {
		t.update(func(tx store.Tx) error {
			if err := errors.Join(tx.PutGroup(group(1)), tx.PutGroup(group(2)), tx.PutUser(user(1))); err != nil {
				return err
			}
			return errors.Join(t.add(tx, group(1).ID, user(1).ID), t.add(tx, group(2).ID, group(1).ID, user(1).ID))
		})
		t.update(func(tx store.Tx) error { return tx.DeleteGroup("t", group(1).ID, at(0)) })
		t.fails(store.ErrNotFound, "Group", func(tx store.Tx) error { _, err := tx.Group("t", group(1).ID); return err })
		t.equal("members of it", t.membersOf(group(1).ID), []string(nil))
		t.equal("members of the other", t.membersOf(group(2).ID), []string{user(1).ID})
		t.equal("groups of the user", t.groupIDs(func(tx store.Tx) ([]*store.Group, error) { return tx.GroupsOf("t", user(1).ID) }), []string{group(2).ID})
		t.wantDeleted(group(1).ID, true)
		t.wantDeleted(group(2).ID, false)
		t.fails(store.ErrNotFound, "deleted again", func(tx store.Tx) error { return tx.DeleteGroup("t", group(1).ID, at(0)) })

		t.update(func(tx store.Tx) error { return tx.PutGroup(group(1)) })
		t.equal("members of the new one", t.membersOf(group(1).ID), []string(nil))
		t.wantDeleted(group(1).ID, false)
	}},
	{"Groups are listed in the order of their first PutGroup, in pages", func(t *T) {
		var want []string
		t.update(func(tx store.Tx) error {
			want = nil
			for _, n := range []int{4, 2, 7, 1, 3} {
				want = append(want, group(n).ID)
				if err := tx.PutGroup(group(n)); err != nil {
					return err
				}
			}
			return nil
		})
		t.update(func(tx store.Tx) error {
			changed := group(2)
			changed.DisplayName, changed.DisplayNameKey = "AAA", "aaa"
			return tx.PutGroup(changed)
		})
		page := func(offset, limit int) []string {
			return t.groupIDs(func(tx store.Tx) ([]*store.Group, error) {
				return collect(tx.Groups("t", store.Query{Offset: offset, Limit: limit}))
			})
		}
		t.equal("all", page(0, 0), want)
		t.equal("first", page(0, 2), want[:2])
		t.equal("second", page(2, 2), want[2:4])
		t.equal("last", page(4, 2), want[4:])
		t.equal("beyond", page(5, 2), []string(nil))
		t.equal("count", reads(t, func(tx store.Tx) (int, error) { return tx.CountGroups("t", nil) }), len(want))
		t.equal("count in another tenant", reads(t, func(tx store.Tx) (int, error) { return tx.CountGroups("u", nil) }), 0)
	}},
}
