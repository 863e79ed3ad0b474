package directory

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// braked allows n deletes a window, and reports more than floor lost roles.
func braked(n int) func(*world) {
	return func(w *world) { w.o.Brake = &Brake{MaxDeletes: n, MaxPercent: 0, Floor: n, Window: time.Hour} }
}

// operator is who types the commands.
var operator = Caller{Token: "scimbridge brake"}

func (w *world) mustDelete(id string) {
	w.t.Helper()
	if err := w.dir.DeleteUser(w.t.Context(), okta, id, Precondition{}); err != nil {
		w.t.Fatalf("delete %s: %v", id, err)
	}
}

// staff creates n people, user0 and on, and waits until their ids are known.
func (w *world) staff(n int) []User {
	var out []User
	for i := range n {
		out = append(out, w.create(person(fmt.Sprintf("user%d@example.com", i))))
	}
	w.pass(20 * time.Minute)
	return out
}

// gone counts those of staff whom WisdomAI does not have any more.
func (w *world) gone(n int) int {
	gone := 0
	for i := range n {
		if w.at(fmt.Sprintf("user%d@example.com", i)) == "-" {
			gone++
		}
	}
	return gone
}

func (w *world) release(addresses ...string) []Settled {
	w.t.Helper()
	out, err := w.dir.Release(w.t.Context(), operator, addresses...)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) discard(addresses ...string) []Settled {
	w.t.Helper()
	out, err := w.dir.Discard(w.t.Context(), operator, addresses...)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// listed is `brake list`.
func (w *world) listed() []Hold {
	w.t.Helper()
	out, err := w.dir.Holds(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func wantOutcome(t *testing.T, settled []Settled, outcome string) {
	t.Helper()
	if len(settled) != 1 || settled[0].Outcome != outcome {
		t.Errorf("settled %+v, want one that is %s", settled, outcome)
	}
}

func TestV33BeyondTheAllowanceDeletesAreSuspensions(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		people := w.staff(5)
		w.group("Explorers", people[3].ID, people[4].ID)
		for _, u := range people {
			w.mustDelete(u.ID)
			if _, err := w.dir.User(w.t.Context(), u.ID); err == nil {
				w.t.Error("a deleted user is shown")
			}
		}
		w.pass(10 * time.Minute)
		if n := w.gone(5); n != 2 {
			w.t.Errorf("%d deleted, want 2", n)
		}
		w.wantAt("user4@example.com", "no role") // access is gone at once
		held := w.listed()
		if len(held) != 3 || held[0].Kind != "delete" || held[0].Address != "user2@example.com" || !strings.Contains(held[0].Release, w.account("user2@example.com").WisdomID) {
			w.t.Errorf("held %+v", held)
		}
		if n := w.events("hold.delete"); n != 3 {
			w.t.Errorf("%d events, want 3", n)
		}
	}, braked(2))
}

// Every cause of a delete passes the brake.
func TestV33WhateverPolicyCausedIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy func(*Policy)
		leave  func(*world, User)
	}{
		"on_delete":                 {func(*Policy) {}, func(w *world, u User) { w.mustDelete(u.ID) }},
		"on_deactivate: delete":     {func(p *Policy) { p.OnDeactivate = "delete" }, func(w *world, u User) { w.mustUpdate(u.ID, "active", false) }},
		"on_rename: delete_old":     {func(p *Policy) { p.OnRename = "delete_old" }, func(w *world, u User) { w.mustUpdate(u.ID, "userName", "new-"+u.Document["userName"].(string)) }},
		"on_delete_adopted: delete": {func(p *Policy) { p.OnDeleteAdopted = "delete" }, func(w *world, u User) { w.mustDelete(u.ID) }},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				var people []User
				if strings.Contains(name, "adopted") {
					for i := range 3 {
						w.invite(fmt.Sprintf("user%d@example.com", i), "CREATOR")
					}
					w.pass(time.Minute)
					for i := range 3 {
						people = append(people, w.lookup(fmt.Sprintf("user%d@example.com", i))[0])
					}
				} else {
					people = w.staff(3)
				}
				for _, u := range people {
					c.leave(w, u)
				}
				w.pass(20 * time.Minute)
				if n := w.gone(3); n != 1 {
					w.t.Errorf("%d deleted, want 1", n)
				}
				if n := len(w.holds()); n != 2 {
					w.t.Errorf("%d holds, want 2", n)
				}
			}, braked(1), func(w *world) { c.policy(&w.o.Policy) })
		})
	}
}

