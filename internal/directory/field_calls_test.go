package directory

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// Field lesson 6: 200 users in 200 groups were 40,000 requests. Here a group is one or two, however many
// its members are, and groups that wait together are fewer. SCIMBRIDGE_TEST_PEOPLE=200 plays it in full.
func TestField06TwoHundredUsersInTwoHundredGroups(t *testing.T) {
	t.Parallel()
	manyWorlds(t)
	n := cmp.Or(scaleOf(t), 50)
	for name, c := range map[string]struct {
		down bool // while the groups are written
		most int  // requests
	}{
		"one group after the other": {false, 2 * n},
		"in one go":                 {true, n/10 + 5},
	} {
		t.Run(name, func(t *testing.T) {
			var looks atomic.Int64
			inWorld(t, func(w *world) {
				ids := w.crowd(n)
				w.pass(20 * time.Minute)
				v, seen := w.watch(nil), looks.Load()
				w.down.set(c.down)
				for g := range n {
					w.group(fmt.Sprintf("explorer-g%03d", g), ids...)
					w.pass(time.Second)
				}
				w.down.set(false)
				w.pass(20 * time.Minute)
				for i := range n {
					u := w.there(fmt.Sprintf("p%03d@example.com", i))
					if len(u.RoleAssignments) != 1 || len(u.RoleAssignments[0].Scopes) != n {
						w.t.Fatalf("%s has %s", u.Email, describe(*u))
					}
				}
				if got := len(v.sent()); got > c.most {
					w.t.Errorf("%d requests, want at most %d", got, c.most)
				}
				t.Logf("%d users in %d groups: %d requests, %d looks", n, n, len(v.sent()), looks.Load()-seen)
			}, func(w *world) { w.o.OnLook = func(store.Look) { looks.Add(1) } })
		})
	}
}

// Field lesson 7: a 429 in the middle ended the run, and its repeat met what it had half done and died.
// Here nobody calls before the time that WisdomAI asked for, what was done is not done again, what was not
// is computed anew, and the IdP hears of none of it.
func TestField07TooManyRequestsInTheMiddle(t *testing.T) {
	t.Parallel()
	const n, wait = 30, 90 * time.Second
	tooMany := simulator.Fault{Operation: "createUsers", Kind: "http", HTTP: 429, RetryAfter: "90", Times: 2}
	for name, faults := range map[string][]simulator.Fault{
		"some creates are turned away":         {tooMany},
		"after a create whose answer was lost": {{Operation: "createUsers", Kind: "after", Times: 1}, tooMany},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.lookup("nobody@example.com")
				effects, invited := 0, map[string]int{}
				var mu sync.Mutex
				w.after = func(e simulator.Effect) {
					mu.Lock()
					defer mu.Unlock()
					effects++
					if e.Before == nil {
						invited[e.After.Email]++
					}
				}
				var refused time.Time // the last 429's
				v := w.watch(nil)
				v.instead = func(mutations []wisdom.Mutation) []error {
					mu.Lock()
					if since := time.Since(refused); since > 0 && since < wait { // at 0 s it was on its way
						w.t.Errorf("a request %v after a 429 that asked for %v", since, wait)
					}
					mu.Unlock()
					errs := v.WisdomAI.Mutate(w.t.Context(), mutations)
					mu.Lock()
					defer mu.Unlock()
					for _, err := range errs {
						var e *wisdom.Error
						if errors.As(err, &e) && e.HTTPStatus == http.StatusTooManyRequests {
							refused = time.Now()
						}
					}
					return errs
				}
				w.sim.SetFaults(faults...)
				w.crowd(n, "department", "Sales") // every create is answered 201
				w.pass(10 * time.Minute)
				if refused.IsZero() {
					w.t.Fatal("nothing was refused: it tests nothing")
				}
				w.sim.SetFaults()
				w.pass(20 * time.Minute)
				w.crowdHas(n, "no role department=Sales")
				if h := w.health(); effects != n || len(invited) != n || h.Pending != 0 || h.Failed != 0 {
					w.t.Errorf("%d effects, %d invited, %d pending, %d failed; want %d, %d, 0, 0", effects, len(invited), h.Pending, h.Failed, n, n)
				}
			}, func(w *world) { w.o.Delivery.RequestBudget = time.Second })
		})
	}
}
