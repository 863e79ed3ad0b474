package mapping

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// text is a simple value as WisdomAI keeps it: a string as it stands, booleans and
// numbers as strings, whole numbers without exponent. ok is false for what has no
// text: null, the empty string (RFC 7643 section 2.5 in the spirit of V-42: empty
// means absent), complex values, lists and numbers that are none.
func text(v any) (s string, ok bool) {
	switch v := v.(type) {
	case string:
		return v, v != ""
	case bool:
		return strconv.FormatBool(v), true
	case int:
		return strconv.Itoa(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return "", false
		}
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case json.Number:
		s := v.String()
		if strings.ContainsAny(s, ".eE") { // 1.50 and 15e-1 are the number 1.5
			if f, err := v.Float64(); err == nil {
				return text(f)
			}
		}
		return s, s != ""
	}
	return "", false
}

// elements are the values of an attribute: those of a list, without nulls, or the one
// value itself.
func elements(v any) (values []any, list bool) {
	switch v := v.(type) {
	case nil:
		return nil, false
	case []any:
		for i, e := range v {
			if e == nil { // rare: copy only then
				values = append(make([]any, 0, len(v)), v[:i]...)
				for _, e := range v[i:] {
					if e != nil {
						values = append(values, e)
					}
				}
				return values, true
			}
		}
		return v, true
	case []string:
		for _, e := range v {
			values = append(values, e)
		}
		return values, true
	case []map[string]any:
		for _, e := range v {
			values = append(values, e)
		}
		return values, true
	}
	return []any{v}, false
}

// lookup finds an attribute by name without case (RFC 7643 section 2.1): the exact
// spelling first; of several other spellings the first in byte order, so that the
// answer does not depend on the order of a map.
func lookup(complex map[string]any, name string) any {
	if v, ok := complex[name]; ok {
		return v
	}
	var found any
	spelled := ""
	for key, v := range complex {
		if len(key) == len(name) && strings.EqualFold(key, name) && (spelled == "" || key < spelled) {
			found, spelled = v, key
		}
	}
	return found
}

// empty reports whether v says nothing: null, "", an empty list or an empty object.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case []string:
		return len(v) == 0
	case []map[string]any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// encode is v as JSON in one line, object keys sorted; "" for what JSON cannot hold.
func encode(v any) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(v) != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// quote is s as it is shown in an answer or a reason: in quotes, and not at any length.
func quote(s string) string {
	const most = 100 // enough to recognise an address or a list; answers are read by people
	if len(s) > most {
		cut := most
		for cut > 0 && s[cut]&0xC0 == 0x80 { // not within a character
			cut--
		}
		return strconv.Quote(s[:cut]) + "..."
	}
	return strconv.Quote(s)
}
