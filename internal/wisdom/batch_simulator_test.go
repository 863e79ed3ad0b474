package wisdom_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/wisdom"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// joiners is a batch of n createUsers, p0@example.com and on.
func joiners(n int) []wisdom.Mutation {
	out := make([]wisdom.Mutation, n)
	for i := range out {
		out[i].Create = &wisdom.NewUsers{
			Emails: []string{fmt.Sprintf("p%d@example.com", i)}, Roles: []wisdom.RoleAssignment{{RoleID: viewer}},
			Attributes: []wisdom.KeyValue{{Key: "n", Value: fmt.Sprint(i)}},
		}
	}
	return out
}

func TestABatchOfEveryOperation(t *testing.T) {
	for _, settings := range []simulator.Settings{{}, {Delete: "input"}} {
		t.Run("delete="+settings.Delete, func(t *testing.T) {
			w := newWorld(t, settings)
			errs := w.client.Mutate(t.Context(), []wisdom.Mutation{
				{Create: &wisdom.NewUsers{Emails: []string{"alice@example.com"}, Roles: []wisdom.RoleAssignment{}}},
				{Create: &wisdom.NewUsers{Emails: []string{"new@example.com"}, Roles: []wisdom.RoleAssignment{{RoleID: viewer}}}},
				{Attributes: &wisdom.UserAttributes{UserID: "user_alice"}},
				{Delete: []string{"user_bob"}},
				// In order: whoever was deleted above is created anew.
				{Create: &wisdom.NewUsers{Emails: []string{"bob@example.com"}, Roles: []wisdom.RoleAssignment{{RoleID: explorer}}}},
				{Delete: []string{"user_nobody"}},
			})
			for i, err := range errs {
				if (err != nil) != (i == 5) {
					t.Errorf("mutation %d: %v", i, err)
				}
			}
			if e := failure(t, errs[5]); e.Kind != wisdom.NotFound || e.Op != "deleteUsersFromWorkspace" {
				t.Errorf("%#v", e)
			}
			users := w.users(t)
			if alice := users["alice@example.com"]; len(alice.Roles) != 0 ||
				cmp.Diff([]wisdom.Attribute{{Key: "team", Value: "a", Source: wisdom.JWT}}, alice.Attributes) != "" {
				t.Errorf("V-18: alice %+v", alice)
			}
			if bob := users["bob@example.com"]; bob.ID == "user_bob" || len(bob.Roles) != 1 {
				t.Errorf("bob %+v", bob)
			}
			if len(users) != 3 {
				t.Errorf("%d users", len(users))
			}
			for _, op := range []string{"createUsers", "setUserAttributes", "deleteUsersFromWorkspace"} {
				if n := w.Requests(op); n != 1 {
					t.Errorf("%s stood in %d requests", op, n)
				}
			}
		})
	}
}

func TestFiftyAliasesAreOneRequestInOrder(t *testing.T) {
	w := newWorld(t, simulator.Settings{})
	for _, err := range w.client.Mutate(t.Context(), joiners(50)) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := w.Requests("createUsers"); n != 1 {
		t.Errorf("%d requests", n)
	}
	log := w.Log(0)
	if len(log) != 50 {
		t.Fatalf("%d effects", len(log))
	}
	for i, effect := range log {
		if want := fmt.Sprintf("p%d@example.com", i); effect.Target != want {
			t.Errorf("effect %d is about %s", i, effect.Target)
		}
	}
}

// BenchmarkMutate is what sharing a request is worth, without any distance to WisdomAI: 50 people
// one by one, or as aliases.
func BenchmarkMutate(b *testing.B) {
	for _, aliases := range []int{1, 50} {
		b.Run(fmt.Sprintf("aliases=%d", aliases), func(b *testing.B) {
			sim, err := simulator.New(simulator.Options{})
			if err != nil {
				b.Fatal(err)
			}
			server := httptest.NewServer(sim.Handler())
			defer server.Close()
			defer sim.Close()
			client, err := wisdom.New(wisdom.Options{URL: server.URL + "/graphql", Workspace: sim.Workspace(), Token: sim.Token(), Exchange: "never"})
			if err != nil {
				b.Fatal(err)
			}
			people := joiners(50)
			for b.Loop() {
				for batch := range slices.Chunk(people, aliases) {
					for _, err := range client.Mutate(b.Context(), batch) {
						if err != nil {
							b.Fatal(err)
						}
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(people)), "µs/person")
		})
	}
}

func TestV20OneBlockedAddressFailsAlone(t *testing.T) {
	w := newWorld(t, simulator.Settings{Block: []string{"p17@example.com"}})
	for i, err := range w.client.Mutate(t.Context(), joiners(50)) {
		if i != 17 {
			if err != nil {
				t.Errorf("mutation %d: %v", i, err)
			}
			continue
		}
		if e := failure(t, err); e.Kind != wisdom.Permanent || e.Unanswered || e.Op != "createUsers" {
			t.Errorf("%#v", e)
		}
	}
	if n := len(w.users(t)); n != 2+49 {
		t.Errorf("%d users", n)
	}
}

func TestV16FaultsOfABatch(t *testing.T) {
	type fate struct {
		Kind       wisdom.Kind
		Unanswered bool
		RetryAfter string
	}
	all := func(f fate) []fate { return []fate{f, f, f} }
	for _, test := range []struct {
		fault   simulator.Fault
		want    []fate
		effects int
	}{
		{simulator.Fault{Kind: "alias", Alias: 1, Code: "ERROR", Message: "try later"}, []fate{{}, {Kind: wisdom.Transient}, {}}, 2},
		{simulator.Fault{Kind: "alias", Alias: 2, Code: "NONE"}, []fate{{}, {}, {Kind: wisdom.Transient, Unanswered: true}}, 2},
		{simulator.Fault{Kind: "errors"}, all(fate{Kind: wisdom.Transient, Unanswered: true}), 0},
		{simulator.Fault{Kind: "errors", Target: "p1@example.com"}, all(fate{Kind: wisdom.Transient, Unanswered: true}), 2},
		{simulator.Fault{Kind: "http", HTTP: 500}, all(fate{Kind: wisdom.Transient, Unanswered: true}), 0},
		{simulator.Fault{Kind: "http", HTTP: 429, RetryAfter: "3s"}, all(fate{Kind: wisdom.Transient, RetryAfter: "3s"}), 0},
		{simulator.Fault{Kind: "reset"}, all(fate{Kind: wisdom.Transient, Unanswered: true}), 0},
		{simulator.Fault{Kind: "after"}, all(fate{Kind: wisdom.Transient, Unanswered: true}), 3},
	} {
		t.Run(test.fault.Kind+" "+test.fault.Target, func(t *testing.T) {
			w := newWorld(t, simulator.Settings{})
			w.users(t) // the token is got before
			test.fault.Operation = "createUsers"
			w.SetFaults(test.fault)
			var got []fate
			for _, err := range w.client.Mutate(t.Context(), joiners(3)) {
				if err == nil {
					got = append(got, fate{})
					continue
				}
				e := failure(t, err)
				f := fate{e.Kind, e.Unanswered, ""}
				if e.RetryAfter > 0 {
					f.RetryAfter = e.RetryAfter.String()
				}
				got = append(got, f)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if n := w.Requests("createUsers"); n != 1 {
				t.Errorf("V-12: sent %d times", n)
			}
			w.SetFaults()
			if n := len(w.users(t)) - 2; n != test.effects {
				t.Errorf("%d effects, want %d", n, test.effects)
			}
		})
	}
}
