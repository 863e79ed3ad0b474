package dialect

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// get is the value of a key in any case, and the key.
func get(object map[string]any, name string) (key string, value any, ok bool) {
	if v, ok := object[name]; ok {
		return name, v, true
	}
	for key, v := range object {
		if strings.EqualFold(key, name) {
			return key, v, true
		}
	}
	return "", nil, false
}

func valueArrayScalar(where at, value any) (any, bool) {
	list, ok := value.([]any)
	if !ok || !where.one || where.element || len(list) != 1 {
		return nil, false
	}
	if where.attribute.Type == schema.Complex {
		return list[0], true
	}
	switch only := list[0].(type) {
	case map[string]any:
		_, v, ok := get(only, "value")
		return v, ok
	default:
		return only, true
	}
}

// isManager is the enterprise extension's manager, and nothing else that is named so.
func isManager(a *schema.Attribute) bool {
	return a.Name == "manager" && a.Type == schema.Complex && !a.MultiValued && a.Sub("value") != nil
}

func managerEmpty(where at, value any) (any, bool) {
	if !isManager(where.attribute) {
		return nil, false
	}
	switch v := value.(type) {
	case string:
		return nil, v == ""
	case map[string]any:
		_, id, ok := get(v, "value")
		return nil, ok && (id == nil || id == "")
	}
	return nil, false
}

func managerString(where at, value any) (any, bool) {
	id, ok := value.(string)
	if !ok || !isManager(where.attribute) {
		return nil, false
	}
	return map[string]any{"value": id}, true
}

// emptyString leaves what is required, for the schema to refuse by name, and what no
// empty text can be: an empty `active` must not become an absent one. Members are left
// too, and what is immutable of one, such as his id: emptying a group takes an empty list.
func emptyString(where at, value any) (any, bool) {
	a := where.attribute
	if value != "" || a.Required || a.Mutability == schema.Immutable || isMembers(a) {
		return nil, false
	}
	switch a.Type {
	case schema.Boolean, schema.Integer, schema.Decimal:
		return nil, false
	}
	return nil, true
}

// isMembers is the group's members, and nothing else that is named so.
func isMembers(a *schema.Attribute) bool {
	return a.Name == "members" && a.MultiValued && a.Sub("value") != nil && a.Sub("$ref") != nil
}

func membersString(where at, value any) (any, bool) {
	id, ok := value.(string)
	if !ok || id == "" || !isMembers(where.attribute) {
		return nil, false
	}
	member := map[string]any{"value": id}
	if where.one {
		return member, true
	}
	return []any{member}, true
}

func membersObject(where at, value any) (any, bool) {
	object, ok := value.(map[string]any)
	if !ok || where.one || where.attribute.Type != schema.Complex {
		return nil, false
	}
	return []any{object}, true
}

func stringForList(where at, value any) (any, bool) {
	text, ok := value.(string)
	if !ok || where.one || where.attribute.Type == schema.Complex {
		return nil, false
	}
	return []any{text}, true
}

func membersRef(where at, value any) (any, bool) {
	member, ok := value.(map[string]any)
	if !ok || !where.one || !isMembers(where.attribute) {
		return nil, false
	}
	if _, id, _ := get(member, "value"); id != nil {
		return nil, false
	}
	_, ref, _ := get(member, "$ref")
	text, _ := ref.(string)
	parent, id, ok := cutLast(strings.TrimRight(text, "/"))
	if !ok {
		return nil, false
	}
	key, _, there := get(member, "value")
	if !there {
		key = "value"
	}
	member[key] = id
	if _, _, typed := get(member, "type"); !typed {
		switch {
		case parent == "Users" || strings.HasSuffix(parent, "/Users"):
			member["type"] = "User"
		case parent == "Groups" || strings.HasSuffix(parent, "/Groups"):
			member["type"] = "Group"
		}
	}
	return member, true
}

// cutLast cuts a URL before its last segment.
func cutLast(ref string) (parent, segment string, ok bool) {
	i := strings.LastIndexByte(ref, '/')
	if i < 0 {
		return "", "", false
	}
	segment, err := url.PathUnescape(ref[i+1:])
	return ref[:i], segment, err == nil && segment != ""
}

// isRoles is the core `roles`, and nothing else that is named so.
func isRoles(a *schema.Attribute) bool {
	return a.Name == "roles" && a.MultiValued && a.Sub("value") != nil && a.Sub("display") != nil
}

func roleJSONString(where at, value any) (any, bool) {
	role, ok := value.(map[string]any)
	if !ok || !where.one || !isRoles(where.attribute) {
		return nil, false
	}
	key, text, _ := get(role, "value")
	s, _ := text.(string)
	if !strings.HasPrefix(s, "{") {
		return nil, false
	}
	var inner struct{ Value, Display, DisplayName string }
	if json.Unmarshal([]byte(s), &inner) != nil || inner.Value == "" {
		return nil, false
	}
	role[key] = inner.Value
	if inner.Display == "" {
		inner.Display = inner.DisplayName
	}
	key, display, there := get(role, "display")
	if !there {
		key = "display"
	}
	if display == nil && inner.Display != "" {
		role[key] = inner.Display
	}
	return role, true
}

func roleDisplayName(where at, value any) (any, bool) {
	role, ok := value.(map[string]any)
	if !ok || !where.one || !isRoles(where.attribute) {
		return nil, false
	}
	key, name, ok := get(role, "displayName")
	if _, _, there := get(role, "display"); !ok || there {
		return nil, false
	}
	delete(role, key)
	role["display"] = name
	return role, true
}

func boolString(where at, value any) (any, bool) {
	if where.inside {
		return nil, false
	}
	return boolean(where, value)
}

func boolStringSub(where at, value any) (any, bool) {
	if !where.inside {
		return nil, false
	}
	return boolean(where, value)
}

func boolean(where at, value any) (any, bool) {
	text, ok := value.(string)
	if !ok || where.attribute.Type != schema.Boolean {
		return nil, false
	}
	switch {
	case strings.EqualFold(text, "true"):
		return true, true
	case strings.EqualFold(text, "false"):
		return false, true
	}
	return nil, false
}
