package directory

import (
	"strings"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

func (w *world) pending() []PendingAccount {
	w.t.Helper()
	found, err := w.beside().PendingAccounts(w.t.Context(), 100)
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

func TestPendingShowsWhoWaitsTakingsFirst(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann, dan := w.create(person("ann@example.com")), w.create(person("dan@example.com"))
		w.group("Explorers", ann.ID)
		w.pass(20 * time.Minute)
		if found := w.pending(); len(found) != 0 {
			w.t.Errorf("at rest: %+v", found)
		}
		w.sim.SetFaults(simulator.Fault{Operation: "createUsers", Kind: "status", Message: "blocked by access control", Times: 1})
		w.group("Viewers", dan.ID)
		w.down.set(true)
		w.create(person("bob@example.com"))
		w.mustUpdate(ann.ID, "active", false)
		w.pass(5 * time.Minute)
		found := w.pending()
		var got []string
		for _, p := range found {
			word := string(p.State)
			if p.Taking {
				word += " taking"
			}
			got = append(got, p.Address+" "+word+": "+p.Next)
		}
		want := []string{"ann@example.com pending taking: set roles: no role", "bob@example.com pending: create, with no role", "dan@example.com failed: set roles: VIEWER"}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			w.t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		p := found[0]
		if p.User != ann.ID || p.Attempts == 0 || !strings.Contains(p.LastError, "refused") || p.NextTry.IsZero() || time.Since(p.Since) < 5*time.Minute || !p.NeedsPerson(time.Now()) {
			w.t.Errorf("ann: %+v", p)
		}
		if !found[2].NeedsPerson(time.Now()) || found[1].NeedsPerson(time.Now()) {
			w.t.Error("who failed needs a person; a joiner who waits does not")
		}
		if short, err := w.dir.PendingAccounts(w.t.Context(), 1); err != nil || len(short) != 1 || short[0].Address != "ann@example.com" {
			w.t.Errorf("one of them: %+v, %v", short, err)
		}
	})
}

func TestRetry(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann, dan := w.create(person("ann@example.com")), w.create(person("dan@example.com"))
		w.pass(20 * time.Minute)
		blocked := simulator.Fault{Operation: "createUsers", Kind: "status", Message: "blocked by access control"}
		w.sim.SetFaults(blocked)
		w.group("Explorers", ann.ID, dan.ID)
		w.sim.SetFaults()
		w.pass(time.Hour)
		w.wantAt("ann@example.com", "no role") // failed for good
		by := Caller{Token: "scimbridge retry"}
		retry := func(want int, all bool, addresses ...string) {
			w.t.Helper()
			if n, err := w.beside().Retry(w.t.Context(), by, addresses, all); err != nil || n != want {
				w.t.Errorf("retry: %d, %v; want %d", n, err, want)
			}
			w.pass(2 * time.Second)
		}
		_, err := w.beside().Retry(w.t.Context(), by, []string{"ann@example.com", "nobody@example.com"}, false)
		wantRefused(w.t, err, NotFound, "nobody@example.com")
		w.pass(2 * time.Second)
		w.wantAt("ann@example.com", "no role") // nothing was done
		retry(1, false, "Ann@Example.com")
		w.pass(time.Minute)
		w.wantAt("ann@example.com", "EXPLORER")
		w.wantAt("dan@example.com", "no role")
		retry(1, false)
		w.pass(time.Minute)
		w.wantAt("dan@example.com", "EXPLORER")

		w.sim.SetFaults(simulator.Fault{Operation: "createUsers", Kind: "http", HTTP: 503})
		w.mustUpdate(ann.ID, "active", false)
		w.pass(time.Hour)
		w.sim.SetFaults()
		retry(0, false)
		w.wantAt("ann@example.com", "EXPLORER") // waits out its back-off
		retry(1, true)
		w.wantAt("ann@example.com", "no role")
		retry(0, true)
		if n := w.events("delivery.retry"); n != 3 {
			w.t.Errorf("%d events, want 3", n)
		}
	})
}
