package directory

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// recorded is whether a write was answered 503 although it is committed (V-37).
func recorded(t *testing.T, what string, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Kind != Unavailable || !e.Recorded || e.RetryAfter <= 0 {
		t.Errorf("%s: %v, want a 503 of something recorded, with Retry-After", what, err)
	}
}

func (w *world) health() Health {
	w.t.Helper()
	h, err := w.dir.Health(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

// logged are the events of a kind, or of all kinds that begin with it if it ends with a dot.
func (w *world) logged(kind string) []*store.Event {
	w.t.Helper()
	var found []*store.Event
	err := w.store.View(w.t.Context(), func(tx store.Tx) error {
		var err error
		found, err = tx.FindEvents(store.EventQuery{Kind: kind, Limit: 1000})
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

func TestV37AcceptanceEndsAfterAnHourWithoutAnyOK(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann, bob := w.create(person("ann@example.com")), w.create(person("bob@example.com"))
		g := w.group("Explorers", ann.ID, bob.ID)
		w.pass(20 * time.Minute)
		w.down.set(true)
		w.mustUpdate(ann.ID, "active", false)
		w.pass(35 * time.Minute)
		if h := w.health(); h.Acceptance.Refusing || !h.Acceptance.Warned(time.Now()) || !strings.Contains(h.Acceptance.Reason, "refused") {
			w.t.Errorf("after 35 minutes: %+v, want a warning with the reason", h.Acceptance)
		}
		w.stop() // what is known of the outage outlives the process
		w.start()
		w.pass(20 * time.Minute)
		w.mustUpdate(bob.ID, "title", "Analyst")
		w.pass(6 * time.Minute)

		if h := w.health(); !h.Acceptance.Refusing {
			w.t.Errorf("after 61 minutes: %+v", h.Acceptance)
		}
		recorded(w.t, "update", w.update(bob.ID, "active", false))
		_, err := w.dir.CreateUser(w.t.Context(), okta, person("cid@example.com"))
		recorded(w.t, "create", err)
		_, err = w.dir.CreateUser(w.t.Context(), okta, person("cid@example.com"))
		recorded(w.t, "the create once more", err)
		_, err = w.dir.CreateGroup(w.t.Context(), okta, GroupDraft{DisplayName: "Viewers", ExternalID: "v"})
		recorded(w.t, "create group", err)
		_, err = w.dir.UpdateGroup(w.t.Context(), okta, g.ID, Precondition{}, []GroupChange{{Remove: []string{ann.ID}}})
		recorded(w.t, "update group", err)
		dan := person("dan@example.com")
		_, err = w.dir.CreateUser(w.t.Context(), okta, dan)
		recorded(w.t, "create", err)
		found := w.lookup("dan@example.com") // reads go on
		if len(found) != 1 {
			w.t.Fatalf("a create answered 503 left %+v", found)
		}
		recorded(w.t, "delete", w.dir.DeleteUser(w.t.Context(), okta, found[0].ID, Precondition{}))
		wantRefused(w.t, w.update("nobody", "active", false), NotFound) // what is not recorded is refused as ever
		cid := w.lookup("cid@example.com")[0].ID

		w.down.set(false)
		w.pass(10 * time.Minute)
		w.wantAt("ann@example.com", "no role")
		w.wantAt("bob@example.com", "no role")
		w.wantAt("cid@example.com", "no role")
		w.wantAt("dan@example.com", "-")
		if c := w.create(person("cid@example.com")); c.ID != cid {
			w.t.Errorf("the repeated POST made %s, want a replay: %s", c.ID, cid)
		}
		_, groups, err := w.dir.Groups(w.t.Context(), GroupQuery{Limit: -1})
		if err != nil || len(groups) != 2 {
			w.t.Fatalf("groups %+v, %v", groups, err)
		}
		first := groups[1].ID
		again, err := w.dir.CreateGroup(w.t.Context(), okta, GroupDraft{DisplayName: "Viewers", ExternalID: "v", Members: refs(cid)})
		if err != nil || again.ID != first || len(again.Members) != 1 {
			w.t.Errorf("the repeated POST of a group: %+v, %v; want a replay of %s with its member", again, err, first)
		}
		_, err = w.dir.CreateGroup(w.t.Context(), okta, GroupDraft{DisplayName: "Viewers", ExternalID: "v"})
		wantRefused(w.t, err, Conflict)
		if h := w.health(); h.Acceptance.Refusing || !h.Acceptance.Since.IsZero() {
			w.t.Errorf("after the first OK: %+v", h.Acceptance)
		}
		for _, kind := range []string{"acceptance.ended", "acceptance.restored"} {
			if n := len(w.logged(kind)); n != 1 {
				w.t.Errorf("%d events %s, want 1", n, kind)
			}
		}
	})
}

// What waited is the first OK: what is written after it is answered with success.
func TestV37TheFirstOKEndsIt(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		bob := w.create(person("bob@example.com"))
		w.group("Explorers", ann.ID, bob.ID)
		w.pass(20 * time.Minute)
		w.down.set(true)
		w.mustUpdate(ann.ID, "active", false)
		w.pass(2 * time.Hour)
		recorded(w.t, "update", w.update(ann.ID, "title", "Analyst"))
		w.down.set(false)
		w.pass(10 * time.Second) // until then nobody waits for a WisdomAI that is known to be down
		w.mustUpdate(bob.ID, "active", false)
		w.mustUpdate(bob.ID, "title", "Analyst")
	})
}

func TestV37WhatEndsAcceptance(t *testing.T) {
	t.Parallel()
	manyWorlds(t)
	fault := func(op, kind, message string, status int) func(*world) {
		return func(w *world) {
			w.sim.SetFaults(simulator.Fault{Operation: op, Kind: kind, Message: message, HTTP: status})
		}
	}
	for _, c := range []struct {
		name       string
		make       func(*world)
		write      string        // leaver or joiner
		good, ends time.Duration // still accepted after, no longer accepted after; ends 0: never
	}{
		{"the token is refused", fault("*", "http", "", 401), "leaver", 4 * time.Minute, 6 * time.Minute},
		{"the token is refused, and nobody leaves", fault("*", "http", "", 401), "", 4 * time.Minute, 6 * time.Minute},
		{"the token may not write", fault("createUsers", "status", "permission denied: createUsers needs iam:write", 0), "leaver", 58 * time.Minute, 62 * time.Minute},
		{"the token may not write, a joiner", fault("createUsers", "status", "permission denied: createUsers needs iam:write", 0), "joiner", 58 * time.Minute, 62 * time.Minute},
		{"calls time out", fault("createUsers", "hang", "", 0), "leaver", 58 * time.Minute, 64 * time.Minute},
		{"listings fail, and joiners wait for one", fault("listUsers", "http", "", 503), "joiner", 58 * time.Minute, 62 * time.Minute},
		{"listings fail, and nobody waits", fault("listUsers", "http", "", 503), "", 3 * time.Hour, 0},
		{"a listing is not believed", fault("listUsers", "empty", "", 0), "joiner", 3 * time.Hour, 0},
		{"a person is refused for good", fault("createUsers", "status", "blocked by access control", 0), "joiner", 3 * time.Hour, 0},
		{"a taking is refused for good", fault("createUsers", "status", "blocked by access control", 0), "leaver", 3 * time.Hour, 0},
		{"all is down and paused", func(w *world) {
			w.down.set(true)
			if _, err := w.dir.Pause(w.t.Context(), Caller{}, ""); err != nil {
				w.t.Fatal(err)
			}
		}, "leaver", 3 * time.Hour, 0},
		{"nothing is wrong", func(*world) {}, "leaver", 3 * time.Hour, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				ann, bob := w.create(person("ann@example.com")), w.create(person("bob@example.com"))
				w.group("Explorers", ann.ID)
				w.pass(20 * time.Minute)
				c.make(w)
				switch c.write {
				case "leaver":
					w.mustUpdate(ann.ID, "active", false)
				case "joiner":
					_, _ = w.dir.CreateUser(w.t.Context(), okta, person("joe@example.com")) // one refused for good is 400
					if len(w.lookup("joe@example.com")) == 0 {                              // rolled back (V-04)
						w.group("Viewers", bob.ID)
					}
				default:
					w.lookup("nobody@example.com")
				}
				began := time.Now()
				w.pass(c.good)
				w.mustUpdate(bob.ID, "title", "Analyst")
				if c.ends == 0 {
					return
				}
				w.pass(c.ends - time.Since(began))
				recorded(w.t, "update", w.update(bob.ID, "title", "Manager"))
			})
		})
	}
}

