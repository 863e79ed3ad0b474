package scim

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/scimbridge/scimbridge/internal/directory"
)

// fake is a directory in memory: real ids, versions, uniqueness, memberships and
// conditions; nothing of WisdomAI. It is here because the real one cannot be made to
// fail, panic or wait on demand.
type fake struct {
	mu     sync.Mutex // guards everything below
	users  []*directory.User
	groups []*directory.Group
	serial int
	clock  time.Time
	calls  []string // methods in order
	done   []bool   // what was told about each 201
	query  directory.UserQuery
	before func(ctx context.Context, method string) error // called first, without the lock
	exact  bool                                           // numbers keep their text when a document is read
	// adopted is whether who is created was there before, as far as the version tells (V-07).
	adopted bool
}

func newFake() *fake {
	return &fake{clock: time.Date(2026, 11, 23, 9, 30, 0, 123456000, time.UTC)}
}

func (f *fake) enter(ctx context.Context, method string) (unlock func(), err error) {
	f.mu.Lock()
	f.calls = append(f.calls, method)
	before := f.before
	f.mu.Unlock()
	if before != nil {
		if err := before(ctx, method); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	return f.mu.Unlock, nil
}

func (f *fake) tick() time.Time {
	f.clock = f.clock.Add(1500 * time.Microsecond)
	return f.clock
}

func (f *fake) newID(kind string) string {
	f.serial++
	return fmt.Sprintf("%s-%04d", kind, f.serial)
}

func fault(kind directory.ErrorKind, attribute, format string, args ...any) error {
	return &directory.Error{Kind: kind, Attribute: attribute, Detail: fmt.Sprintf(format, args...)}
}

func text(doc directory.Document, name string) string {
	s, _ := doc[name].(string)
	return s
}

// clone takes a document through JSON, as a store would.
func (f *fake) clone(doc directory.Document) directory.Document {
	b, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	var out directory.Document
	d := json.NewDecoder(bytes.NewReader(b))
	if f.exact {
		d.UseNumber()
	}
	if err := d.Decode(&out); err != nil {
		panic(err)
	}
	return out
}

func allowed(pre directory.Precondition, version int64) error {
	if pre.Versions != nil && !slices.Contains(pre.Versions, version) {
		return fault(directory.PreconditionFailed, "", "the version is %d", version)
	}
	return nil
}

func (f *fake) unique(userName, except string) error {
	for _, u := range f.users {
		if u.ID != except && directory.FoldName(text(u.Document, "userName")) == directory.FoldName(userName) {
			return fault(directory.Conflict, "userName", "%q is in use", userName)
		}
	}
	return nil
}

func (f *fake) CreateUser(ctx context.Context, by directory.Caller, doc directory.Document) (directory.User, func(bool), error) {
	unlock, err := f.enter(ctx, "CreateUser")
	if err != nil {
		return directory.User{}, nil, err
	}
	defer unlock()
	if err := f.unique(text(doc, "userName"), ""); err != nil {
		return directory.User{}, nil, err
	}
	now := f.tick()
	u := &directory.User{ID: f.newID("u"), Managed: true, Document: f.clone(doc), Version: 1, Created: now, Modified: now}
	if f.adopted {
		u.Version++
	}
	f.users = append(f.users, u)
	return f.show(u), func(written bool) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.done = append(f.done, written)
	}, nil
}

func (f *fake) find(id string) (*directory.User, error) {
	for _, u := range f.users {
		if u.ID == id {
			return u, nil
		}
	}
	return nil, fault(directory.NotFound, "", "no user %q", id)
}

// show is a copy of a user with what is made of other rows.
func (f *fake) show(u *directory.User) directory.User {
	shown := *u
	shown.Document = f.clone(u.Document)
	shown.Delivery = directory.Delivery{State: directory.DeliveryPending, Since: u.Modified, Detail: "WisdomAI is unreachable"}
	for _, g := range f.groups {
		for _, m := range g.Members {
			if m.ID == u.ID {
				shown.Groups = append(shown.Groups, directory.GroupRef{ID: g.ID, DisplayName: g.DisplayName})
			}
		}
	}
	slices.SortFunc(shown.Groups, func(a, b directory.GroupRef) int { return cmp.Compare(a.DisplayName, b.DisplayName) })
	return shown
}

func (f *fake) User(ctx context.Context, id string) (directory.User, error) {
	unlock, err := f.enter(ctx, "User")
	if err != nil {
		return directory.User{}, err
	}
	defer unlock()
	u, err := f.find(id)
	if err != nil {
		return directory.User{}, err
	}
	return f.show(u), nil
}

