package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// edit changes the mapping that the configuration says: what the next start, or reload, finds.
func (w *world) edit(change func(*mapping.Spec)) {
	w.t.Helper()
	data, err := json.Marshal(w.o.Rules.Spec()) // a copy: rules are immutable
	if err != nil {
		w.t.Fatal(err)
	}
	var spec mapping.Spec
	if err := json.Unmarshal(data, &spec); err != nil {
		w.t.Fatal(err)
	}
	change(&spec)
	compiled, faults := mapping.Compile(spec)
	if len(faults) > 0 {
		w.t.Fatal(faults)
	}
	w.o.Rules = compiled
}

func (w *world) restart() {
	w.t.Helper()
	w.stop()
	w.start()
	w.pass(2 * time.Second)
}

// reload is what SIGHUP does.
func (w *world) reload() {
	w.t.Helper()
	if err := w.dir.OfferRules(w.o); err != nil {
		w.t.Fatal(err)
	}
	w.pass(2 * time.Second)
}

// crowdIn are n people, all in one group.
func (w *world) crowdIn(n int, group string) (emails, ids []string) {
	w.t.Helper()
	for i := range n {
		email := fmt.Sprintf("p%03d@example.com", i)
		ids = append(ids, w.create(person(email, "department", "Sales")).ID)
		emails = append(emails, email)
	}
	w.group(group, ids...)
	w.pass(time.Minute)
	return emails, ids
}

func (w *world) wantAll(emails []string, want string) {
	w.t.Helper()
	for _, email := range emails {
		w.wantAt(email, want)
	}
}

// wantHeld is the plan of rules that are held for a reason that has these words.
func (w *world) wantHeld(words ...string) *RulesPlan {
	w.t.Helper()
	held := w.dir.HeldRules()
	if held == nil {
		w.t.Fatal("the rules are not held")
	}
	for _, word := range words {
		if !strings.Contains(strings.Join(held.Held, "\n"), word) {
			w.t.Errorf("held for %q, want it to name %q", held.Held, word)
		}
	}
	return held
}

func (w *world) wantInForce() {
	w.t.Helper()
	if held := w.dir.HeldRules(); held != nil {
		w.t.Fatalf("the rules are held: %q", held.Held)
	}
	if got, want := w.dir.rules.inForce.Load().hash, w.fileHash(); got != want {
		w.t.Fatalf("in force is %s, the file's is %s", got, want)
	}
}

func (w *world) fileHash() string {
	o := w.o.withDefaults()
	r, err := rulesOf(&o)
	if err != nil {
		w.t.Fatal(err)
	}
	return r.hash
}

func TestV35ATypoAtRestartStripsNobody(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		emails, ids := w.crowdIn(12, "explorer-x")
		w.wantAll(emails, "EXPLORER@[x] department=Sales")
		calls := w.calls()

		w.edit(func(s *mapping.Spec) { s.Roles.Groups[2].Match = "explorr-(?P<domain>.+)" })
		w.restart()
		held := w.wantHeld("12 of 12 people", "12 lose a role")
		if !strings.Contains(w.log.String(), "HELD") || !strings.Contains(w.log.String(), held.Hash) {
			w.t.Error("the log does not say that the rules are held, and under which hash")
		}
		if h, err := w.dir.Health(w.t.Context()); err != nil || h.Rules.Held != held.Hash || len(h.Rules.Reasons) == 0 {
			w.t.Errorf("health says %+v, %v", h.Rules, err)
		}
		beside, err := New(w.t.Context(), w.o) // a command
		if err != nil {
			w.t.Fatal(err)
		}
		if got := beside.Rules().Spec().Roles.Groups[2].Match; got != "explorer-(?P<domain>.+)" {
			w.t.Errorf("a command goes by %s", got)
		}
		// The approved ones stay in force, for new writes too.
		eve := w.create(person("eve@example.com"))
		w.group("explorer-y", eve.ID, ids[0])
		w.pass(20 * time.Minute)
		w.wantAt("eve@example.com", "EXPLORER@[y]")
		w.wantAll(emails[1:], "EXPLORER@[x] department=Sales")
		if n := w.calls() - calls; n > 4 {
			w.t.Errorf("%d calls while the rules are held", n)
		}

		_, err = ApproveRules(w.t.Context(), w.o, Caller{Token: "apply"}, "0123")
		wantRefused(t, err, Invalid, "0123", held.Hash)
		w.pass(2 * time.Second)
		w.wantHeld()
		// Beside the running server, as `scimbridge apply` does.
		if changed, err := ApproveRules(w.t.Context(), w.o, Caller{Token: "apply"}, held.Hash); err != nil || !changed {
			w.t.Fatal(changed, err)
		}
		w.pass(time.Second)
		w.wantInForce()
		w.pass(time.Minute)
		w.wantAll(emails, "no role department=Sales")
		w.restart()
		w.wantInForce()
	})
}

