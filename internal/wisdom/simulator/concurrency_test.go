package simulator

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// Upserts, attributes, listings, settings and hand-made changes at once: every call is
// carried out whole and alone, and the log tells it in the order in which it happened.
func TestManyAtOnce(t *testing.T) {
	var sim *Server
	told := 0 // OnEffect is called by one at a time, in order
	sim, err := New(Options{OnEffect: func(e Effect) {
		if told++; int64(told) != e.Seq {
			t.Errorf("told of %d after %d", e.Seq, told-1)
		}
		_ = sim.Users() // it may read
	}})
	if err != nil {
		t.Fatal(err)
	}
	const workers, rounds = 8, 20
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range rounds {
				in := fmt.Sprintf(`{emails: ["shared@example.com", "SHARED2@example.com"], roleAssignments: [{roleId: "%s", scopes: ["w%d"]}]}`, roleID("VIEWER"), w)
				own := fmt.Sprintf("w%d-%d@example.com", w, i)
				got := inProcess(t, sim, `mutation { a: createUsers(input: `+in+`) { status { code message } } b: createUsers(input: {emails: ["`+own+`"]}) { status { code message } } }`)
				if got.status("a") != okDone || got.status("b") != okDone {
					t.Errorf("answer = %s", got.Raw)
				}
				listed := inProcess(t, sim, `{ listUsers { email roleAssignments { scopes } } }`)
				if !strings.Contains(listed.Raw, own) {
					t.Errorf("%s is not listed", own)
				}
				switch i % 5 {
				case 0:
					sim.PutUsers(User{Email: own, Name: "By Hand"})
				case 1:
					sim.RemoveUsers(own)
				case 2:
					sim.SetFaults(Fault{Operation: "listUsers", Kind: "latency", Latency: "0s", Times: 1})
				case 3:
					if err := sim.SetSettings(Settings{EmptyRoles: "ignored"}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	byEmail := map[string]User{}
	for _, u := range sim.Users() {
		byEmail[strings.ToLower(u.Email)] = u
	}
	equal(t, "one user an address", len(byEmail), len(sim.Users()))
	equal(t, "people", len(byEmail), 1+2+workers*rounds-workers*rounds/5)
	equal(t, "a call for two is one", roles(byEmail["shared@example.com"]), roles(byEmail["shared2@example.com"]))
	equal(t, "requests", sim.Requests("createUsers"), workers*rounds)

	// Every entry's before is the after of the one before it about the same user.
	last := map[string]*User{}
	for _, e := range sim.Log(0) {
		u := e.After
		if u == nil {
			u = e.Before
		}
		equal(t, fmt.Sprintf("entry %d", e.Seq), e.Before, last[u.ID])
		last[u.ID] = e.After
	}
}