func TestV33AWindowRollsOver(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		people := w.staff(4)
		for _, u := range people[:3] {
			w.mustDelete(u.ID)
		}
		w.pass(50 * time.Minute)
		w.invite("user2@example.com", "CREATOR") // whatever makes him be planned again
		w.pass(3 * time.Hour)
		if n := w.gone(4); n != 1 {
			w.t.Errorf("%d deleted, want 1: what is held waits for a person, and not for the next window", n)
		}
		w.mustDelete(people[3].ID) // the new window has an allowance of its own
		w.pass(time.Minute)
		w.wantAt("user3@example.com", "-")
		if n := len(w.holds()); n != 2 {
			w.t.Errorf("%d holds, want 2", n)
		}
	}, braked(1))
}

func TestV33ACleanUpRunDoesNotShrinkItsBase(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		people := w.staff(40)
		for _, u := range people {
			w.mustDelete(u.ID)
		}
		w.pass(10 * time.Minute)
		if n := w.gone(40); n != 8 { // a fifth of forty, and not of what is left
			w.t.Errorf("%d deleted, want 8", n)
		}
	}, func(w *world) { w.o.Brake = &Brake{MaxDeletes: 100, MaxPercent: 20, Floor: 1, Window: time.Hour} })
}

// Three replicas on one store have one allowance between them.
func TestV33ReplicasShareOneAllowance(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		people := w.staff(9)
		replicas := []*Directory{w.dir}
		ctx, cancel := context.WithCancel(w.t.Context())
		var running sync.WaitGroup
		for range 2 {
			d, err := New(ctx, w.o)
			if err != nil {
				w.t.Fatal(err)
			}
			replicas = append(replicas, d)
			running.Go(func() { d.Run(ctx) })
		}
		w.pass(time.Minute)
		var wg sync.WaitGroup
		for i, u := range people {
			wg.Go(func() {
				if err := replicas[i%3].DeleteUser(w.t.Context(), okta, u.ID, Precondition{}); err != nil {
					w.t.Error(err)
				}
			})
		}
		wg.Wait()
		w.pass(10 * time.Minute)
		if n := w.gone(9); n != 3 {
			w.t.Errorf("%d deleted, want 3", n)
		}
		if n := len(w.holds()); n != 6 {
			w.t.Errorf("%d holds, want 6", n)
		}
		cancel()
		running.Wait()
	}, braked(3))
}

