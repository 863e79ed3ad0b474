package directory

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// byHand changes somebody at WisdomAI as an administrator does: "-EXPLORER" and "+CREATOR@x" are
// roles, "key=value" sets an attribute and "-key=" removes it.
func (w *world) byHand(email string, changes ...string) {
	w.t.Helper()
	i := slices.IndexFunc(w.sim.Users(), func(u simulator.User) bool { return u.Email == email })
	if i < 0 {
		w.t.Fatalf("%s is not at WisdomAI", email)
	}
	u := w.sim.Users()[i]
	for _, c := range changes {
		if key, value, ok := strings.Cut(c, "="); ok {
			name := strings.TrimPrefix(key, "-")
			u.UserAttributes = slices.DeleteFunc(slices.Clone(u.UserAttributes), func(a simulator.UserAttribute) bool { return a.Key == name })
			if name == key {
				u.UserAttributes = append(u.UserAttributes, simulator.UserAttribute{Key: key, Value: value, Source: "DATABASE"})
			}
			continue
		}
		role, scope, _ := strings.Cut(c[1:], "@")
		unit := grants{mapping.Grant{Role: role, Scope: scope}}
		if c[0] == '-' {
			u.RoleAssignments = unitsOf(&u).minus(unit).simulated()
		} else {
			u.RoleAssignments = unitsOf(&u).union(unit).simulated()
		}
	}
	w.sim.PutUsers(u)
}

// looks lets looks come that see what was done by hand, and what follows from them: the second one that lacks
// somebody is listing.max_age after the first.
func (w *world) looks() {
	w.t.Helper()
	for range 3 {
		w.pass(70 * time.Second)
		w.lookup("nobody@example.com")
	}
	w.pass(time.Second)
}

