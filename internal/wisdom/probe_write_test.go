package wisdom_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/wisdom"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// tryWrites probes with little patience, in real time, since the listing is what is waited for.
func (w *world) tryWrites(t *testing.T, ctx context.Context, address string) (levels []string, words string) {
	t.Helper()
	client := w.newClient(t, func(o *wisdom.Options) { o.Now, o.Deadline = nil, time.Second })
	over := make(chan struct{})
	var ticking sync.WaitGroup
	ticking.Go(func() { // the simulator's clock, which its listing lags by
		for tick := 10 * time.Millisecond; ; w.clock.move(tick) {
			select {
			case <-over:
				return
			case <-time.After(tick):
			}
		}
	})
	defer ticking.Wait()
	defer close(over)
	r, err := client.ProbeWrites(ctx, wisdom.WriteProbe{Address: address, Patience: time.Second})
	if err != nil && ctx.Err() == nil {
		t.Error(err)
	}
	return lines(r)
}

func TestV18WriteProbe(t *testing.T) {
	well := []string{"ok write: create", "ok write: give", "ok write: attributes", "ok write: suspend", "ok write: delete"}
	in := func(place int, changed ...string) []string {
		return slices.Concat(well[:place], changed, well[min(len(well), place+1):])
	}
	for _, test := range []struct {
		name     string
		settings simulator.Settings
		fault    simulator.Fault
		address  string
		want     []string
		say      string
	}{
		{name: "all is well", want: well},
		{name: "the other shapes", settings: simulator.Settings{Delete: "input", Roles: "role"}, want: well},
		{name: "attributes of createUsers replace", settings: simulator.Settings{ExistingAttributes: "replace"}, want: well},
		{name: "a listing that lags", settings: simulator.Settings{ListingLag: "200ms"}, want: well},
		{name: "empty roles are ignored", settings: simulator.Settings{EmptyRoles: "ignored"},
			want: in(3, "error write: suspend"), say: "empty role list ignored after"},
		{name: "the address is blocked", settings: simulator.Settings{Block: []string{"example.com"}},
			want: []string{"error write: create"}, say: "Email Access Control allows"},
		{name: "somebody has the address", address: "Alice@Example.com",
			want: []string{"error write probe"}, say: "is at WisdomAI already, with roles [EXPLORER VIEWER] and attributes [region team]"},
		{name: "somebody without roles has the address", address: "bob@example.com",
			want: []string{"error write probe"}, say: "nothing was tried"},
		{name: "attributes do not change", fault: simulator.Fault{Operation: "setUserAttributes", Kind: "noeffect"},
			want: in(2, "error write: attributes"), say: "a row filter that ends would stay"},
		{name: "a delete that does nothing once", fault: simulator.Fault{Operation: "deleteUsersFromWorkspace", Kind: "noeffect", Times: 1},
			want: append(in(4, "error write: delete"), "ok write: clean up"), say: "policy.on_delete: suspend"},
		{name: "a person who is made and never shown", fault: simulator.Fault{Operation: "createUsers", Kind: "noeffect"},
			want: []string{"error write: create", "warning write: clean up"}, say: "has not been listed"},
		{name: "an unanswered create", fault: simulator.Fault{Operation: "createUsers", Kind: "after", Times: 1},
			want: []string{"error write: create", "ok write: clean up"}, say: "was removed again"},
		{name: "an unanswered create that comes late", fault: simulator.Fault{Operation: "createUsers", Kind: "late", Latency: "300ms", Times: 1},
			want: []string{"error write: create", "ok write: clean up"}, say: "was removed again"},
		{name: "an unanswered create that never comes", fault: simulator.Fault{Operation: "createUsers", Kind: "reset", Times: 1},
			want: []string{"error write: create", "warning write: clean up"}, say: "look at WisdomAI in some minutes"},
		{name: "a delete that fails for a while", fault: simulator.Fault{Operation: "deleteUsersFromWorkspace", Kind: "http", HTTP: 503, Times: 3},
			want: append(in(4, "error write: delete"), "ok write: clean up"), say: "try again later"},
		{name: "an unanswered delete", fault: simulator.Fault{Operation: "deleteUsersFromWorkspace", Kind: "after", Times: 1},
			want: append(in(4, "error write: delete"), "ok write: clean up")},
		{name: "a listing that fails from the start", fault: simulator.Fault{Operation: "listUsers", Kind: "http"},
			want: []string{"error write probe"}, say: "cannot be listed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, test.settings)
			if test.fault.Kind != "" {
				w.SetFaults(test.fault)
			}
			if test.address == "" {
				test.address = "probe@example.com"
			}
			got, words := w.tryWrites(t, t.Context(), test.address)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, words)
			}
			if !strings.Contains(words, test.say) {
				t.Errorf("does not say %q:\n%s", test.say, words)
			}
			w.wantNothingLeft(t)
		})
	}
}

