package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
)

// Person is everything that is known about one person: what the IdP wrote, what follows from
// it and why, what there is at WisdomAI, and what is still to be done about the difference.
type Person struct {
	ID         string    `json:"id"`
	UserName   string    `json:"userName,omitempty"`
	ExternalID string    `json:"externalId,omitempty"`
	Managed    bool      `json:"managed"` // false: shown from WisdomAI alone
	Active     bool      `json:"active"`
	Deleted    bool      `json:"deleted"` // only his accounts, and what was taken from them, are left
	Version    int64     `json:"version,omitempty"`
	Created    time.Time `json:"created,omitzero"`
	Modified   time.Time `json:"modified,omitzero"`
	Document   Document  `json:"document,omitempty"`
	Groups     []string  `json:"groups"`
	// Delivery is what the SCIM extension shows.
	Delivery string `json:"delivery"`
	// Refused are rules that matched and gave nothing, Problems why the mapping could not give everything.
	Refused  []string        `json:"refused"`
	Problems []string        `json:"problems"`
	Accounts []PersonAccount `json:"accounts"` // the current one first
	Events   []PersonEvent   `json:"events"`   // the last ones, newest first
}

// PersonAccount is an address of a person: desired beside actual.
type PersonAccount struct {
	Address         string       `json:"address"`
	Current         bool         `json:"current"` // false: he was renamed away, or deleted
	WisdomID        string       `json:"wisdomId,omitempty"`
	Name            string       `json:"name,omitempty"`
	Desired         string       `json:"desired,omitempty"` // present, suspended or absent; "": nothing is wanted
	Present         bool         `json:"present"`
	CreatedByBridge bool         `json:"createdByBridge"`
	Roles           []PersonItem `json:"roles"`
	Attributes      []PersonItem `json:"attributes"`
	Version         int64        `json:"version"`
	Delivered       int64        `json:"delivered"`
	Confirmed       int64        `json:"confirmed"`
	// Waiting is what is still to come and why it has not; "" if nothing is.
	Waiting   string          `json:"waiting,omitempty"`
	Since     time.Time       `json:"waitingSince,omitzero"`
	NextTry   time.Time       `json:"nextTry,omitzero"`
	Attempts  int             `json:"attempts,omitempty"`
	LastError string          `json:"lastError,omitempty"`
	Uncertain time.Time       `json:"uncertainSince,omitzero"`
	Drift     []Drift         `json:"drift"`
	Holds     []PersonHold    `json:"holds"`
	SetAside  []string        `json:"setAside"` // given by hand, and given back on reactivation
	GiveBack  []string        `json:"giveBack"` // given by hand, on its way back
	Removals  []PersonRemoval `json:"removals"` // what `users restore` would give back
}

// PersonItem is a role or attribute: what is wanted and what there is, with the reason.
type PersonItem struct {
	Item  string `json:"item"`            // "EXPLORER at x", "region"
	Want  string `json:"want,omitempty"`  // of attributes the value, of roles "yes"; "" for not wanted
	Have  string `json:"have,omitempty"`  // the same of what is there
	Owned bool   `json:"owned,omitempty"` // ours to take away again
	Why   string `json:"why"`
}