func TestV35ASmallChangeGoesByItself(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		emails, _ := w.crowdIn(10, "explorer-x") // the floor of the brake
		w.edit(func(s *mapping.Spec) { s.Roles.Groups[2].Match = "explorr-(?P<domain>.+)" })
		w.reload()
		w.wantInForce()
		w.pass(time.Minute)
		w.wantAll(emails, "no role department=Sales")

		w.edit(func(s *mapping.Spec) { s.Roles.Groups[2].Match = "explorer-(?P<domain>.+)" })
		w.restart()
		w.wantInForce()
		w.pass(time.Minute)
		w.wantAll(emails, "EXPLORER@[x] department=Sales")
	})
}

func TestV35GivingToManyIsNotHeld(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		emails, _ := w.crowdIn(30, "Book club")
		w.edit(func(s *mapping.Spec) { s.Roles.Default = []string{"VIEWER"} })
		w.restart()
		w.wantInForce()
		w.pass(time.Minute)
		w.wantAll(emails, "VIEWER department=Sales")
	})
}

func TestV35WhatIsHeld(t *testing.T) {
	t.Parallel()
	suffix := func(s *mapping.Spec) { s.PlusSuffix = "acme" }
	for _, c := range []struct {
		name   string
		people int
		edit   func(*world)
		words  []string // nil: not held
	}{
		{"an attribute of many lost", 11, func(w *world) { w.edit(func(s *mapping.Spec) { s.Attributes = nil }) }, []string{"11 lose an attribute"}},
		{"an attribute of a few lost", 10, func(w *world) { w.edit(func(s *mapping.Spec) { s.Attributes = nil }) }, nil},
		{"an attribute of many changed", 11, func(w *world) {
			w.edit(func(s *mapping.Spec) { s.Attributes[0].Paths = []string{"userName"} })
		}, []string{"11 have an attribute changed"}},
		{"addresses of many", 11, func(w *world) { w.edit(suffix) }, []string{"11 change address"}},
		{"addresses of a few", 10, func(w *world) { w.edit(suffix) }, nil},
		{"a role narrowed for many", 11, func(w *world) {
			w.edit(func(s *mapping.Spec) { s.Roles.Groups[0].Scopes = []string{"x"} })
		}, []string{"11 lose a role"}},
		{"a privileged role for one", 1, func(w *world) {
			w.edit(func(s *mapping.Spec) {
				s.Roles.Groups = append(s.Roles.Groups, mapping.GroupRule{Group: "Explorers", Role: "ADMIN"})
			})
		}, []string{"1 people gain the privileged role ADMIN"}},
		{"a privileged role for one, off the list in the same file", 1, func(w *world) {
			w.edit(func(s *mapping.Spec) {
				s.Roles.Privileged, s.Roles.Default = []string{}, []string{"DATA_ADMIN"}
			})
		}, []string{"1 people gain the privileged role DATA_ADMIN", "roles.privileged"}},
		{"a rule for a privileged role of nobody", 1, func(w *world) {
			w.edit(func(s *mapping.Spec) {
				s.Roles.Groups = append(s.Roles.Groups, mapping.GroupRule{Group: "Nobody", Role: "ADMIN"})
			})
		}, nil},
		{"protected shortened", 1, func(w *world) { w.o.Protected = []string{"boss@example.com"} }, []string{"`protected` is shortened by 1"}},
		{"protected in another order, and longer", 1, func(w *world) {
			w.o.Protected = []string{"Owner@example.com", "third@example.com", "boss@example.com"}
		}, nil},
		{"suspended people of many deleted", 0, func(w *world) {
			for i := range 11 {
				id := w.create(person(fmt.Sprintf("left%d@example.com", i))).ID
				w.mustUpdate(id, "active", false)
			}
			w.o.Policy.OnDeactivate = "delete"
		}, []string{"11 are deleted"}},
		{"roles given by hand of many", 0, func(w *world) {
			for i := range 11 {
				w.invite(fmt.Sprintf("hand%d@example.com", i), "CREATOR", "crm=1")
			}
			w.pass(20 * time.Minute)
			for i := range 11 {
				w.mustUpdate(w.lookup(fmt.Sprintf("hand%d@example.com", i))[0].ID, "title", "x")
			}
			w.pass(20 * time.Minute)
			w.o.Policy.ManualRoles, w.o.Policy.UnownedAttributes = "overwrite", "remove"
		}, []string{"11 lose a role given by hand", "11 lose another system's attribute"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.crowdIn(c.people, "Explorers")
				c.edit(w)
				w.restart()
				if c.words == nil {
					w.wantInForce()
				} else {
					w.wantHeld(c.words...)
				}
			}, func(w *world) { w.o.Protected = []string{"boss@example.com", "owner@example.com"} })
		})
	}
}

