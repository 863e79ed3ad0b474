package directory

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/enginetest"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// loseStore stops the server and starts it on an empty store.
func (w *world) loseStore() {
	w.t.Helper()
	w.stop()
	w.place = enginetest.NewPlace(w.t)
	w.start()
}

// defaultRole makes VIEWER everybody's.
func defaultRole(w *world) {
	spec := rules()
	spec.Roles.Default = []string{"VIEWER"}
	w.compile(spec)
}

func (w *world) compile(spec mapping.Spec) {
	compiled, faults := mapping.Compile(spec)
	if len(faults) > 0 {
		w.t.Fatal(faults)
	}
	w.o.Rules = compiled
}

// identity is what WisdomAI has of somebody's identity attributes: scim_id's uuid, external id, state.
func (w *world) identity(email string) (id, external, state string) {
	for _, u := range w.sim.Users() {
		if u.Email != email {
			continue
		}
		for _, a := range u.UserAttributes {
			switch a.Key {
			case "scim_id":
				id = strings.TrimPrefix(a.Value, "default/")
			case "scim_external_id":
				external = a.Value
			case "scim_state":
				state = a.Value
			}
		}
	}
	return id, external, state
}

func TestV32IdentityAttributesOutliveASuspension(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com", "externalId", "x1", "department", "Sales"))
		w.mustUpdate(ann.ID, "active", false)
		w.settle()
		w.wantAt("ann@example.com", "no role")
		if id, external, state := w.identity("ann@example.com"); id != ann.ID || external != "x1" || state != "suspended" {
			w.t.Errorf("identity of somebody suspended: %q %q %q", id, external, state)
		}
		w.mustUpdate(ann.ID, "active", true)
		w.mustUpdate(ann.ID, "userName", "ann.b@example.com", "emails", nil)
		w.settle()
		if id, _, state := w.identity("ann@example.com"); id != ann.ID || state != "former" {
			w.t.Errorf("identity of the address she had: %q %q", id, state)
		}
		if id, _, state := w.identity("ann.b@example.com"); id != ann.ID || state != "active" {
			w.t.Errorf("identity of the address she has: %q %q", id, state)
		}
	})
}