// wantNothingLeft is that the people from before are there as they were, and nobody else.
func (w *world) wantNothingLeft(t *testing.T) {
	t.Helper()
	w.SetFaults()
	if err := w.SetSettings(simulator.Settings{}); err != nil {
		t.Fatal(err)
	}
	w.clock.move(time.Minute) // beyond any lag
	users := w.users(t)
	alice, bob := users["alice@example.com"], users["bob@example.com"]
	if len(users) != 2 || alice.ID != "user_alice" || len(alice.Roles) != 2 || len(alice.Attributes) != 2 || bob.ID != "user_bob" {
		t.Errorf("the probe left %+v", users)
	}
}

// TestV18WriteProbeLeavesNothingBehind has each request of the probe fail in turn, in each way.
func TestV18WriteProbeLeavesNothingBehind(t *testing.T) {
	for _, kind := range []string{"reset", "after", "http", "errors", "status", "expire"} {
		for _, op := range []string{"createUsers", "setUserAttributes", "deleteUsersFromWorkspace", "listUsers"} {
			for nth := range 3 {
				t.Run(fmt.Sprintf("%s %s %d", op, kind, nth), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, simulator.Settings{})
					var faults []simulator.Fault
					if nth > 0 { // those before are let through
						faults = append(faults, simulator.Fault{Operation: op, Kind: "latency", Latency: "0s", Times: nth})
					}
					w.SetFaults(append(faults, simulator.Fault{Operation: op, Kind: kind, Times: 1})...)
					_, words := w.tryWrites(t, t.Context(), "probe@example.com")
					w.wantNothingLeft(t)
					if t.Failed() {
						t.Log(words)
					}
				})
			}
		}
	}
}

func TestV18WriteProbeThatIsInterruptedCleansUp(t *testing.T) {
	for _, op := range []string{"createUsers", "setUserAttributes", "deleteUsersFromWorkspace"} {
		w := newWorld(t, simulator.Settings{})
		ctx, cancel := context.WithCancel(t.Context())
		w.SetFaults(simulator.Fault{Operation: op, Kind: "after_hang", Times: 1})
		go func() { // once the request is where it hangs
			for ctx.Err() == nil && w.Requests(op) == 0 {
				time.Sleep(time.Millisecond)
			}
			time.Sleep(20 * time.Millisecond)
			cancel()
		}()
		w.tryWrites(t, ctx, "probe@example.com")
		w.wantNothingLeft(t)
		cancel()
	}
}

func TestV18WhatAWriteProbeHadToLeave(t *testing.T) {
	w := newWorld(t, simulator.Settings{})
	w.SetFaults(simulator.Fault{Operation: "deleteUsersFromWorkspace", Kind: "status", Code: "ERROR", Message: "permission denied: iam:delete"})
	_, words := w.tryWrites(t, t.Context(), "probe@example.com")
	if !strings.Contains(words, "needs iam:delete") || !strings.Contains(words, "is still at WisdomAI, without roles") || !strings.Contains(words, "remove him at WisdomAI") {
		t.Errorf("says:\n%s", words)
	}
	left := w.users(t)["probe@example.com"]
	if left.ID == "" || len(left.Roles) != 0 {
		t.Errorf("left %+v", left)
	}
	w.SetFaults()
	got, words := w.tryWrites(t, t.Context(), "probe@example.com") // the next one removes it
	if len(got) != 6 || got[0] != "ok write: clean up" || got[5] != "ok write: delete" {
		t.Errorf("%v\n%s", got, words)
	}
	w.wantNothingLeft(t)
}
