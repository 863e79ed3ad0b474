package directory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/scimbridge/scimbridge/internal/store"
)

// Creation is a user just created, adopted or replayed. The caller writes the answer
// and then calls Done exactly once: V-05 hangs on it.
type Creation struct {
	User User
	done func(written bool)
}

// Done tells whether the 201 was completely written while the request's context lived (V-05).
func (c *Creation) Done(written bool) { c.done(written) }

// creating is a create on which a request still works, or whose answer was written
// and whose row does not say so yet, to every transaction that is open.
type creating struct {
	ids      []string  // under which it is in Directory.creating
	told     bool      // somebody else was shown its id: it cannot be rolled back any more (V-04)
	answered time.Time // when its row said that it was; zero: not yet
}

// openFor is longer than any transaction is open: one that began before a row said that its create was
// answered may see it as it was.
const openFor = time.Minute

// CreateUser records a new user, adopts one that WisdomAI has (V-07) or replays a
// create whose answer was lost (V-05), delivers within the request's budget, and
// returns him. Errors: Invalid, Conflict, Unavailable.
func (d *Directory) CreateUser(ctx context.Context, by Caller, doc Document) (*Creation, error) {
	d.looker.noteTraffic()
	mine := &creating{}
	var u *store.User
	var touched []int64
	var kind string
	err := d.store.Update(ctx, func(tx store.Tx) error {
		d.release(mine) // fn may run again
		var err error
		u, touched, kind, err = d.create(tx, by, doc, mine)
		return err
	})
	if err != nil {
		d.release(mine)
		return nil, d.refused(ctx, by, err)
	}
	outcomes := d.deliverNow(ctx, touched)
	if kind == "user.create" && u.Account != 0 && outcomes[u.Account].state == refused {
		if refusal := d.rollBack(ctx, by, u.ID, outcomes[u.Account].err); refusal != nil {
			d.release(mine)
			return nil, refusal
		}
	}
	user, err := d.read(ctx, u.ID)
	if err == nil {
		err = d.accepted(ctx) // a 503 is no 201: the repeated POST is a replay (V-05)
	}
	if err != nil {
		d.release(mine)
		return nil, err
	}
	return &Creation{User: user, done: func(written bool) { d.created(u.ID, mine, written) }}, nil
}