func TestV33Release(t *testing.T) {
	t.Parallel()
	manyWorlds(t)
	// held leaves ann's delete held.
	held := func(w *world) User {
		people := w.staff(1)
		w.mustDelete(people[0].ID)
		w.pass(time.Minute)
		w.wantAt("user0@example.com", "no role")
		return people[0]
	}
	t.Run("goes out beyond the brake, on a look begun after it", func(t *testing.T) {
		inWorld(t, func(w *world) {
			held(w)
			looks := w.sim.Requests("listUsers")
			wantOutcome(w.t, w.release("User0@Example.com"), "released")
			w.pass(time.Second)
			w.pass(5 * time.Second)
			w.wantAt("user0@example.com", "-")
			if w.sim.Requests("listUsers") == looks {
				w.t.Error("it was deleted without a look")
			}
			if n := len(w.holds()); n != 0 {
				w.t.Errorf("%d holds are left", n)
			}
		}, braked(0))
	})
	t.Run("waits for the look", func(t *testing.T) {
		inWorld(t, func(w *world) {
			held(w)
			w.sim.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "errors"})
			w.release()
			w.pass(10 * time.Minute)
			w.wantAt("user0@example.com", "no role")
			if held := w.listed(); len(held) != 1 || held[0].Released.IsZero() || !strings.Contains(held[0].Release, "released") {
				w.t.Errorf("held %+v", held)
			}
			w.sim.SetFaults()
			w.pass(10 * time.Minute)
			w.wantAt("user0@example.com", "-")
		}, braked(0))
	})
	t.Run("of somebody hired again is withdrawn", func(t *testing.T) {
		inWorld(t, func(w *world) {
			held(w)
			w.create(person("user0@example.com"))
			if n := len(w.holds()); n != 0 {
				w.t.Errorf("%d holds of somebody hired again", n)
			}
			if _, err := w.dir.Release(w.t.Context(), operator, "user0@example.com"); err == nil {
				w.t.Error("what is not held was released")
			}
			w.pass(2 * time.Hour)
			w.wantAt("user0@example.com", "no role")
			if got := w.lookup("user0@example.com"); len(got) != 1 {
				w.t.Errorf("%+v", got)
			}
		}, braked(0))
	})
	t.Run("released, and hired again before it went out", func(t *testing.T) {
		inWorld(t, func(w *world) {
			held(w)
			w.sim.SetFaults(simulator.Fault{Operation: "deleteUsersFromWorkspace", Kind: "http", HTTP: 503})
			w.release("user0@example.com")
			w.pass(time.Minute)
			w.create(person("user0@example.com"))
			w.sim.SetFaults()
			w.pass(2 * time.Hour)
			w.wantAt("user0@example.com", "no role")
		}, braked(0))
	})
	// The address has somebody else, days later, whom no look showed before the release.
	for name, leave := range map[string]func(*world, string){
		"deleted":     func(w *world, id string) { w.mustDelete(id) },
		"deactivated": func(w *world, id string) { w.mustUpdate(id, "active", false) },
	} {
		t.Run("somebody else has the address: "+name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				people := w.staff(1)
				leave(w, people[0].ID)
				w.pass(3 * 24 * time.Hour)
				w.sim.RemoveUsers("user0@example.com")
				w.invite("user0@example.com", "CREATOR")
				wantOutcome(w.t, w.release("user0@example.com"), "released")
				w.pass(2 * time.Hour)
				if w.at("user0@example.com") == "-" {
					w.t.Error("somebody else was deleted for ever")
				}
			}, braked(0), func(w *world) { w.o.Policy.OnDeactivate = "delete" })
		})
	}
	t.Run("of somebody whom a person deleted meanwhile is withdrawn", func(t *testing.T) {
		inWorld(t, func(w *world) {
			held(w)
			w.sim.RemoveUsers("user0@example.com")
			w.pass(40 * time.Minute)
			if n := len(w.holds()); n != 0 {
				w.t.Errorf("%d holds of somebody who is gone", n)
			}
			if n := w.events("hold.withdrawn"); n != 1 {
				w.t.Errorf("%d events, want 1", n)
			}
		}, braked(0))
	})
	t.Run("not while somebody is protected", func(t *testing.T) {
		inWorld(t, func(w *world) {
			held(w)
			w.protect("user0@example.com")
			wantOutcome(w.t, w.release("user0@example.com"), Waits)
			w.pass(time.Hour)
			w.wantAt("user0@example.com", "no role")
		}, braked(0))
	})
	t.Run("protected after it", func(t *testing.T) {
		inWorld(t, func(w *world) {
			held(w)
			w.sim.SetFaults(simulator.Fault{Operation: "*", Kind: "http", HTTP: 503})
			w.release("user0@example.com")
			w.stop()
			w.sim.SetFaults()
			w.o.Protected = []string{"user0@example.com"}
			w.start()
			w.pass(time.Hour)
			w.wantAt("user0@example.com", "no role")
		}, braked(0))
	})
	t.Run("a running server honours it within a second, a restart does not forget it", func(t *testing.T) {
		inWorld(t, func(w *world) {
			held(w)
			w.stop()
			w.start()
			w.pass(time.Minute)
			beside, err := New(w.t.Context(), w.o) // as the command has it: it does not run
			if err != nil {
				w.t.Fatal(err)
			}
			if _, err := beside.Release(w.t.Context(), operator); err != nil {
				w.t.Fatal(err)
			}
			w.pass(2 * time.Second)
			w.wantAt("user0@example.com", "-")
		}, braked(0))
	})
}

func TestV33Discard(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		people := w.staff(2)
		for _, u := range people {
			w.mustDelete(u.ID)
		}
		w.pass(time.Minute)
		wantOutcome(w.t, w.discard("user0@example.com"), "discarded")
		w.pass(3 * time.Hour)
		w.wantAt("user0@example.com", "no role")
		if held := w.listed(); len(held) != 1 || held[0].Address != "user1@example.com" {
			w.t.Errorf("held %+v", held)
		}
		w.stop()
		w.o.Brake = nil // nothing holds it any more, and it is not deleted all the same
		w.start()
		w.invite("user0@example.com", "CREATOR")
		w.pass(3 * time.Hour)
		w.wantAt("user0@example.com", "no role")
		w.wantAt("user1@example.com", "no role")
		if n := w.events("hold.discarded"); n != 1 {
			w.t.Errorf("%d events, want 1", n)
		}
	}, braked(0))
}

func TestV08WhoIsNotOursIsHeldWhateverTheBrakeAllows(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invite("ann@example.com", "CREATOR")
		w.pass(time.Minute)
		w.mustDelete(w.lookup("ann@example.com")[0].ID)
		w.pass(3 * time.Hour)
		w.wantAt("ann@example.com", "no role")
		if held := w.listed(); len(held) != 1 || !strings.Contains(held[0].Reason, "not created by the bridge") {
			w.t.Fatalf("held %+v", held)
		}
		w.release("ann@example.com")
		w.pass(time.Minute)
		w.wantAt("ann@example.com", "-")
	})
}

