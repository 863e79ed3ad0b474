package directory

import (
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

func TestV09Rename(t *testing.T) {
	t.Parallel()
	t.Run("the old account is suspended first, the new one created with what was given by hand", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann := w.create(person("ann@example.com", "region", "emea"))
			w.group("Explorers", ann.ID)
			w.invite("ann@example.com", "EXPLORER", "CREATOR", "region=emea", "crm_id=77", "scim_id=default/"+ann.ID, "scim_state=active")
			w.pass(2 * time.Minute)
			w.lookup("nobody@example.com") // a fresh look
			before := len(w.sim.Log(0))
			w.mustUpdate(ann.ID, "userName", "ann.b@example.com")
			w.wantAt("ann@example.com", "no role crm_id=77")
			w.wantAt("ann.b@example.com", "CREATOR EXPLORER crm_id=77 region=emea")
			if first := w.sim.Log(0)[before]; first.After == nil || first.After.Email != "ann@example.com" || len(first.After.RoleAssignments) != 0 {
				w.t.Errorf("the first call of the rename: %+v, want the old account's suspension", first)
			}
			if u, _ := w.dir.User(w.t.Context(), ann.ID); u.Document["userName"] != "ann.b@example.com" {
				w.t.Errorf("the user is %v", u.Document)
			}
			if got := w.lookup("ann@example.com"); len(got) != 0 {
				w.t.Errorf("a former user's account is shown: %+v", got)
			}
		})
	})
	t.Run("a to b to c forgets nobody, and back again takes the old one up", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann := w.create(person("a@example.com"))
			w.group("Explorers", ann.ID)
			w.mustUpdate(ann.ID, "userName", "b@example.com")
			w.mustUpdate(ann.ID, "userName", "c@example.com")
			w.wantAt("a@example.com", "no role")
			w.wantAt("b@example.com", "no role")
			w.wantAt("c@example.com", "EXPLORER")
			w.mustUpdate(ann.ID, "userName", "a@example.com")
			w.wantAt("a@example.com", "EXPLORER")
			w.wantAt("c@example.com", "no role")
		})
	})
	t.Run("an address that somebody else points at is a conflict, suspended ones count", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann := w.create(person("ann@example.com"))
			bob := w.create(person("bob@example.com"))
			w.mustUpdate(bob.ID, "active", false)
			err := w.update(ann.ID, "userName", "ann", "emails", []any{map[string]any{"value": "bob@example.com"}})
			wantRefused(w.t, err, Conflict, "bob@example.com")
			w.wantAt("ann@example.com", "no role")
		})
	})
	t.Run("outside email_domains", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann := w.create(person("ann@example.com"))
			wantRefused(w.t, w.update(ann.ID, "userName", "ann@other.example"), Invalid, "other.example")
		})
	})
	t.Run("on_rename: refuse", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann := w.create(person("ann@example.com"))
			wantRefused(w.t, w.update(ann.ID, "userName", "ann.b@example.com"), Mutability, "ann@example.com")
		}, func(w *world) { w.o.Policy.OnRename = "refuse" })
	})
	t.Run("on_rename: delete_old", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann := w.create(person("ann@example.com"))
			w.mustUpdate(ann.ID, "userName", "ann.b@example.com")
			w.wantAt("ann@example.com", "-")
			w.wantAt("ann.b@example.com", "no role")
		}, func(w *world) { w.o.Policy.OnRename = "delete_old" })
	})
	t.Run("somebody invited anew at a former user's address is his own man", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann := w.create(person("ann@example.com"))
			if err := w.dir.DeleteUser(w.t.Context(), okta, ann.ID, Precondition{}); err != nil {
				w.t.Fatal(err)
			}
			w.pass(time.Hour)
			w.invite("ann@example.com", "CREATOR")
			shown := w.lookup("ann@example.com")
			if len(shown) != 1 || shown[0].Managed || shown[0].ID == ann.ID {
				w.t.Errorf("shown as %+v, want an unmanaged person with an id of his own", shown)
			}
			w.pass(time.Hour)
			w.wantAt("ann@example.com", "CREATOR")
		})
	})
}