func TestV35WhatIsNoRule(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		hash := w.fileHash()
		w.o.Listing.MaxAge, w.o.Listing.Settle = time.Hour, time.Hour
		w.o.Delivery.Concurrency, w.o.Delivery.Deadline = 1, time.Minute
		w.o.Brake = &Brake{MaxDeletes: 1, Window: time.Minute}
		w.o.Users.UniqueExternalID = true
		if got := w.fileHash(); got != hash {
			w.t.Error("listing, delivery, brake or the protocol are part of the rules")
		}
		for name, change := range map[string]func(*Policy){
			"on_deactivate":       func(p *Policy) { p.OnDeactivate = "delete" },
			"on_delete":           func(p *Policy) { p.OnDelete = "suspend" },
			"on_delete_adopted":   func(p *Policy) { p.OnDeleteAdopted = "delete" },
			"on_rename":           func(p *Policy) { p.OnRename = "refuse" },
			"on_rename_conflict":  func(p *Policy) { p.OnRenameConflict = "adopt" },
			"manual_roles":        func(p *Policy) { p.ManualRoles = "overwrite" },
			"unowned_attributes":  func(p *Policy) { p.UnownedAttributes = "remove" },
			"identity_attributes": func(p *Policy) { p.NoIdentityAttributes = true },
			"suspend_remember":    func(p *Policy) { p.SuspendRemember = time.Hour },
			"welcome_email":       func(p *Policy) { p.WelcomeEmail = true },
			"user_groups":         func(p *Policy) { p.UserGroups = []string{"ug_1"} },
		} {
			o := w.o.withDefaults()
			change(&o.Policy)
			r, err := rulesOf(&o)
			if err != nil {
				w.t.Fatal(err)
			}
			if r.hash == hash {
				w.t.Errorf("%s is no part of the rules", name)
			}
			kept, err := approvedRules(&store.Rules{Hash: r.hash, Body: r.body})
			if err != nil {
				w.t.Fatal(err)
			}
			back := w.o.withDefaults()
			kept.into(&back)
			if diff := cmp.Diff(o.Policy, back.Policy); diff != "" {
				w.t.Errorf("%s does not come back from the store:\n%s", name, diff)
			}
		}
	})
}