// TestV32RebuiltLeaversDoNotGetTheDefaultRole is the trace that the rule prevents. The store is lost; the IdP
// goes on with the ids that it has, says nothing of who did not change, and deactivates who left.
func TestV32RebuiltLeaversDoNotGetTheDefaultRole(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com", "externalId", "x1", "department", "Sales"))
		bob := w.create(person("bob@example.com", "externalId", "x2"))
		sue := w.create(person("sue@example.com", "externalId", "x3"))
		group := w.group("Explorers", ann.ID, bob.ID)
		w.mustUpdate(sue.ID, "active", false)
		dan := w.create(person("dan@example.com"))
		w.invite("eve@example.com", "CREATOR") // never the bridge's
		w.settle()
		w.invite("dan@example.com", "scim_id=default/"+dan.ID, "scim_state=active") // left in an hour of which nothing is known
		before := w.calls()

		w.loseStore()
		w.settle()
		if n := w.calls() - before; n != 0 {
			w.t.Errorf("%d calls after the rebuild, before anybody was written", n)
		}
		w.wantAt("ann@example.com", "EXPLORER VIEWER department=Sales")
		w.wantAt("sue@example.com", "no role")
		w.wantAt("dan@example.com", "no role")
		if !strings.Contains(w.log.String(), "THE STORE WAS REBUILT") {
			w.t.Error("the log does not say it")
		}
		if h, err := w.dir.Health(w.t.Context()); err != nil || h.Rebuilt != 4 || h.RebuiltAt.IsZero() {
			w.t.Errorf("health = %+v, %v", h, err)
		}
		for _, u := range []User{ann, bob, sue} {
			now, err := w.dir.User(w.t.Context(), u.ID)
			if err != nil {
				w.t.Fatalf("GET by the old id: %v", err)
			}
			for _, key := range []string{"userName", "externalId"} {
				if now.Document[key] != u.Document[key] {
					w.t.Errorf("%s of %s is %v", key, u.Document["userName"], now.Document[key])
				}
			}
			if active := u.ID != sue.ID; now.Document["active"] != active || !now.Managed {
				w.t.Errorf("%s: active %v managed %v", u.Document["userName"], now.Document["active"], now.Managed)
			}
		}
		if eve := w.lookup("eve@example.com"); len(eve) != 1 || eve[0].Managed {
			w.t.Errorf("eve = %+v", eve)
		}

		// Groups are not known, and not known to be gone; nor is a member that may be one.
		_, err := w.dir.Group(w.t.Context(), group.ID, true)
		wantRefused(w.t, err, Unavailable, "rebuild --resume")
		_, err = w.dir.UpdateGroup(w.t.Context(), okta, group.ID, Precondition{}, []GroupChange{{Remove: []string{ann.ID}}})
		wantRefused(w.t, err, Unavailable)
		_, err = w.dir.CreateGroup(w.t.Context(), okta, GroupDraft{DisplayName: "Nest", Members: refs(group.ID)})
		wantRefused(w.t, err, Unavailable)

		// Deprovisioning works at once.
		w.mustUpdate(bob.ID, "active", false)
		w.wantAt("bob@example.com", "no role")
		// What was suspended is not let in by a write of a group that comes before his own.
		w.group("Viewers", sue.ID, ann.ID, dan.ID)
		w.settle()
		w.wantAt("sue@example.com", "no role")
		w.wantAt("dan@example.com", "no role")
		w.wantAt("ann@example.com", "EXPLORER VIEWER department=Sales")
		// ann's own write: what she is to have, and the role that a group may have given stays.
		w.mustUpdate(ann.ID, "department", "Legal")
		w.settle()
		w.wantAt("ann@example.com", "EXPLORER VIEWER department=Legal")
		if h, err := w.dir.Health(w.t.Context()); err != nil || h.Rebuilt != 2 {
			w.t.Errorf("still unwritten: %d, %v", h.Rebuilt, err)
		}

		dry, err := w.dir.ResumeRebuild(w.t.Context(), okta, true)
		if err != nil || dry.Unwritten != 2 || len(dry.Losing) != 1 || dry.Losing[0].Address != "ann@example.com" || fmt.Sprint(dry.Losing[0].Roles) != "[EXPLORER]" {
			w.t.Errorf("what resuming would do: %+v, %v", dry, err)
		}
		w.wantAt("ann@example.com", "EXPLORER VIEWER department=Legal")
		if _, err := w.dir.ResumeRebuild(w.t.Context(), okta, false); err != nil {
			w.t.Fatal(err)
		}
		w.settle()
		w.wantAt("ann@example.com", "VIEWER department=Legal")
		w.wantAt("sue@example.com", "no role")
		_, err = w.dir.Group(w.t.Context(), group.ID, true)
		wantRefused(w.t, err, NotFound)
		if h, err := w.dir.Health(w.t.Context()); err != nil || h.Rebuilt != 0 || !h.RebuiltAt.IsZero() {
			w.t.Errorf("health = %+v, %v", h, err)
		}
		w.mustUpdate(sue.ID, "active", true)
		w.settle()
		w.wantAt("sue@example.com", "VIEWER")
	}, defaultRole)
}

// TestV32AGroupThatIsWrittenAgain: its roles are of known origin then, for whom it names.
func TestV32AGroupThatIsWrittenAgain(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann, bob := w.create(person("ann@example.com")), w.create(person("bob@example.com"))
		w.group("Explorers", ann.ID, bob.ID)
		w.settle()
		w.loseStore()
		w.settle()
		g := w.group("Explorers") // as Entra ID does: the members come later
		w.settle()
		w.wantAt("ann@example.com", "EXPLORER")
		w.patch(g.ID, GroupChange{Add: refs(ann.ID, bob.ID)})
		w.mustUpdate(ann.ID, "externalId", "x1")
		w.settle()
		w.wantAt("ann@example.com", "EXPLORER")
		w.patch(g.ID, GroupChange{Remove: []string{ann.ID, bob.ID}})
		w.settle()
		w.wantAt("ann@example.com", "no role")
		w.wantAt("bob@example.com", "no role") // not written himself, but that is taking
	})
}