func TestV10HiredAgainAtAFormerUsersAddress(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invite("ann@example.com", "CREATOR", "crm_id=77")
		first := w.lookup("ann@example.com")[0]
		w.mustUpdate(first.ID, "title", "Analyst")
		if err := w.dir.DeleteUser(w.t.Context(), okta, first.ID, Precondition{}); err != nil {
			w.t.Fatal(err)
		}
		w.wantAt("ann@example.com", "no role crm_id=77")
		second := w.create(person("ann@example.com", "region", "emea"))
		if second.ID == first.ID {
			w.t.Error("the new hire has the leaver's id")
		}
		w.wantAt("ann@example.com", "no role region=emea") // nothing of the leaver's
		if holds := w.holds(); len(holds) != 0 {
			w.t.Errorf("the leaver's delete is still held: %+v", holds)
		}
		w.pass(time.Hour)
		w.wantAt("ann@example.com", "no role region=emea")
	})
}

func TestV11Owned(t *testing.T) {
	t.Parallel()
	t.Run("a role whose answer was lost is still ours to take", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann := w.create(person("ann@example.com"))
			g := w.group("Explorers")
			w.sim.SetFaults(simulator.Fault{Operation: "createUsers", Kind: "after", Times: 1})
			w.patch(g.ID, GroupChange{Add: refs(ann.ID)})
			w.wantAt("ann@example.com", "EXPLORER")
			w.patch(g.ID, GroupChange{Remove: []string{ann.ID}})
			w.pass(time.Minute)
			w.wantAt("ann@example.com", "no role")
		})
	})
	t.Run("what a call merely carried along stays the administrator's", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.invite("ann@example.com", "CREATOR")
			id := w.lookup("ann@example.com")[0].ID
			g := w.group("Explorers", id)
			w.wantAt("ann@example.com", "CREATOR EXPLORER")
			w.patch(g.ID, GroupChange{Remove: []string{id}})
			w.wantAt("ann@example.com", "CREATOR")
		})
	})
	t.Run("an item leaves it only when a settled look shows it gone", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann := w.create(person("ann@example.com"))
			g := w.group("Explorers", ann.ID)
			w.patch(g.ID, GroupChange{Remove: []string{ann.ID}})
			if a := w.account("ann@example.com"); !a.owned.Roles.has(grant{Role: "EXPLORER"}) {
				w.t.Error("no longer owned before any look")
			}
			w.pass(time.Hour)
			if a := w.account("ann@example.com"); a.owned.Roles.has(grant{Role: "EXPLORER"}) {
				w.t.Error("still owned after a settled look that shows it gone")
			}
			w.invite("ann@example.com", "EXPLORER") // so now it is an administrator's
			w.lookup("nobody@example.com")
			w.mustUpdate(ann.ID, "department", "Sales")
			w.wantAt("ann@example.com", "EXPLORER department=Sales")
		})
	})
}

func TestV12ARepeatIsANewComputation(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		g := w.group("Explorers")
		w.sim.SetFaults(simulator.Fault{Operation: "createUsers", Kind: "http", HTTP: 503, Times: 1})
		w.patch(g.ID, GroupChange{Add: refs(ann.ID)}) // fails; its retry is due in a second
		w.mustUpdate(ann.ID, "active", false)
		w.after = func(e simulator.Effect) {
			if e.After != nil && e.After.Email == "ann@example.com" && len(e.After.RoleAssignments) > 0 {
				w.t.Errorf("the retry re-sent the grant after the suspension: %+v", e)
			}
		}
		w.pass(10 * time.Minute)
		w.wantAt("ann@example.com", "no role")
	})
}