func (f *fake) Users(ctx context.Context, q directory.UserQuery) (int, []directory.User, error) {
	unlock, err := f.enter(ctx, "Users")
	if err != nil {
		return 0, nil, err
	}
	defer unlock()
	f.query = q
	if q.Sort != nil || q.After != nil {
		panic("the fake knows one order and no places in it; see checklist_s_test.go and checklist_k_test.go")
	}
	var found []directory.User
	for _, u := range f.users {
		shown := f.show(u)
		if !holds(q.Where, userField(&shown)) {
			continue
		}
		if !q.WithGroups {
			shown.Groups = nil
		}
		if !q.WithDelivery {
			shown.Delivery = directory.Delivery{}
		}
		if q.Match == nil || q.Match(&shown) {
			found = append(found, shown)
		}
	}
	return len(found), page(found, q.Offset, q.Limit), nil
}

func page[T any](all []T, offset, limit int) []T {
	all = all[min(offset, len(all)):]
	if limit >= 0 {
		all = all[:min(limit, len(all))]
	}
	return all
}

// userField gives the values that an index has for a user.
func userField(u *directory.User) func(directory.Field) []any {
	return func(field directory.Field) []any {
		switch field {
		case "id":
			return []any{u.ID}
		case "userName", "displayName":
			return []any{directory.FoldName(text(u.Document, string(field)))}
		case "externalId":
			return []any{text(u.Document, "externalId")}
		case "active":
			return []any{u.Document["active"]}
		case "meta.lastModified":
			return []any{u.Modified}
		case "groups.value":
			var ids []any
			for _, g := range u.Groups {
				ids = append(ids, g.ID)
			}
			return ids
		case "emails.value":
			var keys []any
			emails, _ := u.Document["emails"].([]any)
			for _, e := range emails {
				keys = append(keys, directory.FoldName(text(e.(map[string]any), "value")))
			}
			return keys
		}
		panic("no index on " + string(field))
	}
}

func groupField(g *directory.Group) func(directory.Field) []any {
	return func(field directory.Field) []any {
		switch field {
		case "id":
			return []any{g.ID}
		case "displayName":
			return []any{directory.FoldName(g.DisplayName)}
		case "externalId":
			return []any{g.ExternalID}
		case "meta.lastModified":
			return []any{g.Modified}
		case "members.value":
			var ids []any
			for _, m := range g.Members {
				ids = append(ids, m.ID)
			}
			return ids
		}
		panic("no index on " + string(field))
	}
}

func holds(c *directory.Condition, values func(directory.Field) []any) bool {
	switch {
	case c == nil:
		return true
	case c.All != nil:
		return !slices.ContainsFunc(c.All, func(c *directory.Condition) bool { return !holds(c, values) })
	case c.Any != nil:
		return slices.ContainsFunc(c.Any, func(c *directory.Condition) bool { return holds(c, values) })
	}
	return slices.ContainsFunc(values(c.Field), func(v any) bool {
		if t, ok := v.(time.Time); ok {
			order := t.Compare(c.Value.(time.Time))
			return map[directory.Cmp]bool{"eq": order == 0, "gt": order > 0, "ge": order >= 0, "lt": order < 0, "le": order <= 0}[c.Cmp]
		}
		switch c.Cmp {
		case "eq":
			return v == c.Value
		case "sw":
			return strings.HasPrefix(v.(string), c.Value.(string))
		}
		panic("no index for " + string(c.Cmp))
	})
}

func (f *fake) UpdateUser(ctx context.Context, by directory.Caller, id string, pre directory.Precondition, change func(directory.Document) (directory.Document, error)) (directory.User, error) {
	unlock, err := f.enter(ctx, "UpdateUser")
	if err != nil {
		return directory.User{}, err
	}
	defer unlock()
	u, err := f.find(id)
	if err == nil {
		err = allowed(pre, u.Version)
	}
	if err != nil {
		return directory.User{}, err
	}
	if _, err := change(f.clone(u.Document)); err != nil { // change may run more than once
		return directory.User{}, err
	}
	next, err := change(f.clone(u.Document))
	if err == nil {
		err = f.unique(text(next, "userName"), id)
	}
	if err != nil {
		return directory.User{}, err
	}
	if next = f.clone(next); !reflect.DeepEqual(next, u.Document) {
		u.Document = next
		f.touch(u)
	}
	return f.show(u), nil
}

func (f *fake) touch(u *directory.User) { u.Version, u.Modified = u.Version+1, f.tick() }

func (f *fake) DeleteUser(ctx context.Context, by directory.Caller, id string, pre directory.Precondition) error {
	unlock, err := f.enter(ctx, "DeleteUser")
	if err != nil {
		return err
	}
	defer unlock()
	u, err := f.find(id)
	if err == nil {
		err = allowed(pre, u.Version)
	}
	if err != nil {
		return err
	}
	f.users = slices.DeleteFunc(f.users, func(u *directory.User) bool { return u.ID == id })
	for _, g := range f.groups {
		if without := slices.DeleteFunc(slices.Clone(g.Members), func(m directory.Member) bool { return m.ID == id }); len(without) < len(g.Members) {
			g.Members, g.Version, g.Modified = without, g.Version+1, f.tick()
		}
	}
	return nil
}

var _ Directory = (*fake)(nil)
