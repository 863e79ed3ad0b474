package directory

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// removals are the open ones of an address.
func (w *world) removals(email string) []*store.Removal {
	w.t.Helper()
	id := w.account(email).ID
	var out []*store.Removal
	err := w.store.View(w.t.Context(), func(tx store.Tx) error {
		var err error
		out, err = tx.RemovalsOf(id)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

var thief = Caller{Token: "stolen", Request: "r-13"}

func (w *world) deleteAs(by Caller, id string) {
	w.t.Helper()
	if err := w.dir.DeleteUser(w.t.Context(), by, id, Precondition{}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) deactivateAs(by Caller, id string) {
	w.t.Helper()
	_, err := w.dir.UpdateUser(w.t.Context(), by, id, Precondition{}, func(doc Document) (Document, error) { doc["active"] = false; return doc, nil })
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) restore(who string) Restored {
	w.t.Helper()
	r, err := w.dir.RestoreUser(w.t.Context(), who, false)
	if err != nil {
		w.t.Fatalf("restore %s: %v", who, err)
	}
	w.pass(5 * time.Second) // a running server finds it within a second, and may need a look
	return r
}

// richAnn has a role of a group, one given by hand, an attribute of hers and one of another system.
func richAnn(w *world) (User, Group) {
	ann, g := confirmedWith(w)
	w.byHand("ann@example.com", "+CREATOR", "crm_id=77")
	w.looks()
	w.wantAt("ann@example.com", "CREATOR EXPLORER crm_id=77 department=Sales")
	return ann, g
}

const all = "CREATOR EXPLORER crm_id=77 department=Sales"

func TestV38WhatIsTakenIsRecordedBeforeTheCall(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		take func(*world, string)
		kind string
	}{
		"a suspension": {func(w *world, id string) { w.deactivateAs(thief, id) }, "deactivated"},
		"a deletion":   {func(w *world, id string) { w.deleteAs(thief, id) }, "deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				ann, g := richAnn(w)
				var faults []simulator.Fault
				for _, operation := range []string{"createUsers", "deleteUsersFromWorkspace"} {
					faults = append(faults, simulator.Fault{Operation: operation, Kind: "http", HTTP: 503})
				}
				w.sim.SetFaults(faults...)
				began := time.Now()
				c.take(w, ann.ID)
				before := w.removals("ann@example.com")
				if len(before) != 1 {
					w.t.Fatalf("%d removals before any call, want 1", len(before))
				}
				w.byHand("ann@example.com", "+AGENT_VIEWER") // a look shows it before a call gets through
				w.looks()
				w.sim.SetFaults()
				w.pass(10 * time.Minute)
				m := w.removals("ann@example.com")[0]
				took, err := readTaken(m)
				if err != nil {
					w.t.Fatal(err)
				}
				got := fmt.Sprintln(m.Kind, m.Token, m.Request, m.UserID == ann.ID, m.At.Sub(began) < time.Minute, took.Hand.assignmentsText(), took.Ours.assignmentsText(), took.Foreign, took.Attributes["department"], took.Attributes["scim_state"])
				want := fmt.Sprintln(c.kind, "stolen", "r-13", true, true, "[AGENT_VIEWER CREATOR]", "[EXPLORER]", map[string]string{"crm_id": "77"}, "Sales", "active")
				if got != want {
					w.t.Errorf("recorded\n%swant\n%s", got, want)
				}
				if c.kind == "deleted" && (len(took.Document) == 0 || !slices.Equal(took.Groups, []string{g.ID})) {
					w.t.Errorf("of the user: %s %v", took.Document, took.Groups)
				}
			})
		})
	}
	t.Run("in the very transaction that opens the call", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.invite("ann@example.com", "CREATOR")
			w.pass(time.Second)
			ann := w.lookup("ann@example.com")[0]
			w.after = func(e simulator.Effect) {
				if e.Operation != "createUsers" {
					return
				}
				if rows := w.removals("ann@example.com"); len(rows) != 1 {
					w.t.Errorf("%d removals when the call takes effect", len(rows))
				}
			}
			w.deactivateAs(thief, ann.ID)
			w.after = nil
			w.wantAt("ann@example.com", "no role")
		})
	})
}

