package mapping

import (
	"fmt"
	"maps"
	"slices"
)

// Rules is a checked Spec. It is immutable and safe for concurrent use.
type Rules struct {
	spec        Spec
	bounds      *addressBounds
	email       []*emailSource
	values      []*valueRule
	keys        *keyBounds
	roles       *roleRules
	readsGroups bool // an expression reads `groups`
}

// faults collects what is wrong with a Spec.
type faults func(path, format string, args ...any)

// Compile checks spec whole and returns every fault, not the first: unknown role
// names, privileged roles that are not spelled literally (V-40), CEL that does
// not compile or names what is not declared, expressions that do not match, paths
// that do not parse, duplicate keys, reserved keys. With faults there are no Rules.
func Compile(spec Spec) (*Rules, []RuleError) {
	var errs []RuleError
	fault := func(path, format string, args ...any) {
		errs = append(errs, RuleError{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	checkExtension(spec.Extension, fault)
	vocabulary := newVocabulary(spec.Extension)
	env, err := newEnvironment(vocabulary)
	if err != nil {
		fault("extension", "%v", err)
		return nil, errs
	}
	r := &Rules{spec: spec}
	r.bounds = newAddressBounds(spec.EmailDomains, spec.PlusSuffix, fault)
	r.email = newEmailSources(spec.Email, vocabulary, env, fault)
	r.values = newValueRules(spec, vocabulary, env, fault)
	r.keys = newKeyBounds(spec.AttributeKeys, r.values, fault)
	r.roles = newRoleRules(spec.Roles, spec.WorkspaceURI, fault)
	if len(errs) > 0 {
		return nil, errs
	}
	r.readsGroups = slices.ContainsFunc(r.email, func(s *emailSource) bool { return s.expr != nil && s.expr.readsGroups }) ||
		slices.ContainsFunc(r.values, func(v *valueRule) bool { return v.expr != nil && v.expr.readsGroups })
	return r, nil
}

// Spec is what the rules were compiled from. It must not be changed.
func (r *Rules) Spec() Spec { return r.spec }

// Resolve computes what user should be at WisdomAI. user is the SCIM document
// (core attributes in schema spelling, extensions under their URN); groups are
// the groups he is directly in, in any order. It never fails: what is wrong is in
// Problems. Neither user nor groups are kept or changed.
//
// The grants are units: where one rule gives a role everywhere and another at a
// scope, both are there (V-39).
func (r *Rules) Resolve(user map[string]any, groups []Group) Result {
	in := &input{user: user, groups: groups}
	in.extension, _ = lookup(user, wisdomURN).(map[string]any)
	result := Result{
		Attributes: make(map[string]string, len(r.values)),
		Reasons:    make([]Reason, 0, 2+len(r.values)+len(groups)),
	}
	r.resolveEmail(in, &result)
	missing := r.resolveAttributes(in, &result)
	r.resolveFreeKeys(in, &result)
	r.resolveRoles(in, missing, &result)
	return result
}

// GroupMatters reports whether membership in a group of this name and externalId
// can change a Result: some group rule matches it, the naming convention does, or
// an expression reads `groups`. A rule that matches and gives nothing counts: its
// reason is part of the Result.
func (r *Rules) GroupMatters(displayName, externalID string) bool {
	return r.readsGroups ||
		len(r.roles.collectGroup(nil, Group{DisplayName: displayName, ExternalID: externalID})) > 0
}

// Privileged reports whether a role, by its canonical name, is one that only a
// literal rule may give (V-40).
func (r *Rules) Privileged(role string) bool { return r.roles.privileged[role] }

// PrivilegedRoles are the roles for which Privileged is true, sorted.
func (r *Rules) PrivilegedRoles() []string { return slices.Sorted(maps.Keys(r.roles.privileged)) }
