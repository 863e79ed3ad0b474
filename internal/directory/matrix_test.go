package directory

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// TestFaultMatrix carries out every operation under every fault, about three people at once so that they
// may share calls. Once the fault is lifted each cell ends in the desired state, within the calls
// that the tables say; and no call on the way costs anybody what was given by hand or is another system's,
// leaves a role without the attribute that it must not be without, or gives more than somebody gave.
func TestFaultMatrix(t *testing.T) {
	for _, op := range operations {
		for _, f := range troubles {
			t.Run(op.name+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				inWorld(t, func(w *world) { (&cell{world: w, op: op, hardship: f}).play() }, func(w *world) {
					spec := rules()
					spec.Attributes = append(spec.Attributes, mapping.AttributeRule{Key: "region", Required: true,
						Paths: []string{"urn:ietf:params:scim:schemas:extension:wisdomai:2.0:User:region"}})
					spec.Roles.Default = []string{"BASIC_EXPLORER"}
					compiled, faults := mapping.Compile(spec)
					if len(faults) > 0 {
						t.Fatal(faults)
					}
					w.o.Rules = compiled
					w.o.Brake = &Brake{Floor: 1000, Window: time.Hour}
				})
			})
		}
	}
}

// operation is a row of the matrix.
type operation struct {
	name string
	// before makes of people at work what the operation begins with; nil: nothing.
	before func(c *cell)
	// do is the write; newer is one after it that takes it back, for the effects that come after a newer call.
	do, newer func(c *cell)
	// want is what is to be at WisdomAI after do, and after newer, at the first and the second address of a person.
	want, wantNewer [2]string
	// calls is how many a person costs if nothing goes wrong, and kinds of how many mutations they are.
	calls, kinds int
	why          string
	// takesAll: it takes what was given by hand too (V-22, V-08).
	takesAll bool
}

const (
	atWork    = "BASIC_EXPLORER CREATOR VIEWER crm_id=77 department=Finance region=emea" // CREATOR and crm_id by hand
	promoted  = "BASIC_EXPLORER CREATOR EXPLORER VIEWER crm_id=77 department=Finance region=emea"
	demoted   = "BASIC_EXPLORER CREATOR crm_id=77 department=Finance region=emea"
	noAccess  = "no role crm_id=77"
	newcomer  = "BASIC_EXPLORER department=Finance region=emea"
	elsewhere = "BASIC_EXPLORER CREATOR VIEWER crm_id=77 department=Sales region=emea"
	back      = "BASIC_EXPLORER CREATOR VIEWER crm_id=77 department=Support region=emea"
	nobody    = "-"
)

var operations = []operation{
	{name: "create", before: (*cell).none, do: (*cell).hire, newer: (*cell).suspend,
		want: [2]string{newcomer, nobody}, wantNewer: [2]string{"no role", nobody},
		calls: 1, kinds: 1, why: "createUsers carries roles and attributes"},
	{name: "change attributes", do: setDepartment("Sales"), newer: setDepartment("Support"),
		want: [2]string{elsewhere, nobody}, wantNewer: [2]string{back, nobody},
		calls: 1, kinds: 1, why: "setUserAttributes"},
	{name: "give a role", do: (*cell).promote, newer: (*cell).promoteBack,
		want: [2]string{promoted, nobody}, wantNewer: [2]string{atWork, nobody},
		calls: 1, kinds: 1, why: "createUsers with roles alone"},
	{name: "take a role", do: (*cell).demote, newer: (*cell).demoteBack,
		want: [2]string{demoted, nobody}, wantNewer: [2]string{atWork, nobody},
		calls: 1, kinds: 1, why: "createUsers with roles alone"},
	{name: "suspend", do: (*cell).suspend, newer: (*cell).reactivate,
		want: [2]string{noAccess, nobody}, wantNewer: [2]string{atWork, nobody},
		calls: 2, kinds: 2, why: "all roles, then the attributes that were ours", takesAll: true},
	{name: "delete", do: (*cell).remove, newer: (*cell).hire,
		want: [2]string{nobody, nobody}, wantNewer: [2]string{newcomer, nobody},
		calls: 1, kinds: 1, why: "deleteUsersFromWorkspace", takesAll: true},
	{name: "rename", do: rename(1), newer: rename(0),
		want: [2]string{noAccess, atWork}, wantNewer: [2]string{atWork, noAccess},
		calls: 3, kinds: 2, why: "createUsers for the new address; roles, then attributes of the old one", takesAll: true},
	{name: "reactivate", before: (*cell).suspended, do: (*cell).reactivate, newer: (*cell).suspend,
		want: [2]string{atWork, nobody}, wantNewer: [2]string{noAccess, nobody},
		calls: 2, kinds: 2, why: "the attributes, then roles", takesAll: true},
}