func TestV38RestoreGivesBack(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(*world, User){
		"a suspension":                      func(w *world, ann User) { w.deactivateAs(thief, ann.ID) },
		"a deletion":                        func(w *world, ann User) { w.deleteAs(thief, ann.ID) },
		"a suspension, and then a deletion": func(w *world, ann User) { w.deactivateAs(okta, ann.ID); w.looks(); w.deleteAs(thief, ann.ID) },
		"a suspension, long ago":            func(w *world, ann User) { w.deactivateAs(okta, ann.ID); w.pass(4 * time.Hour) },
		"a deletion, not yet carried out":   func(w *world, ann User) { w.down.set(true); w.deleteAs(thief, ann.ID); w.down.set(false) },
		"a deletion, carried out unanswered": func(w *world, ann User) {
			w.sim.SetFaults(simulator.Fault{Operation: "deleteUsersFromWorkspace", Kind: "after", Times: 1})
			w.deleteAs(thief, ann.ID)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				ann, g := richAnn(w)
				version := w.mustUser(ann.ID).Version
				take(w, ann)
				w.looks()
				calls, events := w.calls(), len(w.removals("ann@example.com"))
				dry, err := w.dir.RestoreUser(w.t.Context(), "ann@example.com", true)
				if err != nil {
					w.t.Fatal(err)
				}
				w.looks()
				if w.calls() != calls || len(w.removals("ann@example.com")) != events {
					w.t.Error("a dry run did something")
				}
				r := w.restore("ann@example.com")
				if fmt.Sprint(r) != fmt.Sprint(dry) {
					w.t.Errorf("the dry run said\n%+v\nit was\n%+v", dry, r)
				}
				w.looks()
				w.wantAt("ann@example.com", all)
				u := w.mustUser(ann.ID) // under the id that she had
				if u.Document["active"] != true || u.Version <= version || len(u.Groups) != 1 {
					w.t.Errorf("the user is %+v", u)
				}
				if got := fmt.Sprint(r.Roles, r.ByHand, r.Attributes, r.Withheld, r.Active, r.UserID == ann.ID); got != "[EXPLORER] [CREATOR] [crm_id] [] true true" {
					w.t.Errorf("it says %s", got)
				}
				w.pass(time.Hour)
				w.wantAt("ann@example.com", all)
				w.patch(g.ID, GroupChange{Remove: []string{ann.ID}}) // the IdP's next word counts
				w.wantAt("ann@example.com", "CREATOR crm_id=77 department=Sales")
				w.mustUpdate(ann.ID, "active", false)
				w.wantAt("ann@example.com", "no role crm_id=77")
				if _, err := w.dir.RestoreUser(w.t.Context(), ann.ID, true); err != nil {
					w.t.Errorf("by id: %v", err)
				}
			}, func(w *world) { w.o.Policy.SuspendRemember = 3 * time.Hour })
		})
	}
	t.Run("what was reactivated needs no restore", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann, _ := richAnn(w)
			w.mustUpdate(ann.ID, "active", false)
			w.mustUpdate(ann.ID, "active", true)
			_, err := w.dir.RestoreUser(w.t.Context(), "ann@example.com", false)
			wantRefused(w.t, err, NotFound)
		})
	})
	t.Run("nobody", func(t *testing.T) {
		inWorld(t, func(w *world) {
			_, err := w.dir.RestoreUser(w.t.Context(), "nobody@example.com", false)
			wantRefused(w.t, err, NotFound, "nobody@example.com")
		})
	})
	t.Run("a group that went with him gives its role until the IdP's next word", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann, g := confirmedWith(w)
			w.deleteAs(thief, ann.ID)
			if err := w.dir.DeleteGroup(w.t.Context(), thief, g.ID, Precondition{}); err != nil {
				w.t.Fatal(err)
			}
			w.looks()
			w.restore("ann@example.com")
			w.looks()
			w.wantAt("ann@example.com", fullAnn)
			w.mustUpdate(ann.ID, "title", "Analyst")
			w.wantAt("ann@example.com", "no role department=Sales")
		})
	})
}

func (w *world) mustUser(id string) User {
	w.t.Helper()
	u, err := w.dir.User(w.t.Context(), id)
	if err != nil {
		w.t.Fatalf("user %s: %v", id, err)
	}
	return u
}

