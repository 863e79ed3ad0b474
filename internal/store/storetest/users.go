package storetest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/scimbridge/scimbridge/internal/store"
)

// user is a user of the tenant t with every field set, each unlike the next one's.
func user(n int) *store.User {
	return &store.User{
		Tenant: "t", ID: fmt.Sprintf("user-%03d", n), Managed: true,
		UserName: fmt.Sprintf("User%d@Example.com", n), UserNameKey: fmt.Sprintf("user%d@example.com", n),
		ExternalID: fmt.Sprintf("Ext-%d", n), Active: true,
		DisplayName: fmt.Sprintf("User Ü %d", n), DisplayNameKey: fmt.Sprintf("user ü %d", n),
		EmailKeys: []string{fmt.Sprintf("user%d@example.com", n), fmt.Sprintf("u%d@example.org", n)},
		Document:  fmt.Appendf(nil, `{"userName":"User%d@Example.com"}`, n),
		Version:   int64(n + 1), Created: at(n), Modified: at(n + 1000), Answered: true,
	}
}

// idsOf are the ids of the users a condition selects.
func (t *T) idsOf(where *store.Condition) []string {
	t.Helper()
	return reads(t, func(tx store.Tx) ([]string, error) {
		list, err := collect(tx.Users("t", store.Query{Where: where}))
		ids := make([]string, len(list))
		for i, u := range list {
			ids[i] = u.ID
		}
		return ids, err
	})
}

func byEmail(key string) *store.Condition {
	return &store.Condition{Field: store.FieldEmail, Cmp: store.Eq, Value: key}
}

