package directory

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pgregory.net/rapid"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func units(pairs ...string) grants {
	var out []mapping.Grant
	for _, p := range pairs {
		var u mapping.Grant
		if n, _ := fmt.Sscanf(p, "%s at %s", &u.Role, &u.Scope); n == 0 {
			panic(p)
		}
		out = append(out, u)
	}
	return newGrants(out...)
}

// someone is an account that was looked at a moment ago and is otherwise what make says.
func someone(make func(*account)) *account {
	a := &account{Account: &store.Account{ID: 1, Email: "ann@example.com", EmailKey: "ann@example.com", Version: 1, Pending: noon}}
	make(a)
	return a
}

func there(a *account, roles grants, attributes map[string]string) {
	a.Present, a.WisdomID = true, "u_1"
	a.actual = actual{Roles: roles, Database: attributes}
}

// planned plans with a look that began a second ago and a brake that allows.
func planned(a *account, change ...func(*Options)) step {
	var o Options
	for _, c := range change {
		c(&o)
	}
	o = o.withDefaults()
	return o.plan(a, sight{now: noon, look: &store.Look{Begun: noon.Add(-time.Second)}, mayDelete: func() bool { return true }})
}

// converge applies planned steps as if each was answered OK and returns them in words.
func converge(t interface{ Fatalf(string, ...any) }, a *account, change ...func(*Options)) []string {
	var calls []string
	for range 10 {
		st := planned(a, change...)
		switch st.kind {
		case stepNone:
			return calls
		case stepWait:
			return append(calls, "wait: "+st.reason)
		}
		calls = append(calls, words(st))
		a.answered(st)
		if st.kind == stepCreate {
			a.WisdomID = "u_1"
		}
	}
	t.Fatalf("no end: %v", calls)
	return nil
}

func words(st step) string {
	s := string(st.kind)
	if st.taking {
		s = "taking " + s
	}
	if st.kind == stepCreate || st.kind == stepRoles {
		s += fmt.Sprint(" ", st.roles.assignmentsText())
	}
	if st.attributes != nil {
		s += fmt.Sprint(" ", st.attributes)
	}
	return s
}

func (g grants) assignmentsText() string {
	s := "["
	for i, a := range g.assignments() {
		if i > 0 {
			s += " "
		}
		s += mapping.RoleName(a.RoleID)
		if len(a.Scopes) > 0 {
			s += fmt.Sprint("@", a.Scopes)
		}
	}
	return s + "]"
}

func TestV14OrderOfStepsWithinAnAccount(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		a    *account
		want []string
	}{
		{"a new person's createUsers carries roles and attributes", someone(func(a *account) {
			a.desired = desired{State: present, Roles: units("EXPLORER"), Attributes: map[string]string{"region": "emea"}}
		}), []string{"create [EXPLORER] map[region:emea]"}},
		{"nothing differs: no call", someone(func(a *account) {
			there(a, units("EXPLORER"), map[string]string{"region": "emea"})
			a.desired = desired{State: present, Roles: units("EXPLORER"), Attributes: map[string]string{"region": "emea"}}
		}), nil},
		{"roles and attributes differ: take, set, give", someone(func(a *account) {
			there(a, units("EXPLORER at x", "VIEWER"), map[string]string{"region": "emea"})
			a.owned = owned{Roles: units("EXPLORER at x", "EXPLORER at y", "VIEWER"), Keys: []string{"region"}}
			a.desired = desired{State: present, Roles: units("EXPLORER at y", "VIEWER"), Attributes: map[string]string{"region": "amer"}}
		}), []string{"taking roles [VIEWER]", "setUserAttributes map[region:amer]", "roles [EXPLORER@[y] VIEWER]"}},
		{"only roles differ: taking and giving are one call, so a change of scopes is never a moment without the role", someone(func(a *account) {
			there(a, units("EXPLORER at x"), nil)
			a.owned = owned{Roles: units("EXPLORER at x", "EXPLORER at y")}
			a.desired = desired{State: present, Roles: units("EXPLORER at y")}
		}), []string{"taking roles [EXPLORER@[y]]"}},
		{"only giving", someone(func(a *account) {
			there(a, units("VIEWER"), nil)
			a.owned = owned{Roles: units("EXPLORER", "VIEWER")}
			a.desired = desired{State: present, Roles: units("EXPLORER", "VIEWER")}
		}), []string{"roles [EXPLORER VIEWER]"}},
		{"a leaver loses roles before attributes", someone(func(a *account) {
			there(a, units("EXPLORER"), map[string]string{"region": "emea", "scim_state": "active"})
			a.owned = owned{Roles: units("EXPLORER"), Keys: []string{"region", "scim_state"}}
			a.desired = desired{State: suspended, Attributes: map[string]string{"scim_state": "suspended"}}
		}), []string{"taking roles []", "taking setUserAttributes map[scim_state:suspended]"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, converge(t, tt.a)); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

func TestV18AllRolesIsAnEmptyListNeverNil(t *testing.T) {
	t.Parallel()
	if got := grants(nil).assignments(); got == nil || len(got) != 0 {
		t.Errorf("no units as assignments = %#v, want an empty list that is not nil", got)
	}
}

func TestV19TakingAllRolesNeedsNoFreshLook(t *testing.T) {
	t.Parallel()
	o := Options{}.withDefaults()
	leaver := func(make func(*account)) *account {
		return someone(func(a *account) { a.desired = desired{State: suspended}; make(a) })
	}
	tests := []struct {
		name string
		a    *account
		look *store.Look
		want stepKind
	}{
		{"seen long ago: sent", leaver(func(a *account) { there(a, units("EXPLORER"), nil) }), &store.Look{Begun: noon.Add(-24 * time.Hour)}, stepRoles},
		{"no look ever, but created by us: sent", leaver(func(a *account) { there(a, units("EXPLORER"), nil) }), nil, stepRoles},
		{"the last look lacks him: no call, which would invite him again", leaver(func(*account) {}), &store.Look{Begun: noon.Add(-24 * time.Hour)}, stepNone},
		{"never seen, never created: no call", leaver(func(*account) {}), nil, stepNone},
		{"an unanswered create: looked for first", leaver(func(a *account) {
			a.unanswered(step{kind: stepCreate, roles: units("EXPLORER")}, noon)
		}), &store.Look{Begun: noon.Add(-time.Second)}, stepWait},
		{"an unanswered grant: taken, although the last look does not show it", leaver(func(a *account) {
			there(a, nil, nil)
			a.unanswered(step{kind: stepRoles, roles: units("EXPLORER")}, noon)
		}), nil, stepRoles},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := o.plan(tt.a, sight{now: noon, look: tt.look}); got.kind != tt.want {
				t.Errorf("step = %s (%s), want %s", got.kind, got.reason, tt.want)
			}
		})
	}
}