func TestV38PrivilegedRolesComeBackOnlyIfTheMappingGivesThem(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(*world, string){
		"suspended": func(w *world, id string) { w.deactivateAs(thief, id) },
		"deleted":   func(w *world, id string) { w.deleteAs(thief, id) },
	} {
		t.Run(name+", given by hand", func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.otherAdmins()
				ann, _ := confirmedWith(w)
				w.byHand("ann@example.com", "+ADMIN", "+CREATOR")
				w.looks()
				take(w, ann.ID)
				w.looks()
				r := w.restore("ann@example.com")
				w.looks()
				w.wantAt("ann@example.com", "CREATOR EXPLORER department=Sales")
				if fmt.Sprint(r.Withheld) != "[ADMIN]" {
					w.t.Errorf("withheld %v", r.Withheld)
				}
			})
		})
		t.Run(name+", given by a group", func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.otherAdmins()
				ann := w.create(person("ann@example.com"))
				w.group("Admins", ann.ID)
				w.pass(20 * time.Minute)
				w.lookup("nobody@example.com")
				w.wantAt("ann@example.com", "ADMIN")
				take(w, ann.ID)
				w.looks()
				r := w.restore("ann@example.com")
				w.looks()
				w.wantAt("ann@example.com", "ADMIN")
				if len(r.Withheld) != 0 {
					w.t.Errorf("withheld %v", r.Withheld)
				}
			}, privilegedGroup)
		})
		t.Run(name+", given by a group that is gone", func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.otherAdmins()
				ann := w.create(person("ann@example.com"))
				g := w.group("Admins", ann.ID)
				w.pass(20 * time.Minute)
				w.lookup("nobody@example.com")
				take(w, ann.ID)
				if err := w.dir.DeleteGroup(w.t.Context(), okta, g.ID, Precondition{}); err != nil {
					w.t.Fatal(err)
				}
				w.looks()
				r := w.restore("ann@example.com")
				w.looks()
				w.wantAt("ann@example.com", "no role")
				if fmt.Sprint(r.Withheld) != "[ADMIN]" {
					w.t.Errorf("withheld %v", r.Withheld)
				}
			}, privilegedGroup)
		})
	}
}

func TestV38AStolenTokenIsUndone(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		var ids []string
		for n := range 8 {
			ids = append(ids, w.create(person(fmt.Sprintf("p%d@example.com", n))).ID)
		}
		w.group("Explorers", ids...)
		w.pass(20 * time.Minute)
		w.lookup("nobody@example.com")
		w.deactivateAs(thief, ids[0]) // before: not what is undone
		w.deactivateAs(okta, ids[5])  // suspended by the IdP, and deleted by the thief
		w.pass(10 * time.Minute)
		began := time.Now()
		w.deleteAs(thief, ids[1])
		w.deactivateAs(thief, ids[2])
		w.deleteAs(okta, ids[3]) // an ordinary leaver
		w.deleteAs(thief, ids[4])
		w.deleteAs(thief, ids[5])
		w.deactivateAs(thief, ids[6])
		w.deleteAs(okta, ids[6]) // and has left since
		w.looks()
		w.create(person("p4@example.com")) // hired anew at a deleted one's address
		w.looks()

		undo := func(dry bool) (restored []string, problems []string) {
			err := w.dir.RestoreUsers(w.t.Context(), began, "stolen", dry, func(r Restored) error {
				if r.Problem != "" {
					problems = append(problems, r.Address)
				} else {
					restored = append(restored, r.Address)
				}
				return nil
			})
			if err != nil {
				w.t.Fatal(err)
			}
			return restored, problems
		}
		dry, dryProblems := undo(true)
		stopped := errors.New("stopped half-way")
		if err := w.dir.RestoreUsers(w.t.Context(), began, "stolen", false, func(Restored) error { return stopped }); !errors.Is(err, stopped) {
			w.t.Fatalf("error %v", err)
		}
		rest, problems := undo(false)
		if got, want := fmt.Sprint(dry, dryProblems), "[p1@example.com p2@example.com p5@example.com] [p6@example.com]"; got != want {
			w.t.Errorf("the dry run says %s, want %s", got, want)
		}
		if got, want := fmt.Sprint(rest, problems), "[p2@example.com p5@example.com] [p6@example.com]"; got != want { // p1 was done when it stopped
			w.t.Errorf("restored %s, want %s", got, want)
		}
		w.looks()
		for n, want := range []string{"no role", "EXPLORER", "EXPLORER", "-", "no role", "-", "-", "EXPLORER"} {
			w.wantAt(fmt.Sprintf("p%d@example.com", n), want)
		}
		if u := w.mustUser(ids[5]); u.Document["active"] != false {
			w.t.Error("who was suspended before the thief deleted him is active")
		}
		w.mustUpdate(ids[5], "active", true) // the IdP knows him still
		w.wantAt("p5@example.com", "EXPLORER")
	})
}

// privilegedGroup makes the members of Admins ADMIN.
func privilegedGroup(w *world) {
	spec := rules()
	spec.Roles.Groups = append(spec.Roles.Groups, mapping.GroupRule{Group: "Admins", Role: "ADMIN"})
	compiled, faults := mapping.Compile(spec)
	if len(faults) > 0 {
		w.t.Fatal(faults)
	}
	w.o.Rules = compiled
}

// otherAdmins puts administrators at WisdomAI, so that nobody else is the last (V-34).
func (w *world) otherAdmins() {
	w.invite("admin1@example.com", "ADMIN")
	w.invite("admin2@example.com", "ADMIN")
}