// driftEvents are the kinds of the events about an address that say what somebody else changed.
func (w *world) driftEvents(email string) []string {
	w.t.Helper()
	var kinds []string
	err := w.store.View(w.t.Context(), func(tx store.Tx) error {
		all, err := tx.Events("default", 0, 1<<20)
		for _, e := range all {
			if kind, ok := strings.CutPrefix(e.Kind, "drift."); ok && e.Email == email {
				kinds = append(kinds, kind)
			}
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return kinds
}

// confirmedWith makes Ann, active with EXPLORER and a department, confirmed.
func confirmedWith(w *world) (ann User, explorers Group) {
	w.t.Helper()
	ann = w.create(person("ann@example.com", "department", "Sales"))
	explorers = w.group("Explorers", ann.ID)
	w.pass(20 * time.Minute)
	w.lookup("nobody@example.com")
	w.wantAt("ann@example.com", "EXPLORER department=Sales")
	if a := w.account("ann@example.com"); !a.atRest() {
		w.t.Fatalf("not confirmed: %s", row(a))
	}
	return ann, explorers
}

const fullAnn = "EXPLORER department=Sales"

func TestV30AccessThatSomebodyTookAwayIsNotGivenAgain(t *testing.T) {
	t.Parallel()
	manyWorlds(t)
	lose := map[string]struct {
		by   func(*world)
		then string
	}{
		"a role":     {func(w *world) { w.byHand("ann@example.com", "-EXPLORER") }, "no role department=Sales"},
		"the person": {func(w *world) { w.sim.RemoveUsers("ann@example.com") }, "-"},
	}
	writes := map[string]func(w *world, ann User, g Group){
		"a PATCH of the person":               func(w *world, ann User, _ Group) { w.mustUpdate(ann.ID, "title", "Analyst") },
		"a PATCH that changes nothing":        func(w *world, ann User, _ Group) { w.mustUpdate(ann.ID, "userName", "ann@example.com") },
		"another group that grants something": func(w *world, ann User, _ Group) { w.group("explorer-x", ann.ID) },
		"a rename of the group": func(w *world, _ User, g Group) {
			name := "explorer-y"
			w.patch(g.ID, GroupChange{SetDisplayName: &name})
		},
	}
	for what, l := range lose {
		t.Run(what+" is reported", func(t *testing.T) {
			inWorld(t, func(w *world) {
				confirmedWith(w)
				n := w.calls()
				l.by(w)
				w.looks()
				w.pass(3 * time.Hour)
				w.wantAt("ann@example.com", l.then)
				if w.calls() != n {
					w.t.Errorf("%d calls", w.calls()-n)
				}
				want := "[lost]"
				if what == "the person" {
					want = "[deleted]"
				}
				if u := w.mustUser(w.account("ann@example.com").UserID); !strings.Contains(u.Delivery.Detail, "until the next write about this person") {
					w.t.Errorf("delivery says %+v", u.Delivery)
				}
				if got := fmt.Sprint(w.driftEvents("ann@example.com")); got != want {
					w.t.Errorf("events %s, want %s", got, want)
				}
			})
		})
		for write, do := range writes {
			t.Run(what+", until "+write, func(t *testing.T) {
				inWorld(t, func(w *world) {
					ann, g := confirmedWith(w)
					l.by(w)
					w.looks()
					w.wantAt("ann@example.com", l.then)
					do(w, ann, g)
					w.looks()
					want := map[string]string{"another group that grants something": "EXPLORER department=Sales", "a rename of the group": "EXPLORER@[y] department=Sales"}[write]
					if want == "" {
						want = fullAnn
					}
					w.wantAt("ann@example.com", want)
					if a := w.account("ann@example.com"); a.Drift != 0 {
						w.t.Errorf("still open: %+v", a.memory.Drift)
					}
				})
			})
		}
		t.Run(what+" is given again with drift.lost: repair", func(t *testing.T) {
			inWorld(t, func(w *world) {
				confirmedWith(w)
				l.by(w)
				w.looks()
				w.wantAt("ann@example.com", fullAnn)
			}, func(w *world) { w.o.Drift.Lost = "repair" })
		})
	}
	t.Run("a write about somebody else, or to a group that grants nothing, is none about her", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann, g := confirmedWith(w)
			bob := w.create(person("bob@example.com"))
			w.byHand("ann@example.com", "-EXPLORER")
			w.looks()
			w.patch(g.ID, GroupChange{Add: refs(bob.ID)})
			w.group("Book club", ann.ID)
			w.looks()
			w.wantAt("bob@example.com", "EXPLORER")
			w.wantAt("ann@example.com", "no role department=Sales")
		})
	})
	t.Run("what was never confirmed is ours to give", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann := w.create(person("ann@example.com"))
			w.group("Explorers", ann.ID)
			w.pass(10 * time.Second)
			w.byHand("ann@example.com", "-EXPLORER") // a moment after it was given, before any settled look
			w.looks()
			w.wantAt("ann@example.com", "EXPLORER")
		})
	})
	t.Run("a delivery about something else that waits does not overrule it", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann, _ := confirmedWith(w)
			w.sim.SetFaults(simulator.Fault{Operation: "setUserAttributes", Kind: "http", HTTP: 503})
			w.mustUpdate(ann.ID, "department", "Finance") // accepted, and not deliverable
			w.pass(time.Minute)
			w.byHand("ann@example.com", "-EXPLORER")
			w.looks()
			w.wantAt("ann@example.com", "no role department=Sales")
			w.sim.SetFaults()
			w.pass(30 * time.Minute)
			w.wantAt("ann@example.com", "no role department=Finance")
			if got := fmt.Sprint(w.driftEvents("ann@example.com")); got != "[lost]" {
				w.t.Errorf("events %s, want the one of what was lost", got)
			}
		})
	})
	t.Run("who is invited again has what the invitation gave", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann, _ := confirmedWith(w)
			w.sim.RemoveUsers("ann@example.com")
			w.looks()
			w.invite("ann@example.com", "VIEWER")
			w.looks()
			w.wantAt("ann@example.com", "VIEWER department=Sales")
			w.mustUpdate(ann.ID, "title", "Analyst")
			w.wantAt("ann@example.com", "EXPLORER VIEWER department=Sales")
		})
	})
	t.Run("whoever took it gives it back himself", func(t *testing.T) {
		inWorld(t, func(w *world) {
			_, g := confirmedWith(w)
			w.byHand("ann@example.com", "-EXPLORER")
			w.looks()
			w.byHand("ann@example.com", "+EXPLORER")
			w.looks()
			if a := w.account("ann@example.com"); a.Drift != 0 || len(a.memory.Lost) > 0 {
				w.t.Errorf("still open: %+v", a.memory)
			}
			w.patch(g.ID, GroupChange{ReplaceMembers: &[]MemberRef{}}) // it is the group's, as before
			w.wantAt("ann@example.com", "no role department=Sales")
		})
	})
}

