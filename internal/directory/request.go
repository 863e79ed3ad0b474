package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/scimbridge/scimbridge/internal/wisdom"
)

// request is what one HTTP request to WisdomAI carries: calls for people who do not know of
// each other. Two steps of one account never share one (V-14).
type request struct {
	calls  []*call
	people int
	limit  int  // most people it may be about: the least that any of them bears
	taking bool // one of its calls takes access: nothing that gives joins it (V-15)
}

// call is one mutation, for several people if they are to have the same.
type call struct {
	key    string // calls with equal keys are one; "": no other's
	people []addressee
}

// addressee is who a call is about, with the step as it was computed for him.
type addressee struct {
	job     *job
	account *account
	step    step
}

// company is the most people with whom an account's call may share a request. After each failure
// it is a quarter, so that whoever spoils it for his neighbours stands alone after a few,
// and they are delivered; it is less for everybody while large requests are not answered in time.
func (d *Directory) company(j *job, a *account) int {
	n := min(d.breadth.get(), d.o.Delivery.Share>>(2*min(a.Attempts, 16)))
	if j.company > 0 {
		n = min(n, j.company)
	}
	return max(n, 1)
}

// fits reports whether the step may go out with the request as it is. What does not fit
// is planned again for the next one.
func (r *request) fits(d *Directory, j *job, a *account, st step) bool {
	if len(r.calls) == 0 {
		return true
	}
	if r.taking && !st.taking || r.people >= min(r.limit, d.company(j, a)) {
		return false
	}
	return len(r.calls) < d.o.Delivery.Batch || r.sharing(d.sharedKey(a, st)) != nil
}

// add adds the step, which fits.
func (r *request) add(d *Directory, j *job, a *account, st step) {
	key := d.sharedKey(a, st)
	c := r.sharing(key)
	if c == nil {
		c = &call{key: key}
		r.calls = append(r.calls, c)
	}
	c.people = append(c.people, addressee{job: j, account: a, step: st})
	n := d.company(j, a)
	if r.people == 0 || n < r.limit {
		r.limit = n
	}
	r.people++
	r.taking = r.taking || st.taking
}

func (r *request) sharing(key string) *call {
	if key == "" {
		return nil
	}
	for _, c := range r.calls {
		if c.key == key {
			return c
		}
	}
	return nil
}

// sharedKey is equal for steps that one createUsers carries out: it takes many addresses and one
// set of roles, attributes and groups ("Create Users").
func (d *Directory) sharedKey(a *account, st step) string {
	switch {
	case d.o.Delivery.Batch <= 1:
		return ""
	case st.kind == stepRoles, st.kind == stepCreate && len(st.attributes) == 0:
		return fmt.Sprintf("%s %v %v %q", st.kind, st.taking, d.welcome(a, st), st.roles)
	default:
		return ""
	}
}

// welcome says whether WisdomAI is to mail the person: on the first create only.
func (d *Directory) welcome(a *account, st step) bool {
	return st.kind == stepCreate && d.policy().WelcomeEmail && a.Delivered == 0
}

// mutation is the call as WisdomAI takes it.
func (d *Directory) mutation(c *call) wisdom.Mutation {
	first := c.people[0]
	st := first.step
	emails := make([]string, len(c.people))
	for i, p := range c.people {
		emails[i] = p.account.Email
	}
	switch st.kind {
	case stepCreate:
		return wisdom.Mutation{Create: &wisdom.NewUsers{Emails: emails, Roles: st.roles.assignments(), Attributes: keyValues(st.attributes),
			UserGroupIDs: d.policy().UserGroups, WelcomeEmail: d.welcome(first.account, st)}}
	case stepRoles:
		return wisdom.Mutation{Create: &wisdom.NewUsers{Emails: emails, Roles: st.roles.assignments()}}
	case stepAttributes:
		return wisdom.Mutation{Attributes: &wisdom.UserAttributes{UserID: first.account.WisdomID, Attributes: keyValues(st.attributes)}}
	default:
		return wisdom.Mutation{Delete: []string{first.account.WisdomID}}
	}
}

// exchange sends the request and notes for each account what came of its call.
func (d *Directory) exchange(ctx context.Context, r *request) {
	ctx, cancel := context.WithTimeout(ctx, d.o.Delivery.Deadline)
	defer cancel()
	slices.SortStableFunc(r.calls, func(a, b *call) int { // WisdomAI carries them out in order
		switch {
		case a.people[0].step.taking == b.people[0].step.taking:
			return 0
		case a.people[0].step.taking:
			return -1
		default:
			return 1
		}
	})
	mutations := make([]wisdom.Mutation, len(r.calls))
	for i, c := range r.calls {
		mutations[i] = d.mutation(c)
	}
	errs := d.wisdom.Mutate(ctx, mutations)
	d.learnBreadth(r, errs)
	for i, c := range r.calls {
		d.answer(c, errs[i])
	}
	failing := !d.guard.State().FailingSince.IsZero()
	if d.guard.Done(errs...) || failing && d.guard.State().FailingSince.IsZero() {
		d.back(ctx)
	}
}

// answer notes for the people of a call what came of it.
func (d *Directory) answer(c *call, err error) {
	var failure *wisdom.Error
	if err != nil && !errors.As(err, &failure) {
		failure = &wisdom.Error{Op: string(c.people[0].step.kind), Kind: wisdom.Transient, Unanswered: true, Message: err.Error(), Err: err}
	}
	for _, p := range c.people {
		s := &sent{step: p.step, err: failure, repeated: p.job.again, shared: len(c.people)}
		p.job.again = failure != nil && failure.Again
		p.job.company = 0
		if s.refusedShared() {
			p.job.company = (len(c.people) + 1) / 2
		}
		p.job.last = s
		if d.o.OnDelivery != nil {
			d.o.OnDelivery(string(p.step.kind), err)
		}
		if err == nil && d.o.OnPrivilegedGrant != nil {
			for _, role := range d.privilegedGiven(p.account, p.step) {
				d.o.OnPrivilegedGrant(role)
			}
		}
	}
}

// unsent notes that nothing of the request left.
func (d *Directory) unsent(r *request) {
	for _, c := range r.calls {
		d.answer(c, &wisdom.Error{Op: string(c.people[0].step.kind), Kind: wisdom.Transient, Message: "not sent: recording it took so long that its lease might have ended before the answer"})
	}
}

// learnBreadth keeps requests as large as WisdomAI answers in time.
func (d *Directory) learnBreadth(r *request, errs []error) {
	switch now := d.o.Now(); {
	case errors.Is(errs[0], context.DeadlineExceeded) && r.people > 1:
		d.breadth.late(r.people, now)
	case !slices.ContainsFunc(errs, func(err error) bool { return err != nil }):
		d.breadth.inTime(r.people, now)
	}
}

// back is called when a call is answered OK after some that were not: nobody whose access
// should be gone waits for his own back-off (V-15), and after them nobody else.
func (d *Directory) back(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	for _, taking := range []bool{true, false} {
		if err := d.rouse(ctx, taking); err != nil {
			d.o.Log.Error("what waits after an outage could not be made due; it is tried when its back-off ends", "error", err)
		}
		if taking {
			d.feed(ctx) // queued before anything else wakes
		}
	}
	d.wakeScheduler()
}
