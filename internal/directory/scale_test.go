package directory

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// TestScale measures what provisioning costs, and bounds what WisdomAI must bear: its
// HTTP requests, and the share of the time for which it lists its users. -short leaves it out;
// SCIMBRIDGE_TEST_PEOPLE says of how many (make scale: 10,000).
func TestScale(t *testing.T) {
	if testing.Short() {
		t.Skip("measures")
	}
	people := 200
	if n := scaleOf(t); n > 0 {
		people = n
	}
	var looks atomic.Int64
	inWorld(t, func(w *world) {
		w.sim.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "latency", Latency: "1s"}, simulator.Fault{Operation: "*", Kind: "latency", Latency: "50ms"})
		v := w.watch(nil)
		w.pass(time.Minute)
		looks.Store(0)
		began := time.Now()
		cpu := stopwatch()
		ids := make([]string, people)
		next := make(chan int)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				for i := range next {
					c, err := w.dir.CreateUser(w.t.Context(), okta, person(fmt.Sprintf("p%05d@example.com", i)))
					if err != nil {
						w.t.Errorf("create: %v", err)
						continue
					}
					c.Done(true)
					ids[i] = c.User.ID
				}
			})
		}
		for i := range people {
			next <- i
		}
		close(next)
		wg.Wait()
		synctest.Wait()
		took := time.Since(began)
		requests := len(v.sent()) + int(looks.Load())
		t.Logf("%d creates at concurrency 50: %d requests, of which %d listings; %v of virtual time, %v of CPU",
			people, requests, looks.Load(), took, cpu())
		if most := people/10 + 50; requests > most {
			w.t.Errorf("%d requests for %d people, want at most %d", requests, people, most)
		}
		if listed, most := time.Duration(looks.Load())*time.Second, time.Duration(w.dir.o.Listing.MaxDuty*float64(took))+2*time.Second; listed > most {
			w.t.Errorf("WisdomAI listed for %v of %v, want at most %v", listed, took, most)
		}
		for w.backlog() > 0 {
			w.pass(time.Second)
		}

		v.forget()
		seen := looks.Load()
		began, cpu = time.Now(), stopwatch()
		w.group("Explorers", ids...)
		t.Logf("a group of %d that grants: answered after %v of CPU", people, cpu())
		for w.backlog() > 0 {
			w.pass(time.Second)
		}
		requests = len(v.sent()) + int(looks.Load()-seen)
		t.Logf("all %d have the role: %d requests, of which %d listings; %v of virtual time, %v of CPU",
			people, requests, looks.Load()-seen, time.Since(began), cpu())
		if most := people/100 + 10; requests > most {
			w.t.Errorf("%d requests for %d people who gain a role, want at most %d", requests, people, most)
		}

		seen = looks.Load()
		w.pass(time.Hour)
		calls := w.calls()
		w.pass(6 * time.Hour) // settled, and quiet: a look of an idle tenant every 15 minutes, and nothing else
		if n := w.calls() - calls; n != 0 {
			w.t.Errorf("%d calls while nothing happens", n)
		}
		t.Logf("seven quiet hours: %d looks", looks.Load()-seen)
		if n := looks.Load() - seen; n > 7*4+24 { // the settled ones come in the order of the deliveries
			w.t.Errorf("%d looks in seven quiet hours", n)
		}
	}, func(w *world) { w.o.OnLook = func(store.Look) { looks.Add(1) } })
}

// backlog is how many accounts are pending.
func (w *world) backlog() int {
	h, err := w.dir.Health(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return h.Pending
}

// scaleOf is SCIMBRIDGE_TEST_PEOPLE.
func scaleOf(t *testing.T) int {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("SCIMBRIDGE_TEST_PEOPLE"), "0"))
	if err != nil {
		t.Fatalf("SCIMBRIDGE_TEST_PEOPLE: %v", err)
	}
	return n
}

// stopwatch measures CPU: the bubble hides the real clock.
func stopwatch() func() time.Duration {
	used := func() time.Duration {
		runtime.GC() // brings the metric up to date
		sample := []metrics.Sample{{Name: "/cpu/classes/user:cpu-seconds"}}
		metrics.Read(sample)
		return time.Duration(sample[0].Value.Float64() * float64(time.Second))
	}
	began := used()
	return func() time.Duration { return (used() - began).Round(time.Millisecond) }
}
