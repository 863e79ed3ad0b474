package wisdom

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The two roles that a write probe gives: the built-in ones that show least.
const (
	storyViewer    = "00000000-0000-0000-0000-000000000008"
	scheduleViewer = "00000000-0000-0000-0000-000000000010"
)

// The attributes that a write probe sets. The first marks whom it made, so that the next one may remove
// what this one had to leave; keys with scim_ are nobody's but the bridge's (V-41).
const (
	probeMark    = "scim_probe"
	probeRemoved = "scim_probe_removed"
)

// cleanUpFor and enoughDeletes bound what is tried to remove the person again, whatever ended the probe.
const (
	cleanUpFor    = time.Minute
	enoughDeletes = 6
)

// WriteProbe is what ProbeWrites is to try.
type WriteProbe struct {
	Address string // nobody has it
	// Patience is how long a new person may take to be listed; 0 means 30 s. What changes after that is
	// waited for in proportion to how long that took.
	Patience time.Duration
}

// ProbeWrites tries every write that delivery stands on, on one person whom it makes and
// removes again, whatever fails on the way: what the documentation does not say is found out
// before somebody's access hangs on it (V-18). What is wrong is a Finding; the error is only
// that ctx ended before the report was whole.
func (c *Client) ProbeWrites(ctx context.Context, o WriteProbe) (Report, error) {
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	p := &writeProbe{c: c, address: o.Address, patience: o.Patience, pause: o.Patience / 100}
	p.run(ctx)
	if p.there {
		p.cleanUp(ctx)
	}
	if err := ctx.Err(); err != nil {
		return p.Report, fmt.Errorf("wisdom: write probe: %w", err)
	}
	return p.Report, nil
}

// writeProbe is one such probe under way.
type writeProbe struct {
	Report
	c        *Client
	address  string
	patience time.Duration
	pause    time.Duration // the first between two looks

	user    User // as the last look showed him
	listed  bool // the last look showed him
	there   bool // he may be there and is to be removed
	unheard bool // the call that may have made him was not answered
}

func (p *writeProbe) run(ctx context.Context) {
	if !p.vacant(ctx) || !p.create(ctx) {
		return
	}
	for _, step := range []func(context.Context){p.give, p.replace, p.suspend, p.remove} {
		if ctx.Err() == nil {
			step(ctx)
		}
	}
}

// vacant is whether nobody has the address, but for what an earlier probe left.
func (p *writeProbe) vacant(ctx context.Context) bool {
	const what = "write probe"
	if err := p.look(ctx); err != nil {
		p.fail(what, "the users cannot be listed: "+asError(err).Message, "see the findings above, or try again later")
		return false
	}
	if !p.listed {
		return true
	}
	if !slices.ContainsFunc(p.user.Attributes, func(a Attribute) bool { return a.Key == probeMark && a.Source == Database }) {
		p.fail(what, p.address+" is at WisdomAI already, with "+p.shown()+"; nothing was tried", "name an address that nobody has: whoever has it is deleted in the end")
		return false
	}
	p.there = true
	p.cleanUp(ctx)
	return !p.there
}

func (p *writeProbe) create(ctx context.Context) bool {
	const what = "write: create"
	err := p.c.CreateUsers(ctx, NewUsers{
		Emails: []string{p.address}, Roles: []RoleAssignment{{RoleID: storyViewer}},
		Attributes: []KeyValue{{probeMark, "created"}, {probeRemoved, "created"}},
	})
	if err != nil {
		p.unheard = asError(err).Unanswered
		p.there = p.unheard
		p.refused(what, err, "iam:write")
		return false
	}
	p.there = true
	began := p.c.now()
	if !p.await(ctx, what, "listed", "", func() bool { return p.listed }) {
		p.unheard = true
		return false
	}
	lag := p.c.now().Sub(began)
	p.patience = p.patience/10 + 3*lag
	if p.await(ctx, what, "listed with STORY_VIEWER and two attributes", "see whether there is a newer scimbridge: new people would be without what they are given", func() bool {
		return p.has(storyViewer) && p.attributes() == probeMark+"=created "+probeRemoved+"=created"
	}) {
		p.ok(what, "createUsers gives a new person roles and attributes; he was listed after "+lag.Round(100*time.Millisecond).String())
	}
	return true
}

