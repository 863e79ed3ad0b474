package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// find is a user by id or alias (V-07).
func (d *Directory) find(tx store.Tx, id string) (*store.User, error) {
	u, err := tx.User(d.o.Tenant, id)
	if errors.Is(err, store.ErrNotFound) {
		if other, aerr := tx.Alias(d.o.Tenant, id); aerr == nil {
			u, err = tx.User(d.o.Tenant, other)
		}
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, d.unknown(tx, "user", id)
	}
	return u, err
}

// unknown is the refusal of an id that is not there: NotFound, or while no look was
// ever believed and the id is not known to be deleted, Unavailable (V-29).
func (d *Directory) unknown(tx store.Tx, what, id string) error {
	if what == "user" && !d.looker.believed() {
		deleted, err := tx.Deleted(d.o.Tenant, id)
		if err != nil {
			return err
		}
		if !deleted {
			return d.unavailable(fmt.Sprintf("whether there is a user %q is not known yet: WisdomAI's users have never been listed", id))
		}
	}
	if why, err := d.lostWith(tx, what, id); err != nil {
		return err
	} else if why != "" {
		return &Error{Kind: Unavailable, Detail: why, RetryAfter: 5 * time.Minute}
	}
	return &Error{Kind: NotFound, Detail: fmt.Sprintf("there is no %s %q", what, id)}
}

// unavailable is a 503 with the reason that the looks give.
func (d *Directory) unavailable(detail string) *Error {
	if err := d.looker.failing(); err != nil {
		detail += fmt.Sprintf(" (%v)", err)
	}
	return &Error{Kind: Unavailable, Detail: detail, RetryAfter: 10 * time.Second}
}

// withUnknown runs fn, and once more after the first look ever, waited for within the
// request's budget, if fn was refused for want of one (V-29).
func (d *Directory) withUnknown(ctx context.Context, fn func() error) error {
	err := fn()
	var e *Error
	if !errors.As(err, &e) || e.Kind != Unavailable || d.looker.believed() {
		return err
	}
	if d.waitForLook(ctx, time.Time{}) != nil {
		return err
	}
	return fn()
}

// waitForLook waits for a look that began at or after t, within the request's budget.
func (d *Directory) waitForLook(ctx context.Context, t time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, d.o.Delivery.RequestBudget)
	defer cancel()
	return d.looker.ensure(ctx, t)
}

// User reads one user by id or alias, with Groups and Delivery. Errors: NotFound; Unavailable while
// no look was ever believed and the id is unknown (V-29).
func (d *Directory) User(ctx context.Context, id string) (User, error) {
	d.looker.noteTraffic()
	var user User
	err := d.withUnknown(ctx, func() error {
		var err error
		user, err = d.read(ctx, id)
		return err
	})
	return user, err
}

// read is User without waiting and without counting as traffic.
func (d *Directory) read(ctx context.Context, id string) (User, error) {
	var user User
	err := d.store.View(ctx, func(tx store.Tx) error {
		u, err := d.find(tx, id)
		if err != nil {
			return err
		}
		d.tell(u)
		user, err = d.show(tx, u, true, true)
		return err
	})
	return user, err
}

// show makes a User of a row.
func (d *Directory) show(tx store.Tx, u *store.User, groups, delivery bool) (User, error) {
	doc, err := readDocument(u)
	if err != nil {
		return User{}, fmt.Errorf("user %s: %w", u.ID, err)
	}
	user := User{ID: u.ID, Managed: u.Managed, Document: doc, Version: u.Version, Created: u.Created, Modified: u.Modified}
	if groups {
		in, err := tx.GroupsOf(d.o.Tenant, u.ID)
		if err != nil {
			return User{}, err
		}
		for _, g := range in {
			user.Groups = append(user.Groups, GroupRef{ID: g.ID, DisplayName: g.DisplayName})
		}
	}
	if delivery {
		user.Delivery, err = d.deliveryOf(tx, u)
	}
	return user, err
}

func (d *Directory) deliveryOf(tx store.Tx, u *store.User) (Delivery, error) {
	if u.Account == 0 || !u.Managed {
		return Delivery{State: DeliveryNone, Since: u.Modified}, nil
	}
	a, err := loadAccount(tx, u.Account)
	if err != nil {
		return Delivery{}, err
	}
	holds, err := tx.HoldsOf(a.ID)
	if err != nil {
		return Delivery{}, err
	}
	del := Delivery{Since: a.Pending, Detail: a.LastError}
	switch {
	case len(holds) > 0:
		del.State, del.Detail, del.Since = DeliveryHeld, holds[0].Reason, holds[0].Created
	case a.desired.Problem != "":
		del.State, del.Detail = DeliveryFailed, a.desired.Problem
	case a.Failed == a.Version && a.Failed != 0:
		del.State = DeliveryFailed
	case !a.Uncertain.IsZero():
		del.State, del.Since = DeliveryUncertain, a.Uncertain
	case a.Delivered < a.Version || !a.Pending.IsZero():
		del.State = DeliveryPending
	case a.Confirmed < a.Delivered:
		del.State = DeliveryUnconfirmed
	default:
		del.State = DeliveryConfirmed
	}
	if open := a.openDrift(); len(open) > 0 && del.Detail == "" {
		del.Detail = open[0].Item + ": " + open[0].Becomes
	}
	if del.Since.IsZero() {
		del.Since = u.Modified
	}
	return del, nil
}

