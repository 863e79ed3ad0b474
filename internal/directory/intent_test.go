package directory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store/enginetest"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

func TestV01WhatIsCommittedIsDelivered(t *testing.T) {
	t.Parallel()
	t.Run("a leaver whose deactivation arrived while WisdomAI was down", func(t *testing.T) {
		inWorld(t, func(w *world) {
			ann := w.create(person("ann@example.com"))
			w.group("Explorers", ann.ID)
			w.wantAt("ann@example.com", "EXPLORER")
			w.down.set(true)
			w.mustUpdate(ann.ID, "active", false)
			w.pass(10 * time.Minute)
			w.wantAt("ann@example.com", "EXPLORER")
			w.down.set(false)
			w.pass(5 * time.Minute)
			w.wantAt("ann@example.com", "no role")
		})
	})
	t.Run("over a restart", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.down.set(true)
			w.create(person("ann@example.com", "region", "emea"))
			w.stop()
			w.down.set(false)
			w.start()
			w.pass(5 * time.Second)
			w.wantAt("ann@example.com", "no role region=emea")
		})
	})
}

func TestV02DeactivationIsNeverRefused(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		bob := w.create(person("bob@example.com"))
		w.group("Explorers", ann.ID, bob.ID)
		// Entra disables and clears or prefixes the address in one PATCH.
		w.mustUpdate(ann.ID, "active", false, "userName", "deleted-ann", "emails", nil)
		w.wantAt("ann@example.com", "no role")
		// To an address that somebody else has.
		w.mustUpdate(bob.ID, "active", false, "userName", "ann@example.com")
		w.wantAt("bob@example.com", "no role")
		// Coming back without an address is refused, with one it is not.
		wantRefused(w.t, w.update(ann.ID, "active", true), Invalid, "userName")
		w.mustUpdate(ann.ID, "active", true, "userName", "ann2@example.com")
		w.wantAt("ann2@example.com", "EXPLORER")
		w.wantAt("ann@example.com", "no role")
	})
	t.Run("somebody created inactive has no address made for him", func(t *testing.T) {
		inWorld(t, func(w *world) {
			doc := person("eve@example.com")
			doc["active"] = false
			w.create(doc)
			w.pass(time.Minute)
			w.wantAt("eve@example.com", "-")
			// Invited by hand later: he is inactive, so he has no access there.
			w.invite("eve@example.com", "EXPLORER")
			w.pass(16 * time.Minute) // an idle tenant's look
			w.wantAt("eve@example.com", "no role")
		})
	})
}

func TestV03AnActiveUserNeedsAnAddress(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		doc := person("ann")
		doc["emails"] = []any{map[string]any{"value": "not an address"}}
		_, err := w.dir.CreateUser(w.t.Context(), okta, doc)
		wantRefused(w.t, err, Invalid, "userName", "emails.value")
		if got := w.lookup("ann"); len(got) != 0 {
			w.t.Errorf("the refused create left %v", got)
		}
		_, err = w.dir.CreateUser(w.t.Context(), okta, person("ann@elsewhere.example"))
		wantRefused(w.t, err, Invalid, "elsewhere.example")
	})
}