func TestV30AccessThatMustNotBeThereIsAlwaysTaken(t *testing.T) {
	t.Parallel()
	manyWorlds(t)
	for _, lost := range []string{"report", "repair"} {
		for _, changed := range []string{"report", "repair"} {
			configure := func(w *world) { w.o.Drift = DriftOptions{Lost: lost, Changed: changed} }
			name := "lost " + lost + ", changed " + changed + ": "
			t.Run(name+"a role of somebody suspended, set aside", func(t *testing.T) {
				inWorld(t, func(w *world) {
					ann, _ := confirmedWith(w)
					w.mustUpdate(ann.ID, "active", false)
					w.looks()
					w.byHand("ann@example.com", "+EXPLORER", "+CREATOR")
					w.looks()
					w.wantAt("ann@example.com", "no role")
					if got := fmt.Sprint(w.driftEvents("ann@example.com")); got != "[extra]" {
						w.t.Errorf("events %s", got)
					}
					w.mustUpdate(ann.ID, "active", true)
					w.wantAt("ann@example.com", "CREATOR EXPLORER department=Sales")
				}, configure)
			})
			t.Run(name+"a role that a group no longer gives", func(t *testing.T) {
				inWorld(t, func(w *world) {
					_, g := confirmedWith(w)
					w.patch(g.ID, GroupChange{ReplaceMembers: &[]MemberRef{}})
					w.pass(10 * time.Second)
					w.byHand("ann@example.com", "+EXPLORER") // before a settled look showed it gone: it is still ours
					w.looks()
					w.wantAt("ann@example.com", "no role department=Sales")
				}, configure)
			})
			t.Run(name+"a person who was deleted", func(t *testing.T) {
				inWorld(t, func(w *world) {
					ann, _ := confirmedWith(w)
					w.mustUpdate(ann.ID, "active", false)
					w.looks()
					w.wantAt("ann@example.com", "-")
					w.invite("ann@example.com", "CREATOR")
					w.looks()
					w.wantAt("ann@example.com", "no role") // not made by the bridge: suspended (V-08)
					if got := fmt.Sprint(w.driftEvents("ann@example.com")); got != "[extra]" {
						w.t.Errorf("events %s", got)
					}
				}, configure, func(w *world) { w.o.Policy.OnDeactivate = "delete" })
			})
		}
	}
	t.Run("however often it comes back, and it is reported as contested", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann, _ := confirmedWith(w)
			w.mustUpdate(ann.ID, "active", false)
			w.looks()
			for range 6 {
				w.byHand("ann@example.com", "+CREATOR")
				w.looks()
				w.pass(10 * time.Minute)
				w.wantAt("ann@example.com", "no role")
			}
			if got := fmt.Sprint(w.driftEvents("ann@example.com")); got != "[extra extra extra extra contested extra extra]" {
				w.t.Errorf("events %s", got)
			}
		})
	})
}

func TestV30AChangedAttribute(t *testing.T) {
	t.Parallel()
	report := func(w *world) { w.o.Drift.Changed = "report" }
	for what, c := range map[string]struct{ change, is string }{
		"another value": {"department=Board", "EXPLORER department=Board"},
		"none":          {"-department=", "EXPLORER"},
	} {
		t.Run(what+" is repaired", func(t *testing.T) {
			inWorld(t, func(w *world) {
				confirmedWith(w)
				w.byHand("ann@example.com", c.change)
				w.looks()
				w.wantAt("ann@example.com", fullAnn)
				w.pass(10 * time.Minute)
				w.lookup("nobody@example.com")
				if a := w.account("ann@example.com"); a.Drift != 0 {
					w.t.Errorf("still open: %+v", a.memory.Drift)
				}
			})
		})
		t.Run(what+" is reported, and left until the next write about her", func(t *testing.T) {
			inWorld(t, func(w *world) {
				ann, g := confirmedWith(w)
				bob := w.create(person("bob@example.com"))
				w.byHand("ann@example.com", c.change)
				w.looks()
				w.wantAt("ann@example.com", c.is)
				w.byHand("ann@example.com", "crm_id=77") // nor does it come back with a look at something else
				w.looks()
				w.patch(g.ID, GroupChange{Add: refs(bob.ID)})
				w.looks()
				if !strings.HasPrefix(w.at("ann@example.com"), strings.Split(c.is, " department")[0]) || strings.Contains(w.at("ann@example.com"), "Sales") {
					w.t.Errorf("ann has %s", w.at("ann@example.com"))
				}
				w.mustUpdate(ann.ID, "title", "Analyst")
				w.wantAt("ann@example.com", "EXPLORER crm_id=77 department=Sales")
			}, report)
		})
	}
	t.Run("the bridge's own identity attributes are repaired whatever the option says", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann, _ := confirmedWith(w)
			w.byHand("ann@example.com", "scim_id=default/somebody-else")
			w.looks()
			if got := w.account("ann@example.com").actual.Database["scim_id"]; got != "default/"+ann.ID {
				w.t.Errorf("scim_id is %s", got)
			}
		}, report)
	})
}

