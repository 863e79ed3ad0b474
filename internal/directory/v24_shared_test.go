package directory

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// another runs a second directory of the same tenant on the same store, as another process would.
func (w *world) another() (d *Directory, stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	d, err := New(ctx, w.o)
	if err != nil {
		w.t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- d.Run(ctx) }()
	return d, func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	}
}

func TestV24OneListingAnswersEveryProcess(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.pass(20 * time.Minute)
		other, stop := w.another()
		defer stop()
		w.pass(5 * time.Minute)
		w.invite("ann@example.com", "CREATOR")
		w.sim.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "latency", Latency: "1s"})
		n := w.sim.Requests("listUsers")
		mine, theirs := make(chan int), make(chan int)
		ask := func(d *Directory, found chan<- int) {
			where := &Condition{Field: store.FieldUserName, Cmp: store.Eq, Value: "ann@example.com"}
			_, page, err := d.Users(w.t.Context(), UserQuery{Where: where, Limit: 10, UserNames: []string{"ann@example.com"}})
			if err != nil {
				w.t.Error(err)
			}
			found <- len(page)
		}
		go ask(w.dir, mine)
		go ask(other, theirs)
		if a, b := <-mine, <-theirs; a != 1 || b != 1 {
			w.t.Errorf("found %d and %d, want one each", a, b)
		}
		if more := w.sim.Requests("listUsers") - n; more != 1 {
			w.t.Errorf("%d listings, want one that answers both", more)
		}
	})
}

func TestV24TwoProcessesShareTheDutyCycle(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		other, stop := w.another()
		defer stop()
		w.pass(time.Minute)
		w.sim.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "latency", Latency: "4s"})
		n := w.sim.Requests("listUsers")
		began := time.Now()
		for time.Since(began) < 10*time.Minute { // lookups that find nobody, on both
			for _, d := range []*Directory{w.dir, other} {
				where := &Condition{Field: store.FieldUserName, Cmp: store.Eq, Value: "x"}
				if _, _, err := d.Users(w.t.Context(), UserQuery{Where: where, Limit: 1, UserNames: []string{"x"}}); err != nil {
					w.t.Fatal(err)
				}
			}
			w.pass(time.Second)
		}
		if more := w.sim.Requests("listUsers") - n; more < 10 || more > 16 {
			w.t.Errorf("%d listings of 4 s in ten minutes, want one in 40 s", more)
		}
		var looks []*store.Look
		if err := w.store.View(w.t.Context(), func(tx store.Tx) (err error) {
			looks, err = tx.Looks(w.o.Workspace, 10)
			return err
		}); err != nil {
			w.t.Fatal(err)
		}
		slices.Reverse(looks)
		for i, l := range looks[1:] {
			if looks[i].Ended.After(l.Begun) {
				w.t.Errorf("look %d began at %v, while %d was being made until %v", l.Number, l.Begun, looks[i].Number, looks[i].Ended)
			}
		}
	})
}

func TestV24ACrashLoopDoesNotList(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.pass(time.Minute)
		n := w.sim.Requests("listUsers")
		for range 60 {
			w.stop()
			w.start()
			w.pass(time.Second)
		}
		if more := w.sim.Requests("listUsers") - n; more > 2 {
			w.t.Errorf("%d listings in a minute of restarts", more)
		}
		w.pass(2 * time.Minute)
		if more := w.sim.Requests("listUsers") - n; more < 1 {
			w.t.Error("no listing after them")
		}
	})
}

func TestV24AProcessThatDiedWhileItListed(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.pass(10 * time.Minute)
		var dead *store.Look
		err := w.store.Update(w.t.Context(), func(tx store.Tx) (err error) {
			if dead, err = tx.BeginLook(w.o.Workspace); err != nil {
				return err
			}
			dead.Tenant, dead.Holder, dead.Until = "default", "dead", tx.Now().Add(lookLease)
			return tx.PutLook(dead)
		})
		if err != nil {
			w.t.Fatal(err)
		}
		n := w.sim.Requests("listUsers")
		w.create(person("ann@example.com"))
		w.pass(lookLease/2 - w.o.Delivery.RequestBudget)
		if w.sim.Requests("listUsers") != n {
			w.t.Error("listed while another process may be doing so")
		}
		w.pass(3 * time.Minute)
		w.wantAt("ann@example.com", "no role")
		err = w.store.View(w.t.Context(), func(tx store.Tx) error {
			failed, err := tx.LastLook(w.o.Workspace, store.LookFailed)
			if err == nil && failed.Number != dead.Number {
				w.t.Errorf("look %d failed last, want the dead one, %d", failed.Number, dead.Number)
			}
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
	})
}

