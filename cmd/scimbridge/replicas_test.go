package main

import (
	"cmp"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/config"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/postgres/pgtest"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

const (
	replicas       = 3
	replicaWriters = 24
	// replicaListing is how long a listing takes at least, and replicaDuty the share of the time that there may be one.
	replicaListing = 100 * time.Millisecond
	replicaDuty    = 0.1
	// pastLease is longer than an account is any process's: delivery.deadline, 1 s, and a margin of 15 s.
	pastLease = 18 * time.Second
)

// TestReplicasLoseNothing lets the clients of TestV01NothingIsLostOrDoubledByKills write through three replicas on one
// PostgreSQL, in turn, SCIMBRIDGE_TEST_OPERATIONS writes. Meanwhile one replica is killed and started again, one is
// stopped for longer than its leases last and goes on, one is restarted, PostgreSQL is restarted and crashes once.
// No acknowledged write may be lost, none delivered in the wrong order or twice, and the three make no more
// listings than one may.
func TestReplicasLoseNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes under the race detector")
	}
	t.Parallel()
	operations, err := strconv.Atoi(cmp.Or(os.Getenv("SCIMBRIDGE_TEST_OPERATIONS"), "1000"))
	if err != nil {
		t.Fatal(err)
	}
	db := pgtest.Own(t, pgtest.Options{})
	seed := rand.Uint64N(1e9)
	t.Logf("seed %d", seed)
	c := newCrash(t, seed, crashOptions{store: db.Database(t), servers: replicas, writers: replicaWriters, duty: replicaDuty})
	killed, stopped, restarted := c.servers[0], c.servers[1], c.servers[2]

	c.began = time.Now()
	c.slowListings()
	listings := c.listings()
	stop := c.load()
	// at waits for a share of the writes.
	at := func(percent int) {
		t.Helper()
		for deadline := time.Now().Add(time.Hour); !t.Failed() && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			if c.written()*100 >= operations*percent {
				return
			}
		}
		if !t.Failed() {
			t.Fatal("the clients stand still")
		}
	}

	at(10)
	c.kill(killed)
	at(20)
	c.serve(killed)
	c.waitReady(killed)

	at(30)
	c.pause(stopped)
	began := time.Now()
	if err := stopped.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	at(50)
	if err := db.Restart(pgtest.Fast); err != nil {
		t.Fatal(err)
	}
	for time.Since(began) < pastLease && !t.Failed() {
		time.Sleep(50 * time.Millisecond)
	}
	if err := stopped.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	c.resume(stopped)

	at(70)
	c.restart(restarted)

	at(85)
	if err := db.Restart(pgtest.Immediate); err != nil {
		t.Fatal(err)
	}
	at(100)
	stop()
	if t.Failed() {
		return
	}
	made, took := c.listings()-listings, time.Since(c.began)
	c.oneAtATime()
	c.setFaults(nil)
	for _, s := range c.servers { // who starts waits for no back-off
		c.restart(s)
	}
	c.rest(false)
	t.Logf("%d writes answered, %d not, in %s; %d listings; %d effects at WisdomAI", c.answered, c.unanswered, took.Round(time.Second), made, c.seq)
}

// slowListings makes WisdomAI fail now and then as in a crash test, and each listing take a while.
func (c *crash) slowListings() {
	var rules []simulator.Fault
	for _, op := range []string{"createUsers", "setUserAttributes", "deleteUsersFromWorkspace"} {
		rules = append(rules,
			simulator.Fault{Operation: op, Kind: "after", Probability: 0.02},
			simulator.Fault{Operation: op, Kind: "hang", Probability: 0.002},
			simulator.Fault{Operation: op, Kind: "reset", Probability: 0.02},
			simulator.Fault{Operation: op, Kind: "http", HTTP: 503, Probability: 0.01},
			simulator.Fault{Operation: op, Kind: "status", Probability: 0.02},
			simulator.Fault{Operation: op, Kind: "latency", Latency: "20ms", Probability: 0.5})
	}
	c.setFaults(append(rules, simulator.Fault{Operation: "listUsers", Kind: "latency", Latency: replicaListing.String(), Probability: 1}))
}

// listings is how often WisdomAI was asked for everybody.
func (c *crash) listings() int {
	var calls simulator.Calls
	call(c.t, "GET", c.sim.ready.Control+"/calls", "", nil, &calls)
	return calls.Operations["listUsers"].Requests
}

// oneAtATime looks at all listings that there were: the three made them one after the other, each as long after the
// one before as replicaDuty says, as one replica does.
func (c *crash) oneAtATime() {
	cfg, err := config.Load(c.config, os.Environ())
	if err != nil {
		c.t.Fatal(err)
	}
	s, err := openStore(c.t.Context(), cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	defer s.Close()
	var looks []*store.Look
	err = s.View(c.t.Context(), func(tx store.Tx) (err error) {
		looks, err = tx.Looks(workspaceKey(cfg.Tenants["default"]), 1<<20)
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	slices.Reverse(looks)
	for i, l := range looks[1:] {
		before := looks[i]
		if before.State != store.LookApplied {
			continue // how long to wait after one that failed is package directory's to know
		}
		if rest, least := l.Begun.Sub(before.Ended), time.Duration(float64(before.Ended.Sub(before.Begun))*(1/replicaDuty-1)); rest < least {
			c.t.Errorf("listing %d began %s after %d, which took %s", l.Number, rest, before.Number, before.Ended.Sub(before.Begun))
		}
	}
}

// written is how many writes the clients have made.
func (c *crash) written() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answered + c.unanswered
}

// pause takes a server out, and waits until it has answered what it got: it still delivers.
func (c *crash) pause(s *crashServer) {
	c.mu.Lock()
	s.out = true
	c.mu.Unlock()
	eventually(c.t, "a replica answers what it got", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return s.calls == 0
	})
}

// restart is what an upgrade does to a server.
func (c *crash) restart(s *crashServer) {
	c.pause(s)
	s.cmd.Process.Signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		c.t.Errorf("SIGTERM: %v", err)
	}
	c.kill(s)
	c.serve(s)
	c.waitReady(s)
	c.resume(s)
}

func (c *crash) resume(s *crashServer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.out = false
}