// The gate lets no delete out that the plan should have held.
func TestV33TheGateIsTheLastLine(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.staff(1)
		id := w.account("user0@example.com").ID
		err := w.store.Update(w.t.Context(), func(tx store.Tx) error {
			a, err := loadAccount(tx, id)
			if err != nil {
				return err
			}
			reason, err := w.dir.gate(tx, a, step{kind: stepDelete, taking: true})
			if reason != heldByBrake || err != nil {
				w.t.Errorf("brake: %q, %v", reason, err)
			}
			a.CreatedByBridge = false
			if reason, err = w.dir.gate(tx, a, step{kind: stepDelete, taking: true}); reason != heldAdopted {
				w.t.Errorf("adopted: %q", reason)
			}
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}, braked(0))
}

func TestV33MassRevocation(t *testing.T) {
	t.Parallel()
	w0 := func(w *world) ([]User, Group, Group) {
		people := w.staff(8)
		var ids []string
		for _, u := range people {
			ids = append(ids, u.ID)
		}
		explorers, viewers := w.group("Explorers", ids...), w.group("Viewers", ids...)
		w.pass(time.Hour)
		return people, explorers, viewers
	}
	reported := func(w *world) []MassRevocation {
		h, err := w.dir.Health(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		return h.MassRevocations
	}
	t.Run("through one group", func(t *testing.T) {
		inWorld(t, func(w *world) {
			people, explorers, _ := w0(w)
			w.patch(explorers.ID, GroupChange{Remove: []string{people[0].ID, people[1].ID, people[2].ID}})
			if got := reported(w); len(got) != 0 {
				w.t.Errorf("3 of a share of 3: %+v", got)
			}
			w.patch(explorers.ID, GroupChange{ReplaceMembers: &[]MemberRef{}})
			w.pass(time.Minute)
			w.wantAt("user7@example.com", "VIEWER") // carried out
			got := reported(w)
			if len(got) != 1 || got[0].GroupName != "Explorers" || got[0].People != 8 || got[0].Share != 3 || got[0].Token != "okta" || got[0].Request != "r" {
				w.t.Errorf("reported %+v", got)
			}
			if n := w.events("mass_revocation"); n != 1 {
				w.t.Errorf("%d events, want 1", n)
			}
			w.pass(2 * time.Hour)
			if got := reported(w); len(got) != 0 {
				w.t.Errorf("in the next window: %+v", got)
			}
		}, braked(3))
	})
	t.Run("within the window, each cause once", func(t *testing.T) {
		inWorld(t, func(w *world) {
			people, explorers, viewers := w0(w)
			for i, u := range people {
				switch i % 4 {
				case 0:
					w.mustUpdate(u.ID, "active", false)
				case 1:
					w.mustDelete(u.ID)
				case 2:
					w.patch(explorers.ID, GroupChange{Remove: []string{u.ID}})
				case 3:
					w.patch(viewers.ID, GroupChange{Remove: []string{u.ID}})
				}
			}
			got := reported(w)
			if len(got) != 1 || got[0].Group != "" || got[0].People != 4 {
				w.t.Errorf("reported %+v", got)
			}
			if err := w.dir.DeleteGroup(w.t.Context(), Caller{Token: "entra", Request: "r2"}, viewers.ID, Precondition{}); err != nil {
				w.t.Fatal(err)
			}
			if got := reported(w); len(got) != 2 || got[1].GroupName != "Viewers" || got[1].Token != "entra" || got[1].Request != "r2" {
				w.t.Errorf("reported %+v", got)
			}
		}, braked(3))
	})
	t.Run("who loses nothing does not count", func(t *testing.T) {
		inWorld(t, func(w *world) {
			people, _, _ := w0(w)
			for _, u := range people {
				w.mustUpdate(u.ID, "title", "x")
			}
			w.patch(w.group("Book club", people[0].ID, people[1].ID, people[2].ID, people[3].ID).ID, GroupChange{ReplaceMembers: &[]MemberRef{}})
			w.patch(w.group("explorer-x", people[0].ID, people[1].ID, people[2].ID, people[3].ID).ID, GroupChange{ReplaceMembers: &[]MemberRef{}})
			if got := reported(w); len(got) != 0 { // EXPLORER everywhere covers the scope
				w.t.Errorf("reported %+v", got)
			}
		}, braked(1))
	})
}

// withRules compiles rules of this test into the world's.
func withRules(change func(*mapping.Spec)) func(*world) {
	return func(w *world) {
		spec := rules()
		change(&spec)
		compiled, faults := mapping.Compile(spec)
		if len(faults) > 0 {
			w.t.Fatal(faults)
		}
		w.o.Rules = compiled
	}
}
