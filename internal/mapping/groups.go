package mapping

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// groupRules are the entries of roles.groups, found by what they look for.
type groupRules struct {
	byName       map[string][]*groupRule // folded displayName
	byExternalID map[string][]*groupRule
	matches      []*groupRule
}

// groupRule is one entry of roles.groups.
type groupRule struct {
	number  int
	rule    string // "roles.groups[2]"
	literal []Grant
	// match, role and scopes are of a rule with `match`.
	match  *regexp.Regexp
	role   template
	scopes []template
}

func newGroupRules(specs []GroupRule, roles *roleRules, fault faults) groupRules {
	rules := groupRules{byName: map[string][]*groupRule{}, byExternalID: map[string][]*groupRule{}}
	for i, spec := range specs {
		r := &groupRule{number: i, rule: index("roles.groups", i)}
		set := 0
		for _, by := range []string{spec.Group, spec.ExternalID, spec.Match} {
			if by != "" {
				set++
			}
		}
		if set != 1 {
			fault(r.rule, "expected exactly one of group, external_id and match")
		}
		for j, scope := range spec.Scopes {
			if strings.TrimSpace(scope) == "" { // V-39: an empty scope would be everywhere
				fault(index(r.rule+".scopes", j), "a scope is empty; for a role everywhere leave scopes out")
			}
		}
		if spec.Match != "" {
			r.compileMatch(spec, roles, fault)
			rules.matches = append(rules.matches, r)
			continue
		}
		r.compileLiteral(spec, roles, fault)
		if spec.Group != "" {
			name := foldName(spec.Group)
			rules.byName[name] = append(rules.byName[name], r)
		} else if spec.ExternalID != "" {
			rules.byExternalID[spec.ExternalID] = append(rules.byExternalID[spec.ExternalID], r)
		}
	}
	return rules
}

// compileLiteral checks a rule that spells its group: the only kind that may give a
// privileged role (V-40).
func (r *groupRule) compileLiteral(spec GroupRule, roles *roleRules, fault faults) {
	if strings.Contains(spec.Role, "${") {
		fault(r.rule+".role", "%q: only a rule with match has captures", spec.Role)
		return
	}
	role := roles.checkLiteral(r.rule+".role", spec.Role, "", fault)
	for j, scope := range spec.Scopes {
		if strings.Contains(scope, "${") {
			fault(index(r.rule+".scopes", j), "%q: only a rule with match has captures", scope)
		}
		r.literal = append(r.literal, Grant{Role: role, Scope: scope})
	}
	if len(spec.Scopes) == 0 {
		r.literal = []Grant{{Role: role}}
	}
}

func (r *groupRule) compileMatch(spec GroupRule, roles *roleRules, fault faults) {
	// By itself first, so that "a)|(b" cannot step out of the anchors.
	if _, err := regexp.Compile(spec.Match); err != nil {
		fault(r.rule+".match", "%v", err)
		return
	}
	// \A and \z and not ^ and $: the flags of an expression cannot change them.
	match, err := regexp.Compile(`\A(?:` + spec.Match + `)\z`)
	if err != nil {
		fault(r.rule+".match", "%v", err)
		return
	}
	r.match = match
	if r.role, err = newTemplate(spec.Role, match); err != nil {
		fault(r.rule+".role", "%v", err)
	} else if !r.role.hasCaptures() {
		roles.checkLiteral(r.rule+".role", spec.Role, "a rule with match", fault)
	}
	for j, scope := range spec.Scopes {
		t, err := newTemplate(scope, match)
		if err != nil {
			fault(index(r.rule+".scopes", j), "%v", err)
		}
		r.scopes = append(r.scopes, t)
	}
}