// give changes the roles of somebody who is there; his attributes are not to be touched (V-21).
func (p *writeProbe) give(ctx context.Context) {
	const what = "write: give"
	before := p.attributes()
	if err := p.assign(ctx, storyViewer, scheduleViewer); err != nil {
		p.refused(what, err, "iam:write")
		return
	}
	if !p.await(ctx, what, "listed with STORY_VIEWER and SCHEDULE_VIEWER", "see whether there is a newer scimbridge: nobody's roles could be changed", func() bool {
		return p.has(storyViewer, scheduleViewer)
	}) {
		return
	}
	if after := p.attributes(); after != before {
		p.fail(what, fmt.Sprintf("createUsers with roles alone made [%s] of the attributes [%s]", after, before),
			"see whether there is a newer scimbridge: a change of roles would cost row filters")
		return
	}
	p.ok(what, "createUsers changes the roles of somebody who is there, and leaves his attributes alone")
}

// replace replaces the attributes: one changes, one goes.
func (p *writeProbe) replace(ctx context.Context) {
	const what = "write: attributes"
	if err := p.c.SetUserAttributes(ctx, p.user.ID, []KeyValue{{probeMark, "replaced"}}); err != nil {
		p.refused(what, err, "iam:write")
		return
	}
	if p.await(ctx, what, "listed with "+probeMark+"=replaced alone", "see whether there is a newer scimbridge: a row filter that ends would stay", func() bool {
		return p.attributes() == probeMark+"=replaced"
	}) {
		p.ok(what, "setUserAttributes replaces what is there: what is left out is removed")
	}
}

// suspend takes all roles by the empty list, which no page documents.
func (p *writeProbe) suspend(ctx context.Context) {
	const what = "write: suspend"
	if err := p.assign(ctx); err != nil {
		p.refused(what, err, "iam:write")
		return
	}
	if p.await(ctx, what, "without roles: empty role list ignored", "set policy.on_deactivate: delete, since a suspension would take nobody's access", func() bool {
		return p.has()
	}) {
		p.ok(what, "an empty list of roles takes them all")
	}
}

func (p *writeProbe) remove(ctx context.Context) {
	const what = "write: delete"
	if err := p.c.DeleteUsers(ctx, []string{p.user.ID}); err != nil {
		p.refused(what, err, "iam:delete")
		return
	}
	if p.await(ctx, what, "gone", "set policy.on_delete: suspend, since a delete would take nobody's access", func() bool { return !p.listed }) {
		p.ok(what, "deleteUsersFromWorkspace removes a person")
		p.there = false
	}
}

// cleanUp removes the person, though the probe's own context may be over, until he is seen to be gone.
func (p *writeProbe) cleanUp(ctx context.Context) {
	const what = "write: clean up"
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpFor)
	defer cancel()
	var failure error
	began, deletes := p.c.now(), 0
	for pause := p.pause; deletes < enoughDeletes; pause = p.longer(pause) {
		failure = p.look(ctx)
		switch {
		case failure != nil:
		case p.listed:
			p.unheard = false
			deletes++
			if failure = p.c.DeleteUsers(ctx, []string{p.user.ID}); failure != nil && asError(failure).Kind == Unauthorized {
				p.left(what, failure, p.assign(ctx) == nil) // so that at least he can do nothing
				return
			}
		case !p.unheard:
			p.there = false
			p.ok(what, p.address+" was removed again")
			return
		case p.c.now().Sub(began) > p.patience:
			p.warn(what, p.address+" has not been listed, but the call that may have made him was not answered", "look at WisdomAI in some minutes, and remove him there if he has come")
			return
		}
		if !rest(ctx, pause) {
			break
		}
	}
	p.left(what, failure, false)
}

