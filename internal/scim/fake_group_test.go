package scim

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/scimbridge/scimbridge/internal/directory"
)

// member finds who an id is.
func (f *fake) member(ref directory.MemberRef) (directory.Member, error) {
	for _, u := range f.users {
		if u.ID == ref.ID && ref.Type != "Group" {
			return directory.Member{ID: u.ID, Type: "User", Display: cmp.Or(text(u.Document, "displayName"), text(u.Document, "userName"))}, nil
		}
	}
	for _, g := range f.groups {
		if g.ID == ref.ID && ref.Type != "User" {
			return directory.Member{ID: g.ID, Type: "Group", Display: g.DisplayName}, nil
		}
	}
	return directory.Member{}, fault(directory.Invalid, "members.value", "%q is the id of no user and no group", ref.ID)
}

func (f *fake) uniqueGroup(name, except string) error {
	for _, g := range f.groups {
		if g.ID != except && directory.FoldName(g.DisplayName) == directory.FoldName(name) {
			return fault(directory.Conflict, "displayName", "%q is in use", name)
		}
	}
	return nil
}

func (f *fake) add(members []directory.Member, refs []directory.MemberRef) ([]directory.Member, error) {
	for _, ref := range refs {
		m, err := f.member(ref)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(members, func(other directory.Member) bool { return other.ID == m.ID }) {
			members = append(members, m)
		}
	}
	return members, nil
}

// put makes next of g, and raises the versions of everybody of whom a GET shows something else.
func (f *fake) put(g *directory.Group, next directory.Group) {
	if len(next.Members) == 0 {
		next.Members = nil // as an empty group was created
	}
	if reflect.DeepEqual(*g, next) {
		return
	}
	touched := maps.Collect(func(yield func(string, bool) bool) {
		for _, m := range slices.Concat(g.Members, next.Members) {
			yield(m.ID, slices.Contains(g.Members, m) != slices.Contains(next.Members, m) || g.DisplayName != next.DisplayName)
		}
	})
	for _, u := range f.users {
		if touched[u.ID] {
			f.touch(u)
		}
	}
	next.Version, next.Modified = g.Version+1, f.tick()
	*g = next
}

func (f *fake) CreateGroup(ctx context.Context, by directory.Caller, d directory.GroupDraft) (directory.Group, error) {
	unlock, err := f.enter(ctx, "CreateGroup")
	if err != nil {
		return directory.Group{}, err
	}
	defer unlock()
	if err := f.uniqueGroup(d.DisplayName, ""); err != nil {
		return directory.Group{}, err
	}
	members, err := f.add(nil, d.Members)
	if err != nil {
		return directory.Group{}, err
	}
	now := f.tick()
	g := &directory.Group{ID: f.newID("g"), Created: now, Modified: now}
	f.put(g, directory.Group{ID: g.ID, DisplayName: d.DisplayName, ExternalID: d.ExternalID, Created: now, Members: members})
	g.Modified = now
	f.groups = append(f.groups, g)
	return *g, nil
}

func (f *fake) findGroup(id string) (*directory.Group, error) {
	for _, g := range f.groups {
		if g.ID == id {
			return g, nil
		}
	}
	return nil, fault(directory.NotFound, "", "no group %q", id)
}

func (f *fake) showGroup(g *directory.Group, withMembers bool) directory.Group {
	shown := *g
	shown.Members = nil
	if withMembers {
		for _, m := range g.Members {
			now, _ := f.member(directory.MemberRef{ID: m.ID})
			shown.Members = append(shown.Members, now)
		}
	}
	return shown
}

func (f *fake) Group(ctx context.Context, id string, withMembers bool) (directory.Group, error) {
	unlock, err := f.enter(ctx, fmt.Sprintf("Group %t", withMembers))
	if err != nil {
		return directory.Group{}, err
	}
	defer unlock()
	g, err := f.findGroup(id)
	if err != nil {
		return directory.Group{}, err
	}
	return f.showGroup(g, withMembers), nil
}

func (f *fake) Groups(ctx context.Context, q directory.GroupQuery) (int, []directory.Group, error) {
	unlock, err := f.enter(ctx, fmt.Sprintf("Groups %t", q.WithMembers))
	if err != nil {
		return 0, nil, err
	}
	defer unlock()
	var found []directory.Group
	for _, g := range f.groups {
		if shown := f.showGroup(g, q.WithMembers); holds(q.Where, groupField(g)) && (q.Match == nil || q.Match(&shown)) {
			found = append(found, shown)
		}
	}
	return len(found), page(found, q.Offset, q.Limit), nil
}

func (f *fake) ReplaceGroup(ctx context.Context, by directory.Caller, id string, pre directory.Precondition, d directory.GroupDraft) (directory.Group, error) {
	return f.changeGroup(ctx, "ReplaceGroup", id, pre, func(g *directory.Group) (err error) {
		g.DisplayName, g.ExternalID = d.DisplayName, d.ExternalID
		g.Members, err = f.add(nil, d.Members)
		return err
	})
}

func (f *fake) UpdateGroup(ctx context.Context, by directory.Caller, id string, pre directory.Precondition, changes []directory.GroupChange) (directory.Group, error) {
	g, err := f.changeGroup(ctx, "UpdateGroup", id, pre, func(g *directory.Group) error {
		for _, c := range changes {
			if err := f.step(g, c); err != nil {
				return err
			}
		}
		return nil
	})
	g.Members = nil
	return g, err
}

func (f *fake) step(g *directory.Group, c directory.GroupChange) (err error) {
	switch {
	case c.SetDisplayName != nil:
		g.DisplayName = *c.SetDisplayName
	case c.SetExternalID != nil:
		g.ExternalID = *c.SetExternalID
	case c.Add != nil:
		g.Members, err = f.add(g.Members, c.Add)
	case c.Remove != nil:
		g.Members = slices.DeleteFunc(g.Members, func(m directory.Member) bool { return slices.Contains(c.Remove, m.ID) })
	case c.RemoveMatching != nil:
		g.Members = slices.DeleteFunc(g.Members, c.RemoveMatching)
	case c.ReplaceMembers != nil:
		g.Members, err = f.add(nil, *c.ReplaceMembers)
	default:
		panic("an empty change")
	}
	return err
}

func (f *fake) changeGroup(ctx context.Context, method, id string, pre directory.Precondition, change func(*directory.Group) error) (directory.Group, error) {
	unlock, err := f.enter(ctx, method)
	if err != nil {
		return directory.Group{}, err
	}
	defer unlock()
	g, err := f.findGroup(id)
	if err == nil {
		err = allowed(pre, g.Version)
	}
	if err != nil {
		return directory.Group{}, err
	}
	next := *g
	next.Members = slices.Clone(g.Members)
	if err := change(&next); err != nil {
		return directory.Group{}, err
	}
	if err := f.uniqueGroup(next.DisplayName, id); err != nil {
		return directory.Group{}, err
	}
	f.put(g, next)
	return f.showGroup(g, true), nil
}

func (f *fake) DeleteGroup(ctx context.Context, by directory.Caller, id string, pre directory.Precondition) error {
	unlock, err := f.enter(ctx, "DeleteGroup")
	if err != nil {
		return err
	}
	defer unlock()
	g, err := f.findGroup(id)
	if err == nil {
		err = allowed(pre, g.Version)
	}
	if err != nil {
		return err
	}
	f.put(g, directory.Group{ID: g.ID, DisplayName: g.DisplayName})
	f.groups = slices.DeleteFunc(f.groups, func(g *directory.Group) bool { return g.ID == id })
	return nil
}
