package directory

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// byHandOnce are the changes that an administrator can make to somebody who is there, and
// whether one is still to be seen.
var byHandOnce = map[string]struct {
	change string
	has    func(simulator.User) bool
	// lostTo are the writes whose call overwrites what it carries: roles or attributes.
	lostTo string
}{
	"gives a role":       {"+CREATOR", func(u simulator.User) bool { return unitsOf(&u).has(grant{Role: "CREATOR"}) }, "roles"},
	"takes a role":       {"-AGENT_VIEWER", func(u simulator.User) bool { return !unitsOf(&u).has(grant{Role: "AGENT_VIEWER"}) }, "roles"},
	"takes ours":         {"-EXPLORER", func(u simulator.User) bool { return !unitsOf(&u).has(grant{Role: "EXPLORER"}) }, "roles"},
	"sets an attribute":  {"notes=x", func(u simulator.User) bool { return attributesOf(&u)["notes"] == "x" }, "attributes"},
	"changes one":        {"crm_id=78", func(u simulator.User) bool { return attributesOf(&u)["crm_id"] == "78" }, "attributes"},
	"removes one":        {"-crm_id=", func(u simulator.User) bool { _, there := attributesOf(&u)["crm_id"]; return !there }, "attributes"},
	"changes one's name": {"display=Ann", func(u simulator.User) bool { return attributesOf(&u)["display"] == "Ann" }, "attributes"},
}

var idpWrites = map[string]struct {
	write     func(w *world, id string)
	overwrite string
}{
	"a role":      {func(w *world, id string) { w.group("Viewers", id) }, "roles"},
	"a value":     {func(w *world, id string) { w.mustUpdate(id, "department", "Finance") }, "attributes"},
	"neither":     {func(w *world, id string) { w.mustUpdate(id, "title", "Analyst") }, ""},
	"a club":      {func(w *world, id string) { w.group("Book club", id) }, ""},
	"both at all": {func(w *world, id string) { w.mustUpdate(id, "department", "Finance"); w.group("Viewers", id) }, "roles attributes"},
}

// TestV26OnlyWhatNoLookSawIsLost counts, over every change by hand and every write, the pairs in which the
// change is gone afterwards: when no look came between the two, exactly those whose call overwrites the kind of
// thing that was changed; when one did, none.
func TestV26OnlyWhatNoLookSawIsLost(t *testing.T) {
	t.Parallel()
	manyWorlds(t)
	for _, seen := range []bool{false, true} {
		lost := 0
		for hand, h := range byHandOnce {
			for write, idp := range idpWrites {
				inWorld(t, func(w *world) {
					w.invite("ann@example.com", "AGENT_VIEWER", "crm_id=77")
					w.pass(time.Second)
					ann := w.lookup("ann@example.com")[0]
					w.mustUpdate(ann.ID, "department", "Sales")
					w.group("Explorers", ann.ID)
					w.pass(20 * time.Minute)
					w.lookup("nobody@example.com")
					w.pass(time.Second) // the look is a second old: young enough to overwrite by
					w.byHand("ann@example.com", h.change)
					if seen {
						w.pass(6 * time.Second)
						w.lookup("nobody@example.com")
						w.pass(time.Second)
					}
					idp.write(w, ann.ID)
					w.pass(time.Second)
					gone := !h.has(*w.there("ann@example.com"))
					overwrites := slices.Contains(strings.Fields(idp.overwrite), h.lostTo)
					want := !seen && overwrites
					if hand == "takes ours" && seen && (write == "neither" || write == "a role" || write == "a value" || write == "both at all") {
						want = true // not lost: the IdP has written about her since, which gives it again (V-30)
					}
					if gone != want {
						t.Errorf("an administrator %s, seen %v, the IdP writes %s: gone %v, want %v (%s)", hand, seen, write, gone, want, w.at("ann@example.com"))
					}
					if gone && !(hand == "takes ours" && seen) {
						lost++
					}
				})
			}
		}
		want := 0
		if !seen {
			want = 3*2 + 4*2 // three changes of roles by two writes of roles, four of attributes by two of attributes
		}
		if lost != want {
			t.Errorf("seen %v: %d changes by hand are lost, want exactly %d", seen, lost, want)
		}
	}
}

// TestV26InAnyOrder: administrators and the IdP write at random moments, with looks as they come. What is lost in the end of
// what administrators gave is what was given after the last look before a call that overwrote it, and nothing else.
func TestV26InAnyOrder(t *testing.T) {
	t.Parallel()
	manyWorlds(t)
	total, lostInAll := 0, 0
	for seed := range uint64(8) {
		inWorld(t, func(w *world) {
			dice := rand.New(rand.NewPCG(seed, 26))
			ann := w.create(person("ann@example.com", "department", "Sales"))
			g := w.group("Viewers", ann.ID)
			w.pass(20 * time.Minute)
			w.lookup("nobody@example.com")
			given := map[string]int64{} // notes by name, with the number of the last look when they were set
			lost := map[string]bool{}   // to a call that was computed from a look before them
			w.after = func(e simulator.Effect) {
				if e.Operation != "setUserAttributes" || e.Before == nil {
					return
				}
				before, after := attributesOf(e.Before), attributesOf(e.After)
				look, err := w.lastLook()
				if err != nil {
					w.t.Error(err)
					return
				}
				for name, at := range given {
					if before[name] == "" || after[name] != "" {
						continue
					}
					lost[name] = true
					if look.Number > at+1 { // the one after the number may have begun before it was set
						w.t.Errorf("seed %d: %s was set before look %d and lost although look %d was there", seed, name, at, look.Number)
					}
				}
			}
			in := true
			for n := range 25 {
				switch dice.IntN(4) {
				case 0:
					name := fmt.Sprint("note", n)
					look, err := w.lastLook()
					if err != nil {
						w.t.Fatal(err)
					}
					given[name] = look.Number
					w.byHand("ann@example.com", name+"=x")
				case 1:
					w.mustUpdate(ann.ID, "department", fmt.Sprint("d", n))
				case 2:
					if in = !in; in {
						w.patch(g.ID, GroupChange{Add: refs(ann.ID)})
					} else {
						w.patch(g.ID, GroupChange{Remove: []string{ann.ID}})
					}
				default:
					w.lookup("nobody@example.com")
				}
				w.pass(time.Duration(dice.IntN(90)) * time.Second)
			}
			w.pass(20 * time.Minute)
			w.after = nil
			left := attributesOf(w.there("ann@example.com"))
			for name := range given {
				total++
				if lost[name] {
					lostInAll++
				}
				if (left[name] == "") != lost[name] {
					w.t.Errorf("seed %d: %s is %q, and lost to an overwriting call: %v", seed, name, left[name], lost[name])
				}
			}
		})
	}
	if lostInAll == 0 || lostInAll == total {
		t.Errorf("%d of %d changes by hand were lost: the test shows nothing", lostInAll, total)
	}
}