// The JSON of approved rules is in stores: a name that changes would drop what somebody approved.
func TestV35TheKeptRulesStayReadable(t *testing.T) {
	t.Parallel()
	value := "x"
	spec := mapping.Spec{
		Email: []mapping.Source{{Path: "userName"}, {CEL: "user.userName"}}, EmailDomains: []string{"example.com"}, PlusSuffix: "acme", WorkspaceURI: "acme",
		Attributes: []mapping.AttributeRule{{Key: "a", Paths: []string{"title", "nickName"}, Required: true, Join: ";", Split: "|"}, {Key: "b", CEL: "user.userName"},
			{Key: "c", Value: &value}, {Key: "d", Paths: []string{"name"}, Sub: "familyName"}},
		AttributeKeys: mapping.KeyBounds{Allow: []string{"x*"}, Deny: []string{"xy"}, TakeOver: []string{"xz"}},
		Extension:     []mapping.ExtensionAttribute{{Name: "region", Type: "string", MultiValued: true, Key: "r"}},
		Roles: mapping.RolesSpec{Allow: []string{"VIEWER", "EXPLORER", "ADMIN"}, Privileged: []string{"ADMIN"}, Default: []string{"VIEWER"},
			Groups:           []mapping.GroupRule{{Group: "Admins", Role: "ADMIN"}, {ExternalID: "e", Role: "VIEWER"}, {Match: "m-(?P<s>.+)", Role: "EXPLORER", Scopes: []string{"${s}"}}},
			NamingConvention: true, SCIMRoles: map[string]string{"Analyst": "EXPLORER"}},
	}
	compiled, faults := mapping.Compile(spec)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	o := Options{Rules: compiled, Protected: []string{"Boss@example.com", "a@example.com"},
		Policy: Policy{NoIdentityAttributes: true, WelcomeEmail: true, UserGroups: []string{"ug"}}}.withDefaults()
	r, err := rulesOf(&o)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"mapping":{"email":[{"path":"userName"},{"cel":"user.userName"}],"email_domains":["example.com"],"plus_suffix":"acme","workspace_uri":"acme",` +
		`"attributes":[{"key":"a","paths":["title","nickName"],"required":true,"join":";","split":"|"},{"key":"b","cel":"user.userName"},{"key":"c","value":"x"},{"key":"d","paths":["name"],"sub":"familyName"}],` +
		`"attribute_keys":{"allow":["x*"],"deny":["xy"],"take_over":["xz"]},"extension":[{"name":"region","type":"string","multi_valued":true,"key":"r"}],` +
		`"roles":{"allow":["VIEWER","EXPLORER","ADMIN"],"privileged":["ADMIN"],"default":["VIEWER"],` +
		`"groups":[{"group":"Admins","role":"ADMIN"},{"external_id":"e","role":"VIEWER"},{"match":"m-(?P\u003cs\u003e.+)","role":"EXPLORER","scopes":["${s}"]}],"naming_convention":true,"scim_roles":{"Analyst":"EXPLORER"}}},` +
		`"policy":{"on_deactivate":"suspend","on_delete":"delete","on_delete_adopted":"suspend","on_rename":"suspend_old","on_rename_conflict":"refuse","manual_roles":"keep","unowned_attributes":"keep",` +
		`"no_identity_attributes":true,"suspend_remember":2592000000000000,"welcome_email":true,"user_groups":["ug"]},"protected":["a@example.com","boss@example.com"]}`
	if got := string(r.body); got != want {
		t.Errorf("kept is\n%s\nwant\n%s", got, want)
	}
	kept, err := approvedRules(&store.Rules{Body: r.body, Hash: r.hash})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(spec, kept.rules.Spec()); diff != "" {
		t.Error(diff)
	}
	for _, body := range []string{strings.Replace(want, `"plus_suffix"`, `"plus_prefix"`, 1), strings.Replace(want, `"VIEWER"`, `"KING"`, 1)} {
		if _, err := approvedRules(&store.Rules{Body: []byte(body), Hash: "h"}); err == nil {
			t.Error("what this version does not know of approved rules is passed over")
		}
	}
}

// A process that dies while approved rules are carried out is gone on for by the next; what
// is written meanwhile goes by them already.
func TestV35ACrashInTheMiddleIsGoneOnFor(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		emails, ids := w.crowdIn(carryBatch+30, "Explorers")
		w.stop()
		w.edit(func(s *mapping.Spec) { s.Roles.Groups[0].Role = "VIEWER" })
		func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			s, err := w.place.Open(ctx, time.Now)
			if err != nil {
				w.t.Fatal(err)
			}
			defer s.Close()
			o := w.o
			o.Store = s
			dying, err := New(ctx, o)
			if err != nil {
				w.t.Fatal(err)
			}
			if err := dying.review(ctx, dying.rules.file.Load()); err != nil {
				w.t.Fatal(err)
			}
			if more, err := dying.carryOutRules(ctx); err != nil || !more {
				w.t.Fatalf("one batch: %v, %v", more, err)
			}
			// A write about somebody whom the batch did not reach.
			if _, err := dying.UpdateUser(ctx, okta, ids[len(ids)-1], Precondition{}, func(d Document) (Document, error) {
				d["title"] = "x"
				return d, nil
			}); err != nil {
				w.t.Fatal(err)
			}
			err = s.View(ctx, func(tx store.Tx) error {
				for i, want := range map[int]string{0: "VIEWER", carryBatch + 5: "EXPLORER", len(ids) - 1: "VIEWER"} {
					row, err := tx.AccountByEmail(o.Workspace, emails[i])
					if err != nil {
						return err
					}
					if !strings.Contains(string(row.Desired), want) {
						w.t.Errorf("desired of person %d is %s, want %s", i, row.Desired, want)
					}
				}
				return nil
			})
			if err != nil {
				w.t.Fatal(err)
			}
		}()
		w.start()
		w.pass(time.Minute)
		w.wantInForce()
		w.wantAll(emails, "VIEWER department=Sales")
		var carried []map[string]any
		for _, e := range w.eventsOf("rules.carried_out") {
			var detail map[string]any
			if err := json.Unmarshal(e.Detail, &detail); err != nil {
				w.t.Fatal(err)
			}
			carried = append(carried, detail)
		}
		if n := len(carried); n != 2 || carried[1]["changed"] != float64(len(ids)-1) { // the first start's, and this
			w.t.Errorf("carried out: %v", carried)
		}
	}, func(w *world) { w.o.Brake = &Brake{Floor: 1 << 20, Window: time.Hour} })
}

// eventsOf are the events of a kind.
func (w *world) eventsOf(kind string) (found []*store.Event) {
	w.t.Helper()
	err := w.store.View(w.t.Context(), func(tx store.Tx) error {
		found = nil
		for after := int64(0); ; {
			page, err := tx.Events("", after, 1000)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, e := range page {
				after = e.Seq
				if e.Kind == kind {
					found = append(found, e)
				}
			}
		}
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

func TestV35AFileThatIsPutBackIsHeldNoMore(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.crowdIn(12, "Explorers")
		good := w.o.Rules
		w.edit(func(s *mapping.Spec) { s.Roles.Groups = nil })
		w.reload()
		w.wantHeld("12 lose a role")
		w.o.Rules = good
		w.reload()
		w.wantInForce()
	})
}

// Approving another file than the one the server has read does not make it go back.
func TestV35WhatWasApprovedIsNotJudgedByAnOlderFile(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		emails, _ := w.crowdIn(12, "Explorers")
		w.edit(func(s *mapping.Spec) { s.Roles.Default = []string{"VIEWER"} }) // on disk, approved; the server was not told
		hash := w.fileHash()
		if _, err := ApproveRules(w.t.Context(), w.o, Caller{Token: "apply"}, hash); err != nil {
			w.t.Fatal(err)
		}
		w.pass(time.Minute)
		w.wantInForce()
		w.wantAll(emails, "EXPLORER VIEWER department=Sales")
		w.reload()
		w.wantInForce()
	})
}

// Carrying rules out is no write about a person: what was taken by hand stays away (V-30).
func TestV35WhatWasTakenByHandStaysAway(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		w.group("Explorers", ann.ID)
		w.group("Viewers", ann.ID)
		w.pass(20 * time.Minute)
		u := w.there("ann@example.com")
		u.RoleAssignments = units("VIEWER").simulated()
		w.sim.PutUsers(*u)
		w.pass(20 * time.Minute) // looked at
		w.edit(func(s *mapping.Spec) { s.Roles.Default = []string{"STORY_VIEWER"} })
		w.reload()
		w.pass(20 * time.Minute)
		w.wantAt("ann@example.com", "STORY_VIEWER VIEWER")
	})
}

func TestV35AddressesFollowTheRules(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invite("bob+acme@example.com", "CREATOR") // somebody else's
		w.invite("eve@example.com", "CREATOR")
		w.pass(time.Minute)
		ann, bob := w.create(person("ann@example.com")), w.create(person("bob@example.com"))
		w.group("Explorers", ann.ID, bob.ID)
		w.pass(time.Minute)
		if n := len(w.lookup("eve@example.com")); n != 1 {
			w.t.Fatalf("eve is shown %d times", n)
		}
		w.edit(func(s *mapping.Spec) { s.PlusSuffix = "acme" })
		w.reload()
		w.wantInForce()
		w.pass(20 * time.Minute)
		w.wantAt("ann+acme@example.com", "EXPLORER")
		w.wantAt("ann@example.com", "no role")
		w.wantAt("bob+acme@example.com", "CREATOR") // on_rename_conflict: refuse
		w.wantAt("bob@example.com", "EXPLORER")
		if u, err := w.dir.User(w.t.Context(), bob.ID); err != nil || u.Delivery.State != DeliveryFailed || !strings.Contains(u.Delivery.Detail, "on_rename_conflict") {
			w.t.Errorf("bob's delivery is %+v, %v", u.Delivery, err)
		}
		if n := len(w.lookup("eve@example.com")); n != 0 {
			w.t.Error("somebody without the suffix is still shown (V-36)")
		}
		w.edit(func(s *mapping.Spec) { s.PlusSuffix, s.EmailDomains = "", []string{"example.org"} })
		w.reload()
		w.wantInForce()
		w.pass(20 * time.Minute)
		w.wantAt("ann+acme@example.com", "EXPLORER") // outside now: he keeps what he has, and it shows
		if u, err := w.dir.User(w.t.Context(), ann.ID); err != nil || u.Delivery.State != DeliveryFailed {
			w.t.Errorf("ann's delivery is %+v, %v", u.Delivery, err)
		}
	})
}

// Field lesson 5 (awslabs/ssosync#286): a mode that was said to touch groups only created and
// deleted users. The plan prints every class of effect, those of nobody too.
func TestField05ThePlanPrintsEveryClassOfEffect(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.crowdIn(3, "Explorers")
		w.edit(func(s *mapping.Spec) { s.Roles.Groups[0].Role, s.Roles.Default = "VIEWER", []string{"AGENT_VIEWER"} })
		calls := w.calls()
		plan, people := w.planned()
		want := map[Effect]int{RoleLost: 3, RoleGained: 3, PrivilegedGained: 0, HandRoleLost: 0, AttributeLost: 0, AttributeChanged: 0, AttributeGained: 0,
			ForeignLost: 0, AddressChanged: 0, AccountAdded: 0, AccountDeleted: 0, AccountKept: 0, ProblemFound: 0}
		if diff := cmp.Diff(want, plan.Effects); diff != "" {
			w.t.Errorf("effects (-want +got):\n%s", diff)
		}
		for e := range want {
			if !slices.Contains(Effects(), e) {
				w.t.Errorf("people who %s are counted and not printed", e)
			}
		}
		if diff := cmp.Diff(map[string]int{"createUsers": 3}, plan.Calls); diff != "" {
			w.t.Errorf("calls (-want +got):\n%s", diff)
		}
		if len(people) != 3 || plan.Managed != 3 || plan.Affected != 3 || plan.Counted != 3 || len(plan.Held) != 0 {
			w.t.Errorf("%d people, %+v", len(people), plan)
		}
		p := people[0].Accounts[0]
		if !slices.Equal(p.Before.Roles, []string{"EXPLORER"}) || !slices.Equal(p.After.Roles, []string{"AGENT_VIEWER", "VIEWER"}) {
			w.t.Errorf("before %v, after %v", p.Before.Roles, p.After.Roles)
		}
		reasons := fmt.Sprint(people[0].Reasons)
		for _, word := range []string{"roles.groups[0]", "roles.default[0]", "role VIEWER", `group "Explorers"`} {
			if !strings.Contains(reasons, word) {
				w.t.Errorf("the reasons %s do not name %s", reasons, word)
			}
		}
		if n := w.calls() - calls; n != 0 {
			w.t.Errorf("planning made %d calls", n)
		}
	})
}

// planned is what `scimbridge plan` does beside the running server.
func (w *world) planned() (RulesPlan, []PersonPlan) {
	w.t.Helper()
	beside, err := New(w.t.Context(), w.o)
	if err != nil {
		w.t.Fatal(err)
	}
	var people []PersonPlan
	plan, err := beside.PlanRules(w.t.Context(), func(p PersonPlan) error {
		people = append(people, p)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return plan, people
}

func TestV11ThePlanSaysWhatGoesWithAGroup(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.invite("ann@example.com", "EXPLORER")
		id := w.lookup("ann@example.com")[0].ID
		g := w.group("Explorers", id)
		w.pass(20 * time.Minute)
		people := w.rehearsed(func(d *Directory) error {
			_, err := d.UpdateGroup(w.t.Context(), okta, g.ID, Precondition{}, []GroupChange{{Remove: []string{id}}})
			return err
		})
		if len(people) != 1 || len(people[0].Accounts) != 1 {
			w.t.Fatalf("%+v", people)
		}
		a := people[0].Accounts[0]
		if len(a.After.Roles) != 0 || !strings.Contains(strings.Join(a.Notes, "\n"), "EXPLORER was given by hand too, and goes with the rule") {
			w.t.Errorf("after %v, notes %q", a.After.Roles, a.Notes)
		}
		w.wantAt("ann@example.com", "EXPLORER") // nothing was done
	})
}

func (w *world) rehearsed(fn func(*Directory) error) []PersonPlan {
	w.t.Helper()
	people, err := w.dir.Rehearse(w.t.Context(), fn)
	if err != nil {
		w.t.Fatal(err)
	}
	return people
}

// What a plan says is what is then done: random mappings, planned, then approved, and the
// effects at WisdomAI compared with the calls of the plan, person by person.
func TestV35ThePlanIsWhatIsDone(t *testing.T) {
	t.Parallel()
	manyWorlds(t)
	for seed := range uint64(12) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 35))
			inWorld(t, func(w *world) {
				names := []string{"Explorers", "Viewers", "explorer-x", "explorer-y", "Book club"}
				members := map[string][]string{}
				for i := range 8 {
					email := fmt.Sprintf("p%d@example.com", i)
					if dice.IntN(3) == 0 {
						w.invite(email, []string{"CREATOR", "EXPLORER", "VIEWER@z"}[dice.IntN(3)], "crm=7")
					}
					u := w.create(person(email, "department", []string{"Sales", "Research"}[dice.IntN(2)]))
					for _, name := range names {
						if dice.IntN(3) == 0 {
							members[name] = append(members[name], u.ID)
						}
					}
					if dice.IntN(5) == 0 {
						w.mustUpdate(u.ID, "active", false)
					}
				}
				for _, name := range names {
					w.group(name, members[name]...)
				}
				w.pass(30 * time.Minute)
				w.lookup("nobody@example.com")

				w.edit(func(s *mapping.Spec) { randomRules(dice, s) })
				if dice.IntN(4) == 0 {
					w.o.Policy.NoIdentityAttributes = true
				}
				if dice.IntN(4) == 0 {
					w.o.Policy.OnRename = "delete_old"
				}
				plan, people := w.planned()

				done := map[string][]string{}
				w.after = func(e simulator.Effect) {
					who := e.After
					if who == nil {
						who = e.Before
					}
					done[who.Email] = append(done[who.Email], e.Operation)
				}
				defer func() { w.after = nil }()
				if _, err := ApproveRules(w.t.Context(), w.o, Caller{}, plan.Hash); err != nil {
					w.t.Fatal(err)
				}
				w.pass(10 * time.Minute)
				want := map[string][]string{}
				for _, p := range people {
					for _, a := range p.Accounts {
						for _, c := range a.Calls {
							want[a.Address] = append(want[a.Address], c.Operation)
						}
						var roles []string
						there := false
						for _, u := range w.sim.Users() {
							if u.Email == a.Address {
								there, roles = true, unitNames(unitsOf(&u))
							}
						}
						if there != a.After.There || !slices.Equal(roles, slices.Clone(a.After.Roles)) && len(roles)+len(a.After.Roles) > 0 {
							w.t.Errorf("%s has %v %v, planned %v %v", a.Address, there, roles, a.After.There, a.After.Roles)
						}
					}
				}
				if diff := cmp.Diff(want, done); diff != "" {
					w.t.Errorf("calls (-planned +done):\n%s", diff)
				}
				if plan, people := w.planned(); plan.Affected != 0 || len(people) != 0 {
					w.t.Errorf("afterwards the plan is %+v %+v", plan, people)
				}
			})
		})
	}
}

func randomRules(dice *rand.Rand, s *mapping.Spec) {
	roles := []string{"EXPLORER", "VIEWER", "STORY_VIEWER"}
	for i := range s.Roles.Groups {
		switch dice.IntN(4) {
		case 0:
			s.Roles.Groups[i].Role = roles[dice.IntN(len(roles))]
		case 1:
			s.Roles.Groups[i].Scopes = []string{"q"}
		}
	}
	if dice.IntN(3) == 0 {
		s.Roles.Groups = s.Roles.Groups[1:]
	}
	if dice.IntN(3) == 0 {
		s.Roles.Default = []string{roles[dice.IntN(len(roles))]}
	}
	switch dice.IntN(4) {
	case 0:
		s.Attributes = nil
	case 1:
		s.Attributes = append(s.Attributes, mapping.AttributeRule{Key: "login", Paths: []string{"userName"}})
	}
	if dice.IntN(4) == 0 {
		s.PlusSuffix = "acme"
	}
}

// A rehearsal that fails, and one of several writes of which one is refused.
func TestV35ARehearsalLeavesNothing(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		w.pass(time.Minute)
		before := w.calls()
		people := w.rehearsed(func(d *Directory) error {
			c, err := d.CreateUser(w.t.Context(), okta, person("bob@example.com"))
			if err != nil {
				return err
			}
			c.Done(true)
			if _, err := d.CreateUser(w.t.Context(), okta, person("bob@example.com")); err == nil {
				w.t.Error("bob was created twice")
			}
			if _, err := d.CreateGroup(w.t.Context(), okta, GroupDraft{DisplayName: "Explorers", Members: refs(c.User.ID, ann.ID, "nobody")}); err == nil {
				w.t.Error("a group with an unknown member was created")
			}
			g, err := d.CreateGroup(w.t.Context(), okta, GroupDraft{DisplayName: "Explorers", Members: refs(c.User.ID, ann.ID)})
			if err != nil {
				return err
			}
			if got, err := d.Group(w.t.Context(), g.ID, true); err != nil || len(got.Members) != 2 {
				w.t.Errorf("the group is %+v, %v", got, err)
			}
			return d.DeleteUser(w.t.Context(), okta, ann.ID, Precondition{})
		})
		got := map[string]string{}
		for _, p := range people {
			for _, a := range p.Accounts {
				got[a.Address] = fmt.Sprint(p.UserName, " ", p.Deleted, " ", a.Calls, " ", a.After.There)
			}
		}
		want := map[string]string{
			"bob@example.com": "bob@example.com false [{createUsers [EXPLORER] map[scim_id:default/" + userOf(people, "bob@example.com") + " scim_state:active]}] true",
			"ann@example.com": " true [{deleteUsersFromWorkspace [] map[]}] false",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			w.t.Errorf("(-want +got):\n%s", diff)
		}
		failed := errors.New("failed")
		if _, err := w.dir.Rehearse(w.t.Context(), func(d *Directory) error {
			if _, err := d.CreateUser(w.t.Context(), okta, person("bob@example.com")); err != nil {
				return err
			}
			return failed
		}); !errors.Is(err, failed) {
			w.t.Errorf("error %v", err)
		}
		w.pass(time.Minute)
		if n := w.calls() - before; n != 0 {
			w.t.Errorf("%d calls", n)
		}
		if n := len(w.lookup("bob@example.com")); n != 0 {
			w.t.Error("bob is there")
		}
		w.wantAt("ann@example.com", "no role")
	})
}

func userOf(people []PersonPlan, name string) string {
	for _, p := range people {
		if p.UserName == name {
			return p.User
		}
	}
	return ""
}