// TestV32OriginUnknown: a role that no group could give is taken by the person's next write, if that
// does not give it; nothing hand-given is told from ours.
func TestV32OriginUnknown(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		w.settle()
		w.giveByHand("ann@example.com", "CREATOR")
		w.loseStore()
		w.settle()
		w.wantAt("ann@example.com", "CREATOR")
		w.mustUpdate(ann.ID, "externalId", "x1")
		w.settle()
		w.wantAt("ann@example.com", "no role")
	})
}

// TestV32TheIdPWritesBeforeTheLook: its request may come before the first listing, and may be a
// POST of somebody whom it no longer knows.
func TestV32TheIdPWritesBeforeTheLook(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com", "externalId", "x1"))
		bob := w.create(person("bob@example.com", "externalId", "x2"))
		w.group("Explorers", ann.ID, bob.ID)
		w.settle()
		w.giveByHand("ann@example.com", "CREATOR")
		w.down.set(true)
		w.loseStore()
		err := w.update(bob.ID, "active", false)
		wantRefused(w.t, err, Unavailable) // V-29
		again := w.create(person("ann@example.com", "externalId", "x1"))
		if again.ID == ann.ID {
			w.t.Fatal("nobody can know the old id yet")
		}
		w.down.set(false)
		w.settle()
		w.mustUpdate(bob.ID, "active", false)
		w.wantAt("bob@example.com", "no role")
		for _, id := range []string{ann.ID, again.ID} {
			if u, err := w.dir.User(w.t.Context(), id); err != nil || u.ID != again.ID {
				w.t.Errorf("GET %s = %s, %v", id, u.ID, err)
			}
		}
		w.wantAt("ann@example.com", "EXPLORER") // kept: a group may have given it, and it is ours to take
		if _, err := w.dir.ResumeRebuild(w.t.Context(), okta, false); err != nil {
			w.t.Fatal(err)
		}
		w.settle()
		w.wantAt("ann@example.com", "no role")
	})
}

// TestV32APostOfSomebodyRebuilt is the write that was waited for: an IdP that was started anew finds
// nobody by its own userName and creates.
func TestV32APostOfSomebodyRebuilt(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		doc := person("ann", "externalId", "x1")
		doc["emails"] = []any{map[string]any{"value": "ann@example.com", "primary": true}}
		ann := w.create(doc)
		bob := w.create(person("bob@example.com"))
		w.settle()
		w.loseStore()
		w.settle()
		for _, c := range []struct {
			doc Document
			id  string
		}{{doc, ann.ID}, {person("bob@example.com", "externalId", "new"), bob.ID}} {
			made, err := w.dir.CreateUser(w.t.Context(), okta, c.doc)
			if err != nil || made.User.ID != c.id {
				w.t.Fatalf("POST %v: %+v, %v", c.doc["userName"], made, err)
			}
			made.Done(true)
			_, err = w.dir.CreateUser(w.t.Context(), okta, c.doc)
			wantRefused(w.t, err, Conflict) // written now
		}
		w.settle()
		w.wantAt("ann@example.com", "VIEWER")
		w.wantAt("bob@example.com", "VIEWER")
	}, defaultRole)
}