// A process that was stopped for a while does not go on applying what it saw before.
func TestV23AProcessThatWasTooSlowAppliesNothing(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invite("ann@example.com", "CREATOR")
		w.pass(20 * time.Minute)
		look, err := w.dir.takeTurn(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		accounts := map[string]*known{}
		if _, err := w.dir.readKnown(w.t.Context(), accounts); err != nil {
			w.t.Fatal(err)
		}
		w.pass(20 * time.Minute) // nobody renewed it
		if last, err := w.lastLook(); err != nil || last.Number <= look.Number {
			w.t.Fatalf("last look %+v, %v; want another made meanwhile", last, err)
		}
		if err := w.dir.apply(w.t.Context(), look, accounts, verdict{}); err == nil {
			w.t.Error("it was applied over the newer one")
		}
		if a := w.account("ann@example.com"); a.MissingLook != 0 {
			w.t.Error("ann is missing because of it")
		}
	})
}

func TestV24ALongListingIsKept(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.pass(20 * time.Minute)
		other, stop := w.another()
		defer stop()
		w.sim.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "latency", Latency: "50s"})
		n := w.sim.Requests("listUsers")
		began := time.Now()
		w.dir.looker.want(began)
		other.looker.want(began)
		w.pass(55 * time.Second)
		if more := w.sim.Requests("listUsers") - n; more != 1 {
			w.t.Errorf("%d listings while one takes longer than its lease, want that one", more)
		}
		if last, err := w.lastLook(); err != nil || last.Begun.Before(began) {
			w.t.Errorf("last look %+v, %v; want it applied", last, err)
		}
	})
}

func TestV24NextLook(t *testing.T) {
	t.Parallel()
	o := Options{Tenant: "a"}.withDefaults()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	look := func(tenant string, state store.LookState, ended, took time.Duration) *store.Look {
		l := &store.Look{Tenant: tenant, State: state, Ended: now.Add(ended)}
		if l.Begun = l.Ended.Add(-took); state == store.LookRunning {
			l.Until, l.Ended = l.Ended, time.Time{}
		}
		return l
	}
	s := time.Second
	for _, c := range []struct {
		name  string
		looks []*store.Look // the newest first
		want  time.Duration // after now
	}{
		{"none", nil, -1},
		{"a tenth of the time", []*store.Look{look("a", store.LookApplied, -10*s, 4*s)}, 26 * s},
		{"another tenant's costs as much", []*store.Look{look("b", store.LookApplied, -10*s, 4*s)}, 26 * s},
		{"one that hung", []*store.Look{look("a", store.LookFailed, 0, 300*s)}, 60 * s},
		{"two that hung", []*store.Look{look("a", store.LookFailed, 0, 300*s), look("a", store.LookFailed, -500*s, 300*s)}, 120 * s},
		{"many that failed at once", slices.Repeat([]*store.Look{look("a", store.LookFailed, 0, 0)}, 16), 30 * s},
		{"another tenant's failures are its own", slices.Repeat([]*store.Look{look("b", store.LookFailed, 0, 0)}, 16), 0},
		{"its own behind another's success", append([]*store.Look{look("b", store.LookApplied, -1*s, 0)}, slices.Repeat([]*store.Look{look("a", store.LookFailed, -5*s, 0)}, 8)...), 25 * s},
		{"disbelieved in a row", slices.Repeat([]*store.Look{look("a", store.LookDisbelieved, 0, 100*time.Millisecond)}, 8), 30 * s},
		{"a dead one", []*store.Look{look("a", store.LookRunning, -2*s, 10*s)}, 58 * s},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := o.nextLook(c.looks)
			if c.want < 0 {
				if !got.IsZero() {
					t.Errorf("next %v, want at once", got)
				}
				return
			}
			if diff := cmp.Diff(c.want, got.Sub(now)); diff != "" {
				t.Errorf("next (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOldLooksAreForgotten(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.pass(time.Minute)
		var old []int64
		if err := w.store.Update(w.t.Context(), func(tx store.Tx) error {
			old = nil
			for range 3 {
				l, err := tx.BeginLook(w.o.Workspace)
				if err != nil {
					return err
				}
				l.State, l.Begun, l.Ended = store.LookFailed, tx.Now().Add(-keepLooks), tx.Now().Add(-keepLooks)
				if err := tx.PutLook(l); err != nil {
					return err
				}
				old = append(old, l.Number)
			}
			return nil
		}); err != nil {
			w.t.Fatal(err)
		}
		w.pass(80 * time.Minute)
		if err := w.store.View(w.t.Context(), func(tx store.Tx) error {
			rows, err := tx.Looks(w.o.Workspace, 1000)
			var left []int64
			for _, l := range rows {
				if slices.Contains(old, l.Number) {
					left = append(left, l.Number)
				}
			}
			if !slices.Equal(left, old[2:]) {
				w.t.Errorf("of the old looks %v there are %v, want the last that failed", old, left)
			}
			return err
		}); err != nil {
			w.t.Fatal(err)
		}
	})
}