func TestV21CarriesWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	mover := func() *account {
		return someone(func(a *account) {
			there(a, units("STORY_WRITER", "VIEWER"), map[string]string{"region": "emea", "crm_id": "77"})
			a.actual.JWT = map[string]string{"department": "from sso"}
			a.owned = owned{Roles: units("EXPLORER", "VIEWER"), Keys: []string{"region"}}
			a.desired = desired{State: present, Roles: units("EXPLORER"), Attributes: map[string]string{"region": "amer"}}
		})
	}
	tests := []struct {
		name   string
		change func(*Options)
		want   []string
	}{
		{"kept by default; a JWT attribute is never written back", func(*Options) {}, []string{
			"taking roles [STORY_WRITER]", "setUserAttributes map[crm_id:77 region:amer]", "roles [EXPLORER STORY_WRITER]"}},
		{"manual_roles: overwrite", func(o *Options) { o.Policy.ManualRoles = "overwrite" }, []string{
			"taking roles []", "setUserAttributes map[crm_id:77 region:amer]", "roles [EXPLORER]"}},
		{"unowned_attributes: remove", func(o *Options) { o.Policy.UnownedAttributes = "remove" }, []string{
			"taking roles [STORY_WRITER]", "setUserAttributes map[region:amer]", "roles [EXPLORER STORY_WRITER]"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, converge(t, mover(), tt.change)); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

func TestV24FreshEnough(t *testing.T) {
	t.Parallel()
	o := Options{}.withDefaults()
	newcomer := func(pending time.Time) *account {
		return someone(func(a *account) { a.Pending = pending; a.desired = desired{State: present, Roles: units("VIEWER")} })
	}
	overwritten := func(pending time.Time) *account {
		a := newcomer(pending)
		there(a, units("EXPLORER"), nil)
		return a
	}
	ago := func(d time.Duration) *store.Look { return &store.Look{Begun: noon.Add(-d)} }
	tests := []struct {
		name string
		a    *account
		look *store.Look
		want stepKind
	}{
		{"a create with no look at all waits", newcomer(noon), nil, stepWait},
		{"a create with a look 4 s old goes", newcomer(noon), ago(4 * time.Second), stepCreate},
		{"a create with a look 6 s old waits", newcomer(noon), ago(6 * time.Second), stepWait},
		{"a create with a look that began after the need arose goes", newcomer(noon.Add(-40 * time.Second)), ago(39 * time.Second), stepCreate},
		{"an overwrite with a look 50 s old goes", overwritten(noon), ago(50 * time.Second), stepRoles},
		{"an overwrite with a look 70 s old waits", overwritten(noon), ago(70 * time.Second), stepWait},
		{"a need of last week does not make last week's look fresh", newcomer(noon.Add(-7 * 24 * time.Hour)), ago(6 * 24 * time.Hour), stepWait},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := o.plan(tt.a, sight{now: noon, look: tt.look}); got.kind != tt.want {
				t.Errorf("step = %s (%s), want %s", got.kind, got.reason, tt.want)
			}
		})
	}
}

