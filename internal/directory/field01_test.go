package directory

import (
	"fmt"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
)

// Field lesson 1: a run deleted what another system owned, and a pull request to make that opt-in
// was never merged. Here an IdP's clean-up run deletes everybody whom it finds and does not know.
func TestField01NothingIsTouchedThatTheBridgeDidNotPutThere(t *testing.T) {
	t.Parallel()
	// cleanUp invites ten by hand and has the IdP delete everybody it is shown.
	cleanUp := func(w *world) (refused int) {
		w.keyOf(owner)
		for i := range 9 {
			w.invite(fmt.Sprintf("user%d@example.com", i), "EXPLORER", "crm_id=7")
		}
		w.invite("admin@example.com", "ADMIN", "crm_id=7")
		w.invite("boss@example.com", "CREATOR", "crm_id=7")
		w.invite("else@elsewhere.example", "CREATOR") // outside email_domains: not for this tenant to see
		w.lookup("user0@example.com")
		mine := w.create(person("mine@example.com"))
		w.pass(20 * time.Minute)
		before := w.calls()
		w.pass(time.Hour)
		if n := w.calls() - before; n != 0 {
			w.t.Errorf("%d calls about people whom nobody wrote about", n)
		}
		_, shown, err := w.dir.Users(w.t.Context(), UserQuery{Limit: 100})
		if err != nil {
			w.t.Fatal(err)
		}
		if len(shown) != 12 {
			w.t.Errorf("%d people are shown, want 12", len(shown))
		}
		for _, u := range shown {
			if u.ID == mine.ID {
				continue
			}
			if err := w.dir.DeleteUser(w.t.Context(), okta, u.ID, Precondition{}); err != nil {
				wantRefused(w.t, err, Protected)
				refused++
			}
		}
		w.pass(2 * time.Hour)
		w.wantAt("else@elsewhere.example", "CREATOR")
		w.wantAt("mine@example.com", "no role")
		w.wantAt("boss@example.com", "CREATOR crm_id=7")
		w.wantAt("admin@example.com", "ADMIN crm_id=7")
		return refused
	}
	protect := func(w *world) { w.o.Protected = []string{"boss@example.com"} }
	t.Run("by default nobody is deleted", func(t *testing.T) {
		inWorld(t, func(w *world) {
			if n := cleanUp(w); n != 2 {
				w.t.Errorf("%d were refused, want 2", n)
			}
			for i := range 9 {
				w.wantAt(fmt.Sprintf("user%d@example.com", i), "no role crm_id=7")
			}
			if n := w.sim.Requests("deleteUsersFromWorkspace"); n != 0 {
				w.t.Errorf("%d deletes were sent", n)
			}
			if n := len(w.listed()); n != 11 {
				w.t.Errorf("%d are held, want 11", n)
			}
		}, protect)
	})
	t.Run("by opt-in, as far as the brake allows", func(t *testing.T) {
		inWorld(t, func(w *world) {
			cleanUp(w)
			if n := w.gone(9); n != 4 {
				w.t.Errorf("%d are gone, want 4", n)
			}
		}, protect, braked(4), func(w *world) { w.o.Policy.OnDeleteAdopted = "delete" })
	})
	t.Run("a group of the same name takes no role that it did not give", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.invite("ann@example.com", "CREATOR", "EXPLORER@h", "crm_id=7")
			w.lookup("ann@example.com")
			g := w.group("explorer-x", w.known("ann@example.com").ID)
			w.wantAt("ann@example.com", "CREATOR EXPLORER@[h x] crm_id=7")
			w.pass(20 * time.Minute)
			if err := w.dir.DeleteGroup(w.t.Context(), okta, g.ID, Precondition{}); err != nil {
				w.t.Fatal(err)
			}
			w.pass(time.Hour)
			w.wantAt("ann@example.com", "CREATOR EXPLORER@[h] crm_id=7")
		}, withRules(func(*mapping.Spec) {}))
	})
}
