package directory

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom"
)

// DriftOptions say what is done about what somebody else changed (V-30).
type DriftOptions struct {
	Lost    string // report (default) | repair: access that was taken away
	Changed string // repair (default) | report: another value of an attribute of ours
}

// DriftKind is the direction of a difference that somebody else made.
type DriftKind string

const (
	DriftLost    DriftKind = "lost"    // access of ours that was confirmed was taken away
	DriftDeleted DriftKind = "deleted" // so was the person
	DriftExtra   DriftKind = "extra"   // access is there and should not be
	DriftChanged DriftKind = "changed" // an attribute of ours has another value, or none
)

// The bits of store.Account's Drift: what is open of each kind, so that metrics count without
// reading the accounts.
var driftBits = map[DriftKind]int{DriftLost: 1, DriftDeleted: 2, DriftExtra: 4, DriftChanged: 8}

const contestedBit = 16

// A repair that was undone contestedAfter times within contestedWithin is contested: two
// programs, or two people, who mean different things would go on for ever.
const (
	contestedAfter  = 3
	contestedWithin = 24 * time.Hour
)

// difference is one item that somebody else changed, and how often a repair of it was undone.
// It is remembered until the next SCIM write about the person.
type difference struct {
	Kind DriftKind `json:"kind"`
	Unit *grant    `json:"unit,omitempty"` // lost, extra; an extra without it is the person
	Key  string    `json:"key,omitempty"`  // changed
	// Since is when a look found it as it is now.
	Since time.Time `json:"since"`
	// Settled: it is as it should be again, repaired or put back.
	Settled   bool        `json:"settled,omitempty"`
	Undone    []time.Time `json:"undone,omitempty"` // of the last repairs, at most contestedAfter
	Contested bool        `json:"contested,omitempty"`
}

// is reports whether both are about the same item.
func (df *difference) is(o difference) bool {
	return df.Kind == o.Kind && df.Key == o.Key && (df.Unit == nil) == (o.Unit == nil) && (df.Unit == nil || *df.Unit == *o.Unit)
}

// item says what differs, in words.
func (df *difference) item() string {
	switch {
	case df.Key != "":
		return "attribute " + df.Key
	case df.Unit == nil:
		return "the person"
	default:
		return "role " + unitText(*df.Unit)
	}
}

// seen is what a settled look had shown of the access that the version before asked for. It
// is kept while a newer version is on its way, so that who takes access away meanwhile is
// not overruled by a delivery that is about something else (V-30).
type seen struct {
	Roles grants `json:"roles,omitempty"`
}

// atRest reports whether the account is as desired for all that is known, and was seen so: what a
// look shows of it otherwise is somebody else's doing.
func (a *account) atRest() bool {
	return a.desired.State != "" && a.Delivered == a.Version && a.Confirmed == a.Delivered && a.Uncertain.IsZero()
}

// hadRoles are the desired roles that were confirmed and that no call of ours has touched
// since; ok says whether the person was.
func (a *account) hadRoles() (had grants, ok bool) {
	switch {
	case a.desired.State != present || !a.Uncertain.IsZero():
		return nil, false // what a settled look shows wrong after a call without an answer is ours to repair (V-16)
	case a.atRest():
		return a.desired.Roles.filter(a.actual.Roles.covers), true
	case a.memory.Seen != nil:
		return a.desired.Roles.filter(a.memory.Seen.Roles.covers).filter(a.actual.Roles.covers), true
	default:
		return nil, false
	}
}

// differs remembers that a look showed an item to be other than it should be. It returns whether
// that is news, and whether it has just become contested. settled says that the look is no listing that
// is a moment behind our own repair, repairs that such items are repaired at all.
func (a *account) differs(found difference, look *store.Look, settled, repairs bool) (news, contested bool) {
	found.Since = look.Begun
	i := slices.IndexFunc(a.memory.Drift, func(df difference) bool { return df.is(found) })
	if i < 0 {
		a.memory.Drift = append(a.memory.Drift, found)
		return true, false
	}
	df := &a.memory.Drift[i]
	if !df.Settled && !settled {
		return false, false
	}
	df.Since, df.Settled = found.Since, false
	if !repairs || df.Contested {
		return true, false
	}
	// It was right in between, so a repair was undone.
	df.Undone = append(slices.DeleteFunc(df.Undone, func(t time.Time) bool { return found.Since.Sub(t) > contestedWithin }), found.Since)
	df.Contested = len(df.Undone) >= contestedAfter
	return true, df.Contested
}