func TestV32FormerAccountsAndIdsCarriedTwice(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com", "externalId", "x1"))
		bob := w.create(person("bob@example.com"))
		w.group("Explorers", ann.ID, bob.ID)
		w.mustUpdate(ann.ID, "userName", "ann.b@example.com", "emails", nil)
		w.settle()
		// Somebody copied bob's attributes to cid by hand, and gave the address that ann had a role.
		w.invite("cid@example.com", "CREATOR", "scim_id=default/"+bob.ID, "scim_state=active")
		w.invite("ann@example.com", "CREATOR", "scim_id=default/"+ann.ID, "scim_state=former")
		w.loseStore()
		w.settle()
		u, err := w.dir.User(w.t.Context(), ann.ID)
		if err != nil || u.Document["userName"] != "ann.b@example.com" {
			w.t.Errorf("ann = %+v, %v", u, err)
		}
		w.wantAt("ann.b@example.com", "EXPLORER")
		w.wantAt("ann@example.com", "no role") // taking goes on
		if shown := w.lookup("ann@example.com"); len(shown) != 0 {
			w.t.Errorf("the address she had is shown: %+v", shown)
		}
		_, err = w.dir.User(w.t.Context(), bob.ID)
		wantRefused(w.t, err, Unavailable, "several people")
		w.wantAt("bob@example.com", "EXPLORER")
		w.wantAt("cid@example.com", "CREATOR")
		for range 2 { // again, and again: nobody is taken in twice
			r, err := w.dir.Rebuild(w.t.Context(), okta)
			if err != nil || r.any() || len(r.Twice) != 1 || fmt.Sprint(r.Twice[0].Addresses) != "[bob@example.com cid@example.com]" {
				w.t.Errorf("rebuild = %+v, %v", r, err)
			}
		}
		w.invite("cid@example.com", "CREATOR")
		w.settle()
		if r, err := w.dir.Rebuild(w.t.Context(), okta); err != nil || r.People != 1 || len(r.Twice) != 0 {
			w.t.Errorf("rebuild when it is carried once = %+v, %v", r, err)
		}
		w.mustUpdate(bob.ID, "active", false)
		w.wantAt("bob@example.com", "no role")
		if err := w.dir.DeleteUser(w.t.Context(), okta, bob.ID, Precondition{}); err != nil {
			w.t.Fatal(err)
		}
		w.settle()
		w.wantAt("bob@example.com", "no role") // nobody knows who created him: V-08
		w.invite("cid@example.com", "CREATOR", "scim_id=default/"+bob.ID)
		w.settle()
		if r, err := w.dir.Rebuild(w.t.Context(), okta); err != nil || r.any() {
			w.t.Errorf("somebody deleted since is taken in again: %+v, %v", r, err)
		}
	})
}

// TestV32UnmanagedPeopleBecomeWhoTheyWere: under an id that somebody may have been told.
func TestV32UnmanagedPeopleBecomeWhoTheyWere(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invite("ann@example.com", "EXPLORER")
		w.settle()
		shown := w.lookup("ann@example.com")[0]
		const old = "11111111-2222-3333-4444-555555555555"
		u := w.sim.Users()[0]
		for _, x := range w.sim.Users() {
			if x.Email == "ann@example.com" {
				u = x
			}
		}
		u.UserAttributes = append(u.UserAttributes, simulator.UserAttribute{Key: "scim_id", Value: "default/" + old, Source: "DATABASE"})
		w.sim.PutUsers(u)
		w.settle()
		r, err := w.dir.Rebuild(w.t.Context(), okta)
		if err != nil || r.People != 1 {
			w.t.Fatalf("rebuild = %+v, %v", r, err)
		}
		for _, id := range []string{old, shown.ID} {
			if u, err := w.dir.User(w.t.Context(), id); err != nil || u.ID != old || !u.Managed {
				w.t.Errorf("GET %s = %+v, %v", id, u, err)
			}
		}
	})
}

// giveByHand adds a role to what somebody has.
func (w *world) giveByHand(email, role string) {
	w.t.Helper()
	for _, u := range w.sim.Users() {
		if u.Email == email {
			id, _ := mapping.RoleID(role)
			u.RoleAssignments = append(u.RoleAssignments, simulator.RoleAssignment{RoleID: id, Scopes: []string{}})
			w.sim.PutUsers(u)
			return
		}
	}
	w.t.Fatalf("%s is not there", email)
}