func TestV04ARefusedCreateIsRolledBack(t *testing.T) {
	t.Parallel()
	block := func(w *world) {
		if err := w.sim.SetSettings(simulator.Settings{EmptyRoles: "clears", Delete: "args", Roles: "roleId", ExistingAttributes: "ignore", ListingLag: "0s", Block: []string{"ann@example.com"}}); err != nil {
			w.t.Fatal(err)
		}
	}
	t.Run("nothing of it is there", func(t *testing.T) {
		inWorld(t, func(w *world) {
			block(w)
			_, err := w.dir.CreateUser(w.t.Context(), okta, person("ann@example.com"))
			wantRefused(w.t, err, Invalid, "ann@example.com")
			if got := w.lookup("ann@example.com"); len(got) != 0 {
				w.t.Errorf("the refused create left %v", got)
			}
			w.wantAt("ann@example.com", "-")
		})
	})
	t.Run("somebody else was told its id: it stays, failed", func(t *testing.T) {
		inWorld(t, func(w *world) {
			block(w)
			w.after = nil
			w.sim.SetFaults(simulator.Fault{Operation: "createUsers", Kind: "latency", Latency: "1s"})
			go func() {
				time.Sleep(500 * time.Millisecond)
				w.lookup("ann@example.com")
			}()
			c, err := w.dir.CreateUser(w.t.Context(), okta, person("ann@example.com"))
			if err != nil {
				w.t.Fatalf("create: %v", err)
			}
			c.Done(true)
			if c.User.Delivery.State != DeliveryFailed {
				w.t.Errorf("delivery = %+v, want failed", c.User.Delivery)
			}
		})
	})
}

func TestV05RepeatedPOST(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		doc := person("ann@example.com", "externalId", "00u1")
		first, err := w.dir.CreateUser(w.t.Context(), okta, doc)
		if err != nil {
			w.t.Fatal(err)
		}
		_, err = w.dir.CreateUser(w.t.Context(), okta, doc)
		wantRefused(w.t, err, Conflict, "userName") // a request still works on it
		first.Done(false)                           // its 201 was lost

		_, err = w.dir.CreateUser(w.t.Context(), okta, person("ann@example.com", "externalId", "other"))
		wantRefused(w.t, err, Conflict, "userName")

		again := person("ann@example.com", "externalId", "00u1", "region", "emea")
		replay, err := w.dir.CreateUser(w.t.Context(), okta, again)
		if err != nil {
			w.t.Fatalf("the repeat of a lost create: %v", err)
		}
		if replay.User.ID != first.User.ID {
			w.t.Errorf("replay has id %s, want %s", replay.User.ID, first.User.ID)
		}
		w.wantAt("ann@example.com", "no role region=emea") // its body was applied as a PUT
		replay.Done(true)
		_, err = w.dir.CreateUser(w.t.Context(), okta, again)
		wantRefused(w.t, err, Conflict, "userName")
		w.pass(time.Second)
		w.stop()
		w.start()
		_, err = w.dir.CreateUser(w.t.Context(), okta, again)
		wantRefused(w.t, err, Conflict, "userName") // the row says so after a restart
	})
}

func TestV05FiftyParallelCreates(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		var mu sync.Mutex
		created, conflicts := 0, 0
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				c, err := w.dir.CreateUser(w.t.Context(), okta, person("ann@example.com", "externalId", "1"))
				var e *Error
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					created++
					c.Done(true)
				case errors.As(err, &e) && e.Kind == Conflict:
					conflicts++
				default:
					w.t.Errorf("create: %v", err)
				}
			})
		}
		wg.Wait()
		if created != 1 || conflicts != 49 {
			w.t.Errorf("%d created and %d conflicts, want 1 and 49", created, conflicts)
		}
		if n := w.sim.Requests("createUsers"); n != 1 {
			w.t.Errorf("%d createUsers, want 1", n)
		}
	})
}

func TestV06AGroupWriteNeverFailsForOneMember(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		bob := w.create(person("bob@example.com"))
		w.sim.SetFaults(simulator.Fault{Operation: "createUsers", Kind: "status", Code: "ERROR", Message: "ann@example.com is blocked by access control", Times: 1})
		w.group("Explorers", ann.ID, bob.ID)
		failed := 0
		for _, id := range []string{ann.ID, bob.ID} {
			u, err := w.dir.User(w.t.Context(), id)
			if err != nil {
				w.t.Fatal(err)
			}
			if u.Delivery.State == DeliveryFailed {
				failed++
			}
		}
		if failed != 1 {
			w.t.Errorf("%d of two are failed, want 1", failed)
		}
	})
}

