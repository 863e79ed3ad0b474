package dialect

import (
	"maps"
	"slices"
	"strings"

	"github.com/scimbridge/scimbridge/internal/scim/patch"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// rename gives a key its own spelling, unless that is there too.
func rename(object map[string]any, names ...string) bool {
	changed := false
	for _, name := range names {
		if _, there := object[name]; there {
			continue
		}
		for key, v := range object {
			if strings.EqualFold(key, name) {
				delete(object, key)
				object[name] = v
				changed = true
				break
			}
		}
	}
	return changed
}

func keyCase(message map[string]any) bool {
	changed := rename(message, "schemas", "Operations")
	operations, _ := message["Operations"].([]any)
	for _, operation := range operations {
		if op, ok := operation.(map[string]any); ok && rename(op, "op", "path", "value") {
			changed = true
		}
	}
	return changed
}

func messageSchemas(message map[string]any) bool {
	switch schemas := message["schemas"].(type) {
	case nil:
	case []any:
		if len(schemas) > 0 {
			return false
		}
	default:
		return false
	}
	message["schemas"] = []any{patch.URN}
	return true
}

func messageUnknownSchemas(message map[string]any) bool {
	schemas, _ := message["schemas"].([]any)
	if len(schemas) < 2 || !lists(schemas, patch.URN) {
		return false
	}
	message["schemas"] = []any{patch.URN}
	return true
}

func lists(schemas []any, urn string) bool {
	return slices.ContainsFunc(schemas, func(v any) bool {
		s, ok := v.(string)
		return ok && strings.EqualFold(s, urn)
	})
}

// schemasKey is the key under which a body has its schemas.
func schemasKey(doc map[string]any) string {
	for key := range doc {
		if strings.EqualFold(key, "schemas") {
			return key
		}
	}
	return "schemas"
}

func resourceSchemas(rt *schema.ResourceType, doc map[string]any) bool {
	key := schemasKey(doc)
	schemas, ok := doc[key].([]any)
	if !ok && doc[key] != nil || lists(schemas, rt.Schema.ID) {
		return false
	}
	doc[key] = append([]any{rt.Schema.ID}, schemas...)
	return true
}

func resourceUnknownSchemas(rt *schema.ResourceType, doc map[string]any) bool {
	key := schemasKey(doc)
	schemas, _ := doc[key].([]any)
	known := slices.DeleteFunc(slices.Clone(schemas), func(v any) bool {
		s, ok := v.(string)
		return ok && !strings.EqualFold(s, rt.Schema.ID) && rt.Extension(s) == nil
	})
	if len(known) == len(schemas) {
		return false
	}
	doc[key] = known
	return true
}

func opCase(_ *schema.ResourceType, op map[string]any) (patch.Several, bool) {
	text, _ := op["op"].(string)
	switch lower := strings.ToLower(text); lower {
	case "add", "remove", "replace":
		op["op"] = lower
		return patch.Several{op}, lower != text
	}
	return patch.Several{op}, false
}

// urnDot rewrites the path, and the keys of a value without path.
func urnDot(rt *schema.ResourceType, op map[string]any) (patch.Several, bool) {
	if path, ok := op["path"].(string); ok {
		fixed := withColon(rt, path)
		op["path"] = fixed
		return patch.Several{op}, fixed != path
	}
	changed := false
	if object, ok := op["value"].(map[string]any); ok {
		for _, key := range slices.Collect(maps.Keys(object)) {
			fixed := withColon(rt, key)
			if _, there := object[fixed]; !there {
				object[fixed] = object[key]
				delete(object, key)
				changed = true
			}
		}
	}
	return patch.Several{op}, changed
}

func withColon(rt *schema.ResourceType, path string) string {
	if urn, rest := split(rt, path); urn != "" && rest != "" && path[len(urn)] == '.' {
		return path[:len(urn)] + ":" + rest
	}
	return path
}

// dottedKeys takes the keys that are paths out of a value without path. A key that
// means nothing stays, to be ignored as any unknown attribute is (C-18), and so does
// what is readOnly by its path, which in such a value is no error (M-45).
func dottedKeys(rt *schema.ResourceType, op map[string]any) (patch.Several, bool) {
	object, ok := op["value"].(map[string]any)
	if !ok || op["path"] != nil || op["op"] == "remove" {
		return patch.Several{op}, false
	}
	var paths []string
	for key := range object {
		if rt.Extension(key) != nil || strings.EqualFold(key, rt.Schema.ID) || !strings.ContainsAny(key, ".[:") {
			continue
		}
		if t, ok := resolve(rt, key); ok && t.Attribute != nil && !readOnly(t) {
			paths = append(paths, key)
		}
	}
	if len(paths) == 0 {
		return patch.Several{op}, false
	}
	slices.Sort(paths) // a map has no order; what happens is to be the same each time
	var all patch.Several
	if len(object) > len(paths) {
		all = append(all, op)
	}
	for _, path := range paths {
		all = append(all, map[string]any{"op": op["op"], "path": path, "value": object[path]})
		delete(object, path)
	}
	return all, true
}

func readOnly(t target) bool {
	return t.Attribute.Mutability == schema.ReadOnly || t.Sub != nil && t.Sub.Mutability == schema.ReadOnly
}