func TestV13AnOKMarksTheVersionItWasComputedFrom(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meanwhile func(w *world, ann string, g Group)
		want      string
	}{
		"suspended":        {func(w *world, ann string, g Group) { w.mustUpdate(ann, "active", false) }, "no role"},
		"out of the group": {func(w *world, ann string, g Group) { w.patch(g.ID, GroupChange{Remove: []string{ann}}) }, "no role"},
		"another group":    {func(w *world, ann string, g Group) { w.group("Viewers", ann) }, "EXPLORER VIEWER"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				ann := w.create(person("ann@example.com"))
				g := w.group("Explorers")
				w.sim.SetFaults(simulator.Fault{Operation: "createUsers", Kind: "latency", Latency: "2s", Times: 1})
				go w.dir.UpdateGroup(w.t.Context(), okta, g.ID, Precondition{}, []GroupChange{{Add: refs(ann.ID)}})
				time.Sleep(time.Second)
				c.meanwhile(w, ann.ID, g) // while the grant is on its way
				w.pass(10 * time.Second)
				w.wantAt("ann@example.com", c.want)
				if a := w.account("ann@example.com"); a.Delivered != a.Version {
					w.t.Errorf("delivered %d of version %d", a.Delivered, a.Version)
				}
			})
		})
	}
}

func TestV16AnUnansweredGrantThatTakesEffectAfterTheSuspension(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		g := w.group("Explorers")
		w.sim.SetFaults(simulator.Fault{Operation: "createUsers", Kind: "late", Latency: "20s", Times: 1})
		w.patch(g.ID, GroupChange{Add: refs(ann.ID)})
		w.mustUpdate(ann.ID, "active", false)
		w.wantAt("ann@example.com", "no role")
		if a := w.account("ann@example.com"); a.Uncertain.IsZero() {
			w.t.Error("the account is certain although a call was not answered")
		}
		w.pass(30 * time.Second)
		w.wantAt("ann@example.com", "EXPLORER") // the accident
		w.pass(5 * time.Minute)
		w.wantAt("ann@example.com", "no role") // repaired by the settled look
		w.pass(time.Hour)
		if a := w.account("ann@example.com"); !a.Uncertain.IsZero() || a.Confirmed != a.Version {
			w.t.Errorf("an hour later: uncertain since %v, confirmed %d of %d", a.Uncertain, a.Confirmed, a.Version)
		}
	})
}

func TestV16ALeaseTakenOver(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		w.mustUpdate(ann.ID, "active", false)
		err := w.store.Update(w.t.Context(), func(tx store.Tx) error { // a process that died in the middle of a call
			row, err := tx.AccountByEmail(w.o.Workspace, "ann@example.com")
			if err != nil {
				return err
			}
			row.CallOpen, row.LeaseHolder, row.LeaseUntil = true, "the dead", tx.Now().Add(time.Minute)
			return tx.PutAccount(row)
		})
		if err != nil {
			w.t.Fatal(err)
		}
		w.stop()
		w.start()
		w.pass(time.Second)
		if a := w.account("ann@example.com"); a.Uncertain.IsZero() || a.CallOpen {
			w.t.Errorf("after the restart: uncertain %v, call open %v", a.Uncertain, a.CallOpen)
		}
		w.pass(time.Hour)
		w.wantAt("ann@example.com", "no role")
		if a := w.account("ann@example.com"); !a.Uncertain.IsZero() {
			w.t.Error("still uncertain an hour later")
		}
	})
}