func TestV37OnePersonWhoseCallsFailEndsNothing(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann, bob := w.create(person("ann@example.com")), w.create(person("bob@example.com"))
		w.pass(20 * time.Minute)
		w.sim.SetFaults(simulator.Fault{Operation: "setUserAttributes", Kind: "status", Message: "internal error"})
		w.mustUpdate(ann.ID, "department", "Sales")
		for range 8 { // others' calls are answered OK
			w.pass(15 * time.Minute)
			g := w.group("Explorers", bob.ID)
			w.mustUpdate(bob.ID, "title", time.Now().String())
			if err := w.dir.DeleteGroup(w.t.Context(), okta, g.ID, Precondition{}); err != nil {
				w.t.Fatal(err)
			}
		}
	})
}

func TestV37WhoIsHeldUp(t *testing.T) {
	t.Parallel()
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	calls, looks := trouble{Calls: ago(2 * time.Hour)}, trouble{Looks: ago(2 * time.Hour)}
	for _, c := range []struct {
		name   string
		t      trouble
		change func(*account)
		want   time.Time
	}{
		{"his calls fail", calls, func(a *account) { a.memory.CallsFail = ago(time.Hour) }, ago(time.Hour)},
		{"his calls fail for longer than everybody's", calls, func(a *account) { a.memory.CallsFail = ago(5 * time.Hour) }, ago(2 * time.Hour)},
		{"his calls failed, others' are OK", trouble{}, func(a *account) { a.memory.CallsFail = ago(5 * time.Hour) }, time.Time{}},
		{"he waits for something else while calls fail", calls, func(*account) {}, time.Time{}},
		{"he waits for a listing while calls fail", calls, func(a *account) { a.memory.WaitsForLook = true }, time.Time{}},
		{"he waits for a listing, and none comes", looks, func(a *account) { a.memory.WaitsForLook = true }, ago(2 * time.Hour)},
		{"he waits for a listing since a moment", looks, func(a *account) { a.memory.WaitsForLook, a.Pending = true, ago(time.Minute) }, ago(time.Minute)},
		{"he is held while no listing comes", looks, func(*account) {}, time.Time{}},
		{"he was refused for good", calls, func(a *account) { a.memory.CallsFail, a.Failed, a.Version = ago(time.Hour), 3, 3 }, time.Time{}},
		{"an older version of him was", calls, func(a *account) { a.memory.CallsFail, a.Failed, a.Version = ago(time.Hour), 2, 3 }, ago(time.Hour)},
	} {
		a := someone(func(a *account) { a.Pending = ago(3 * time.Hour) })
		c.change(a)
		if got, _ := a.heldUp(c.t); !got.Equal(c.want) {
			t.Errorf("%s: since %v, want %v", c.name, got, c.want)
		}
	}
}
