package directory

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/enginetest"
)

// An Update may run more than once (store.Store). What these tests are about are the places where that
// could be seen; SCIMBRIDGE_TEST_STORE=rerun runs all others so.

// rerunning makes every transaction of the world run twice, once for nothing.
func rerunning(w *world) { w.wrapStore = enginetest.Rerunning }

// Two replicas that start at once meet, and the file of neither is lost over it.
func TestV35TheFileIsTheFileHoweverOftenAStartRuns(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.crowdIn(2, "Explorers")
		w.stop()
		w.edit(func(s *mapping.Spec) { s.Roles.Default = []string{"VIEWER"} })
		w.start()
		w.pass(time.Minute)
		w.wantInForce()
	}, rerunning)
}

func TestWhatATransactionDoesIsToldOnce(t *testing.T) {
	t.Parallel()
	t.Run("drift", func(t *testing.T) {
		told := 0
		inWorld(t, func(w *world) {
			ann := w.create(person("ann@example.com"))
			w.group("Explorers", ann.ID)
			w.settle()
			w.byHand("ann@example.com", "-EXPLORER")
			w.looks()
			if n := w.events("drift.lost"); n != 1 || told != 1 {
				w.t.Errorf("%d events, told %d times; want 1", n, told)
			}
		}, rerunning, func(w *world) { w.o.OnDrift = func(string) { told++ } })
	})
	t.Run("too many who lose a role", func(t *testing.T) {
		inWorld(t, func(w *world) {
			_, ids := w.crowdIn(4, "Explorers")
			for _, id := range ids {
				w.mustUpdate(id, "active", false)
			}
			if n := strings.Count(w.log.String(), "more people lost roles"); n != 1 {
				w.t.Errorf("logged %d times", n)
			}
		}, rerunning, braked(3))
	})
	t.Run("but not what is only rehearsed", func(t *testing.T) {
		inWorld(t, func(w *world) {
			_, ids := w.crowdIn(4, "Explorers")
			_, err := w.dir.Rehearse(w.t.Context(), func(d *Directory) error {
				for _, id := range ids {
					if err := d.DeleteUser(w.t.Context(), okta, id, Precondition{}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				w.t.Fatal(err)
			}
			if strings.Contains(w.log.String(), "more people lost roles") {
				w.t.Error("logged")
			}
		}, braked(3))
	})
	t.Run("nor what was undone as a part", func(t *testing.T) {
		inWorld(t, func(w *world) {
			var told []string
			err := w.dir.store.Update(w.t.Context(), func(tx store.Tx) error {
				for _, undone := range []error{nil, store.ErrNotFound} {
					_ = tx.Part(func() error {
						whenCommitted(tx, func() { told = append(told, "part") })
						return undone
					})
				}
				whenCommitted(tx, func() { told = append(told, "all") })
				return nil
			})
			if err != nil || strings.Join(told, " ") != "part all" {
				w.t.Errorf("told %v, %v", told, err)
			}
		})
	})
}

// meeting is a store whose next transaction, once armed, is given another Tx for its first run. That run is
// given up, as an engine does that finds that it met another, and the next is as always; or it is kept.
type meeting struct {
	store.Store
	armed func(store.Tx) store.Tx
	keep  bool
}

func (m *meeting) Update(ctx context.Context, fn func(store.Tx) error) error {
	as := m.armed
	if as == nil {
		return m.Store.Update(ctx, fn)
	}
	m.armed = nil
	err := m.Store.Update(ctx, func(tx store.Tx) error {
		if err := fn(as(tx)); m.keep {
			return err
		}
		return store.ErrUnavailable
	})
	if m.keep {
		return err
	}
	return m.Store.Update(ctx, fn)
}

func met(w *world) *meeting {
	m := &meeting{}
	w.wrapStore = func(s store.Store) store.Store { m.Store = s; return m }
	return m
}

// noHolds is a transaction that ends where it looks for holds.
type noHolds struct{ store.Tx }

func (noHolds) HoldsOf(int64) ([]*store.Hold, error) { return nil, store.ErrUnavailable }

// stale is a transaction that began when a user was still as before.
type stale struct {
	store.Tx
	before *store.User
}

func (s stale) UserByName(string, string) (*store.User, error) {
	u := *s.before
	return &u, nil
}

func (s stale) UserByAccount(int64) (*store.User, error) { return s.UserByName("", "") }

// row is a user as stored.
func (w *world) row(id string) (u *store.User) {
	w.t.Helper()
	err := w.store.View(w.t.Context(), func(tx store.Tx) (err error) {
		u, err = tx.User("default", id)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return u
}

func TestV05AReplayIsOneAlsoIfItsTransactionRunsAgain(t *testing.T) {
	t.Parallel()
	var m *meeting
	inWorld(t, func(w *world) {
		doc := person("ann@example.com", "externalId", "00u1")
		first, err := w.dir.CreateUser(w.t.Context(), okta, doc)
		if err != nil {
			w.t.Fatal(err)
		}
		first.Done(false) // its 201 was lost
		m.armed = func(tx store.Tx) store.Tx { return noHolds{tx} }
		replay, err := w.dir.CreateUser(w.t.Context(), okta, doc)
		if err != nil {
			w.t.Fatalf("the repeat of a lost create: %v", err)
		}
		replay.Done(true)
	}, func(w *world) { m = met(w) })
}

// Of the POSTs of one person at once only one is answered 201, also if another begins before the row says
// that it was, and goes on after.
func TestV05WhatBeganBeforeTheAnswerIsNoReplay(t *testing.T) {
	t.Parallel()
	var m *meeting
	inWorld(t, func(w *world) {
		doc := person("ann@example.com", "externalId", "00u1")
		first, err := w.dir.CreateUser(w.t.Context(), okta, doc)
		if err != nil {
			w.t.Fatal(err)
		}
		before := w.row(first.User.ID)
		first.Done(true)
		w.pass(time.Second)
		m.armed, m.keep = func(tx store.Tx) store.Tx { return stale{tx, before} }, true
		_, err = w.dir.CreateUser(w.t.Context(), okta, doc)
		wantRefused(w.t, err, Conflict, "userName")
	}, func(w *world) { m = met(w) })
}

// Two POSTs adopt the same person at once: the run of the second that is given up does not make the
// first one's create anybody's to repeat.
func TestV05AnAdoptionThatIsAnsweredIsNoReplay(t *testing.T) {
	t.Parallel()
	var m *meeting
	inWorld(t, func(w *world) {
		w.invite("ann@example.com", "CREATOR")
		w.pass(time.Minute)
		before := w.row(w.lookup("ann@example.com")[0].ID)
		doc := person("ann@example.com")
		first, err := w.dir.CreateUser(w.t.Context(), okta, doc)
		if err != nil {
			w.t.Fatal(err)
		}
		m.armed = func(tx store.Tx) store.Tx { return stale{tx, before} }
		_, err = w.dir.CreateUser(w.t.Context(), okta, doc)
		wantRefused(w.t, err, Conflict, "userName") // a request still works on it
		first.Done(true)
	}, func(w *world) { m = met(w) })
}