func TestV22SuspensionSetsAside(t *testing.T) {
	t.Parallel()
	remember := func(w *world) { w.o.Policy.SuspendRemember = 2 * time.Hour }
	suspended := func(w *world) string {
		w.invite("ann@example.com", "CREATOR", "crm_id=77", "sso=x(jwt)")
		id := w.lookup("ann@example.com")[0].ID
		w.mustUpdate(id, "department", "Sales")
		w.group("Explorers", id)
		w.mustUpdate(id, "active", false)
		w.wantAt("ann@example.com", "no role crm_id=77 sso=x(jwt)")
		return id
	}
	t.Run("and reactivation gives back", func(t *testing.T) {
		inWorld(t, func(w *world) {
			id := suspended(w)
			w.pass(time.Hour)
			w.mustUpdate(id, "active", true)
			w.wantAt("ann@example.com", "CREATOR EXPLORER crm_id=77 department=Sales sso=x(jwt)")
			w.pass(time.Hour)
			w.wantAt("ann@example.com", "CREATOR EXPLORER crm_id=77 department=Sales sso=x(jwt)")
		}, remember)
	})
	t.Run("but not after suspend_remember", func(t *testing.T) {
		inWorld(t, func(w *world) {
			id := suspended(w)
			w.pass(3 * time.Hour)
			w.mustUpdate(id, "active", true)
			w.wantAt("ann@example.com", "EXPLORER crm_id=77 department=Sales sso=x(jwt)")
			if n := w.events("roles.forgotten"); n != 1 {
				w.t.Errorf("%d events say which roles are not given back, want 1", n)
			}
		}, remember)
	})
	t.Run("a rename to an address that somebody at WisdomAI has is a conflict, unless adopted", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann := w.create(person("ann@example.com"))
			w.invite("bob@example.com", "CREATOR")
			w.lookup("bob@example.com")
			w.pass(time.Minute)
			w.lookup("nobody@example.com")
			wantRefused(w.t, w.update(ann.ID, "userName", "bob@example.com"), Conflict, "bob@example.com")
		})
		inWorld(t, func(w *world) {
			ann := w.create(person("ann@example.com"))
			w.invite("bob@example.com", "CREATOR")
			w.pass(time.Minute)
			w.lookup("nobody@example.com")
			w.mustUpdate(ann.ID, "userName", "bob@example.com")
			w.wantAt("bob@example.com", "CREATOR")
			if got := w.lookup("bob@example.com"); len(got) != 1 || got[0].ID != ann.ID {
				w.t.Errorf("shown as %+v, want %s alone", got, ann.ID)
			}
		}, func(w *world) { w.o.Policy.OnRenameConflict = "adopt" })
	})
}

func TestV23AnErrorOrACutListingIsNeverAbsence(t *testing.T) {
	t.Parallel()
	for _, fault := range []simulator.Fault{
		{Operation: "listUsers", Kind: "errors"}, {Operation: "listUsers", Kind: "http", HTTP: 500},
		{Operation: "listUsers", Kind: "reset"}, {Operation: "listUsers", Kind: "empty"},
	} {
		t.Run(fault.Kind, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.invite("bob@example.com", "CREATOR")
				ann := w.create(person("ann@example.com"))
				w.group("Explorers", ann.ID)
				w.lookup("bob@example.com")
				w.sim.SetFaults(fault)
				n := w.calls()
				w.pass(2 * time.Hour)
				if u := w.lookup("bob@example.com"); len(u) != 1 {
					w.t.Error("bob is gone")
				}
				if a := w.account("ann@example.com"); !a.Present {
					w.t.Error("ann is believed absent")
				}
				if w.calls() != n {
					w.t.Errorf("%d calls were made", w.calls()-n)
				}
			})
		})
	}
}

func TestV23AnOlderLookIsDiscarded(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.lookup("nobody@example.com")
		var newer *store.Look
		err := w.store.Update(w.t.Context(), func(tx store.Tx) error {
			last, err := tx.LastLook(w.o.Workspace, store.LookApplied)
			newer = last
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
		older := *newer
		older.Number = newer.Number - 1
		if err := w.dir.apply(w.t.Context(), &older, map[string]*known{}, verdict{}); err != errOlderLook {
			w.t.Errorf("applying look %d after %d: %v, want it discarded", older.Number, newer.Number, err)
		}
	})
}

