package directory

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/google/uuid"

	"github.com/scimbridge/scimbridge/internal/store"
)

// CreateGroup creates a group, or replays a create that was recorded and answered 503 (V-37).
// Errors: Conflict (unique names), Invalid (unknown member), Unavailable. The answer carries Members.
func (d *Directory) CreateGroup(ctx context.Context, by Caller, draft GroupDraft) (Group, error) {
	var id string
	var replay bool
	err := d.writeGroup(ctx, by, func(tx store.Tx, w *groupWrite) error {
		key := FoldName(draft.DisplayName)
		again, err := d.unansweredGroup(tx, key, draft.ExternalID)
		if err != nil {
			return err
		}
		if replay = again != nil; replay {
			id = again.ID
			return w.change(by, again, replacing(draft))
		}
		now := tx.Now()
		id = uuid.NewString()
		w.group = &store.Group{Tenant: d.o.Tenant, ID: id, DisplayName: draft.DisplayName, DisplayNameKey: key,
			ExternalID: draft.ExternalID, Version: 1, Created: now, Modified: now}
		if err := checkGroupTexts(&store.Group{}, w.group); err != nil {
			return err
		}
		if err := d.checkGroupName(tx, w.group); err != nil {
			return err
		}
		if err := tx.PutGroup(w.group); err != nil {
			return err
		}
		if err := w.add(draft.Members); err != nil {
			return err
		}
		d.event(tx, by, "group.create", id, "", map[string]any{"displayName": draft.DisplayName, "externalId": draft.ExternalID, "added": w.added})
		return nil
	})
	var refused *Error
	recorded := errors.As(err, &refused) && refused.Recorded
	if recorded != replay && (recorded || err == nil) {
		if err := d.noteUnansweredGroup(ctx, id, recorded); err != nil {
			return Group{}, err
		}
	}
	if err != nil {
		return Group{}, err
	}
	return d.Group(ctx, id, true)
}

// mostUnanswered bounds the groups that are remembered as created and answered 503. An IdP's
// first push into an outage is some hundreds.
const mostUnanswered = 5000

// unansweredGroup is the group of this name and externalId whose create was recorded and answered
// 503, nil if there is none: the IdP, which knows nothing of it, repeats its POST.
func (d *Directory) unansweredGroup(tx store.Tx, nameKey, externalID string) (*store.Group, error) {
	ids, err := readState[[]string](tx, d.ofTenant("unanswered groups"))
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	named, err := tx.GroupsByName(d.o.Tenant, nameKey)
	for _, g := range named {
		if g.ExternalID == externalID && slices.Contains(ids, g.ID) {
			return g, err
		}
	}
	return nil, err
}

// noteUnansweredGroup remembers, or forgets, that a group's create was answered 503.
func (d *Directory) noteUnansweredGroup(ctx context.Context, id string, unanswered bool) error {
	return d.store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error {
		ids, err := readState[[]string](tx, d.ofTenant("unanswered groups"))
		if err != nil {
			return err
		}
		ids = slices.DeleteFunc(ids, func(other string) bool { return other == id })
		if unanswered {
			ids = append(ids, id)
		}
		return writeState(tx, d.ofTenant("unanswered groups"), ids[max(0, len(ids)-mostUnanswered):])
	})
}

// Group reads one group. Errors: NotFound.
func (d *Directory) Group(ctx context.Context, id string, withMembers bool) (Group, error) {
	d.looker.noteTraffic()
	var group Group
	err := d.store.View(ctx, func(tx store.Tx) error {
		g, err := d.findGroup(tx, id)
		if err != nil {
			return err
		}
		group, err = d.showGroup(tx, g, withMembers)
		return err
	})
	return group, err
}

func (d *Directory) findGroup(tx store.Tx, id string) (*store.Group, error) {
	g, err := tx.Group(d.o.Tenant, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, d.unknown(tx, "group", id)
	}
	return g, err
}

func (d *Directory) showGroup(tx store.Tx, g *store.Group, withMembers bool) (Group, error) {
	group := Group{ID: g.ID, DisplayName: g.DisplayName, ExternalID: g.ExternalID, Version: g.Version, Created: g.Created, Modified: g.Modified}
	if !withMembers {
		return group, nil
	}
	group.Members = []Member{}
	for m, err := range tx.Members(d.o.Tenant, g.ID) {
		if err != nil {
			return Group{}, err
		}
		group.Members = append(group.Members, Member{ID: m.ID, Type: m.Type, Display: m.Display})
	}
	return group, nil
}

