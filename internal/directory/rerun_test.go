package directory

import (
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store/enginetest"
)

// An Update may run more than once (store.Store). What these tests are about are the places where that
// could be seen; SCIMBRIDGE_TEST_STORE=rerun runs all others so.

// rerunning makes every transaction of the world run twice, once for nothing.
func rerunning(w *world) { w.wrapStore = enginetest.Rerunning }

// Two replicas that start at once meet, and the file of neither is lost over it.
func TestV35TheFileIsTheFileHoweverOftenAStartRuns(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.crowdIn(2, "Explorers")
		w.stop()
		w.edit(func(s *mapping.Spec) { s.Roles.Default = []string{"VIEWER"} })
		w.start()
		w.pass(time.Minute)
		w.wantInForce()
	}, rerunning)
}
