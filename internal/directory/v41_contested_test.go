package directory

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// listed is a document whose extension's list sets keys: "key=value".
func listed(userName string, pairs ...string) Document {
	doc := person(userName)
	doc["urn:ietf:params:scim:schemas:extension:wisdomai:2.0:User"] = keyList(pairs...)
	return doc
}

func keyList(pairs ...string) map[string]any {
	var all []any
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		all = append(all, map[string]any{"key": key, "value": value})
	}
	return map[string]any{"attributes": all}
}

const extension = "urn:ietf:params:scim:schemas:extension:wisdomai:2.0:User"

func TestV41TheListSetsWhatIsNewOrOurs(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invite("ann@example.com", "CREATOR", "crm_id=77", "sso=x(jwt)")
		w.lookup("ann@example.com")
		for _, pair := range []string{"crm_id=78", "CRM_ID=78", "sso=y"} {
			_, err := w.dir.CreateUser(w.t.Context(), okta, listed("ann@example.com", pair))
			key, _, _ := strings.Cut(pair, "=")
			wantRefused(w.t, err, Invalid, key, "take_over")
		}
		w.wantAt("ann@example.com", "CREATOR crm_id=77 sso=x(jwt)")
		ann := w.create(listed("ann@example.com", "tier=gold", "crm_id=77")) // new, and the same value
		w.wantAt("ann@example.com", "CREATOR crm_id=77 sso=x(jwt) tier=gold")
		w.mustUpdate(ann.ID, extension, keyList("tier=silver", "crm_id=77")) // ours by now
		w.wantAt("ann@example.com", "CREATOR crm_id=77 sso=x(jwt) tier=silver")
		w.mustUpdate(ann.ID, extension, nil)
		w.pass(time.Minute)
		w.wantAt("ann@example.com", "CREATOR sso=x(jwt)")
	})
}

func TestV41WhoLeavesIsNeverRefused(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invite("ann@example.com", "CREATOR", "crm_id=77")
		id := w.lookup("ann@example.com")[0].ID
		w.mustUpdate(id, "active", false, extension, keyList("crm_id=78"))
		w.wantAt("ann@example.com", "no role crm_id=77")
		wantRefused(w.t, w.update(id, "active", true), Invalid, "crm_id")
		w.mustUpdate(id, "active", true, extension, nil)
		w.wantAt("ann@example.com", "CREATOR crm_id=77")
	})
}

// bounded makes take_over of the list's keys.
func bounded(take ...string) func(*world) {
	return func(w *world) {
		spec := rules()
		spec.AttributeKeys.TakeOver = take
		compiled, faults := mapping.Compile(spec)
		if len(faults) > 0 {
			w.t.Fatal(faults)
		}
		w.o.Rules = compiled
	}
}

func TestV41TakeOver(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invite("ann@example.com", "CREATOR", "crm_id=77", "notes=x")
		w.lookup("ann@example.com")
		_, err := w.dir.CreateUser(w.t.Context(), okta, listed("ann@example.com", "crm_id=78", "notes=y"))
		wantRefused(w.t, err, Invalid, "notes")
		w.create(listed("ann@example.com", "crm_id=78"))
		w.wantAt("ann@example.com", "CREATOR crm_id=78 notes=x")
	}, bounded("crm_*"))
}

// Whose a key is may be found out after the answer: it is not sent, the account is failed, and
// everything else of it is looked after.
func TestV41FoundOutLater(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.lookup("nobody@example.com")
		w.pass(10 * time.Second)
		w.invite("ann@example.com", "CREATOR", "crm_id=77") // since the last listing
		ann := w.create(listed("ann@example.com", "crm_id=78", "tier=gold"))
		w.pass(10 * time.Second) // delivery looks before it overwrites
		w.wantAt("ann@example.com", "CREATOR crm_id=77 tier=gold")
		u, err := w.dir.User(w.t.Context(), ann.ID)
		if err != nil || u.Delivery.State != DeliveryFailed || !strings.Contains(u.Delivery.Detail, "crm_id") {
			w.t.Errorf("delivery %+v, %v; want failed, naming the key", u.Delivery, err)
		}
		if h := w.health(); h.Failed != 1 || h.Pending != 0 {
			w.t.Errorf("health %+v", h)
		}
		w.pass(30 * time.Minute)
		for _, u := range w.sim.Users() { // somebody changes a value of ours, and his own
			if u.Email == "ann@example.com" {
				for i := range u.UserAttributes {
					switch a := &u.UserAttributes[i]; a.Key {
					case "tier":
						a.Value = "bronze"
					case "crm_id":
						a.Value = "79"
					}
				}
				w.sim.PutUsers(u)
			}
		}
		w.pass(30 * time.Minute)
		w.wantAt("ann@example.com", "CREATOR crm_id=79 tier=gold")
		g := w.group("Explorers", ann.ID)
		w.wantAt("ann@example.com", "CREATOR EXPLORER crm_id=79 tier=gold")
		w.patch(g.ID, GroupChange{Remove: []string{ann.ID}})
		w.wantAt("ann@example.com", "CREATOR crm_id=79 tier=gold")
		if n := w.events("attributes.contested"); n == 0 {
			w.t.Error("no event")
		}

		for _, u := range w.sim.Users() { // he gives it up
			if u.Email == "ann@example.com" {
				u.UserAttributes = slices.DeleteFunc(u.UserAttributes, func(a simulator.UserAttribute) bool { return a.Key == "crm_id" })
				w.sim.PutUsers(u)
			}
		}
		w.pass(30 * time.Minute)
		w.wantAt("ann@example.com", "CREATOR crm_id=78 tier=gold")
		if h := w.health(); h.Failed != 0 {
			w.t.Errorf("health after it was given up: %+v", h)
		}
	})
}

func TestV41ReservedKeys(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for _, key := range []string{"scim_id", "SCIM_state", "scim_x"} {
			_, err := w.dir.CreateUser(w.t.Context(), okta, listed("ann@example.com", key+"=1"))
			wantRefused(w.t, err, Invalid, key)
		}
	})
}
