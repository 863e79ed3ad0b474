package directory

import (
	"testing"
	"time"
)

func TestJoinerMoverLeaver(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		if got := w.lookup("ann@example.com"); len(got) != 0 {
			w.t.Fatalf("lookup before the create found %v", got)
		}
		ann := w.create(person("ann@example.com", "department", "Finance", "region", "emea"))
		w.wantAt("ann@example.com", "no role department=Finance region=emea")
		g := w.group("Explorers", ann.ID)
		w.wantAt("ann@example.com", "EXPLORER department=Finance region=emea")
		w.mustUpdate(ann.ID, "department", "Sales")
		w.wantAt("ann@example.com", "EXPLORER department=Sales region=emea")
		w.patch(g.ID, GroupChange{Remove: []string{ann.ID}})
		w.wantAt("ann@example.com", "no role department=Sales region=emea")
		v := w.group("Viewers")
		w.patch(v.ID, GroupChange{Add: refs(ann.ID)})
		w.wantAt("ann@example.com", "VIEWER department=Sales region=emea")
		w.mustUpdate(ann.ID, "active", false)
		w.wantAt("ann@example.com", "no role")
		w.mustUpdate(ann.ID, "active", true)
		w.wantAt("ann@example.com", "VIEWER department=Sales region=emea")
		if err := w.dir.DeleteUser(w.t.Context(), okta, ann.ID, Precondition{}); err != nil {
			w.t.Fatal(err)
		}
		w.wantAt("ann@example.com", "-")
		_, err := w.dir.User(w.t.Context(), ann.ID)
		wantRefused(w.t, err, NotFound)
		w.pass(time.Hour)
		w.wantAt("ann@example.com", "-")
		if n := w.account("ann@example.com"); n.Confirmed != n.Version || !n.Due.IsZero() {
			w.t.Errorf("an hour later the account is at version %d, confirmed %d, due %v", n.Version, n.Confirmed, n.Due)
		}
	})
}
