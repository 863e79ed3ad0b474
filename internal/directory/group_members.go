package directory

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
)

// groupWrite is one write to a group under way: what it changed, and whom it concerns.
type groupWrite struct {
	d     *Directory
	tx    store.Tx
	by    Caller
	group *store.Group

	added, removed []string // member ids, in order
	// affected are users whose `groups` changed, by id; true when their roles may have.
	affected map[string]bool
}

// change makes the changes of a PATCH, in order, and records what came of them.
func (w *groupWrite) change(by Caller, g *store.Group, changes []GroupChange) error {
	before := *g
	w.group = g
	for _, c := range changes {
		if err := w.apply(c); err != nil {
			return err
		}
	}
	if err := checkGroupTexts(&before, g); err != nil {
		return err
	}
	renamed := g.DisplayName != before.DisplayName
	if renamed {
		if err := w.d.checkGroupName(w.tx, g); err != nil {
			return err
		}
		if err := w.renamed(&before); err != nil {
			return err
		}
	} else if g.ExternalID != before.ExternalID {
		if err := w.renamed(&before); err != nil {
			return err
		}
	}
	w.compact()
	if renamed || g.ExternalID != before.ExternalID || len(w.added)+len(w.removed) > 0 {
		g.Version++
		g.Modified = w.tx.Now()
		if err := w.tx.PutGroup(g); err != nil {
			return err
		}
		w.d.event(w.tx, by, "group.update", g.ID, "", map[string]any{
			"before": map[string]string{"displayName": before.DisplayName, "externalId": before.ExternalID},
			"after":  map[string]string{"displayName": g.DisplayName, "externalId": g.ExternalID}, "added": w.added, "removed": w.removed})
	}
	return nil
}

// apply makes one change.
func (w *groupWrite) apply(c GroupChange) error {
	switch {
	case c.SetDisplayName != nil:
		w.group.DisplayName, w.group.DisplayNameKey = *c.SetDisplayName, FoldName(*c.SetDisplayName)
		return nil
	case c.SetExternalID != nil:
		w.group.ExternalID = *c.SetExternalID
		return nil
	case c.Remove != nil:
		return w.remove(c.Remove)
	case c.RemoveMatching != nil:
		members, err := w.members()
		if err != nil {
			return err
		}
		var ids []string
		for _, m := range members {
			if c.RemoveMatching(Member{ID: m.ID, Type: m.Type, Display: m.Display}) {
				ids = append(ids, m.ID)
			}
		}
		return w.remove(ids)
	case c.ReplaceMembers != nil:
		return w.replace(*c.ReplaceMembers)
	default:
		return w.add(c.Add)
	}
}