// create is CreateUser's transaction. It returns the user, the accounts to deliver and
// what it was: user.create, user.adopt or user.replay. The user is mine to answer until mine is released, whatever becomes of it.
func (d *Directory) create(tx store.Tx, by Caller, doc Document, mine *creating) (u *store.User, touched []int64, kind string, err error) {
	now := tx.Now()
	name, _ := doc["userName"].(string)
	external, _ := doc["externalId"].(string)
	active, _ := doc["active"].(bool)

	existing, err := tx.UserByName(d.o.Tenant, FoldName(name))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, nil, "", err
	}
	var shown *store.User
	if existing != nil && existing.Managed {
		again, err := d.unwrittenUser(tx, existing)
		if err != nil {
			return nil, nil, "", err
		}
		if again { // known from WisdomAI alone, since the rebuild (V-32)
			shown = existing
		}
	}
	if existing != nil && existing.Managed && shown == nil {
		if existing.Answered || existing.ExternalID != external || !d.holdAgain(existing.ID, mine) {
			return nil, nil, "", &Error{Kind: Conflict, Attribute: "userName", Detail: fmt.Sprintf("%q is already in use by user %s", name, existing.ID)}
		}
		// A replay (V-05): the body, where it differs, is applied as a PUT.
		if active {
			if err := d.heedActive(tx, by, existing, func(Document) (Document, error) { return doc, nil }); err != nil {
				return nil, nil, "", err
			}
		}
		_, touched, err = d.change(tx, by, existing, doc, "user.replay")
		return existing, touched, "user.replay", err
	}

	// Who is there already is found by his address, under whatever name he is shown.
	id, kind := uuid.NewString(), "user.create"
	res, err := d.resolve(tx, id, doc)
	if err != nil {
		return nil, nil, "", err
	}
	if deliverable(res) && shown == nil {
		if shown, err = d.shownAt(tx, res.EmailKey); err != nil {
			return nil, nil, "", err
		}
	}
	if shown != nil {
		id, kind = shown.ID, "user.adopt"
		if res, err = d.resolve(tx, id, doc); err != nil { // he may be in groups
			return nil, nil, "", err
		}
	}
	if existing != nil && (shown == nil || existing.ID != shown.ID) {
		// Shown under this name from another address: the name is the IdP's to give.
		if err := tx.HideUser(d.o.Tenant, existing.ID); err != nil {
			return nil, nil, "", err
		}
	}
	u = &store.User{Tenant: d.o.Tenant, ID: id, Created: now}
	if shown != nil {
		u = shown
	}
	u.Managed, u.Answered, u.Modified = true, false, now
	u.Version++
	if err := d.writeDocument(u, doc); err != nil {
		return nil, nil, "", err
	}
	if err := d.checkExternalID(tx, u); err != nil {
		return nil, nil, "", err
	}
	if active {
		if e := refusal(res); e != nil {
			return nil, nil, "", e
		}
		touched, err = d.point(tx, by, u, res, true)
	} else {
		touched, err = d.suspend(tx, by, u, res)
	}
	if err != nil {
		return nil, nil, "", wishing(err, wish{What: wishCreate}, doc)
	}
	if err := tx.PutUser(u); err != nil {
		return nil, nil, "", err
	}
	d.hold(u.ID, mine)
	d.event(tx, by, kind, u.ID, u.UserName, map[string]any{"after": doc, "reasons": res.Reasons, "problems": res.Problems})
	return u, touched, kind, nil
}

// shownAt is the user who is known from WisdomAI alone and shown at an address, nil if there is none.
func (d *Directory) shownAt(tx store.Tx, emailKey string) (*store.User, error) {
	row, err := tx.AccountByEmail(d.o.Workspace, emailKey)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	shown, err := tx.UserByAccount(row.ID)
	if errors.Is(err, store.ErrNotFound) || err == nil && shown.Tenant != d.o.Tenant {
		return nil, nil
	}
	if err == nil && shown.Managed {
		if again, err := d.unwrittenUser(tx, shown); err != nil || !again {
			return nil, err
		}
	}
	return shown, err
}

func (d *Directory) checkExternalID(tx store.Tx, u *store.User) error {
	if !d.o.Users.UniqueExternalID || u.ExternalID == "" {
		return nil
	}
	where := &Condition{Field: store.FieldExternalID, Cmp: store.Eq, Value: u.ExternalID}
	for other, err := range tx.Users(d.o.Tenant, store.Query{Where: where, Limit: 2}) {
		if err != nil {
			return err
		}
		if other.ID != u.ID {
			return &Error{Kind: Conflict, Attribute: "externalId", Detail: fmt.Sprintf("%q is already in use by user %s", u.ExternalID, other.ID)}
		}
	}
	return nil
}

