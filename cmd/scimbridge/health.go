package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/scimbridge/scimbridge/internal/config"
	"github.com/scimbridge/scimbridge/internal/directory"
)

// tokenWarning is how long before a token's end /healthz, `check` and the log say so.
const tokenWarning = 14 * 24 * time.Hour

// takingFor is how long access that should be gone may still be there before that is a problem.
const takingFor = time.Minute

// standing is how one tenant stands, as /healthz and `status` judge it.
type standing struct {
	*config.Tenant
	directory.Health
	now time.Time
}

// sentences say what can be wrong with a tenant, the worst first: each is "" while it is not. What
// there is to say is said here alone, in one sentence, with the way out.
var sentences = []func(standing) string{
	writesRefused,
	unreachable,
	paused,
	takingsWait,
	takingsIgnored,
	leaversRefused,
	failedForGood,
	givingHeld,
	rebuilt,
	rulesHeld,
	notBelieved,
	deletesHeld,
	protectedHeld,
	massRevocations,
	accessLost,
	repairsContested,
	tokenEnds,
}

func problemsOf(s standing) []string {
	var all []string
	for _, say := range sentences {
		if text := say(s); text != "" {
			all = append(all, "tenant "+s.Name+": "+text)
		}
	}
	return all
}

func when(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func writesRefused(s standing) string {
	a := s.Acceptance
	switch {
	case a.Refusing:
		return fmt.Sprintf("writes are recorded and answered 503 since %s, because nothing could be delivered since %s: %s", when(a.Until), when(a.Since), a.Reason)
	case a.Warned(s.now):
		return fmt.Sprintf("nothing could be delivered since %s (%s); from %s on writes are recorded and answered 503", when(a.Since), a.Reason, when(a.Until))
	}
	return ""
}

func unreachable(s standing) string {
	if s.Reachable {
		return ""
	}
	return fmt.Sprintf("WisdomAI cannot be worked with: %s. Writes are recorded and will be delivered when it can; `scimbridge check` says what to fix", s.Problem)
}

func paused(s standing) string {
	if s.Paused.Since.IsZero() {
		return ""
	}
	text := fmt.Sprintf("PAUSED since %s", when(s.Paused.Since))
	if s.Paused.Reason != "" {
		text += " (" + s.Paused.Reason + ")"
	}
	return fmt.Sprintf("%s: nothing is delivered; %d account(s) wait, and access of %d of them should be gone; `scimbridge resume` ends it", text, s.Pending, s.Taking)
}

// takingsWait leaves out those whose halt was asked for, and is a sentence or a mode of its own.
func takingsWait(s standing) string {
	if s.Taking == 0 || s.OldestTaking.IsZero() || s.now.Sub(s.OldestTaking) <= takingFor || !s.Paused.Since.IsZero() || s.Tenant.Mode == "observe" {
		return ""
	}
	return fmt.Sprintf("access of %d account(s) should be gone and is not, the oldest since %s; `scimbridge pending` lists them", s.Taking, when(s.OldestTaking))
}

func takingsIgnored(s standing) string {
	var all []string
	for _, alert := range slices.Sorted(maps.Keys(s.Ignored)) {
		all = append(all, fmt.Sprintf("%s: %d account(s) keep access though WisdomAI answered OK (%s)", alert, s.Ignored[alert], directory.WayOut(alert)))
	}
	return strings.Join(all, "; ")
}

func leaversRefused(s standing) string {
	if s.RefusedLeavers == 0 {
		return ""
	}
	return fmt.Sprintf("%d user(s) keep access because the request that deactivated them was refused; `scimbridge events --kind user.deactivation_refused` says why", s.RefusedLeavers)
}

func failedForGood(s standing) string {
	if s.Failed == 0 {
		return ""
	}
	return fmt.Sprintf("%d account(s) failed: refused by WisdomAI for good, or not to be delivered whole; `scimbridge pending` says why", s.Failed)
}

func givingHeld(s standing) string {
	if s.Restored.ID == "" {
		return ""
	}
	return fmt.Sprintf("the database was %s", s.Restored)
}

func rebuilt(s standing) string {
	if s.RebuiltAt.IsZero() {
		return ""
	}
	return fmt.Sprintf("the database was rebuilt from WisdomAI at %s: %d person(s) are given nothing, and unknown group ids are answered 503, until the identity provider "+
		"has written them again and `scimbridge rebuild --resume --tenant %s` says so", when(s.RebuiltAt), s.Rebuilt, s.Name)
}

func rulesHeld(s standing) string {
	r := s.Health.Rules
	if r.Held == "" {
		return ""
	}
	return fmt.Sprintf("the rules of the configuration are held, and those approved before stay in force: %s; `scimbridge plan --tenant %s` shows what they would do, `scimbridge apply --tenant %s --approve %s` lets them through",
		strings.Join(r.Reasons, "; "), s.Name, s.Name, r.Held)
}

func notBelieved(s standing) string {
	l := s.Health.Disbelieved
	if l == nil {
		return ""
	}
	return fmt.Sprintf("WisdomAI's listing %d is not believed: %s. It changes nothing, and nobody new is created, until one is whole, or five in a row over half an hour agree; "+
		"if these people were really removed, run `scimbridge listing accept %d --tenant %s`", l.Look, l.Why, l.Look, s.Name)
}

func deletesHeld(s standing) string {
	n := s.Holds - s.Health.Protected
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d delete(s) were carried out as suspensions and wait for a person: `scimbridge brake list --tenant %s`", n, s.Name)
}

func protectedHeld(s standing) string {
	if s.Health.Protected == 0 {
		return ""
	}
	return fmt.Sprintf("%d change(s) about protected people are held: `scimbridge brake list --tenant %s`", s.Health.Protected, s.Name)
}

func massRevocations(s standing) string {
	var all []string
	for _, r := range s.Health.MassRevocations {
		all = append(all, fmt.Sprintf("%s. It was carried out; if it was not meant, undo it at the identity provider", r))
	}
	return strings.Join(all, "; ")
}

func accessLost(s standing) string {
	if s.Health.Drift.Lost == 0 {
		return ""
	}
	return fmt.Sprintf("access of %d account(s) was taken away at WisdomAI and is not given again; `scimbridge drift` lists them", s.Health.Drift.Lost)
}

func repairsContested(s standing) string {
	if s.Health.Drift.Contested == 0 {
		return ""
	}
	return fmt.Sprintf("what the bridge repairs of %d account(s) is undone again and again; `scimbridge drift` lists them", s.Health.Drift.Contested)
}

func tokenEnds(s standing) string {
	if end := s.Wisdom.TokenExpires; !end.IsZero() && end.Sub(s.now) < tokenWarning {
		return "the WisdomAI token ends on " + end.Format(time.DateOnly)
	}
	return ""
}

// health is /healthz: how every tenant stands, and in one sentence each what is wrong, with them and with the
// database that all have.
func (b *bridge) health(ctx context.Context) any {
	out := struct {
		Status   string                      `json:"status"` // ok or degraded
		Version  string                      `json:"version"`
		Problems []string                    `json:"problems"`
		Tenants  map[string]directory.Health `json:"tenants"`
	}{Status: "ok", Version: programVersion(), Problems: []string{}, Tenants: map[string]directory.Health{}}
	for _, t := range b.tenants {
		h, err := t.dir.Health(ctx)
		if err != nil {
			out.Problems = append(out.Problems, fmt.Sprintf("tenant %s: the store cannot be read: %v", t.Name, err))
			continue
		}
		out.Tenants[t.Name] = h
		out.Problems = append(out.Problems, problemsOf(standing{t.Tenant, h, time.Now()})...)
	}
	for _, text := range b.warned.of(ctx, b.store, time.Now()) {
		out.Problems = append(out.Problems, "store: "+text)
	}
	if len(out.Problems) > 0 {
		out.Status = "degraded"
	}
	return out
}

// states are what metrics show of what holds a tenant up: by tenant, what is so.
func (b *bridge) states() (map[string]map[string]bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	out := make(map[string]map[string]bool, len(b.tenants))
	for _, t := range b.tenants {
		h, err := t.dir.Health(ctx)
		if err != nil {
			return nil, err
		}
		out[t.Name] = map[string]bool{
			"observed":        h.Mode == "observe",
			"paused":          !h.Paused.Since.IsZero(),
			"unreachable":     !h.Reachable,
			"refusing_soon":   h.Acceptance.Warned(time.Now()) && !h.Acceptance.Refusing,
			"refusing_writes": h.Acceptance.Refusing,
			"takings_ignored": len(h.Ignored) > 0,
			"leavers_refused": h.RefusedLeavers > 0,
		}
	}
	return out, nil
}