// hardship is a column of the matrix.
type hardship struct {
	name  string
	rules func() []simulator.Fault
	// newer: a write that takes the operation back comes while the first is on its way.
	newer bool
	// crowd is how many more there are at WisdomAI, about whom nobody writes.
	crowd int
	// just before the write something happens at WisdomAI; after is when the fault is lifted.
	just, after func(c *cell)
	// again is how often each kind of call that the operation makes is repeated, and extra how
	// many calls there may be beside that, for each person.
	again, extra int
	why          string
}

// lateness is how much later than the call a late effect comes: after the newer call, and before a look could be settled.
const lateness = 100 * time.Second

// each are the same three times for every mutation, so that without batches each person may meet it.
func each(f simulator.Fault) func() []simulator.Fault {
	return func() []simulator.Fault {
		var out []simulator.Fault
		for _, op := range []string{"createUsers", "setUserAttributes", "deleteUsersFromWorkspace"} {
			f.Operation = op
			f.Times = 3
			out = append(out, f)
		}
		return out
	}
}

func listing(f simulator.Fault) func() []simulator.Fault {
	f.Operation = "listUsers"
	return func() []simulator.Fault { return []simulator.Fault{f} }
}

var troubles = []hardship{
	{name: "timeout before", rules: each(simulator.Fault{Kind: "hang"}), again: 1, why: once},
	{name: "timeout after effect", rules: each(simulator.Fault{Kind: "after_hang"}), again: 1, why: once},
	{name: "effect after a newer call", newer: true, rules: each(simulator.Fault{Kind: "late", Latency: lateness.String()}),
		extra: 7, why: "the newer write's own, each call of both repeated once, and what came late undone"},
	{name: "reset", rules: each(simulator.Fault{Kind: "reset"}), again: 1, why: once},
	{name: "reset after effect", rules: each(simulator.Fault{Kind: "after"}), again: 1, why: once},
	{name: "500", rules: each(simulator.Fault{Kind: "http", HTTP: 500}), again: 1, why: once},
	{name: "429", rules: each(simulator.Fault{Kind: "http", HTTP: 429, RetryAfter: "30s"}),
		again: 1, extra: 2, why: once + "; a delete that has to wait takes all roles meanwhile, and that may have to wait too"},
	{name: "401 expired", rules: each(simulator.Fault{Kind: "expire"}), again: 1, why: once},
	{name: "errors", rules: each(simulator.Fault{Kind: "errors"}), again: 1, why: once},
	{name: "ERROR", rules: each(simulator.Fault{Kind: "status"}), again: 1, why: once},
	{name: "NOT_FOUND", rules: each(simulator.Fault{Kind: "status", Code: "NOT_FOUND"}), again: 1, why: once},
	{name: reinvited, rules: none, just: (*cell).reinvite,
		extra: 2, why: "the old id is not found, and what he lacks is given to the new one"},
	{name: "NONE", rules: each(simulator.Fault{Kind: "status", Code: "NONE"}), again: 1, why: once},
	{name: lied, rules: each(simulator.Fault{Kind: "noeffect"}), again: 1, why: once + ", when a settled look shows it"},
	{name: "failed alias", rules: aliases, again: 1, why: once},
	{name: "one bad address in a shared call", rules: none, just: (*cell).block, after: (*cell).unblock,
		extra: 1, why: "what one address refuses is sent anew without it, and he when something new is written about him"},
	{name: "slow listing", rules: listing(simulator.Fault{Kind: "latency", Latency: "70s", Times: 2}), why: "it delays, and costs nothing"},
	{name: "stale listing", rules: listing(simulator.Fault{Kind: "stale", Age: "60s"}),
		extra: 4, why: "what a listing shows undone is done again, with growing pauses, for the minute that it is behind"},
	{name: "empty listing", rules: listing(simulator.Fault{Kind: "empty"}), why: "it is not believed (V-28)"},
	{name: "shrunken listing", crowd: 20, rules: listing(simulator.Fault{Kind: "truncate", Keep: 0.1}), why: "it lost too many to be believed (V-28)"},
	{name: "truncated listing", rules: listing(simulator.Fault{Kind: "truncate", Keep: 0.6, Times: 1}), why: "one alone concludes nothing (V-27)"},
}