func TestV27NothingIsCreatedForSomebodyMissingOnce(t *testing.T) {
	t.Parallel()
	o := Options{}.withDefaults()
	a := someone(func(a *account) {
		there(a, units("VIEWER"), nil)
		a.Delivered, a.Confirmed, a.Version = 1, 0, 1
		a.desired = desired{State: present, Roles: units("VIEWER")}
	})
	o.observe(a, &store.Look{Number: 7, Begun: noon}, nil)
	if !a.Present {
		t.Fatal("one look that lacks him was enough")
	}
	o.observe(a, &store.Look{Number: 8, Begun: noon.Add(30 * time.Second)}, nil)
	if !a.Present {
		t.Fatal("a second look within listing.max_age was enough")
	}
	o.observe(a, &store.Look{Number: 9, Begun: noon.Add(61 * time.Second)}, nil)
	if a.Present {
		t.Fatal("two looks, listing.max_age apart, were not enough")
	}
}

func TestV39UnitsOfAccess(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		a    *account
		want []string
	}{
		{"when the last scope goes, the role goes", someone(func(a *account) {
			there(a, units("EXPLORER at x"), nil)
			a.owned.Roles = units("EXPLORER at x")
			a.desired = desired{State: present}
		}), []string{"taking roles []"}},
		{"everywhere swallows a hand-given scope", someone(func(a *account) {
			there(a, units("EXPLORER at x"), nil)
			a.owned.Roles = units("EXPLORER")
			a.desired = desired{State: present, Roles: units("EXPLORER")}
		}), []string{"roles [EXPLORER]"}},
		{"which comes back when it goes", someone(func(a *account) {
			there(a, units("EXPLORER"), nil)
			a.owned.Roles = units("EXPLORER")
			a.memory.Swallowed = units("EXPLORER at x")
			a.desired = desired{State: present}
		}), []string{"taking roles [EXPLORER@[x]]"}},
		{"everywhere by hand stays when our scope goes", someone(func(a *account) {
			there(a, units("EXPLORER"), nil)
			a.owned.Roles = units("EXPLORER at x")
			a.desired = desired{State: present}
		}), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, converge(t, tt.a)); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
	if got := units("EXPLORER at x").assignments()[0].Scopes; len(got) != 1 {
		t.Errorf("scopes = %v", got)
	}
}

// TestV39NoStepWidens draws random states and policies and looks at every call, not
// only the last: no call sends a unit that neither a rule nor a hand gave, one
// assignment a role, and convergence ends with desired given.
func TestV39NoStepWidens(t *testing.T) {
	t.Parallel()
	unit := rapid.Custom(func(t *rapid.T) mapping.Grant {
		return mapping.Grant{Role: rapid.SampledFrom([]string{"EXPLORER", "VIEWER"}).Draw(t, "role"), Scope: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "scope")}
	})
	set := rapid.Custom(func(t *rapid.T) grants { return newGrants(rapid.SliceOfN(unit, 0, 4).Draw(t, "units")...) })
	attrs := rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c"}), rapid.SampledFrom([]string{"1", "2"}), 0, 3)
	rapid.Check(t, func(t *rapid.T) {
		a := someone(func(a *account) {
			if rapid.Bool().Draw(t, "there") {
				have, _ := set.Draw(t, "actual").swallow()
				there(a, have, attrs.Draw(t, "database"))
			}
			a.owned = owned{Roles: set.Draw(t, "owned"), Keys: []string{"a"}}
			a.memory.Swallowed = nil
			if rapid.Bool().Draw(t, "give back") {
				a.giveBackAlso(set.Draw(t, "given back"), nil)
			}
			a.want(desired{State: rapid.SampledFrom([]presence{present, suspended}).Draw(t, "state"), Roles: set.Draw(t, "desired")}, noon)
			if a.desired.State == suspended {
				a.desired.Roles = nil
			}
		})
		allowed := a.desired.Roles.union(a.manual())
		if gb := a.memory.GiveBack; gb != nil {
			allowed = allowed.union(gb.Roles)
		}
		byHand := a.manual()
		for range 10 {
			st := planned(a)
			if st.kind == stepNone {
				break
			}
			if st.kind == stepWait {
				t.Fatalf("waits: %s", st.reason)
			}
			seen := map[string]bool{}
			for _, as := range st.roles.assignments() {
				if seen[as.RoleID] {
					t.Fatalf("two assignments of one role: %v", st.roles)
				}
				seen[as.RoleID] = true
			}
			if st.kind != stepAttributes {
				for _, u := range st.roles {
					if !allowed.covers(u) {
						t.Fatalf("%s sends %v, wider than any rule or hand gave (%v)", st.kind, u, allowed)
					}
				}
				if a.desired.State == present {
					for _, u := range byHand {
						if !st.roles.covers(u) && st.kind == stepRoles {
							t.Fatalf("%v loses the hand-given %v", st.roles, u)
						}
					}
				}
			}
			a.answered(st)
			if st.kind == stepCreate {
				a.WisdomID = "u_1"
			}
		}
		if a.desired.State == present {
			for _, u := range a.desired.Roles {
				if !a.actual.Roles.covers(u) {
					t.Fatalf("%v is desired and not there: %v", u, a.actual.Roles)
				}
			}
		} else if len(a.actual.Roles) > 0 {
			t.Fatalf("suspended with %v", a.actual.Roles)
		}
	})
}
