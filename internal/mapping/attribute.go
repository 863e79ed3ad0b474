package mapping

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// valueRule gives one WisdomAI attribute its value: an entry of `attributes`, or a
// declared attribute of the extension.
type valueRule struct {
	key      string
	what     string // "attribute region", for reasons
	rule     string // "attributes.region", "extension.customerIds"
	paths    []*path
	expr     *expression
	constant string
	required bool
	join     string
	joins    bool // a separator was asked for: one string is held to it too
	split    string
	sub      string
}

// newValueRules checks `attributes` and adds the declared attributes of the extension
// that no rule delivers: none has the key, and none, unless a key was declared, reads
// the attribute. (With `split` on a rule, a second delivery by default would refuse
// the very string that the rule is there for.) Keys are compared without case: whether WisdomAI tells
// Region from region is not documented, and two values for one key is what must not be.
func newValueRules(spec Spec, vocabulary *vocabulary, env *environment, fault faults) []*valueRule {
	var rules []*valueRule
	keys := map[string]string{} // folded key -> rule that has it
	for _, a := range spec.Attributes {
		at := "attributes." + a.Key
		if why := malformedKey(a.Key); why != "" {
			fault(at, "%q is no attribute key: %s", a.Key, why)
		} else if reservedKey(a.Key) {
			fault(at, "keys that begin with scim_ are the bridge's own")
		}
		folded := strings.ToLower(a.Key)
		if other, taken := keys[folded]; taken {
			fault(at, "the key is set twice: by %s too", other)
		}
		keys[folded] = at
		rules = append(rules, newValueRule(at, a, vocabulary, env, fault))
	}
	fromExtension := map[string]bool{}
	for i, declared := range spec.Extension {
		at := index("extension", i)
		key := declared.Key
		if key == "" {
			key = declared.Name
		}
		if why := malformedKey(key); why != "" {
			fault(at+".key", "%q is no attribute key: %s", key, why)
		} else if reservedKey(key) {
			fault(at+".key", "keys that begin with scim_ are the bridge's own")
		}
		folded := strings.ToLower(key)
		if declared.Key == "" && readByPath(rules, declared.Name) {
			continue // a rule says under which key it goes
		}
		if other, taken := keys[folded]; taken {
			if fromExtension[folded] {
				fault(at+".key", "the key %q is set twice: by %s too", key, other)
			}
			continue // the rule says what the key is
		}
		keys[folded], fromExtension[folded] = at, true
		rules = append(rules, &valueRule{
			key:   key,
			what:  "attribute " + key,
			rule:  "extension." + declared.Name,
			paths: []*path{{source: wisdomURN + ":" + declared.Name, urn: wisdomURN, attr: find(vocabulary.wisdomai, declared.Name)}},
			join:  ",",
		})
	}
	return rules
}

// readByPath reports whether a rule takes its value from a declared attribute.
func readByPath(rules []*valueRule, name string) bool {
	return slices.ContainsFunc(rules, func(r *valueRule) bool {
		return slices.ContainsFunc(r.paths, func(p *path) bool {
			return p != nil && p.urn == wisdomURN && strings.EqualFold(p.attr.name, name)
		})
	})
}

func newValueRule(at string, a AttributeRule, vocabulary *vocabulary, env *environment, fault faults) *valueRule {
	r := &valueRule{key: a.Key, what: "attribute " + a.Key, rule: at, required: a.Required, join: a.Join, joins: a.Join != "", split: a.Split, sub: a.Sub}
	if r.join == "" {
		r.join = ","
	}
	sources := 0
	if len(a.Paths) > 0 {
		sources++
	}
	for i, source := range a.Paths {
		where := at + ".path"
		if len(a.Paths) > 1 {
			where = index(where, i)
		}
		p, err := vocabulary.path(source)
		switch {
		case err != nil:
			fault(where, "%v", err)
		case a.Sub != "" && (p.sub != nil || p.attr.kind != complexKind):
			fault(at+".sub", "%q gives simple values; sub is for complex ones", source)
		case a.Sub != "" && find(p.attr.subs, a.Sub) == nil:
			fault(at+".sub", "%s has no sub-attribute %q", p.attr.name, a.Sub)
		}
		r.paths = append(r.paths, p)
	}
	if a.CEL != "" {
		sources++
		var err error
		if r.expr, err = env.compile(a.CEL, simpleResult); err != nil {
			fault(at+".cel", "%v", err)
		}
	}
	if a.Value != nil {
		sources++
		r.constant = *a.Value
		if r.constant == "" {
			fault(at+".value", "an empty value is no attribute at WisdomAI: leave the rule out")
		}
		if a.Join != "" || a.Split != "" {
			fault(at+".join", "join and split are for what comes from the user, and not for a constant")
		}
	}
	if sources != 1 {
		fault(at, "expected exactly one of path, cel and value, found %d of them", sources)
	}
	if a.Sub != "" && len(a.Paths) == 0 {
		fault(at+".sub", "sub is for paths")
	}
	return r
}