// collect adds the hits of the rules that look for this group.
func (rules *groupRules) collect(hits []hit, g Group, roles *roleRules) []hit {
	add := func(r *groupRule, role string, grants []Grant, refused string) {
		hits = append(hits, hit{section: groupsSection, number: r.number, rule: r.rule, from: groupName(g),
			role: role, grants: grants, refused: refused})
	}
	if len(rules.byName) > 0 {
		for _, r := range rules.byName[foldName(g.DisplayName)] {
			add(r, "", r.literal, "")
		}
	}
	if g.ExternalID != "" {
		for _, r := range rules.byExternalID[g.ExternalID] {
			add(r, "", r.literal, "")
		}
	}
	for _, r := range rules.matches {
		if at := r.match.FindStringSubmatchIndex(g.DisplayName); at != nil {
			role, grants, refused := r.expand(g.DisplayName, at, roles)
			add(r, role, grants, refused)
		}
	}
	return hits
}

// expand fills the captures in. A capture that is empty or took no part makes the
// whole rule not apply: dropping its scope would give the role everywhere (V-39).
func (r *groupRule) expand(name string, at []int, roles *roleRules) (role string, grants []Grant, refused string) {
	spelled, refused := r.role.expand(name, at)
	if refused != "" {
		return r.role.source, nil, refused
	}
	role, refused = roles.admit(spelled, "a rule with match")
	if refused != "" {
		return role, nil, refused
	}
	if len(r.scopes) == 0 {
		return role, []Grant{{Role: role}}, ""
	}
	for _, t := range r.scopes {
		scope, refused := t.expand(name, at)
		if refused != "" {
			return role, nil, refused
		}
		grants = append(grants, Grant{Role: role, Scope: scope})
	}
	return role, grants, ""
}

// template is text with ${name} and ${1} in it.
type template struct {
	source string
	parts  []templatePart
}

// templatePart is literal text or, if capture is not 0, the number of a capture.
type templatePart struct {
	text    string
	capture int
}

func newTemplate(source string, match *regexp.Regexp) (template, error) {
	t := template{source: source}
	rest := source
	for {
		before, after, found := strings.Cut(rest, "${")
		if before != "" {
			t.parts = append(t.parts, templatePart{text: before})
		}
		if !found {
			return t, nil
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			return t, fmt.Errorf("%q: ${ without }", source)
		}
		capture := match.SubexpIndex(name)
		if capture < 0 {
			for i := 1; i <= match.NumSubexp(); i++ {
				if name == fmt.Sprint(i) {
					capture = i
				}
			}
		}
		if capture < 1 {
			return t, fmt.Errorf("%q: match has no capture %q; it has %s", source, name, captureNames(match))
		}
		t.parts = append(t.parts, templatePart{text: name, capture: capture})
		rest = tail
	}
}

func captureNames(match *regexp.Regexp) string {
	var names []string
	for i, name := range match.SubexpNames() {
		switch {
		case i > 0 && name != "":
			names = append(names, name)
		case i > 0:
			names = append(names, fmt.Sprint(i))
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func (t *template) hasCaptures() bool {
	for _, part := range t.parts {
		if part.capture > 0 {
			return true
		}
	}
	return false
}

// expand fills the captures in from the indexes of a match.
func (t *template) expand(name string, at []int) (s, refused string) {
	var b strings.Builder
	for _, part := range t.parts {
		if part.capture == 0 {
			b.WriteString(part.text)
			continue
		}
		from, to := at[2*part.capture], at[2*part.capture+1]
		if from < 0 || strings.TrimSpace(name[from:to]) == "" {
			return "", "the capture ${" + part.text + "} is empty"
		}
		b.WriteString(name[from:to])
	}
	return b.String(), ""
}

// groupName is how reasons call a group.
func groupName(g Group) string {
	if g.DisplayName == "" {
		return "group " + quote(g.ID)
	}
	return "group " + quote(g.DisplayName)
}

// foldName is how names of groups are compared: composed, without case. Letters
// outside ASCII are never folded into it: a group that spells Admins with the Kelvin
// sign or a long s is another group (V-40).
func foldName(name string) string {
	ascii := true
	for i := 0; i < len(name) && ascii; i++ {
		ascii = name[i] < utf8.RuneSelf
	}
	if ascii {
		return strings.ToLower(name)
	}
	return norm.NFC.String(strings.Map(func(r rune) rune {
		if lower := unicode.ToLower(r); r < utf8.RuneSelf || lower >= utf8.RuneSelf {
			return lower
		}
		return r
	}, name))
}
