package directory

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/enginetest"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// A transaction goes by one set of rules from its begin to its end, however often others
// come into force meanwhile.
func TestV35ATransactionGoesByOneSetOfRules(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		var ids []string
		for i := range 4 {
			ids = append(ids, w.create(person(fmt.Sprintf("p%d@example.com", i))).ID)
		}
		compiled := map[string]*mapping.Rules{}
		for _, role := range []string{"VIEWER", "EXPLORER"} {
			w.edit(func(s *mapping.Spec) {
				mark := role
				s.Attributes = []mapping.AttributeRule{{Key: "mark", Value: &mark}}
				s.Roles.Default = []string{role}
			})
			compiled[role] = w.o.Rules
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range 40 {
				o := w.o
				o.Rules = compiled[[]string{"VIEWER", "EXPLORER"}[i%2]]
				if err := w.dir.OfferRules(o); err != nil {
					w.t.Error(err)
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
		for i, id := range ids {
			wg.Go(func() {
				for n := range 20 {
					if err := w.update(id, "title", fmt.Sprint(n)); err != nil {
						w.t.Error(err)
					}
					time.Sleep(time.Duration(17+i) * time.Millisecond)
					a := w.account(fmt.Sprintf("p%d@example.com", i))
					if mark := a.desired.Attributes["mark"]; mark != "" && !a.desired.Roles.has(grant{Role: mark}) {
						w.t.Errorf("desired %+v is made of two sets of rules", a.desired)
					}
				}
			})
		}
		wg.Wait()
		w.pass(time.Hour)
		w.wantInForce() // the last of them
		for i := range ids {
			w.wantAt(fmt.Sprintf("p%d@example.com", i), "EXPLORER mark=EXPLORER")
		}
	})
}

// The same without a clock that stands still: who enforces waits for whoever is under way.
func TestV35RulesChangeBetweenTransactions(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := enginetest.Open(t, time.Now)
	var sets []*ruleset
	for _, role := range []string{"VIEWER", "EXPLORER"} {
		compiled, faults := mapping.Compile(mapping.Spec{Roles: mapping.RolesSpec{Default: []string{role}}})
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		o := Options{Rules: compiled}.withDefaults()
		r, err := rulesOf(&o)
		if err != nil {
			t.Fatal(err)
		}
		sets = append(sets, r)
	}
	d, err := New(ctx, Options{Tenant: "default", Workspace: "w", Store: s, Rules: sets[0].rules})
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]func(context.Context, func(store.Tx) error) error{"Update": d.store.Update, "View": d.store.View} {
		d.enforce(sets[0])
		enforced := make(chan struct{})
		begin := sync.OnceFunc(func() { // of however many runs of what follows
			go func() {
				defer close(enforced)
				d.enforce(sets[1])
			}()
		})
		err := in(ctx, func(store.Tx) error {
			begin()
			time.Sleep(50 * time.Millisecond) // for an enforce that did not wait
			if d.o.Rules != sets[0].rules {
				t.Errorf("the rules changed within one %s", name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		<-enforced
		if d.o.Rules != sets[1].rules || d.Rules() != sets[1].rules {
			t.Errorf("after the %s the rules are the old ones", name)
		}
	}
}

func TestV35TheFirstStartApprovesAndNothingElse(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.wantInForce()
		w.stop()
		w.edit(func(s *mapping.Spec) { s.Roles.Default = []string{"VIEWER"} })
		w.o.Tenant = "other"
		w.start() // a tenant that is new in the file
		w.pass(time.Second)
		w.wantInForce()
		o := w.o
		o.Tenant = "third"
		beside, err := New(w.t.Context(), o) // a command, before any start
		if err != nil {
			w.t.Fatal(err)
		}
		if plan, err := beside.PlanRules(w.t.Context(), nil); err != nil || plan.InForce != "" || len(plan.Held) > 0 {
			w.t.Errorf("%+v, %v", plan, err)
		}
	})
}

// While a file waits to be judged another one is approved: it is newer than one that was read
// before, and older than one that was read after.
func TestV35WhichOfTwoFilesIsTheNewer(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		inWorld(t, func(w *world) {
			w.crowdIn(2, "Explorers")
			w.stop()
			defer w.start()
			s, err := w.place.Open(w.t.Context(), time.Now)
			if err != nil {
				w.t.Fatal(err)
			}
			defer s.Close()
			w.o.Store = s
			dir, err := New(w.t.Context(), w.o)
			if err != nil {
				w.t.Fatal(err)
			}
			waiting, approved := w.o, w.o
			w.edit(func(s *mapping.Spec) { s.Roles.Default = []string{"VIEWER"} })
			waiting.Rules = w.o.Rules
			w.edit(func(s *mapping.Spec) { s.Roles.Default = []string{"STORY_VIEWER"} })
			approved.Rules = w.o.Rules
			approve := func() {
				o := approved.withDefaults()
				r, err := rulesOf(&o)
				if err != nil {
					w.t.Fatal(err)
				}
				if _, err := ApproveRules(w.t.Context(), approved, Caller{}, r.hash); err != nil {
					w.t.Fatal(err)
				}
				time.Sleep(time.Millisecond)
			}
			if after {
				approve()
			}
			if err := dir.OfferRules(waiting); err != nil {
				w.t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
			if !after {
				approve()
			}
			for range 3 {
				if _, err := dir.keepRulesOnce(w.t.Context()); err != nil {
					w.t.Fatal(err)
				}
			}
			want := approved.Rules
			if after {
				want = waiting.Rules
			}
			if got := dir.Rules(); !slices.Equal(got.Spec().Roles.Default, want.Spec().Roles.Default) {
				w.t.Errorf("read after the approval %v: in force are %v, want %v", after, got.Spec().Roles.Default, want.Spec().Roles.Default)
			}
		})
	}
}

// What a rehearsal of a write says is what the write then does: random writes, each
// rehearsed and then made.
func TestV35ARehearsedWriteIsWhatIsDone(t *testing.T) {
	t.Parallel()
	manyWorlds(t)
	for seed := range uint64(6) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 36))
			inWorld(t, func(w *world) {
				var users, groups []string
				for i := range 5 {
					email := fmt.Sprintf("p%d@example.com", i)
					if dice.IntN(2) == 0 {
						w.invite(email, []string{"CREATOR", "EXPLORER", "VIEWER@z"}[dice.IntN(3)], "crm=7")
						w.pass(time.Minute)
					}
					users = append(users, w.create(person(email)).ID)
				}
				for _, name := range []string{"Explorers", "Viewers", "explorer-x"} {
					groups = append(groups, w.group(name, users[dice.IntN(len(users))]).ID)
				}
				for n := range 12 {
					w.pass(30 * time.Minute)
					w.lookup("nobody@example.com")
					i := dice.IntN(len(users))
					group := groups[dice.IntN(len(groups))]
					kind := dice.IntN(6)
					to := fmt.Sprintf("q%d@example.com", n)
					write := func(d *Directory) error {
						ctx := w.t.Context()
						var err error
						switch kind {
						case 0:
							_, err = d.UpdateUser(ctx, okta, users[i], Precondition{}, func(doc Document) (Document, error) {
								doc["active"] = doc["active"] == false
								return doc, nil
							})
						case 1:
							_, err = d.UpdateUser(ctx, okta, users[i], Precondition{}, func(doc Document) (Document, error) {
								doc["userName"] = to
								return doc, nil
							})
						case 2:
							_, err = d.UpdateGroup(ctx, okta, group, Precondition{}, []GroupChange{{Remove: []string{users[i]}}})
						case 3:
							_, err = d.UpdateUser(ctx, okta, users[i], Precondition{}, func(doc Document) (Document, error) {
								doc["urn:ietf:params:scim:schemas:extension:wisdomai:2.0:User"] = map[string]any{"region": to}
								return doc, nil
							})
						default:
							_, err = d.UpdateGroup(ctx, okta, group, Precondition{}, []GroupChange{{Add: refs(users[i])}})
						}
						return err
					}
					want := map[string][]string{}
					after := map[string]string{}
					for _, p := range w.rehearsed(write) {
						for _, a := range p.Accounts {
							for _, c := range a.Calls {
								want[a.Address] = append(want[a.Address], c.Operation)
							}
							after[a.Address] = fmt.Sprint(a.After.There, a.After.Roles)
						}
					}
					done := map[string][]string{}
					w.after = func(e simulator.Effect) {
						who := e.After
						if who == nil {
							who = e.Before
						}
						done[who.Email] = append(done[who.Email], e.Operation)
					}
					if err := write(w.dir); err != nil {
						w.t.Fatal(err)
					}
					w.pass(10 * time.Minute)
					w.after = nil
					if diff := cmp.Diff(want, done); diff != "" {
						w.t.Errorf("write %d of kind %d (-planned +done):\n%s", n, kind, diff)
					}
					for email, planned := range after {
						roles, there := []string{}, false
						for _, u := range w.sim.Users() {
							if u.Email == email {
								there, roles = true, unitNames(unitsOf(&u))
							}
						}
						if got := fmt.Sprint(there, roles); got != planned {
							w.t.Errorf("write %d of kind %d: %s has %s, planned %s", n, kind, email, got, planned)
						}
					}
				}
			})
		})
	}
}

// One who cannot be carried out as the rules say does not stop the others (field lesson 8).
func TestV35OneConflictStopsNobody(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		a := w.create(person("a@example.com", "nickName", "b@example.com"))
		b := w.create(person("b@example.com", "nickName", "b@example.com"))
		c := w.create(person("c@example.com", "nickName", "d@example.com"))
		w.group("Explorers", a.ID, b.ID, c.ID)
		w.pass(time.Minute)
		w.edit(func(s *mapping.Spec) { s.Email = []mapping.Source{{Path: "nickName"}} })
		w.reload()
		w.pass(20 * time.Minute)
		for email, want := range map[string]string{"a@example.com": "EXPLORER", "b@example.com": "EXPLORER", "c@example.com": "no role", "d@example.com": "EXPLORER"} {
			w.wantAt(email, want)
		}
		if u, err := w.dir.User(w.t.Context(), a.ID); err != nil || u.Delivery.State != DeliveryFailed || !strings.Contains(u.Delivery.Detail, "b@example.com") {
			w.t.Errorf("a's delivery is %+v, %v", u.Delivery, err)
		}
	})
}