func TestV30AContestedRepairStops(t *testing.T) {
	t.Parallel()
	manyWorlds(t)
	undo := map[string]struct {
		by   func(*world)
		left string
	}{
		"a value":  {func(w *world) { w.byHand("ann@example.com", "department=Board") }, "EXPLORER department=Board"},
		"a role":   {func(w *world) { w.byHand("ann@example.com", "-EXPLORER") }, "no role department=Sales"},
		"a person": {func(w *world) { w.sim.RemoveUsers("ann@example.com") }, "-"},
	}
	repair := func(w *world) { w.o.Drift.Lost = "repair" }
	for what, u := range undo {
		t.Run(what, func(t *testing.T) {
			inWorld(t, func(w *world) {
				ann, _ := confirmedWith(w)
				for n := range 4 { // the first is the change, three more undo its repairs
					u.by(w)
					w.looks()
					w.pass(10 * time.Minute)
					w.lookup("nobody@example.com")
					w.pass(time.Second)
					if n < 3 {
						w.wantAt("ann@example.com", fullAnn)
					}
				}
				w.pass(2 * time.Hour)
				w.wantAt("ann@example.com", u.left)
				kinds := w.driftEvents("ann@example.com")
				if n := len(slices.DeleteFunc(slices.Clone(kinds), func(k string) bool { return k != "contested" })); n != 1 {
					w.t.Errorf("events %v, want one that says contested", kinds)
				}
				if a := w.account("ann@example.com"); a.Drift&contestedBit == 0 {
					w.t.Errorf("not shown as contested: %+v", a.memory.Drift)
				}
				w.mustUpdate(ann.ID, "title", "Analyst") // the IdP's next word ends it
				w.looks()
				w.wantAt("ann@example.com", fullAnn)
				if a := w.account("ann@example.com"); a.Drift != 0 {
					w.t.Errorf("still open: %+v", a.memory.Drift)
				}
			}, repair)
		})
	}
	t.Run("not when it is undone more rarely", func(t *testing.T) {
		a := someone(func(*account) {})
		changed := difference{Kind: DriftChanged, Key: "department"}
		for n := range 20 {
			a.differs(changed, &store.Look{Begun: noon.Add(time.Duration(n) * (contestedWithin/2 + time.Minute))}, true, true)
			a.memory.Drift[0].Settled = true
		}
		if a.isContested(changed) {
			t.Errorf("contested although never undone three times in a day: %+v", a.memory.Drift)
		}
	})
	t.Run("a listing that is behind undoes nothing, and asks for no second repair", func(t *testing.T) {
		inWorld(t, func(w *world) {
			confirmedWith(w)
			var settings simulator.Settings
			if err := settings.Set("listing_lag", "100s"); err != nil {
				w.t.Fatal(err)
			}
			if err := w.sim.SetSettings(settings); err != nil {
				w.t.Fatal(err)
			}
			n := w.calls()
			w.byHand("ann@example.com", "department=Board", "-EXPLORER")
			for range 20 {
				w.pass(50 * time.Second)
				w.lookup("nobody@example.com")
			}
			w.wantAt("ann@example.com", fullAnn)
			if got := fmt.Sprint(w.driftEvents("ann@example.com")); got != "[lost changed]" {
				w.t.Errorf("events %s, want one of each", got)
			}
			if n = w.calls() - n; n != 2 {
				w.t.Errorf("%d calls, want one for the role and one for the value", n)
			}
		}, repair)
	})
}
