package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/export"
)

// shownPeople is how many people a plan shows on a terminal; as JSON it shows all.
const shownPeople = 50

// planPrinter prints a plan while it is made: people first, as they come.
type planPrinter struct {
	w      io.Writer
	json   bool
	people int
	calls  map[string]int
	no     []refusedPerson
	err    error // of w
}

// refusedPerson is one whose write would be refused.
type refusedPerson struct {
	UserName string        `json:"userName"`
	Answer   export.Answer `json:"answer"`
}

func newPlanPrinter(w io.Writer, asJSON bool) *planPrinter {
	return &planPrinter{w: w, json: asJSON, calls: map[string]int{}}
}

func (p *planPrinter) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

// value prints JSON.
func (p *planPrinter) value(v any) {
	data, err := json.Marshal(v)
	if err != nil && p.err == nil {
		p.err = err
	}
	p.printf("%s", data)
}

func (p *planPrinter) person(person directory.PersonPlan) error {
	p.people++
	for _, a := range person.Accounts {
		for _, c := range a.Calls {
			p.calls[c.Operation]++
		}
	}
	switch {
	case p.json && p.people == 1:
		p.printf(`{"people":[`)
		p.value(person)
	case p.json:
		p.printf(",\n")
		p.value(person)
	case p.people <= shownPeople:
		p.text(person)
	}
	return p.err
}

func (p *planPrinter) text(person directory.PersonPlan) {
	name := person.UserName
	switch {
	case person.User == "":
		name = "nobody's any more"
	case person.Deleted:
		name = "user " + person.User + ", deleted"
	default:
		name += " (user " + person.User + ")"
	}
	p.printf("%s\n", name)
	for _, a := range person.Accounts {
		p.printf("  %s: %s", a.Address, presenceText(a.Before))
		if before, after := presenceText(a.Before), presenceText(a.After); before != after {
			p.printf(" -> %s", after)
		}
		p.printf("\n")
		for _, c := range a.Calls {
			p.printf("    %s", c.Operation)
			if c.Roles != nil {
				p.printf(" roles [%s]", strings.Join(c.Roles, ", "))
			}
			if c.Attributes != nil {
				p.printf(" attributes {%s}", pairs(c.Attributes))
			}
			p.printf("\n")
		}
		if a.Held != "" {
			p.printf("    waits: %s\n", a.Held)
		}
		for _, note := range a.Notes {
			p.printf("    note: %s\n", note)
		}
	}
	for _, r := range person.Reasons {
		p.printf("  %s: %s, from %s", r.What, r.Rule, r.From)
		if r.Refused != "" {
			p.printf(": gives nothing, %s", r.Refused)
		}
		p.printf("\n")
	}
	for _, problem := range person.Problems {
		p.printf("  problem: %s\n", problem.Detail)
	}
}

func presenceText(a directory.Presence) string {
	if !a.There {
		return "not there"
	}
	text := "no role"
	if len(a.Roles) > 0 {
		text = strings.Join(a.Roles, ", ")
	}
	if shown := pairs(a.Attributes); shown != "" {
		text += " {" + shown + "}"
	}
	return text
}

func pairs(m map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k+"="+m[k])
	}
	return strings.Join(out, ", ")
}

// end closes the list of people and prints what came of them all.
func (p *planPrinter) end(key string, v any, text func()) error {
	if p.json {
		if p.people == 0 {
			p.printf(`{"people":[`)
		}
		p.printf("],%q:", key)
		p.value(v)
		p.printf("}\n")
		return p.err
	}
	if n := p.people - shownPeople; n > 0 {
		p.printf("... and %d people more (--output json shows all)\n", n)
	}
	if p.people > 0 {
		p.printf("\n")
	}
	text()
	return p.err
}

func (p *planPrinter) callsLine() {
	p.printf("calls:")
	for _, op := range []string{"createUsers", "setUserAttributes", "deleteUsersFromWorkspace"} {
		p.printf(" %s %d", op, p.calls[op])
	}
	p.printf("\n")
}

func (p *planPrinter) rules(plan directory.RulesPlan) error {
	return p.end("rules", plan, func() {
		switch plan.InForce {
		case plan.Hash:
			p.printf("tenant %s: the rules of the configuration, %s, are in force\n", plan.Tenant, plan.Hash)
			return
		case "":
			p.printf("tenant %s: no rules are in force yet; the first start approves those of the configuration\n", plan.Tenant)
		default:
			p.printf("tenant %s: in force are %s, in the configuration %s\n", plan.Tenant, plan.InForce, plan.Hash)
		}
		p.printf("%d of %d managed people are affected:\n", plan.Affected, plan.Managed)
		for _, e := range directory.Effects() {
			p.printf("%8d %s\n", plan.Effects[e], e)
		}
		p.printf("%8d addresses are no longer protected %s\n", len(plan.Unprotected), strings.Join(plan.Unprotected, " "))
		p.printf("%8d people whom only WisdomAI has come into sight, %d leave it\n", plan.Shown, plan.Hidden)
		p.callsLine()
		for _, reason := range plan.Held {
			p.printf("HELD: %s\n", reason)
		}
		if len(plan.Held) > 0 {
			p.printf("the rules in force stay until: scimbridge apply --tenant %s --approve %s\n", plan.Tenant, plan.Hash)
			return
		}
		p.printf("a start or a reload puts these in force; at once: scimbridge apply --tenant %s --approve %s\n", plan.Tenant, plan.Hash)
	})
}

func (p *planPrinter) answers(answers []export.Answer) error {
	return p.end("answers", answers, func() {
		for _, a := range answers {
			p.printf("%s %s: %d %s", a.Method, a.Path, a.Status, http.StatusText(a.Status))
			if detail := a.Detail(); detail != "" {
				p.printf(": %s", detail)
			}
			p.printf("\n")
		}
		p.callsLine()
	})
}

func (p *planPrinter) refused(userName string, a export.Answer) {
	p.no = append(p.no, refusedPerson{userName, a})
}

func (p *planPrinter) exported(people int) error {
	summary := struct {
		People  int             `json:"people"`
		Calls   map[string]int  `json:"calls"`
		Refused []refusedPerson `json:"refused"`
	}{people, p.calls, append([]refusedPerson{}, p.no...)}
	return p.end("export", summary, func() {
		p.printf("%d people in the export\n", people)
		p.callsLine()
		for i, r := range p.no {
			if i == shownPeople {
				p.printf("... and %d refusals more (--output json shows all)\n", len(p.no)-i)
				break
			}
			p.printf("REFUSED: %s: %s %s: %d %s\n", r.UserName, r.Answer.Method, r.Answer.Path, r.Answer.Status, r.Answer.Detail())
		}
	})
}
