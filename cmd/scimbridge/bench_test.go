package main

import (
	"fmt"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store/postgres/pgtest"
)

const (
	// benchClients send their requests one after the other, in turn to all servers.
	benchClients = 32
	// benchSeed is how many people there are before the clock runs.
	benchSeed = 2000
)

// BenchmarkServers is what IdPs see of the built program, its WisdomAI the simulator: per round a client creates
// somebody, looks another one up by userName, changes his department, deactivates and reactivates him, and makes him
// a member of a group: seven requests. An answer waits for the commit and not for WisdomAI, to which all is
// delivered meanwhile. PostgreSQL, the servers, the simulator and the clients share the machine.
//
//	go test ./cmd/scimbridge -run '^$' -bench Servers -benchtime 400x -timeout 1h
//
// ns/op is of a round, of which benchClients run at the same time; p50 and p99 are of single requests.
func BenchmarkServers(b *testing.B) {
	for _, bench := range []struct {
		name     string
		servers  int
		postgres bool
	}{{"sqlite", 1, false}, {"postgres-1", 1, true}, {"postgres-2", 2, true}, {"postgres-3", 3, true}} {
		b.Run(bench.name, func(b *testing.B) {
			where := "sqlite:scimbridge.db"
			if bench.postgres {
				where = pgtest.Own(b, pgtest.Options{Fsync: true}).Database(b)
			}
			c := newCrash(b, 1, crashOptions{store: where, servers: bench.servers, writers: benchClients, duty: 0.1, budget: time.Millisecond})
			ids := make([]string, benchSeed)
			c.together(benchSeed, func(n int) { ids[n] = c.newcomer(n) })
			var mu sync.Mutex
			var took []time.Duration
			b.ResetTimer()
			c.together(b.N, func(n int) {
				var mine []time.Duration
				do := func(status int, method, path string, body any) {
					began := time.Now()
					if got, err := c.scim(method, path, body, nil); got != status {
						b.Errorf("%s %s: %d %v", method, path, got, err)
					}
					mine = append(mine, time.Since(began))
				}
				began := time.Now()
				c.newcomer(benchSeed + n)
				mine = append(mine, time.Since(began))
				who := n * 7919 % benchSeed
				user := "/Users/" + ids[who]
				do(200, "GET", "/Users?filter="+url.QueryEscape(fmt.Sprintf("userName eq %q", benchName(who))), nil)
				do(200, "GET", user, nil)
				do(200, "PATCH", user, patchOp("replace", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", fmt.Sprint("d", n)))
				do(200, "PATCH", user, patchOp("replace", "active", false))
				do(200, "PATCH", user, patchOp("replace", "active", true))
				do(204, "PATCH", "/Groups/"+c.groups[n%len(c.groups)], patchOp("add", "members", []any{map[string]any{"value": ids[who]}}))
				mu.Lock()
				took = append(took, mine...)
				mu.Unlock()
			})
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "requests/s")
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

func benchName(n int) string { return fmt.Sprintf("bench%06d@example.com", n) }

// newcomer creates somebody.
func (c *crash) newcomer(n int) string {
	var u struct{ ID string }
	if status, err := c.scim("POST", "/Users", newUser(benchName(n)), &u); status != 201 {
		c.t.Errorf("POST: %d %v", status, err)
	}
	return u.ID
}

// together runs fn for 0 to n-1, benchClients at a time.
func (c *crash) together(n int, fn func(n int)) {
	var next atomic.Int64
	var clients sync.WaitGroup
	for range benchClients {
		clients.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				fn(int(i))
			}
		})
	}
	clients.Wait()
}