// isContested reports whether a repair of the item has been undone too often.
func (a *account) isContested(item difference) bool {
	return slices.ContainsFunc(a.memory.Drift, func(df difference) bool { return df.Contested && df.is(item) })
}

// trustRepairs keeps in what a look shows the items that a repair of ours has just put
// right, as long as the look may be a moment behind it: else it would be repaired once more, and
// counted as undone, for nothing. Access that must not be there is not waited with.
func (a *account) trustRepairs(now *actual) (trusted bool) {
	for _, df := range a.memory.Drift {
		switch {
		case df.Settled:
		case df.Kind == DriftLost && a.actual.Roles.covers(*df.Unit) && !now.Roles.covers(*df.Unit):
			now.Roles = now.Roles.union(grants{*df.Unit})
			trusted = true
		case df.Kind == DriftChanged:
			v, wanted := a.desired.Attributes[df.Key]
			if wanted && a.actual.Database[df.Key] == v && now.Database[df.Key] != v {
				now.Database = maps.Clone(now.Database)
				if now.Database == nil {
					now.Database = map[string]string{}
				}
				now.Database[df.Key] = v
				trusted = true
			}
		}
	}
	return trusted
}

// drift compares what a look shows with what was confirmed. It is told before now becomes the
// actual state, and settled says whether the look is one for the account.
func (o *Options) drift(a *account, now actual, look *store.Look, settled bool) []finding {
	var f findings
	if had, ok := a.hadRoles(); ok {
		for _, unit := range had.filter(func(u grant) bool { return !now.Roles.covers(u) }) {
			lost := difference{Kind: DriftLost, Unit: &unit}
			news, contested := a.differs(lost, look, settled, o.Drift.Lost == "repair")
			left := o.Drift.Lost != "repair" || a.isContested(lost)
			if left {
				a.memory.Lost = a.memory.Lost.union(grants{unit})
			}
			f.role(news, contested, "drift.lost", unit, whatBecomes(DriftLost, left, contested))
		}
	}
	if !a.atRest() {
		return f.list
	}
	for _, k := range slices.Sorted(maps.Keys(a.desired.Attributes)) {
		v := a.desired.Attributes[k]
		if a.actual.Database[k] != v || now.Database[k] == v {
			continue
		}
		// Identity attributes are the bridge's own: nobody's access hangs on them, and a rebuild does (V-32).
		repairs := o.Drift.Changed != "report" || strings.HasPrefix(k, "scim_")
		changed := difference{Kind: DriftChanged, Key: k}
		news, contested := a.differs(changed, look, settled, repairs)
		left := !repairs || a.isContested(changed)
		if left && !slices.Contains(a.memory.Left, k) {
			a.memory.Left = append(a.memory.Left, k)
		}
		f.key(news, contested, k, whatBecomes(DriftChanged, left, contested))
	}
	return f.list
}

// driftExtra finds access that is there and should not be, and was not there before. It is
// taken whatever the options say and however often it comes back: the limit of contested
// repairs keeps two administrators from fighting over what somebody may have, and must not
// become a way of keeping access that the IdP has ended. It is reported as contested all the same.
func (o *Options) driftExtra(a *account, before actual, look *store.Look, settled bool) []finding {
	var f findings
	a.memory.Lost = a.memory.Lost.filter(func(u grant) bool { return !a.actual.Roles.covers(u) })
	allowed, _ := o.target(a)
	if a.desired.State != present {
		allowed = nil
	}
	extra := a.actual.Roles.filter(func(u grant) bool { return !allowed.covers(u) && !before.Roles.covers(u) })
	for _, unit := range extra {
		news, contested := a.differs(difference{Kind: DriftExtra, Unit: &unit}, look, settled, true)
		f.role(news, contested, "drift.extra", unit, whatBecomes(DriftExtra, false, contested))
	}
	return f.list
}

// settleDrift closes what is as it should be again.
func (a *account) settleDrift() {
	a.memory.Lost = a.memory.Lost.filter(func(u grant) bool { return !a.actual.Roles.covers(u) })
	a.memory.Left = slices.DeleteFunc(a.memory.Left, func(k string) bool { return a.actual.Database[k] == a.desired.Attributes[k] })
	for i := range a.memory.Drift {
		df := &a.memory.Drift[i]
		switch df.Kind {
		case DriftLost:
			df.Settled = a.actual.Roles.covers(*df.Unit)
		case DriftDeleted:
			df.Settled = a.Present
		case DriftExtra:
			df.Settled = !a.Present || df.Unit != nil && !a.actual.Roles.has(*df.Unit)
		case DriftChanged:
			df.Settled = a.actual.Database[df.Key] == a.desired.Attributes[df.Key]
		}
	}
}