const (
	reinvited = "NOT_FOUND on a re-invited id"
	lied      = "OK without effect"
)

const once = "each kind of call is met by the fault once a person, and repeated once"

// none is for what the faults of the simulator are not needed for.
func none() []simulator.Fault { return nil }

// aliases fails one field of a shared request after the other.
func aliases() []simulator.Fault {
	var out []simulator.Fault
	for place := range 3 {
		out = append(out, each(simulator.Fault{Kind: "alias", Alias: place})()...)
	}
	return out
}

// cell is one operation under one fault.
type cell struct {
	*world
	op       operation
	hardship hardship
	people   []*employee
	groups   map[string]Group

	mu      sync.Mutex // guards the fields below: the simulator's goroutines read them
	watched bool
	newer   bool      // the write that takes the operation back has been made
	met     time.Time // when the fault began
}

// employee is one of the people that the operation is about.
type employee struct {
	name      string
	id        string
	rewritten bool // something new was written about him after a refusal
}

// address is his first or second one.
func (e *employee) address(n int) string { return e.name + []string{"", ".b"}[n] + "@example.com" }

const (
	invited = "dora@example.com" // by hand; nobody writes about her
	managed = "eve@example.com"  // nor about her
)

func (c *cell) play() {
	c.invite(invited, "CREATOR", "crm_id=77")
	eve := c.create(person(managed, "department", "Finance", "region", "emea"))
	for _, name := range []string{"ann", "bob", "cal"} {
		c.people = append(c.people, &employee{name: name})
	}
	c.groups = map[string]Group{}
	for _, name := range []string{"Explorers", "Viewers"} {
		c.groups[name] = c.group(name)
	}
	c.hire()
	c.patch(c.groups["Viewers"].ID, GroupChange{Add: refs(append(c.ids(), eve.ID)...)})
	for _, e := range c.people {
		u := c.there(e.address(0))
		creator, _ := mapping.RoleID("CREATOR")
		u.RoleAssignments = append(u.RoleAssignments, simulator.RoleAssignment{RoleID: creator})
		u.UserAttributes = append(u.UserAttributes, simulator.UserAttribute{Key: "crm_id", Value: "77"})
		c.sim.PutUsers(*u)
	}
	for i := range c.hardship.crowd {
		c.invite(fmt.Sprintf("crowd%d@example.com", i), "CREATOR")
	}
	c.rest()
	if c.op.before != nil {
		c.op.before(c)
		c.rest()
	}
	bystanders := c.at(invited) + c.at(managed)
	c.after = c.called
	defer func() { c.after = nil }()
	c.watch(true)
	calls := c.calls()

	c.pass(6 * time.Second) // the last look is too old to create by
	if c.hardship.just != nil {
		c.hardship.just(c)
	}
	c.sim.SetFaults(c.hardship.rules()...)
	c.mu.Lock()
	c.met = time.Now()
	c.mu.Unlock()
	c.op.do(c)
	if c.hardship.newer {
		c.pass(2 * time.Second)
		c.mu.Lock()
		c.newer = true
		c.mu.Unlock()
		c.op.newer(c)
	}
	for range 4 {
		c.pass(time.Minute)
		c.lookup("nobody@example.com")
	}
	c.sim.SetFaults()
	if c.hardship.after != nil {
		c.hardship.after(c)
	}
	c.rest()
	c.watch(false)

	want := c.op.want
	if c.hardship.newer {
		want = c.op.wantNewer
	}
	for _, e := range c.people {
		for n, state := range want {
			c.wantAt(e.address(n), c.expected(e, n, state))
		}
	}
	if got := c.at(invited) + c.at(managed); got != bystanders {
		c.t.Errorf("who was not written about changed from %s to %s", bystanders, got)
	}
	used, budget := c.calls()-calls, len(c.people)*(c.op.calls+c.op.kinds*c.hardship.again+c.hardship.extra)
	c.t.Logf("%s/%s: %d calls, budget %d", c.op.name, c.hardship.name, used, budget)
	if used > budget {
		c.t.Errorf("%d calls, want at most %d. %d people; each %d (%s), %d times the %d kinds of them and %d more (%s)",
			used, budget, len(c.people), c.op.calls, c.op.why, c.hardship.again, c.op.kinds, c.hardship.extra, c.hardship.why)
	}
}

