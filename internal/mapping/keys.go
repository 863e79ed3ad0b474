package mapping

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// reservedPrefix begins the keys of the identity attributes (V-41, V-32).
const reservedPrefix = "scim_"

func reservedKey(key string) bool {
	return len(key) >= len(reservedPrefix) && strings.EqualFold(key[:len(reservedPrefix)], reservedPrefix)
}

// malformedKey says why key cannot be a WisdomAI attribute key, or "".
func malformedKey(key string) string {
	switch {
	case key == "":
		return "it is empty"
	case !utf8.ValidString(key):
		return "it is not UTF-8"
	case strings.TrimSpace(key) != key:
		return "it begins or ends with a blank"
	case strings.ContainsFunc(key, unicode.IsControl):
		return "it has a control character"
	}
	return ""
}

// keyBounds is `attribute_keys`: which keys the extension's list may set (V-41).
// allow compares exactly and deny without case, each on the safe side: whether
// WisdomAI tells Region from region is not documented.
type keyBounds struct {
	allow, deny []string
	takeOver    []string          // compares exactly, as allow
	ruled       map[string]string // folded keys that a rule sets -> the rule
}

func newKeyBounds(spec KeyBounds, values []*valueRule, fault faults) *keyBounds {
	b := &keyBounds{allow: spec.Allow, takeOver: spec.TakeOver, ruled: map[string]string{}}
	if len(b.allow) == 0 {
		b.allow = []string{"*"}
	}
	check := func(name string, patterns []string) {
		for i, pattern := range patterns {
			if pattern == "" {
				fault(index("attribute_keys."+name, i), "an empty pattern matches no key: expected a key, or a pattern with *")
			}
		}
	}
	check("allow", spec.Allow)
	check("deny", spec.Deny)
	check("take_over", spec.TakeOver)
	for _, pattern := range spec.Deny {
		b.deny = append(b.deny, strings.ToLower(pattern))
	}
	for _, rule := range values {
		b.ruled[strings.ToLower(rule.key)] = rule.rule
	}
	return b
}

// MayTakeOver reports whether the extension's list may set a key although WisdomAI holds
// somebody else's value for it (V-41).
func (r *Rules) MayTakeOver(key string) bool {
	return slices.ContainsFunc(r.keys.takeOver, func(pattern string) bool { return glob(pattern, key) })
}

// glob reports whether s matches pattern, in which * stands for any characters, also none.
func glob(pattern, s string) bool {
	head, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == s
	}
	if !strings.HasPrefix(s, head) {
		return false
	}
	s = s[len(head):]
	for {
		part, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(s, part)
		}
		at := strings.Index(s, part)
		if at < 0 {
			return false
		}
		s, rest = s[at+len(part):], after
	}
}

// resolveFreeKeys takes the rest of the attributes from the extension's list of
// key/value pairs.
func (r *Rules) resolveFreeKeys(in *input, result *Result) {
	pairs, _ := elements(lookup(in.extension, freeList))
	if len(pairs) == 0 {
		return
	}
	const attribute = wisdomURN + ":" + freeList
	refuse := func(rule, key, why string) {
		result.Problems = append(result.Problems, Problem{
			Kind: KeyNotAllowed, Attribute: attribute, Key: key,
			Detail: fmt.Sprintf("the key %s of %s is refused: %s", quote(key), attribute, why),
		})
		result.Reasons = append(result.Reasons, Reason{What: "attribute " + key, Rule: rule, From: attribute, Refused: why})
	}
	times := map[string]int{}
	for _, pair := range pairs {
		key, _ := pairKey(pair)
		times[strings.ToLower(key)]++
	}
	said := map[string]bool{} // of the keys that stand there more than once
	for _, pair := range pairs {
		key, value := pairKey(pair)
		folded := strings.ToLower(key)
		content, simple := text(value)
		denied := slices.IndexFunc(r.keys.deny, func(pattern string) bool { return glob(pattern, folded) })
		allowed := slices.IndexFunc(r.keys.allow, func(pattern string) bool { return glob(pattern, key) })
		switch why := malformedKey(key); {
		case why != "":
			refuse("attribute_keys", key, why)
		case reservedKey(key):
			refuse("attribute_keys", key, "keys that begin with scim_ are the bridge's own")
		case times[folded] > 1:
			if !said[folded] {
				said[folded] = true
				refuse("attribute_keys", key, "it stands in the list more than once")
			}
		case denied >= 0:
			refuse(index("attribute_keys.deny", denied), key, "attribute_keys.deny names it")
		case allowed < 0:
			refuse("attribute_keys.allow", key, "attribute_keys.allow does not name it")
		case r.keys.ruled[folded] != "":
			result.Reasons = append(result.Reasons, Reason{
				What: "attribute " + key, Rule: r.keys.ruled[folded], From: attribute,
				Refused: "the rule sets this key, the list may not",
			})
		case simple:
			result.Attributes[key] = content
			result.FreeKeys = append(result.FreeKeys, key)
			result.Reasons = append(result.Reasons, Reason{
				What: "attribute " + key, Rule: index("attribute_keys.allow", allowed), From: attribute,
			})
		case !empty(value):
			refuse("attribute_keys", key, "its value is not text")
		}
	}
	slices.Sort(result.FreeKeys)
}

// pairKey is the key and the value of an element of the list; an element that is no
// object has neither.
func pairKey(pair any) (key string, value any) {
	c, _ := pair.(map[string]any)
	key, _ = text(lookup(c, "key"))
	return key, lookup(c, "value")
}