func TestV32AnotherWorkspace(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.stop()
		old := w.o.Workspace
		w.o.Workspace = "elsewhere/ws"
		s, err := w.place.Open(w.t.Context(), time.Now)
		if err != nil {
			w.t.Fatal(err)
		}
		o := w.o
		o.Store = s
		if _, err := New(w.t.Context(), o); err == nil || !strings.Contains(err.Error(), "tenant rebind --tenant default") {
			w.t.Errorf("another workspace was not refused: %v", err)
		}
		if err := s.Close(); err != nil {
			w.t.Fatal(err)
		}
		w.o.Workspace = old
		w.start()
	})
}

// TestV32Rebind: the people of another workspace are given what they should have there, and nothing
// is taken from anybody before he is written.
func TestV32Rebind(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com", "department", "Sales"))
		bob := w.create(person("bob@example.com"))
		w.invite("eve@example.com", "CREATOR")
		w.group("Explorers", ann.ID, bob.ID)
		w.settle()
		w.mustUpdate(bob.ID, "active", false)
		shown := w.lookup("eve@example.com")[0]
		w.settle()
		w.stop()

		// Another WisdomAI: with a bob who has a role, and an ann with what somebody gave her there.
		old := w.sim
		defer old.Close()
		var err error
		if w.sim, err = simulator.New(simulator.Options{Token: "key"}); err != nil {
			w.t.Fatal(err)
		}
		w.invite("ann@example.com", "CREATOR", "crm_id=77")
		w.invite("bob@example.com", "CREATOR")
		w.o.Workspace = "elsewhere/" + w.sim.Workspace()
		s, err := w.place.Open(w.t.Context(), time.Now)
		if err != nil {
			w.t.Fatal(err)
		}
		o := w.o
		o.Store = s
		for _, dry := range []bool{true, false} {
			r, err := Rebind(w.t.Context(), o, okta, dry)
			if err != nil || r.Active != 1 || r.Suspended != 1 || r.Hidden != 1 || r.To != w.o.Workspace || r.From == r.To {
				w.t.Errorf("rebind, dry %v: %+v, %v", dry, r, err)
			}
		}
		_, err = Rebind(w.t.Context(), o, okta, false)
		wantRefused(w.t, err, Conflict)
		// One that was interrupted is carried on, and nobody starts on half of it.
		interrupt := func(tx store.Tx) error {
			return writeState(tx, "rebind/tenant/default", rebindState{From: "sim/x", Under: true})
		}
		if err := s.Update(w.t.Context(), interrupt); err != nil {
			w.t.Fatal(err)
		}
		if _, err := New(w.t.Context(), o); err == nil || !strings.Contains(err.Error(), "interrupted") {
			w.t.Errorf("a start on half a rebind: %v", err)
		}
		if r, err := Rebind(w.t.Context(), o, okta, false); err != nil || r.Active+r.Suspended+r.Hidden != 0 {
			w.t.Errorf("rebind carried on: %+v, %v", r, err)
		}
		if err := s.Close(); err != nil {
			w.t.Fatal(err)
		}
		w.down.set(true)
		w.start()
		w.pass(time.Minute)
		if n := w.calls(); n != 0 {
			w.t.Errorf("%d calls before a look", n)
		}
		w.down.set(false)
		w.settle()
		w.wantAt("ann@example.com", "CREATOR EXPLORER crm_id=77 department=Sales")
		w.wantAt("bob@example.com", "CREATOR")
		_, err = w.dir.User(w.t.Context(), shown.ID)
		wantRefused(w.t, err, NotFound)
		if a := w.account("bob@example.com"); !strings.Contains(a.LastError, "another workspace") {
			w.t.Errorf("bob's account says %q", a.LastError)
		}
		w.mustUpdate(bob.ID, "active", false) // said again: of this workspace
		w.settle()
		w.wantAt("bob@example.com", "no role")
		var former int
		err = w.store.View(w.t.Context(), func(tx store.Tx) error {
			rows, err := tx.AccountsOf("default", ann.ID)
			former = len(rows)
			return err
		})
		if err != nil || former != 2 {
			w.t.Errorf("ann has %d accounts, %v: the old workspace's is left", former, err)
		}
	}, func(w *world) { w.o.Policy.UnownedAttributes, w.o.Policy.ManualRoles = "remove", "overwrite" })
}