func TestV07Adoption(t *testing.T) {
	t.Parallel()
	t.Run("POST of somebody invited by hand keeps what he has and the id he is shown under", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.invite("ann@example.com", "CREATOR", "crm_id=77", "sso=x(jwt)")
			shown := w.lookup("ann@example.com")
			if len(shown) != 1 || shown[0].Managed {
				w.t.Fatalf("lookup = %+v, want one unmanaged", shown)
			}
			w.after = func(simulator.Effect) { w.wantKept("ann@example.com") }
			u := w.create(person("ann@example.com", "department", "Sales"))
			if u.ID != shown[0].ID {
				w.t.Errorf("adopted under id %s, was shown as %s", u.ID, shown[0].ID)
			}
			w.wantAt("ann@example.com", "CREATOR crm_id=77 department=Sales sso=x(jwt)")
			w.group("Explorers", u.ID)
			w.wantAt("ann@example.com", "CREATOR EXPLORER crm_id=77 department=Sales sso=x(jwt)")
		})
	})
	t.Run("the look comes after the answer: the given id stays, the other is an alias", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.down.set(true)
			w.invite("ann@example.com", "CREATOR", "crm_id=77")
			u := w.create(person("ann@example.com", "department", "Sales"))
			w.down.set(false)
			w.pass(time.Minute)
			w.wantAt("ann@example.com", "CREATOR crm_id=77 department=Sales")
			var id string
			for _, s := range w.sim.Users() {
				if s.Email == "ann@example.com" {
					id = w.dir.unmanagedID(s.ID)
				}
			}
			same, err := w.dir.User(w.t.Context(), id)
			if err != nil || same.ID != u.ID {
				w.t.Errorf("the alias %s gives %v, %v; want %s", id, same.ID, err, u.ID)
			}
			g := w.group("Explorers", id)
			if len(g.Members) != 1 || g.Members[0].ID != u.ID {
				w.t.Errorf("members = %+v, want the id given", g.Members)
			}
			if total, _, err := w.dir.Users(w.t.Context(), UserQuery{Limit: -1}); err != nil || total != 1 {
				w.t.Errorf("%d users listed, %v; want the person once", total, err)
			}
		})
	})
	t.Run("membership in a group that grants adopts too", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.invite("ann@example.com", "CREATOR", "crm_id=77")
			w.group("Explorers", w.lookup("ann@example.com")[0].ID)
			w.wantAt("ann@example.com", "CREATOR EXPLORER crm_id=77")
			if u := w.lookup("ann@example.com")[0]; !u.Managed {
				w.t.Error("she is still unmanaged")
			}
		})
	})
	t.Run("membership in one that grants nothing does not", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.invite("ann@example.com", "CREATOR")
			w.group("Book club", w.lookup("ann@example.com")[0].ID)
			if u := w.lookup("ann@example.com")[0]; u.Managed {
				w.t.Error("she was adopted")
			}
			if n := w.calls(); n != 0 {
				w.t.Errorf("%d calls, want none", n)
			}
		})
	})
}

// wantKept looks that what was given by hand in these tests is all there.
func (w *world) wantKept(email string) {
	for _, u := range w.sim.Users() {
		if u.Email != email {
			continue
		}
		creator, crm, sso := false, false, false
		for _, r := range u.RoleAssignments {
			creator = creator || r.RoleID == "00000000-0000-0000-0000-000000000006" && len(r.Scopes) == 0
		}
		for _, a := range u.UserAttributes {
			crm = crm || a.Key == "crm_id" && a.Value == "77" && a.Source == "DATABASE"
			sso = sso || a.Key == "sso" && a.Value == "x" && a.Source == "JWT"
		}
		if !creator || !crm || !sso {
			w.t.Errorf("after a call: %s", describe(u))
		}
	}
}

