package directory

import (
	"fmt"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// TestB25WritesOfOneRequestWaitTogether: the operations of a bulk wait no longer for their
// deliveries than one write, and all are delivered (V-06).
func TestB25WritesOfOneRequestWaitTogether(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invite("first@example.com") // a look, so that the creates wait for their calls alone
		w.lookup("nobody@example.com")
		w.sim.SetFaults(simulator.Fault{Operation: "createUsers", Kind: "latency", Latency: "4s", Times: 5})
		ctx, began := OneRequest(w.t.Context()), time.Now()
		for i := range 5 {
			c, err := w.dir.CreateUser(ctx, okta, Document{"userName": fmt.Sprintf("u%d@example.com", i), "active": true})
			if err != nil {
				w.t.Fatal(err)
			}
			c.Done(true)
		}
		if took, budget := time.Since(began), 5*time.Second; took < 4*time.Second || took > budget+time.Second/2 {
			w.t.Errorf("five creates took %v; want about the %v that one may wait", took, budget)
		}
		w.pass(time.Minute)
		for i := range 5 {
			w.wantAt(fmt.Sprintf("u%d@example.com", i), "no role")
		}
	})
}
