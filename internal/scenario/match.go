package scenario

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

// differences says where got does not have the part want; none if it does. An object
// has a part if each key of the part matches; a list, if each element of the part
// matches some element, in any order; anything else must be equal. at is the pointer to both.
func differences(want, got any, at string) []string {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			break
		}
		var wrong []string
		for _, key := range slices.Sorted(maps.Keys(want)) {
			below := at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
			if value, there := object[key]; there {
				wrong = append(wrong, differences(want[key], value, below)...)
			} else {
				wrong = append(wrong, fmt.Sprintf("%s: expected %s, it is not there", below, show(want[key])))
			}
		}
		return wrong
	case []any:
		list, ok := got.([]any)
		if !ok {
			break
		}
		var wrong []string
		for _, element := range want {
			if !slices.ContainsFunc(list, func(v any) bool { return matches(element, v) }) {
				wrong = append(wrong, fmt.Sprintf("%s: expected an element with %s, got %s", at, show(element), show(list)))
			}
		}
		return wrong
	case number:
		if other, ok := got.(number); ok && equalNumbers(want, other) {
			return nil
		}
	default: // string, bool, nil
		if want == got {
			return nil
		}
	}
	if at == "" {
		at = "the answer"
	}
	return []string{fmt.Sprintf("%s: expected %s, got %s", at, show(want), show(got))}
}

func matches(want, got any) bool { return len(differences(want, got, "")) == 0 }

// equalNumbers compares by value: 1, 1.0 and 1e0 are equal.
func equalNumbers(a, b number) bool {
	x, okX := new(big.Rat).SetString(string(a))
	y, okY := new(big.Rat).SetString(string(b))
	return okX && okY && x.Cmp(y) == 0
}

// resolve follows a JSON Pointer (RFC 6901). A schema URN is one token of it.
func resolve(v any, pointer string) (value any, found bool) {
	for _, token := range tokens(pointer) {
		switch in := v.(type) {
		case map[string]any:
			if v, found = in[token]; !found {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(in) || strconv.Itoa(i) != token {
				return nil, false
			}
			v = in[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// tokens are the reference tokens of a pointer; "" is the whole document and has none.
func tokens(pointer string) []string {
	parts := strings.Split(pointer, "/")[1:]
	for i, token := range parts {
		parts[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
	}
	return parts
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// typeOf is the word of bodyType for a value; "" for null and for nothing.
func typeOf(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case number:
		return "number"
	case bool:
		return "boolean"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return ""
}

// shownValue is how much of a value a sentence shows.
const shownValue = 300

// showAt is what show says of the value that a pointer leads to.
func showAt(v any, pointer string) string {
	value, found := resolve(v, pointer)
	if !found {
		return "nothing"
	}
	return show(value)
}

// show is a value in a sentence.
func show(v any) string {
	text, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return fmt.Sprint(v)
	}
	if len(text) > shownValue {
		return strings.ToValidUTF8(string(text[:shownValue]), "") + "..."
	}
	return string(text)
}