// resolve gives the rule's value; "" is none.
func (r *valueRule) resolve(in *input) (value, from string, problem *Problem) {
	switch {
	case r.constant != "":
		return r.constant, "constant", nil
	case r.expr != nil:
		f, problem := r.expr.eval(in)
		if problem != nil {
			problem.Key = r.key
			problem.Detail = r.rule + " failed: " + problem.Detail
			return "", "", problem
		}
		value, problem = r.render(f, r.expr.attributes())
		return value, "expression", problem
	}
	for _, p := range r.paths {
		values, list := p.read(in.user)
		value, problem = r.render(found{values, list}, p.String())
		if value != "" || problem != nil {
			return value, p.source, problem
		}
	}
	return "", "", nil
}

// attribute is what an administrator of the IdP has to fill in.
func (r *valueRule) attribute() string {
	if r.expr != nil {
		return r.expr.attributes()
	}
	var names []string
	for _, p := range r.paths {
		names = append(names, p.String())
	}
	return strings.Join(names, ", ")
}

// render makes one string of what was found: simple values as text, lists joined,
// complex values by their sub-attribute or as JSON.
func (r *valueRule) render(f found, attribute string) (string, *Problem) {
	if !f.list && !r.joins && r.split == "" { // the common case
		if len(f.values) == 0 {
			return "", nil
		}
		value, _ := r.element(f.values[0])
		return value, nil
	}
	var parts []string
	structured := false
	for _, v := range f.values {
		part, isJSON := r.element(v)
		structured = structured || isJSON
		switch {
		case part == "":
		case r.split != "" && !isJSON:
			for one := range strings.SplitSeq(part, r.split) {
				if one = strings.TrimSpace(one); one != "" {
					parts = append(parts, one)
				}
			}
		default:
			parts = append(parts, part)
		}
	}
	if structured && f.list && !r.joins {
		return encode(f.values), nil // a list of objects is JSON as a whole: any separator may stand in an object
	}
	for _, part := range parts {
		if strings.Contains(part, r.join) {
			return "", &Problem{
				Kind: SeparatorInValue, Attribute: attribute, Key: r.key,
				Detail: fmt.Sprintf("the value %s for the WisdomAI attribute %s holds %s, which separates the values of a list there; "+
					"expected values without it", quote(part), r.key, quote(r.join)),
			}
		}
	}
	return strings.Join(parts, r.join), nil
}

// element is one value as text, and whether that text is JSON.
func (r *valueRule) element(v any) (value string, isJSON bool) {
	c, ok := v.(map[string]any)
	if !ok { // a complex value that is sent as a bare string is its `value`
		if r.sub == "" || strings.EqualFold(r.sub, "value") {
			value, _ = text(v)
		}
		return value, false
	}
	sub := r.sub
	if sub == "" {
		sub = "value"
		if len(c) > 0 && !hasName(c, sub) {
			value = encode(c)
			return value, value != ""
		}
	}
	value, _ = text(lookup(c, sub))
	return value, false
}

func hasName(c map[string]any, name string) bool {
	if _, ok := c[name]; ok {
		return true
	}
	for key := range c {
		if strings.EqualFold(key, name) {
			return true
		}
	}
	return false
}

// resolveAttributes fills in the attributes; it reports the keys of required ones that
// have no value.
func (r *Rules) resolveAttributes(in *input, result *Result) (missing []string) {
	for _, rule := range r.values {
		value, from, problem := rule.resolve(in)
		if problem != nil {
			result.Problems = append(result.Problems, *problem)
		}
		if value != "" {
			result.Attributes[rule.key] = value
			result.Reasons = append(result.Reasons, Reason{What: rule.what, Rule: rule.rule, From: from})
			continue
		}
		if !rule.required {
			continue
		}
		missing = append(missing, rule.key)
		if problem == nil {
			result.Problems = append(result.Problems, Problem{
				Kind: MissingRequired, Attribute: rule.attribute(), Key: rule.key,
				Detail: fmt.Sprintf("the WisdomAI attribute %s is required and comes out empty: %s expected a value from %s",
					rule.key, rule.rule, cmp.Or(rule.attribute(), "its expression")),
			})
		}
	}
	return missing
}