// expected is the desired state, with what the fault leaves to a person done by him.
func (c *cell) expected(e *employee, n int, state string) string {
	switch {
	case c.op.name == "delete" && c.hardship.name == reinvited && n == 0:
		return noAccess // the bridge did not create who is there now (V-08)
	case c.op.name == "create" && c.hardship.name == reinvited && state == newcomer:
		return "BASIC_EXPLORER CREATOR crm_id=77 department=Finance region=emea" // adopted (V-07)
	case c.op.name == "change attributes" && c.hardship.name == reinvited && state == elsewhere:
		return "CREATOR crm_id=77 department=Sales region=emea" // what was confirmed and taken away by hand is not given again (V-30)
	case e.rewritten && state == atWork:
		return elsewhere
	}
	return state
}

func (c *cell) watch(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watched = on
}

// rest waits until everything is delivered and confirmed, an IdP asking now and then.
func (c *cell) rest() {
	for range 90 {
		c.lookup("nobody@example.com")
		c.pass(time.Minute)
		if c.settled() {
			return
		}
	}
	c.t.Errorf("no rest within an hour and a half")
}

// settled is whether nothing is pending, uncertain or unconfirmed.
func (w *world) settled() (yes bool) {
	err := w.store.View(w.t.Context(), func(tx store.Tx) error {
		b, err := tx.Backlog(w.o.Workspace, w.o.Tenant)
		if err != nil {
			return err
		}
		open, err := tx.UnconfirmedAccounts(w.o.Workspace)
		yes = b.Pending+b.Uncertain+len(open) == 0
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return yes
}

func (c *cell) ids() []string {
	var ids []string
	for _, e := range c.people {
		ids = append(ids, e.id)
	}
	return ids
}

// called looks at the effect of one call of the bridge.
func (c *cell) called(e simulator.Effect) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.watched || strings.Contains(e.Operation, "/control/") {
		return
	}
	who := e.After
	if who == nil {
		who = e.Before
	}
	if who.Email == invited || who.Email == managed {
		c.t.Errorf("%s of %s, about whom nobody wrote anything", e.Operation, who.Email)
		return
	}
	if e.After == nil {
		if c.op.name != "delete" {
			c.t.Errorf("%s was deleted", who.Email)
		}
		return
	}
	// What comes late was right when it left, and nobody can call it back: it is repaired (V-16).
	late := c.newer && e.Time.Sub(c.met) >= lateness && e.Time.Sub(c.met) < 2*lateness
	// A hand gave roles without the attribute; or the OK to taking the roles was a lie, and what follows it follows (V-14).
	excused := c.hardship.name == reinvited || c.hardship.name == lied && c.op.takesAll
	after, attributes := unitsOf(e.After), attributesOf(e.After)
	may := units("BASIC_EXPLORER", "VIEWER", "CREATOR")
	if c.op.name == "give a role" {
		may = may.union(units("EXPLORER"))
	}
	if wide := after.minus(may); len(wide) > 0 {
		c.t.Errorf("%s gives %s %v, which no rule and no hand gave", e.Operation, who.Email, wide)
	}
	if len(after) > 0 && attributes["region"] == "" && !late && !excused {
		c.t.Errorf("%s leaves %s with %v and without region", e.Operation, who.Email, after)
	}
	if e.Before == nil {
		return
	}
	if unitsOf(e.Before).covers(units("CREATOR")[0]) && !after.covers(units("CREATOR")[0]) && !c.op.takesAll {
		c.t.Errorf("%s takes CREATOR from %s, which was given by hand", e.Operation, who.Email)
	}
	hiredAgain := c.newer && c.op.name == "delete" // V-10
	if attributesOf(e.Before)["crm_id"] != "" && attributes["crm_id"] == "" && !hiredAgain {
		c.t.Errorf("%s takes crm_id from %s, which is another system's", e.Operation, who.Email)
	}
}

// The writes.

func (c *cell) all(write func(*employee) error) {
	var wg sync.WaitGroup
	for _, e := range c.people {
		wg.Go(func() {
			if err := write(e); err != nil {
				c.t.Errorf("%s: %v", e.name, err)
			}
		})
	}
	wg.Wait()
}

func (c *cell) hire() {
	c.all(func(e *employee) error {
		made, err := c.dir.CreateUser(c.t.Context(), okta, person(e.address(0), "department", "Finance", "region", "emea"))
		var refused *Error
		if errors.As(err, &refused) && refused.Kind == Invalid && c.hardship.after != nil {
			return nil // he is hired when the fault is lifted
		}
		if err != nil {
			return err
		}
		made.Done(true)
		e.id = made.User.ID
		return nil
	})
}

func setDepartment(department string) func(*cell) {
	return func(c *cell) {
		c.all(func(e *employee) error { return c.update(e.id, "department", department) })
	}
}

func (c *cell) suspend()    { c.all(func(e *employee) error { return c.update(e.id, "active", false) }) }
func (c *cell) reactivate() { c.all(func(e *employee) error { return c.update(e.id, "active", true) }) }
func (c *cell) suspended()  { c.suspend() }

func rename(n int) func(*cell) {
	return func(c *cell) {
		c.all(func(e *employee) error { return c.update(e.id, "userName", e.address(n), "emails", nil) })
	}
}

func (c *cell) remove() {
	c.all(func(e *employee) error { return c.dir.DeleteUser(c.t.Context(), okta, e.id, Precondition{}) })
}

// none begins with nobody: those who were hired are others.
func (c *cell) none() {
	for _, e := range c.people {
		e.name, e.id = e.name+"2", ""
	}
}

func (c *cell) promote()     { c.patch(c.groups["Explorers"].ID, GroupChange{Add: refs(c.ids()...)}) }
func (c *cell) promoteBack() { c.patch(c.groups["Explorers"].ID, GroupChange{Remove: c.ids()}) }
func (c *cell) demote()      { c.patch(c.groups["Viewers"].ID, GroupChange{Remove: c.ids()}) }
func (c *cell) demoteBack()  { c.patch(c.groups["Viewers"].ID, GroupChange{Add: refs(c.ids()...)}) }

// reinvite is what an administrator does between the last look and the write.
func (c *cell) reinvite() {
	for _, e := range c.people {
		c.sim.RemoveUsers(e.address(0))
		c.invite(e.address(0), "CREATOR", "crm_id=77")
	}
}

// block is Email Access Control that refuses one of the new addresses.
func (c *cell) block() {
	var s simulator.Settings
	for n := range 2 {
		if err := s.Set("block", strings.Join(append(slices.Clone(s.Block), c.people[1].address(n)), ",")); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := c.sim.SetSettings(s); err != nil {
		c.t.Fatal(err)
	}
}

// unblock lifts it. Who was refused for good stays so until something new is written about him.
func (c *cell) unblock() {
	if err := c.sim.SetSettings(simulator.Settings{}); err != nil {
		c.t.Fatal(err)
	}
	bob := c.people[1]
	switch {
	case c.op.name == "create" && bob.id == "":
		bob.id = c.create(person(bob.address(0), "department", "Finance", "region", "emea")).ID
	case c.op.name == "rename":
		c.mustUpdate(bob.id, "department", "Sales")
		bob.rewritten = true
	}
}