func TestV25OurOwnWriteHidesNoAdministrators(t *testing.T) {
	t.Parallel()
	o := Options{}.withDefaults()
	row := &wisdom.User{ID: "u_1", Email: "ann@example.com", Roles: units("CREATOR", "EXPLORER", "VIEWER").assignments(),
		Attributes: []wisdom.Attribute{{Key: "crm_id", Value: "77", Source: wisdom.Database}, {Key: "region", Value: "emea", Source: wisdom.Database}}}
	overlapping := func(state presence) *account {
		return someone(func(a *account) {
			there(a, units("VIEWER"), map[string]string{"region": "amer"}) // as our OK says
			a.owned = owned{Roles: units("EXPLORER"), Keys: []string{"region"}}
			a.desired = desired{State: state, Attributes: map[string]string{"region": "amer"}}
			a.memory.Basis = &actual{Roles: units("EXPLORER", "VIEWER"), Database: map[string]string{"region": "emea"}}
			a.CallLook = 5
		})
	}
	a := overlapping(present)
	o.observe(a, &store.Look{Number: 5, Begun: noon}, row)
	if got := a.actual.Roles.assignmentsText(); got != "[VIEWER]" {
		t.Errorf("the row of a look that a delivery overlapped replaced the actual state: %s", got)
	}
	roles, attributes := o.target(a)
	if got := roles.assignmentsText(); got != "[CREATOR VIEWER]" { // EXPLORER is ours, VIEWER was in the basis
		t.Errorf("to be there: %s, want the CREATOR that only the look showed", got)
	}
	if attributes["crm_id"] != "77" || attributes["region"] != "amer" {
		t.Errorf("to be there: %v", attributes)
	}
	s := overlapping(suspended)
	o.observe(s, &store.Look{Number: 5, Begun: noon}, row)
	if s.memory.SetAside == nil || !s.memory.SetAside.Roles.has(grant{Role: "CREATOR"}) {
		t.Error("for somebody suspended it is set aside")
	}
	after := overlapping(present)
	o.observe(after, &store.Look{Number: 6, Begun: noon}, row)
	if got := after.actual.Roles.assignmentsText(); got != "[CREATOR EXPLORER VIEWER]" {
		t.Errorf("a look that began after the call replaces the actual state; it is %s", got)
	}
}

func TestV21EveryCallKeepsWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invite("ann@example.com", "CREATOR", "crm_id=77", "sso=x(jwt)")
		w.after = func(simulator.Effect) { w.wantKept("ann@example.com") }
		id := w.lookup("ann@example.com")[0].ID
		w.mustUpdate(id, "department", "Sales")
		g := w.group("Explorers", id)
		w.group("explorer-finance", id)
		w.patch(g.ID, GroupChange{Remove: []string{id}})
		w.mustUpdate(id, "department", "Finance")
		w.pass(2 * time.Hour)
		w.mustUpdate(id, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", nil)
		w.after = nil
		w.wantAt("ann@example.com", "CREATOR EXPLORER@[finance] crm_id=77 sso=x(jwt)")
	})
}

func TestV42AGroupThatGrantsToSomebodyWithoutARequiredAttribute(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invite("ann@example.com", "CREATOR")
		id := w.lookup("ann@example.com")[0].ID
		w.group("Explorers", id) // a success (V-06, V-07), but no role is given
		w.wantAt("ann@example.com", "CREATOR")
		u, err := w.dir.User(w.t.Context(), id)
		if err != nil || u.Delivery.State != DeliveryFailed {
			w.t.Errorf("delivery = %+v, %v, want failed", u.Delivery, err)
		}
		_, err = w.dir.CreateUser(w.t.Context(), okta, person("bob@example.com"))
		wantRefused(w.t, err, Invalid, "region")
		w.create(person("cy@example.com", "region", "emea"))
	}, func(w *world) { w.requireRegion() })
}