// Groups answers a query.
func (d *Directory) Groups(ctx context.Context, q GroupQuery) (total int, page []Group, err error) {
	d.looker.noteTraffic()
	err = d.store.View(ctx, func(tx store.Tx) error {
		total, page, err = (&list[*store.Group, Group]{
			where: q.Where, match: q.Match, sort: q.Sort, key: q.Key, after: q.After, offset: q.Offset, limit: q.Limit,
			rows:  func(sq store.Query) iter.Seq2[*store.Group, error] { return tx.Groups(d.o.Tenant, sq) },
			count: func(where *Condition) (int, error) { return tx.CountGroups(d.o.Tenant, where) },
			find:  func(id string) (*store.Group, error) { return tx.Group(d.o.Tenant, id) },
			show:  func(g *store.Group) (Group, error) { return d.showGroup(tx, g, q.WithMembers) },
			place: q.Sort.placeOfGroup,
			id:    func(g *store.Group) string { return g.ID },
			put:   func(group *Group, _ *store.Group, at Position) { group.Position = at },
		}).run()
		return err
	})
	return total, page, err
}

// ReplaceGroup is PUT: name, externalId and the whole list of members. The answer carries Members.
func (d *Directory) ReplaceGroup(ctx context.Context, by Caller, id string, pre Precondition, draft GroupDraft) (Group, error) {
	if _, err := d.UpdateGroup(ctx, by, id, pre, replacing(draft)); err != nil {
		return Group{}, err
	}
	return d.Group(ctx, id, true)
}

// replacing are the changes that make a group what a draft says.
func replacing(draft GroupDraft) []GroupChange {
	members := draft.Members
	if members == nil {
		members = []MemberRef{}
	}
	return []GroupChange{{SetDisplayName: &draft.DisplayName}, {SetExternalID: &draft.ExternalID}, {ReplaceMembers: &members}}
}

// UpdateGroup is PATCH: changes in order, all or none. The answer has no Members. What changes nothing leaves the version.
func (d *Directory) UpdateGroup(ctx context.Context, by Caller, id string, pre Precondition, changes []GroupChange) (Group, error) {
	var group Group
	err := d.writeGroup(ctx, by, func(tx store.Tx, w *groupWrite) error {
		g, err := d.findGroup(tx, id)
		if err != nil {
			return err
		}
		if err := pre.check(g.Version); err != nil {
			return err
		}
		if err := w.change(by, g, changes); err != nil {
			return err
		}
		group, err = d.showGroup(tx, g, false)
		return err
	})
	return group, err
}

// DeleteGroup deletes a group; its members lose what it granted. Errors: NotFound, PreconditionFailed.
func (d *Directory) DeleteGroup(ctx context.Context, by Caller, id string, pre Precondition) error {
	return d.writeGroup(ctx, by, func(tx store.Tx, w *groupWrite) error {
		g, err := d.findGroup(tx, id)
		if err != nil {
			return err
		}
		if err := pre.check(g.Version); err != nil {
			return err
		}
		w.group = g
		if err := w.apply(GroupChange{ReplaceMembers: &[]MemberRef{}}); err != nil {
			return err
		}
		w.compact()
		d.event(tx, by, "group.delete", g.ID, "", map[string]any{"displayName": g.DisplayName, "externalId": g.ExternalID, "removed": w.removed})
		return tx.DeleteGroup(d.o.Tenant, g.ID, tx.Now())
	})
}

// checkGroupName refuses a displayName that another group has: group names grant roles.
func (d *Directory) checkGroupName(tx store.Tx, g *store.Group) error {
	if d.o.Groups.NotUnique {
		return nil
	}
	others, err := tx.GroupsByName(d.o.Tenant, g.DisplayNameKey)
	if err != nil {
		return err
	}
	for _, o := range others {
		if o.ID != g.ID {
			return &Error{Kind: Conflict, Attribute: "displayName", Detail: fmt.Sprintf("%q is already the name of group %s", g.DisplayName, o.ID)}
		}
	}
	return nil
}

// writeGroup runs a group's write in one transaction, works out what it means for the
// people concerned, and delivers.
func (d *Directory) writeGroup(ctx context.Context, by Caller, fn func(store.Tx, *groupWrite) error) error {
	d.looker.noteTraffic()
	var touched []int64
	err := d.withUnknown(ctx, func() error {
		return d.store.Update(ctx, func(tx store.Tx) error {
			w := &groupWrite{d: d, tx: tx, by: by, affected: map[string]bool{}}
			if err := fn(tx, w); err != nil {
				return err
			}
			var err error
			touched, err = w.finish()
			return err
		})
	})
	if err != nil {
		return translate(err)
	}
	d.deliverNow(ctx, slices.Compact(touched))
	return d.accepted(ctx)
}