// Users answers a query: the total of the matches and one page of them. An equality
// lookup that finds nothing waits for a look no older than listing.miss_max_age, as far as
// the budget and the duty cycle allow; an unfiltered list waits for the first look ever (V-29).
func (d *Directory) Users(ctx context.Context, q UserQuery) (total int, page []User, err error) {
	d.looker.noteTraffic()
	if q.Where == nil && q.Match == nil && !d.looker.believed() && d.waitForLook(ctx, time.Time{}) != nil {
		return 0, nil, d.unavailable("the list of users is not complete yet: WisdomAI's users have never been listed")
	}
	total, page, err = d.query(ctx, q)
	if err != nil || total > 0 || len(q.UserNames)+len(q.Emails) == 0 {
		return total, page, err
	}
	if d.waitForLook(ctx, d.o.Now().Add(-d.o.Listing.MissMaxAge)) != nil {
		return total, page, nil // delivery has its own check: a POST that follows adopts and does not overwrite
	}
	return d.query(ctx, q)
}

func (d *Directory) query(ctx context.Context, q UserQuery) (total int, page []User, err error) {
	err = d.store.View(ctx, func(tx store.Tx) error {
		total, page, err = (&list[*store.User, User]{
			where: q.Where, match: q.Match, sort: q.Sort, key: q.Key, after: q.After, offset: q.Offset, limit: q.Limit,
			rows:  func(sq store.Query) iter.Seq2[*store.User, error] { return tx.Users(d.o.Tenant, sq) },
			count: func(where *Condition) (int, error) { return tx.CountUsers(d.o.Tenant, where) },
			find:  func(id string) (*store.User, error) { return tx.User(d.o.Tenant, id) },
			show:  func(u *store.User) (User, error) { return d.show(tx, u, q.WithGroups, q.WithDelivery) },
			place: q.Sort.placeOfUser,
			id:    func(u *store.User) string { return u.ID },
			put: func(user *User, u *store.User, at Position) {
				d.tell(u)
				user.Position = at
			},
		}).run()
		return err
	})
	return total, page, err
}

// deliverNow works on the accounts at once and waits for them within the request's
// budget; takings first. Many accounts, a large group's, are left to the
// scheduler: their write was accepted, and its answer does not hang on them (V-06).
func (d *Directory) deliverNow(ctx context.Context, accounts []int64) map[int64]outcome {
	const most = 64
	if len(accounts) == 0 {
		return nil
	}
	if len(accounts) > most {
		d.wakeScheduler()
		return nil
	}
	ctx, cancel := waitBudget(ctx, d.o.Delivery.RequestBudget)
	defer cancel()
	due := make([]dueAccount, len(accounts))
	err := d.store.View(ctx, func(tx store.Tx) error {
		for i, id := range accounts {
			due[i] = dueAccount{id: id}
			a, err := tx.Account(id)
			if err == nil {
				due[i].taking = a.Taking
			} else if !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil // it was committed, and is due
	}
	if d.guard.State().Open { // WisdomAI is down: nobody waits for it
		for _, a := range due {
			d.queue.push(a.id, a.taking)
		}
		return nil
	}
	if len(due) == 2 { // a rename: the old account, which loses access, goes first (V-09)
		out := d.queue.wait(ctx, due[:1])
		for id, o := range d.queue.wait(ctx, due[1:]) {
			out[id] = o
		}
		return out
	}
	return d.queue.wait(ctx, due)
}

// translate turns the store's conflicts, which only a race can bring past our own
// checks, into refusals.
func translate(err error) error {
	var c *store.Conflict
	if errors.As(err, &c) {
		attribute := c.Field
		if attribute == "account" {
			attribute = "emails"
		}
		return &Error{Kind: Conflict, Attribute: attribute, Detail: "it is already in use by " + c.Holder}
	}
	return err
}

// rawJSON shows stored JSON in an event as what it is.
func rawJSON(data []byte) json.RawMessage {
	if len(data) == 0 {
		return nil
	}
	return json.RawMessage(data)
}