// endDrift forgets it: the IdP has written about the person, or a person has decided. It
// reports whether anything was left as somebody else made it, and is now ours to repair.
func (a *account) endDrift() bool {
	left := len(a.memory.Lost) > 0 || len(a.memory.Left) > 0 || a.memory.LostPerson
	a.memory.Lost, a.memory.Left, a.memory.LostPerson, a.memory.Drift = nil, nil, false, nil
	return left
}

// driftOf is store.Account's Drift.
func (a *account) driftOf() int {
	bits := 0
	for _, df := range a.memory.Drift {
		if df.Settled {
			continue
		}
		bits |= driftBits[df.Kind]
		if df.Contested {
			bits |= contestedBit
		}
	}
	return bits
}

// whatBecomes says what is done about a difference, in words for events and for people.
func whatBecomes(kind DriftKind, left, contested bool) string {
	switch {
	case kind == DriftExtra:
		return "there and should not be; taken"
	case contested:
		return "a repair was undone three times in a day; left until the next write about this person"
	case kind == DriftChanged && left:
		return "changed by somebody else; left until the next write about this person"
	case kind == DriftChanged:
		return "changed by somebody else; set back"
	case kind == DriftDeleted && left:
		return "deleted by somebody else; not created again until the next write about this person"
	case kind == DriftDeleted:
		return "deleted by somebody else; created again"
	case left:
		return "taken away by somebody else; not given again until the next write about this person"
	default:
		return "taken away by somebody else; given again"
	}
}

// findings collects what one look said of an account: an event for each thing that became
// of items, not for each item.
type findings struct{ list []finding }

func (f *findings) at(kind, detail string) *finding {
	for i := range f.list {
		if f.list[i].kind == kind && f.list[i].detail == detail {
			return &f.list[i]
		}
	}
	f.list = append(f.list, finding{kind: kind, detail: detail})
	return &f.list[len(f.list)-1]
}

func (f *findings) role(news, contested bool, kind string, unit grant, detail string) {
	if news {
		e := f.at(kind, detail)
		e.roles = e.roles.union(grants{unit})
	}
	if contested {
		e := f.at("drift.contested", detail)
		e.roles = e.roles.union(grants{unit})
	}
}

func (f *findings) key(news, contested bool, key, detail string) {
	if news {
		e := f.at("drift.changed", detail)
		e.keys = append(e.keys, key)
	}
	if contested {
		e := f.at("drift.contested", detail)
		e.keys = append(e.keys, key)
	}
}

// driftBack is for somebody whom a look shows although he was deleted or suspended away, and
// seen gone: whoever invited him again gave access that must not be there. Another person at a former
// user's address is his own man (V-09).
func (o *Options) driftBack(a *account, row *wisdom.User, look *store.Look) []finding {
	if a.desired.State == present || a.Former && row.ID != a.memory.GoneID {
		return nil
	}
	var f findings
	news, contested := a.differs(difference{Kind: DriftExtra}, look, true, true)
	if news {
		f.at("drift.extra", whatBecomes(DriftExtra, false, false)).roles = a.actual.Roles
	}
	if contested {
		f.at("drift.contested", whatBecomes(DriftExtra, false, true)).roles = a.actual.Roles
	}
	return f.list
}

// driftGone is for somebody who was confirmed present and whom two complete looks lack. The access
// that he had goes with him: who invites him again says what he has from then on.
func (o *Options) driftGone(a *account, had grants, look *store.Look) []finding {
	deleted := difference{Kind: DriftDeleted}
	_, contested := a.differs(deleted, look, true, o.Drift.Lost == "repair")
	left := o.Drift.Lost != "repair" || a.isContested(deleted)
	if left {
		a.memory.LostPerson = true
		a.memory.Lost = a.memory.Lost.union(had)
	}
	f := []finding{{kind: "drift.deleted", detail: whatBecomes(DriftDeleted, left, contested)}}
	if contested {
		f = append(f, finding{kind: "drift.contested", detail: whatBecomes(DriftDeleted, left, contested)})
	}
	return f
}
