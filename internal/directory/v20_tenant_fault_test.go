package directory

import (
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// What is wrong with the tenant never fails a person: his write is recorded, stays pending, and
// is delivered when the fault is mended.
func TestV20ATenantsFaultFailsNobody(t *testing.T) {
	t.Parallel()
	manyWorlds(t)
	for name, f := range map[string]simulator.Fault{
		"the token":          {Kind: "http", HTTP: 401},
		"the permission":     {Kind: "http", HTTP: 403},
		"iam:write":          {Kind: "status", Message: "permission denied: createUsers needs iam:write"},
		"the workspace":      {Kind: "status", Message: "this e-mail is not allowed in a workspace that does not exist"},
		"the document":       {Kind: "http", HTTP: 400, Message: "blocked"},
		"errors[]":           {Kind: "errors", Message: "blocked by access control"},
		"too many":           {Kind: "http", HTTP: 429},
		"no server":          {Kind: "http", HTTP: 502},
		"an unknown refusal": {Kind: "status", Message: "something went wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				ann := w.create(person("ann@example.com"))
				w.group("Explorers", ann.ID)
				w.pass(20 * time.Minute)
				var faults []simulator.Fault
				for _, op := range []string{"createUsers", "setUserAttributes", "deleteUsersFromWorkspace"} {
					f.Operation = op
					faults = append(faults, f)
				}
				w.sim.SetFaults(faults...)
				w.mustUpdate(ann.ID, "active", false)
				bob := w.create(person("bob@example.com"))
				for range 5 {
					w.pass(10 * time.Minute)
					if h := w.health(); h.Failed != 0 || h.Pending != 2 {
						w.t.Fatalf("health %+v, want two who are pending and nobody failed", h)
					}
				}
				w.sim.SetFaults()
				w.pass(30 * time.Minute)
				w.wantAt("ann@example.com", "no role")
				w.wantAt("bob@example.com", "no role")
				if u, err := w.dir.User(w.t.Context(), bob.ID); err != nil || u.Delivery.State != DeliveryConfirmed {
					w.t.Errorf("delivery %+v, %v", u.Delivery, err)
				}
			})
		})
	}
}