func TestV08DeletingSomebodyWhomTheBridgeDidNotCreate(t *testing.T) {
	t.Parallel()
	for _, adopted := range []bool{false, true} {
		t.Run(fmt.Sprintf("adopted %v", adopted), func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.invite("ann@example.com", "CREATOR", "crm_id=77")
				id := w.lookup("ann@example.com")[0].ID
				if adopted {
					w.mustUpdate(id, "title", "Analyst")
				}
				if err := w.dir.DeleteUser(w.t.Context(), okta, id, Precondition{}); err != nil {
					w.t.Fatal(err)
				}
				w.wantAt("ann@example.com", "no role crm_id=77")
				_, err := w.dir.User(w.t.Context(), id)
				wantRefused(w.t, err, NotFound)
				if n := w.sim.Requests("deleteUsersFromWorkspace"); n != 0 {
					w.t.Errorf("%d deletes were sent", n)
				}
				if holds := w.holds(); len(holds) != 1 || holds[0].EmailKey != "ann@example.com" {
					w.t.Errorf("holds = %+v, want one for her", holds)
				}
				w.pass(time.Hour)
				if got := w.lookup("ann@example.com"); len(got) != 0 {
					w.t.Errorf("shown again: %+v", got)
				}
			})
		})
	}
	t.Run("on_delete_adopted: delete", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.invite("ann@example.com", "CREATOR")
			if err := w.dir.DeleteUser(w.t.Context(), okta, w.lookup("ann@example.com")[0].ID, Precondition{}); err != nil {
				w.t.Fatal(err)
			}
			w.wantAt("ann@example.com", "-")
		}, func(w *world) { w.o.Policy.OnDeleteAdopted = "delete" })
	})
}

func TestV29BeforeTheFirstBelievedLook(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.down.set(true)
		w.stop()
		w.place = enginetest.NewPlace(w.t) // an empty store
		w.start()
		const unknown = "3f2c6a52-0000-4000-8000-000000000000"
		_, err := w.dir.User(w.t.Context(), unknown)
		wantRefused(w.t, err, Unavailable)
		wantRefused(w.t, w.update(unknown, "active", false), Unavailable)
		wantRefused(w.t, w.dir.DeleteUser(w.t.Context(), okta, unknown, Precondition{}), Unavailable)
		_, err = w.dir.CreateGroup(w.t.Context(), okta, GroupDraft{DisplayName: "Explorers", Members: refs(unknown)})
		wantRefused(w.t, err, Unavailable)
		_, _, err = w.dir.Users(w.t.Context(), UserQuery{Limit: 10})
		wantRefused(w.t, err, Unavailable)
		if got := w.lookup("ann@example.com"); len(got) != 0 {
			w.t.Errorf("a filtered list found %v", got)
		}
		_, err = w.dir.Group(w.t.Context(), unknown, false)
		wantRefused(w.t, err, NotFound) // groups are answered from the store
		ann := w.create(person("ann@example.com"))
		if err := w.dir.DeleteUser(w.t.Context(), okta, ann.ID, Precondition{}); err != nil {
			w.t.Fatal(err)
		}
		_, err = w.dir.User(w.t.Context(), ann.ID)
		wantRefused(w.t, err, NotFound) // known to be deleted
	})
	t.Run("a request waits for it within its budget", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.stop()
			w.place = enginetest.NewPlace(w.t)
			w.invite("ann@example.com", "CREATOR")
			w.sim.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "latency", Latency: "2s"})
			w.start()
			total, _, err := w.dir.Users(w.t.Context(), UserQuery{Limit: 10})
			if err != nil || total != 1 {
				w.t.Errorf("%d users, %v; want the one that the first look shows", total, err)
			}
		})
	})
}

func TestV01AClientThatHangsUpLosesNothing(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ctx, cancel := context.WithCancel(w.t.Context())
		w.sim.SetFaults(simulator.Fault{Operation: "createUsers", Kind: "latency", Latency: "3s"})
		go func() { time.Sleep(time.Second); cancel() }()
		_, err := w.dir.CreateUser(ctx, okta, person("ann@example.com"))
		if err == nil {
			w.t.Log("answered in time")
		}
		w.pass(10 * time.Second)
		w.wantAt("ann@example.com", "no role")
	})
}