// left says that the person could not be removed.
func (p *writeProbe) left(what string, err error, harmless bool) {
	detail := p.address + " is still at WisdomAI"
	if harmless {
		detail += ", without roles"
	}
	if err != nil {
		detail += ": " + asError(err).Message
	}
	p.fail(what, detail, "remove him at WisdomAI")
}

// refused is the finding of a call that was not OK.
func (p *writeProbe) refused(what string, err error, permission string) {
	e := asError(err)
	fix := "try again later"
	switch e.Kind {
	case Permanent:
		fix = "name an address that WisdomAI's Email Access Control allows"
	case Unauthorized:
		fix = "the owner of the token needs " + permission + ", which of the built-in roles only ADMIN has"
	}
	p.fail(what, e.Error(), fix)
}

// await looks until what was asked for is listed, and says so where it is not.
func (p *writeProbe) await(ctx context.Context, what, wanted, fix string, done func() bool) bool {
	began := p.c.now()
	for pause := p.pause; ; pause = p.longer(pause) {
		err := p.look(ctx)
		late := p.c.now().Sub(began) > p.patience
		switch {
		case err == nil && done():
			return true
		case err != nil && late:
			p.fail(what, "the users cannot be listed any more: "+asError(err).Message, "try again later")
			return false
		case late && !p.listed:
			p.fail(what, fmt.Sprintf("WisdomAI answered OK, but %s is not %s after %s: he is not listed", p.address, wanted, p.patience), fix)
			return false
		case late:
			p.fail(what, fmt.Sprintf("WisdomAI answered OK, but %s is not %s after %s: he has %s", p.address, wanted, p.patience, p.shown()), fix)
			return false
		}
		if !rest(ctx, pause) {
			return false
		}
	}
}

// look lists the users and keeps what it shows of the person.
func (p *writeProbe) look(ctx context.Context) error {
	listed, user := false, User{}
	if err := p.c.ListUsers(ctx, func(u User) error {
		if strings.EqualFold(u.Email, p.address) {
			listed, user = true, u
		}
		return nil
	}); err != nil {
		return err
	}
	p.listed = listed
	if listed {
		p.user = user
	}
	return nil
}

// assign gives exactly these roles to somebody who is there.
func (p *writeProbe) assign(ctx context.Context, roles ...string) error {
	in := NewUsers{Emails: []string{p.address}, Roles: make([]RoleAssignment, len(roles))}
	for i, role := range roles {
		in.Roles[i].RoleID = role
	}
	return p.c.CreateUsers(ctx, in)
}

// has is whether the person was listed with exactly these roles, each everywhere.
func (p *writeProbe) has(roles ...string) bool {
	if !p.listed || len(p.user.Roles) != len(roles) {
		return false
	}
	for _, role := range roles {
		if !slices.ContainsFunc(p.user.Roles, func(r RoleAssignment) bool {
			return len(r.Scopes) == 0 && (r.RoleID == role || strings.EqualFold(r.RoleID, roleName(role)))
		}) {
			return false
		}
	}
	return true
}

// attributes are those that the API sets, as "key=value key=value", sorted.
func (p *writeProbe) attributes() string {
	var out []string
	for _, a := range p.user.Attributes {
		if a.Source == Database {
			out = append(out, a.Key+"="+a.Value)
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// shown is what the person has, without values: he may not be ours.
func (p *writeProbe) shown() string {
	var roles, keys []string
	for _, r := range p.user.Roles {
		roles = append(roles, roleName(r.RoleID))
	}
	for _, a := range p.user.Attributes {
		keys = append(keys, a.Key)
	}
	return fmt.Sprintf("roles [%s] and attributes [%s]", strings.Join(roles, " "), strings.Join(keys, " "))
}

// longer is the next pause between looks, of which a large workspace makes few.
func (p *writeProbe) longer(pause time.Duration) time.Duration { return min(2*pause, 16*p.pause) }

// rest waits, if ctx lets it.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