// rollBack takes back a create that WisdomAI refused for good, if nothing of it can be
// there, nobody else was told its id and nothing refers to it (V-04). It returns the
// refusal to answer, or nil when the user stays, failed and visible.
func (d *Directory) rollBack(ctx context.Context, by Caller, id string, why error) error {
	var done bool
	var address string
	err := d.store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error {
		done = false
		u, err := tx.User(d.o.Tenant, id)
		if err != nil || u.Account == 0 {
			return err
		}
		a, err := loadAccount(tx, u.Account)
		if err != nil {
			return err
		}
		groups, err := tx.GroupsOf(d.o.Tenant, id)
		if err != nil {
			return err
		}
		there := a.Present || a.CallOpen || !a.Uncertain.IsZero() || a.memory.Unanswered != nil
		if there || len(groups) > 0 || d.told(id) {
			return nil
		}
		u.Managed = false // so that nothing is left of him, not even a tombstone
		if err := tx.PutUser(u); err != nil {
			return err
		}
		if err := tx.HideUser(d.o.Tenant, id); err != nil {
			return err
		}
		d.event(tx, by, "user.rolled_back", id, a.Email, map[string]any{"reason": why.Error()})
		done, address = true, d.o.Rules.ShowAddress(a.Email)
		if a.Delivered != 0 { // a former user's address is one again
			d.leave(u, a, true, tx)
			return a.put(tx)
		}
		return tx.DeleteAccount(a.ID)
	})
	if err != nil {
		return translate(err)
	}
	if !done {
		return nil
	}
	return &Error{Kind: Invalid, Attribute: "emails", Detail: fmt.Sprintf("WisdomAI refused %s for good, so nothing was created: %v", address, why)}
}

// hold makes a create that of a request, as the one that answers it, unless another does.
func (d *Directory) hold(id string, mine *creating) {
	d.creating.Lock()
	defer d.creating.Unlock()
	if c := d.creating.users[id]; c == nil || !c.answered.IsZero() {
		d.holds(id, mine)
	}
}

// holdAgain is hold for a create that was made before; false if another request answers it, or has.
func (d *Directory) holdAgain(id string, mine *creating) bool {
	d.creating.Lock()
	defer d.creating.Unlock()
	if c := d.creating.users[id]; c != nil {
		return c == mine
	}
	d.holds(id, mine)
	return true
}

// holds needs the lock.
func (d *Directory) holds(id string, mine *creating) {
	d.creating.users[id] = mine
	mine.ids = append(mine.ids, id)
}

// release ends what a request holds.
func (d *Directory) release(mine *creating) {
	d.creating.Lock()
	defer d.creating.Unlock()
	d.forget(mine)
}

// forget needs the lock.
func (d *Directory) forget(mine *creating) {
	for _, id := range mine.ids {
		if d.creating.users[id] == mine {
			delete(d.creating.users, id)
		}
	}
	mine.ids = nil
}

func (d *Directory) told(id string) bool {
	d.creating.Lock()
	defer d.creating.Unlock()
	c := d.creating.users[id]
	return c != nil && c.told
}

// tell notes that these users were shown to somebody.
func (d *Directory) tell(users ...*store.User) {
	d.creating.Lock()
	defer d.creating.Unlock()
	if len(d.creating.users) == 0 {
		return
	}
	for _, u := range users {
		if c := d.creating.users[u.ID]; c != nil {
			c.told = true
		}
	}
}

// created ends a create: this process knows at once whether it was answered, the row's flag follows.
func (d *Directory) created(id string, mine *creating, written bool) {
	if !written {
		d.release(mine)
		return
	}
	d.background.Go(func() {
		err := d.store.Update(context.Background(), func(tx store.Tx) error {
			row, err := tx.User(d.o.Tenant, id)
			if err != nil || row.Answered {
				return err
			}
			row.Answered = true
			return tx.PutUser(row)
		})
		if err == nil {
			d.answered(mine)
			return
		}
		d.release(mine)
		if !errors.Is(err, store.ErrNotFound) {
			d.o.Log.Warn("that a create was answered could not be recorded; a repeated POST will be answered 201 once more", "user", id, "error", err)
		}
	})
}

// answered keeps in mind that a create was answered for as long as a transaction may see it otherwise.
func (d *Directory) answered(mine *creating) {
	d.creating.Lock()
	defer d.creating.Unlock()
	mine.answered = d.o.Now()
	d.creating.answered = append(d.creating.answered, mine)
	for len(d.creating.answered) > 0 && mine.answered.Sub(d.creating.answered[0].answered) > openFor {
		d.forget(d.creating.answered[0])
		d.creating.answered = d.creating.answered[1:]
	}
}
