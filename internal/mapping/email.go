package mapping

import (
	"fmt"
	"strings"
)

// emailSource is one entry of `email`.
type emailSource struct {
	rule string // "email[0]"
	path *path
	expr *expression
}

// name is how answers call the source.
func (s *emailSource) name() string {
	if s.path != nil {
		return s.path.source
	}
	return "the expression " + s.expr.source
}

// newEmailSources checks `email`. A spec that names none reads what the IdPs send:
// userName, then the primary e-mail, then any.
func newEmailSources(sources []Source, vocabulary *vocabulary, env *environment, fault faults) []*emailSource {
	if len(sources) == 0 {
		sources = []Source{{Path: "userName"}, {Path: "emails[primary eq true].value"}, {Path: "emails.value"}}
	}
	var compiled []*emailSource
	for i, source := range sources {
		s := &emailSource{rule: index("email", i)}
		var err error
		switch {
		case (source.Path == "") == (source.CEL == ""):
			fault(s.rule, "expected either a SCIM path or a cel expression")
		case source.Path != "":
			if s.path, err = vocabulary.path(source.Path); err != nil {
				fault(s.rule, "%v", err)
			}
		default:
			if s.expr, err = env.compile(source.CEL, textResult); err != nil {
				fault(s.rule+".cel", "%v", err)
			}
		}
		compiled = append(compiled, s)
	}
	return compiled
}

// resolveEmail finds the address. The first source with a deliverable address decides:
// one outside the tenant's domains is refused and not passed over, and an expression
// that fails ends the search, because falling through to the next source would
// deliver to another account (V-42).
func (r *Rules) resolveEmail(in *input, result *Result) {
	for _, source := range r.email {
		values, problem := source.read(in)
		if problem != nil {
			problem.Detail = source.rule + " failed: " + problem.Detail
			result.Problems = append(result.Problems, *problem)
			return
		}
		for _, value := range values {
			address, ok := addressText(value)
			if !ok {
				continue
			}
			full := r.bounds.withPlus(address)
			if !deliverable(address) || !deliverable(full) {
				continue
			}
			if _, domain, _ := cutAddress(address); !r.bounds.admitsDomain(domain) {
				result.Problems = append(result.Problems, Problem{
					Kind:      OutsideDomains,
					Attribute: source.attribute(),
					Detail: fmt.Sprintf("%s is outside the domains of this tenant: expected an address in %s",
						quote(address), strings.Join(r.bounds.spelledIn, ", ")),
				})
				return
			}
			result.Email, result.EmailKey = full, FoldAddress(full)
			result.Reasons = append(result.Reasons, Reason{What: "email", Rule: source.rule, From: source.from()})
			return
		}
	}
	result.Problems = append(result.Problems, r.noAddress(in))
}

func (s *emailSource) read(in *input) ([]any, *Problem) {
	if s.path != nil {
		values, _ := s.path.read(in.user)
		return values, nil
	}
	found, problem := s.expr.eval(in)
	return found.values, problem
}

func (s *emailSource) attribute() string {
	if s.path != nil {
		return s.path.String()
	}
	return s.expr.attributes()
}

func (s *emailSource) from() string {
	if s.path != nil {
		return s.path.source
	}
	return "expression"
}

// addressText reads `emails` as well as `emails.value`.
func addressText(v any) (string, bool) {
	if c, ok := v.(map[string]any); ok {
		v = lookup(c, "value")
	}
	return text(v)
}

// noAddress names what was tried and what was found there (V-03).
func (r *Rules) noAddress(in *input) Problem {
	var names, found []string
	for _, source := range r.email {
		names = append(names, source.name())
		values, _ := source.read(in)
		shown := ""
		for _, v := range values {
			if s, ok := addressText(v); ok {
				shown = quote(s)
				break
			}
		}
		if shown == "" {
			found = append(found, source.name()+" is not set")
		} else {
			found = append(found, source.name()+" is "+shown)
		}
	}
	expected := "expected an e-mail address in ASCII such as alice@example.com"
	if r.bounds.plus != "" {
		expected += fmt.Sprintf(", with room for %s before the @", r.bounds.plus)
	}
	return Problem{
		Kind:      NoAddress,
		Attribute: strings.Join(names, ", "),
		Detail:    "no deliverable address: " + strings.Join(found, "; ") + "; " + expected,
	}
}
