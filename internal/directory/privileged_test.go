package directory

import (
	"testing"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
)

func TestV40APrivilegedGrantIsAnEventAndAMetric(t *testing.T) {
	t.Parallel()
	var given []string
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		w.group("Admins", ann.ID)
		w.wantAt("ann@example.com", "ADMIN")
		w.mustUpdate(ann.ID, "department", "Sales") // carried along, not given again
		if len(given) != 1 || given[0] != "ADMIN" {
			w.t.Errorf("told of %v, want ADMIN once", given)
		}
		if n := w.events("role.privileged"); n != 1 {
			w.t.Errorf("%d events, want 1", n)
		}
		w.group("make-admin", ann.ID) // a capture gives no privileged role
		w.group("make-site_admin", ann.ID)
		w.wantAt("ann@example.com", "ADMIN department=Sales")
		if n := w.events("mapping.refused"); n != 2 {
			w.t.Errorf("%d events of a refused rule, want 2", n)
		}
	}, func(w *world) {
		w.o.OnPrivilegedGrant = func(role string) { given = append(given, role) }
		spec := rules()
		spec.Roles.Groups = append(spec.Roles.Groups, mapping.GroupRule{Group: "Admins", Role: "ADMIN"}, mapping.GroupRule{Match: "make-(.+)", Role: "${1}"})
		compiled, faults := mapping.Compile(spec)
		if len(faults) > 0 {
			w.t.Fatal(faults)
		}
		w.o.Rules = compiled
	})
}

// events counts the events of a kind.
func (w *world) events(kind string) int {
	w.t.Helper()
	n := 0
	err := w.store.View(w.t.Context(), func(tx store.Tx) error {
		n = 0
		all, err := tx.Events("default", 0, 10000)
		for _, e := range all {
			if e.Kind == kind {
				n++
			}
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}
