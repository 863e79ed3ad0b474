package dialect

import (
	"strings"

	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// target is what a path means, as far as the rules need it: filters are left for
// package filter to read.
type target struct {
	schema.Ref
	selects bool // the path has a value filter
}

// resolve finds the attribute that a path or a key means. It does not judge the path:
// one that is malformed behind its attribute resolves, and is refused later.
func resolve(rt *schema.ResourceType, path string) (target, bool) {
	head, sub := path, ""
	open := strings.IndexByte(path, '[')
	if open >= 0 {
		head = path[:open]
		if shut := strings.LastIndexByte(path, ']'); shut >= 0 {
			sub = strings.TrimPrefix(path[shut+1:], ".")
		}
	}
	urn, name := split(rt, head)
	if open < 0 {
		name, sub, _ = strings.Cut(name, ".")
	}
	ref, ok := rt.Resolve(urn, name, sub, true)
	return target{Ref: ref, selects: open >= 0}, ok
}

// split cuts a known schema's URN off a path. What follows it after a colon or, in
// the oldest Entra ID jobs (urn-dot), after a dot is the attribute.
func split(rt *schema.ResourceType, path string) (urn, rest string) {
	if rest, ok := after(path, rt.Schema.ID); ok {
		return rt.Schema.ID, rest
	}
	for _, ext := range rt.Extensions {
		if rest, ok := after(path, ext.ID); ok {
			return ext.ID, rest
		}
	}
	return "", path
}

func after(path, urn string) (rest string, ok bool) {
	n := len(urn)
	switch {
	case len(path) < n || !strings.EqualFold(path[:n], urn):
		return "", false
	case len(path) == n:
		return "", true
	}
	return path[n+1:], path[n] == ':' || path[n] == '.'
}