func (w *groupWrite) members() ([]*store.Member, error) {
	var out []*store.Member
	for m, err := range w.tx.Members(w.d.o.Tenant, w.group.ID) {
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

func (w *groupWrite) add(refs []MemberRef) error {
	for _, ref := range refs {
		m, err := w.resolve(ref)
		if err != nil {
			return err
		}
		if m == nil {
			continue
		}
		added, err := w.tx.AddMember(w.d.o.Tenant, *m)
		if err != nil {
			return err
		}
		if added {
			w.added = append(w.added, m.ID)
			w.concerns(*m)
		}
	}
	return nil
}

func (w *groupWrite) remove(ids []string) error {
	for _, id := range ids {
		if alias, err := w.tx.Alias(w.d.o.Tenant, id); err == nil {
			id = alias
		}
		removed, err := w.tx.RemoveMember(w.d.o.Tenant, w.group.ID, id)
		if err != nil {
			return err
		}
		if removed {
			w.removed = append(w.removed, id)
			w.concerns(store.Member{ID: id, Type: "User"}) // a group's id names no user and concerns nobody
		}
	}
	return nil
}

func (w *groupWrite) replace(refs []MemberRef) error {
	keep := map[string]bool{}
	for _, ref := range refs {
		m, err := w.resolve(ref)
		if err != nil {
			return err
		}
		if m != nil {
			keep[m.ID] = true
		}
	}
	members, err := w.members()
	if err != nil {
		return err
	}
	var gone []string
	for _, m := range members {
		if !keep[m.ID] {
			gone = append(gone, m.ID)
		}
	}
	if err := w.remove(gone); err != nil {
		return err
	}
	return w.add(refs)
}

// resolve finds whom a member reference names. An unknown id is refused or, by policy, left
// out (nil); while no look was ever believed it may be somebody's whom only WisdomAI has (V-29).
func (w *groupWrite) resolve(ref MemberRef) (*store.Member, error) {
	u, err := w.d.find(w.tx, ref.ID)
	if err == nil {
		if ref.Type == "Group" {
			return nil, &Error{Kind: Invalid, Attribute: "members.type", Detail: fmt.Sprintf("%q is the id of a User, not of a Group", ref.ID)}
		}
		return &store.Member{Group: w.group.ID, ID: u.ID, Type: "User"}, nil
	}
	var refused *Error
	if !errors.As(err, &refused) {
		return nil, err
	}
	if _, err := w.tx.Group(w.d.o.Tenant, ref.ID); err == nil {
		if ref.Type == "User" {
			return nil, &Error{Kind: Invalid, Attribute: "members.type", Detail: fmt.Sprintf("%q is the id of a Group, not of a User", ref.ID)}
		}
		return &store.Member{Group: w.group.ID, ID: ref.ID, Type: "Group"}, nil
	} else if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if ref.Type != "User" && refused.Kind == NotFound {
		if err := w.d.unknown(w.tx, "group", ref.ID); !errors.As(err, &refused) {
			return nil, err
		}
	}
	switch {
	case refused.Kind == Unavailable:
		return nil, refused
	case w.d.o.Groups.DropUnknownMembers:
		return nil, nil
	default:
		return nil, &Error{Kind: Invalid, Attribute: "members.value", Detail: fmt.Sprintf("%q is the id of no user and no group", ref.ID)}
	}
}

// concerns notes that a member's `groups` changed. Nested groups are shown, not followed.
func (w *groupWrite) concerns(m store.Member) {
	if m.Type == "User" {
		w.affected[m.ID] = w.affected[m.ID] || w.d.o.Rules.GroupMatters(w.group.DisplayName, w.group.ExternalID)
	}
}

// renamed concerns every member: their groups' display follows, and another name or
// externalId may grant other roles.
func (w *groupWrite) renamed(before *store.Group) error {
	rules := w.d.o.Rules
	matters := rules.GroupMatters(before.DisplayName, before.ExternalID) || rules.GroupMatters(w.group.DisplayName, w.group.ExternalID)
	if !matters && w.group.DisplayName == before.DisplayName {
		return nil
	}
	members, err := w.members()
	if err != nil {
		return err
	}
	for _, m := range members {
		if m.Type == "User" {
			w.affected[m.ID] = w.affected[m.ID] || matters
		}
	}
	// Whoever leaves in the same write loses what the old name granted.
	for _, id := range w.removed {
		if _, known := w.affected[id]; known {
			w.affected[id] = w.affected[id] || matters
		}
	}
	return nil
}

// compact forgets members that were added and removed in the same write, whose membership is as it was.
func (w *groupWrite) compact() {
	in, out := map[string]int{}, map[string]int{}
	for _, id := range w.added {
		in[id]++
	}
	for _, id := range w.removed {
		out[id]++
	}
	unchanged := func(id string) bool { return in[id] == out[id] }
	w.added = slices.DeleteFunc(w.added, unchanged)
	w.removed = slices.DeleteFunc(w.removed, unchanged)
}

// finish raises the versions of the users concerned (E-12: a 304 must not hide a
// change), computes again what they should have, and returns the accounts to deliver.
func (w *groupWrite) finish() ([]int64, error) {
	d, now := w.d, w.tx.Now()
	ids := slices.Sorted(maps.Keys(w.affected))
	if err := w.tx.TouchUsers(d.o.Tenant, ids, now); err != nil {
		return nil, err
	}
	rebuilt, err := d.rebuildState(w.tx)
	if err != nil {
		return nil, err
	}
	var touched []int64
	lost := 0
	for _, id := range ids {
		if !w.affected[id] {
			continue
		}
		u, err := w.tx.User(d.o.Tenant, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !rebuilt.Since.IsZero() {
			if err := d.groupWritten(w.tx, u, w.group); err != nil {
				return nil, err
			}
		}
		accounts, less, err := d.recompute(w.tx, u)
		if err != nil {
			return nil, err
		}
		touched = append(touched, accounts...)
		lost += less
	}
	return touched, d.rolesLost(w.tx, w.by, lost, w.group)
}

// recompute is for somebody whose groups changed: his document did not. An unmanaged one
// is adopted with the document shown (V-07). What cannot be recorded as it is (a
// missing required attribute) is no error of the group's write (V-06): no role, state failed.
// lost is 1 if he loses a role, else 0.
func (d *Directory) recompute(tx store.Tx, u *store.User) (touched []int64, lost int, err error) {
	res, err := d.resolveStored(tx, u)
	if err != nil {
		return nil, 0, err
	}
	if !u.Managed {
		u.Managed = true
		if err := tx.PutUser(u); err != nil {
			return nil, 0, err
		}
		d.event(tx, Caller{}, "user.adopt", u.ID, u.UserName, map[string]any{"cause": "group membership", "reasons": res.Reasons})
	}
	if u.Account == 0 || !u.Active {
		return nil, 0, nil // what a suspended user is in counts when he is active again
	}
	a, err := loadAccount(tx, u.Account)
	if err != nil {
		return nil, 0, err
	}
	a.Tenant, a.UserID = d.o.Tenant, u.ID
	if refused := refusedRules(res); len(refused) > 0 {
		d.event(tx, Caller{}, "mapping.refused", u.ID, u.UserName, map[string]any{"reasons": refused})
	}
	want := d.desire(u, res)
	for _, p := range res.Problems {
		if p.Kind == mapping.Expression { // V-42: the delivered state stays, and it shows as failed
			want.Roles, want.Attributes = a.desired.Roles, a.desired.Attributes
			break
		}
	}
	had := a.access()
	changed := a.want(want, tx.Now())
	return ids(a, changed), had.loses(a.wanted()), a.put(tx)
}

// refusedRules are the rules that matched and gave nothing, with the reason (V-39, V-40).
func refusedRules(res mapping.Result) []mapping.Reason {
	var refused []mapping.Reason
	for _, r := range res.Reasons {
		if r.Refused != "" {
			refused = append(refused, r)
		}
	}
	return refused
}