var users = []test{
	{"PutUser inserts, and User, UserByName, UserByAccount find", func(t *T) {
		want := user(1)
		want.Account = 7
		t.update(func(tx store.Tx) error { return tx.PutUser(want) })
		for name, find := range map[string]func(tx store.Tx) (*store.User, error){
			"User":          func(tx store.Tx) (*store.User, error) { return tx.User("t", want.ID) },
			"UserByName":    func(tx store.Tx) (*store.User, error) { return tx.UserByName("t", want.UserNameKey) },
			"UserByAccount": func(tx store.Tx) (*store.User, error) { return tx.UserByAccount(7) },
		} {
			t.equal(name, reads(t, find), want)
		}
	}},
	{"who is not there is not found", func(t *T) {
		t.update(func(tx store.Tx) error { return tx.PutUser(user(1)) })
		for name, find := range map[string]func(tx store.Tx) (*store.User, error){
			"User of another id":     func(tx store.Tx) (*store.User, error) { return tx.User("t", "user-002") },
			"User in another case":   func(tx store.Tx) (*store.User, error) { return tx.User("t", "USER-001") },
			"User of another tenant": func(tx store.Tx) (*store.User, error) { return tx.User("u", "user-001") },
			"UserByName":             func(tx store.Tx) (*store.User, error) { return tx.UserByName("t", "nobody") },
			"UserByAccount":          func(tx store.Tx) (*store.User, error) { return tx.UserByAccount(7) },
			"UserByAccount of none":  func(tx store.Tx) (*store.User, error) { return tx.UserByAccount(0) },
		} {
			t.fails(store.ErrNotFound, name, func(tx store.Tx) error { _, err := find(tx); return err })
		}
	}},
	{"PutUser replaces every field", func(t *T) {
		t.update(func(tx store.Tx) error { return tx.PutUser(user(1)) })
		full := user(2)
		full.ID, full.Account = user(1).ID, 9
		bare := &store.User{Tenant: "t", ID: user(1).ID, UserNameKey: "bare"}
		for _, want := range []*store.User{full, bare, user(1)} {
			t.update(func(tx store.Tx) error { return tx.PutUser(want) })
			t.equal("user", reads(t, func(tx store.Tx) (*store.User, error) { return tx.User("t", want.ID) }), want)
		}
		t.fails(store.ErrNotFound, "the old name", func(tx store.Tx) error { _, err := tx.UserByName("t", "bare"); return err })
	}},
	{"one id in two tenants is two users", func(t *T) {
		other := user(1)
		other.Tenant, other.ExternalID = "u", "other"
		t.update(func(tx store.Tx) error { return errors.Join(tx.PutUser(user(1)), tx.PutUser(other)) })
		t.equal("of t", reads(t, func(tx store.Tx) (*store.User, error) { return tx.User("t", other.ID) }), user(1))
		t.equal("of u", reads(t, func(tx store.Tx) (*store.User, error) { return tx.User("u", other.ID) }), other)
		t.update(func(tx store.Tx) error { return tx.DeleteUser("u", other.ID, at(0)) })
		t.equal("left in t", t.idsOf(nil), []string{user(1).ID})
	}},
	{"PutUser refuses a userName or account that another user has", func(t *T) {
		first, second := user(1), user(2)
		first.Account, second.Account = 11, 12
		t.update(func(tx store.Tx) error { return errors.Join(tx.PutUser(first), tx.PutUser(second)) })
		for _, id := range []string{second.ID, "new"} { // replacing and inserting
			taken := user(3)
			taken.ID, taken.UserNameKey = id, first.UserNameKey
			t.conflicts("userName", first.ID, func(tx store.Tx) error { return tx.PutUser(taken) })
			taken = user(3)
			taken.ID, taken.Account = id, first.Account
			t.conflicts("account", first.ID, func(tx store.Tx) error { return tx.PutUser(taken) })
		}
		t.equal("second", reads(t, func(tx store.Tx) (*store.User, error) { return tx.User("t", second.ID) }), second)
		t.equal("all", t.idsOf(nil), []string{first.ID, second.ID})
	}},
	{"a name given up and one without an account are free", func(t *T) {
		t.update(func(tx store.Tx) error { return errors.Join(tx.PutUser(user(1)), tx.PutUser(user(2))) }) // no account both
		t.update(func(tx store.Tx) error {
			renamed := user(1)
			renamed.UserNameKey = "renamed"
			if err := tx.PutUser(renamed); err != nil {
				return err
			}
			heir := user(3)
			heir.UserNameKey = user(1).UserNameKey
			return tx.PutUser(heir)
		})
	}},
	{"e-mails are found, and only those of now", func(t *T) {
		a, b := user(1), user(2)
		b.EmailKeys = append(b.EmailKeys, a.EmailKeys[0], a.EmailKeys[0])
		t.update(func(tx store.Tx) error { return errors.Join(tx.PutUser(a), tx.PutUser(b)) })
		t.equal("shared", t.idsOf(byEmail(a.EmailKeys[0])), []string{a.ID, b.ID})
		t.equal("as given", reads(t, func(tx store.Tx) (*store.User, error) { return tx.User("t", b.ID) }).EmailKeys, b.EmailKeys)

		a.EmailKeys = []string{"new@example.com"}
		t.update(func(tx store.Tx) error { return tx.PutUser(a) })
		t.equal("new", t.idsOf(byEmail("new@example.com")), []string{a.ID})
		t.equal("old", t.idsOf(byEmail(user(1).EmailKeys[1])), []string{})

		t.update(func(tx store.Tx) error { return tx.DeleteUser("t", b.ID, at(0)) })
		t.equal("of the deleted", t.idsOf(byEmail(user(1).EmailKeys[0])), []string{})
	}},
	{"DeleteUser removes the user and his memberships, and leaves a tombstone (V-29)", func(t *T) {
		t.update(func(tx store.Tx) error {
			if err := errors.Join(tx.PutUser(user(1)), tx.PutUser(user(2)), tx.PutGroup(group(1))); err != nil {
				return err
			}
			return t.add(tx, group(1).ID, user(1).ID, user(2).ID)
		})
		t.update(func(tx store.Tx) error { return tx.DeleteUser("t", user(1).ID, at(0)) })
		t.fails(store.ErrNotFound, "User", func(tx store.Tx) error { _, err := tx.User("t", user(1).ID); return err })
		t.equal("members", t.membersOf(group(1).ID), []string{user(2).ID})
		t.wantDeleted(user(1).ID, true)
		t.wantDeleted(user(2).ID, false)
		t.wantDeleted("nobody", false)
		t.equal("deleted in another tenant", reads(t, func(tx store.Tx) (bool, error) { return tx.Deleted("u", user(1).ID) }), false)

		t.fails(store.ErrNotFound, "deleted again", func(tx store.Tx) error { return tx.DeleteUser("t", user(1).ID, at(0)) })
		t.update(func(tx store.Tx) error { return tx.PutUser(user(1)) }) // its name is free, and it lives again
		t.wantDeleted(user(1).ID, false)
	}},
	{"HideUser removes an unmanaged user and his memberships without a tombstone", func(t *T) {
		unmanaged := user(1)
		unmanaged.Managed = false
		t.update(func(tx store.Tx) error {
			if err := errors.Join(tx.PutUser(unmanaged), tx.PutUser(user(2)), tx.PutGroup(group(1))); err != nil {
				return err
			}
			return t.add(tx, group(1).ID, user(1).ID)
		})
		t.update(func(tx store.Tx) error { return tx.HideUser("t", user(1).ID) })
		t.fails(store.ErrNotFound, "User", func(tx store.Tx) error { _, err := tx.User("t", user(1).ID); return err })
		t.equal("members", t.membersOf(group(1).ID), []string{})
		t.wantDeleted(user(1).ID, false)
		t.fails(store.ErrNotFound, "hidden again", func(tx store.Tx) error { return tx.HideUser("t", user(1).ID) })
		t.fails(store.ErrNotFound, "a managed one", func(tx store.Tx) error { return tx.HideUser("t", user(2).ID) })
		t.equal("left", t.idsOf(nil), []string{user(2).ID})
	}},
	{"Users keep the order of their first PutUser, whatever is written later", func(t *T) {
		order := []int{5, 3, 8, 1, 9, 2}
		var want []string
		t.update(func(tx store.Tx) error {
			want = nil
			for _, n := range order {
				want = append(want, user(n).ID)
				if err := tx.PutUser(user(n)); err != nil {
					return err
				}
			}
			return nil
		})
		t.equal("at first", t.idsOf(nil), want)
		t.update(func(tx store.Tx) error {
			changed := user(3)
			changed.UserNameKey, changed.Active, changed.Version = "zzz", false, 99
			return errors.Join(tx.PutUser(changed), tx.TouchUsers("t", []string{user(9).ID}, at(9999)))
		})
		t.equal("after changes", t.idsOf(nil), want)
	}},
	{"pages tile the set", func(t *T) {
		const total = 47
		t.update(func(tx store.Tx) error {
			for n := range total {
				u := user(n)
				u.Active = n%3 != 0
				if err := tx.PutUser(u); err != nil {
					return err
				}
			}
			return nil
		})
		for _, where := range []*store.Condition{
			nil,
			{Field: store.FieldActive, Cmp: store.Eq, Value: true},
			{Field: store.FieldLastModified, Cmp: store.Gt, Value: at(1010)},
			{Field: store.FieldUserName, Cmp: store.Sw, Value: "user1"},
		} {
			whole := t.idsOf(where)
			for _, size := range []int{1, 7, 10, total, total + 1} {
				var paged []string
				for offset := 0; ; offset += size {
					page := reads(t, func(tx store.Tx) ([]*store.User, error) {
						return collect(tx.Users("t", store.Query{Where: where, Offset: offset, Limit: size}))
					})
					if len(page) == 0 {
						break
					}
					for _, u := range page {
						paged = append(paged, u.ID)
					}
				}
				t.equal(fmt.Sprintf("pages of %d", size), paged, whole)
			}
			rest := reads(t, func(tx store.Tx) ([]*store.User, error) {
				return collect(tx.Users("t", store.Query{Where: where, Offset: 5}))
			})
			t.equal("no limit", len(rest), len(whole)-5)
			t.equal("count", reads(t, func(tx store.Tx) (int, error) { return tx.CountUsers("t", where) }), len(whole))
		}
	}},
	{"TouchUsers raises the version of those named, once each", func(t *T) {
		t.update(func(tx store.Tx) error {
			return errors.Join(tx.PutUser(user(1)), tx.PutUser(user(2)), tx.PutUser(user(3)))
		})
		t.update(func(tx store.Tx) error {
			return tx.TouchUsers("t", []string{user(1).ID, user(3).ID, user(1).ID, "nobody"}, at(5000))
		})
		t.update(func(tx store.Tx) error {
			return errors.Join(tx.TouchUsers("t", nil, at(6000)), tx.TouchUsers("u", []string{user(1).ID}, at(6000)))
		})
		for _, n := range []int{1, 2, 3} {
			want := user(n)
			if n != 2 {
				want.Version, want.Modified = want.Version+1, at(5000)
			}
			t.equal(want.ID, reads(t, func(tx store.Tx) (*store.User, error) { return tx.User("t", want.ID) }), want)
		}
	}},
	{"V-07 an alias stands for a user, also when he is deleted", func(t *T) {
		t.fails(store.ErrNotFound, "Alias", func(tx store.Tx) error { _, err := tx.Alias("t", "a"); return err })
		alias := func(tx store.Tx) (string, error) { return tx.Alias("t", "a") }
		t.update(func(tx store.Tx) error { return errors.Join(tx.PutUser(user(1)), tx.PutAlias("t", "a", user(1).ID)) })
		t.equal("alias", reads(t, alias), user(1).ID)
		t.fails(store.ErrNotFound, "Alias of another tenant", func(tx store.Tx) error { _, err := tx.Alias("u", "a"); return err })
		t.update(func(tx store.Tx) error { return tx.DeleteUser("t", user(1).ID, at(0)) })
		t.equal("alias of the deleted", reads(t, alias), user(1).ID)
		t.update(func(tx store.Tx) error { return tx.PutAlias("t", "a", user(2).ID) })
		t.equal("alias of another", reads(t, alias), user(2).ID)
	}},
	{"what is returned is the caller's own", func(t *T) {
		t.update(func(tx store.Tx) error { return tx.PutUser(user(1)) })
		u := reads(t, func(tx store.Tx) (*store.User, error) { return tx.User("t", user(1).ID) })
		u.UserName, u.EmailKeys[0] = "changed", "changed"
		clear(u.Document)
		t.equal("read again", reads(t, func(tx store.Tx) (*store.User, error) { return tx.User("t", user(1).ID) }), user(1))
	}},
	{"texts are kept as they are", func(t *T) {
		for n, s := range []string{`'"\%_;--`, "ünïcödé 🦄", "two\nlines\ttab", "trailing ", " leading", "İıſK", `["json"]`} {
			u := user(n)
			u.UserName, u.UserNameKey, u.ExternalID, u.DisplayName, u.EmailKeys = s, s, s, s, []string{s}
			t.update(func(tx store.Tx) error { return tx.PutUser(u) })
			t.equal(s, reads(t, func(tx store.Tx) (*store.User, error) { return tx.UserByName("t", s) }), u)
			t.equal(s+" as e-mail", t.idsOf(byEmail(s)), []string{u.ID})
		}
	}},
}

func (t *T) wantDeleted(id string, want bool) {
	t.Helper()
	t.equal("deleted "+id, reads(t, func(tx store.Tx) (bool, error) { return tx.Deleted("t", id) }), want)
}

// add makes users members of a group, in order.
func (t *T) add(tx store.Tx, group string, members ...string) error {
	for _, id := range members {
		if _, err := tx.AddMember("t", store.Member{Group: group, ID: id, Type: "User"}); err != nil {
			return err
		}
	}
	return nil
}

// membersOf are the ids of a group's members, in order.
func (t *T) membersOf(group string) []string {
	t.Helper()
	return slices.Collect(func(yield func(string) bool) {
		for _, m := range reads(t, func(tx store.Tx) ([]*store.Member, error) { return collect(tx.Members("t", group)) }) {
			if !yield(m.ID) {
				return
			}
		}
	})
}