// PersonHold is something about the account that waits for a person.
type PersonHold struct {
	Kind   string    `json:"kind"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
}

// PersonRemoval is what a suspension or deletion took.
type PersonRemoval struct {
	Kind       string    `json:"kind"`
	At         time.Time `json:"at"`
	Token      string    `json:"token,omitempty"`
	Request    string    `json:"request,omitempty"`
	Roles      []string  `json:"roles"`
	ByHand     []string  `json:"roles_by_hand"`
	Attributes []string  `json:"attributes"`
}

// PersonEvent is an entry of the event log about him.
type PersonEvent struct {
	Time    time.Time       `json:"time"`
	Actor   string          `json:"actor"`
	Request string          `json:"request,omitempty"`
	Kind    string          `json:"kind"`
	Detail  json.RawMessage `json:"detail,omitempty"`
}

// personEvents is how many of the last events are shown.
const personEvents = 20

// accountsOf finds a person's accounts, the current one first, by his SCIM id or userName, or by an
// address of his. Errors: NotFound.
func (d *Directory) accountsOf(tx store.Tx, who string) ([]*account, error) {
	_, accounts, err := d.whois(tx, who)
	return accounts, err
}

// whois finds a person and his accounts. The user is nil for somebody deleted.
func (d *Directory) whois(tx store.Tx, who string) (*store.User, []*account, error) {
	u, err := tx.User(d.o.Tenant, who)
	if errors.Is(err, store.ErrNotFound) {
		if other, aerr := tx.Alias(d.o.Tenant, who); aerr == nil {
			u, err = tx.User(d.o.Tenant, other)
		}
	}
	if errors.Is(err, store.ErrNotFound) {
		u, err = tx.UserByName(d.o.Tenant, FoldName(who))
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, nil, err
	}
	id := who
	var first int64
	if u != nil {
		id, first = u.ID, u.Account
	} else {
		row, err := tx.AccountByEmail(d.o.Workspace, mapping.FoldAddress(d.o.Rules.DeliveredAddress(who)))
		switch {
		case err == nil && (row.Tenant == d.o.Tenant || row.Tenant == "") && d.o.Rules.Visible(row.Email):
			id, first = row.UserID, row.ID
			if u, err = tx.UserByAccount(row.ID); err == nil {
				id = u.ID
			} else if id != "" {
				u, err = tx.User(d.o.Tenant, id)
			}
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, nil, err
		}
	}
	rows, err := tx.AccountsOf(d.o.Tenant, id)
	if err != nil {
		return nil, nil, err
	}
	if first != 0 && !slices.ContainsFunc(rows, func(r *store.Account) bool { return r.ID == first }) {
		row, err := tx.Account(first)
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, row)
	}
	if u == nil && len(rows) == 0 {
		return nil, nil, &Error{Kind: NotFound, Detail: fmt.Sprintf("nobody of tenant %s has the address, userName or SCIM id %q", d.o.Tenant, who)}
	}
	slices.SortStableFunc(rows, func(a, b *store.Account) int {
		switch {
		case a.ID == first:
			return -1
		case b.ID == first:
			return 1
		}
		return 0
	})
	accounts := make([]*account, len(rows))
	for i, row := range rows {
		if accounts[i], err = decodeAccount(row); err != nil {
			return nil, nil, err
		}
	}
	return u, accounts, nil
}

// Person finds somebody by address, userName or SCIM id and tells everything about him. Errors: NotFound.
func (d *Directory) Person(ctx context.Context, who string) (Person, error) {
	var p Person
	err := d.store.View(ctx, func(tx store.Tx) error {
		u, accounts, err := d.whois(tx, who)
		if err != nil {
			return err
		}
		p = Person{Deleted: u == nil, Groups: []string{}, Refused: []string{}, Problems: []string{}, Accounts: []PersonAccount{}, Events: []PersonEvent{}}
		reasons := map[string]string{}
		var current int64
		switch {
		case u != nil:
			current = u.Account
			if reasons, err = p.ofUser(d, tx, u); err != nil {
				return err
			}
		case accounts[0].UserID == "":
			p.Deleted = false // somebody at WisdomAI whom the tenant does not show
		default:
			p.ID = accounts[0].UserID
		}
		for _, a := range accounts {
			pa, err := d.personAccount(tx, a, a.ID == current, reasons)
			if err != nil {
				return err
			}
			p.Accounts = append(p.Accounts, pa)
		}
		events, err := tx.EventsAbout(d.o.Tenant, p.ID, personEvents)
		for _, e := range events {
			p.Events = append(p.Events, PersonEvent{Time: e.Time, Actor: e.Actor, Request: e.Request, Kind: e.Kind, Detail: rawJSON(e.Detail)})
		}
		return err
	})
	return p, err
}

// ofUser fills in what the IdP wrote, and returns the reason of every role and attribute of his.
func (p *Person) ofUser(d *Directory, tx store.Tx, u *store.User) (map[string]string, error) {
	shown, err := d.show(tx, u, true, true)
	if err != nil {
		return nil, err
	}
	p.ID, p.UserName, p.ExternalID, p.Managed, p.Active = u.ID, u.UserName, u.ExternalID, u.Managed, u.Active
	p.Version, p.Created, p.Modified, p.Document, p.Delivery = u.Version, u.Created, u.Modified, shown.Document, string(shown.Delivery.State)
	for _, g := range shown.Groups {
		p.Groups = append(p.Groups, g.DisplayName)
	}
	res, err := d.resolve(tx, u.ID, shown.Document)
	if err != nil {
		return nil, err
	}
	reasons := map[string]string{}
	for _, r := range res.Reasons {
		why := r.Rule + ", from " + r.From
		switch {
		case r.Refused != "":
			p.Refused = append(p.Refused, fmt.Sprintf("%s (%s): %s", r.What, why, r.Refused))
		case reasons[r.What] == "":
			reasons[r.What] = why
		default:
			reasons[r.What] += "; " + why
		}
	}
	for _, problem := range res.Problems {
		p.Problems = append(p.Problems, problemText(problem))
	}
	return reasons, nil
}

// personAccount tells of one account.
func (d *Directory) personAccount(tx store.Tx, a *account, current bool, reasons map[string]string) (PersonAccount, error) {
	p := PersonAccount{
		Address: a.Email, Current: current, WisdomID: a.WisdomID, Name: a.Name, Desired: string(a.desired.State), Present: a.Present,
		CreatedByBridge: a.CreatedByBridge, Version: a.Version, Delivered: a.Delivered, Confirmed: a.Confirmed,
		Since: a.Pending, NextTry: a.Due, Attempts: a.Attempts, LastError: a.LastError, Uncertain: a.Uncertain,
		Roles: []PersonItem{}, Attributes: []PersonItem{}, Drift: []Drift{}, Holds: []PersonHold{},
		SetAside: []string{}, GiveBack: []string{}, Removals: []PersonRemoval{},
	}
	p.items(a, current, reasons)
	p.Drift = append(p.Drift, a.openDrift()...)
	if sa := a.memory.SetAside; sa != nil {
		p.SetAside = unitTexts(sa.Roles)
	}
	if gb := a.memory.GiveBack; gb != nil {
		p.GiveBack = unitTexts(gb.Roles)
	}
	s, err := d.sight(tx, tx.Now())
	if err != nil {
		return p, err
	}
	p.Waiting = d.o.waiting(a, s)
	holds, err := tx.HoldsOf(a.ID)
	if err != nil {
		return p, err
	}
	for _, h := range holds {
		p.Holds = append(p.Holds, PersonHold{Kind: h.Kind, Reason: h.Reason, Since: h.Created})
	}
	removals, err := tx.RemovalsOf(a.ID)
	if err != nil {
		return p, err
	}
	for _, m := range removals {
		t, err := readTaken(m)
		if err != nil {
			return p, err
		}
		r := PersonRemoval{Kind: m.Kind, At: m.At, Token: m.Token, Request: m.Request, Roles: unitTexts(t.Ours), ByHand: unitTexts(t.Hand), Attributes: []string{}}
		for k := range merged(t.Attributes, t.Foreign) {
			r.Attributes = append(r.Attributes, k)
		}
		slices.Sort(r.Attributes)
		p.Removals = append(p.Removals, r)
	}
	return p, nil
}

// items lists roles and attributes, those wanted and those there.
func (p *PersonAccount) items(a *account, current bool, reasons map[string]string) {
	why := func(what string, wanted, owned, there bool) string {
		switch {
		case wanted && current && reasons[what] != "":
			return reasons[what]
		case wanted && what == "attribute scim_id" || wanted && what == "attribute scim_state" || wanted && what == "attribute scim_external_id":
			return "policy.identity_attributes"
		case wanted && len(what) > 5 && what[:5] == "role ":
			return "given back by `users restore`, until the next write about him"
		case wanted:
			return "as it was when it was last asked for"
		case owned:
			return "no longer asked for: ours, and taken"
		case !there:
			return ""
		default:
			return "not ours: given by hand, or by another system"
		}
	}
	yes := func(b bool) string {
		if b {
			return "yes"
		}
		return ""
	}
	for _, u := range a.desired.Roles.union(a.actual.Roles) {
		wanted, owned, there := a.desired.Roles.has(u), a.owned.Roles.has(u), a.actual.Roles.has(u)
		p.Roles = append(p.Roles, PersonItem{Item: unitText(u), Want: yes(wanted), Have: yes(there), Owned: owned, Why: why("role "+unitText(u), wanted, owned, there)})
	}
	all := merged(a.desired.Attributes, a.actual.Database)
	for k, v := range a.actual.JWT {
		if _, twice := all[k]; !twice {
			p.Attributes = append(p.Attributes, PersonItem{Item: k, Have: v, Why: "from single sign-on: read only"})
		}
	}
	for k := range all {
		want, wanted := a.desired.Attributes[k]
		have, there := a.actual.Database[k]
		p.Attributes = append(p.Attributes, PersonItem{Item: k, Want: want, Have: have, Owned: a.owned.hasKey(k), Why: why("attribute "+k, wanted, a.owned.hasKey(k), there)})
	}
	slices.SortFunc(p.Attributes, func(a, b PersonItem) int { return strings.Compare(a.Item, b.Item) })
}

// waiting says what is still to be done about an account, and why it is not done yet.
func (o *Options) waiting(a *account, s sight) string {
	st := o.plan(a, s)
	switch {
	case a.Failed != 0 && a.Failed == a.Version && st.kind != stepNone:
		return "refused by WisdomAI for good"
	case st.kind == stepWait:
		return "a listing: " + st.reason
	case st.kind != stepNone && st.taking:
		return "taking access away: " + string(st.kind)
	case st.kind != stepNone:
		return "giving: " + string(st.kind)
	case !a.Uncertain.IsZero():
		return "a listing that shows what an unanswered call did"
	case a.Confirmed < a.Delivered:
		return "a listing that confirms it"
	default:
		return ""
	}
}

func unitTexts(g grants) []string {
	out := []string{}
	for _, u := range g {
		out = append(out, unitText(u))
	}
	return out
}
