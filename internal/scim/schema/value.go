package schema

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// checkSimple checks a value against an attribute that is not complex.
func checkSimple(a *Attribute, path string, value any) (any, *Invalid) {
	switch a.Type {
	case Boolean:
		if b, ok := value.(bool); ok {
			return b, nil
		}
		return nil, wrongType(a, path, "true or false", value)
	case Integer:
		if n, ok := integer(value); ok {
			return n, nil
		}
		return nil, wrongType(a, path, "an integer of 64 bits, without fraction and exponent", value)
	case Decimal:
		if f, ok := decimal(value); ok {
			return f, nil
		}
		return nil, wrongType(a, path, "a number", value)
	}

	s, ok := value.(string)
	if !ok {
		return nil, wrongType(a, path, "a string", value)
	}
	if strings.IndexByte(s, 0) >= 0 {
		return nil, invalidValue(path, "expected text without NUL characters (U+0000)")
	}
	switch a.Type {
	case DateTime:
		if _, ok := ParseDateTime(s); !ok {
			return nil, wrongType(a, path, "a date and time like 2026-01-31T08:30:00Z", value)
		}
	case Binary:
		if !base64(s) {
			return nil, wrongType(a, path, "base64 text (RFC 4648)", value)
		}
	}
	return s, nil
}

// ParseDateTime reads a dateTime (RFC 7643 section 2.3.5: an xsd:dateTime with both
// date and time). One without a zone is read as UTC.
func ParseDateTime(s string) (time.Time, bool) {
	// time.Parse is laxer than RFC 3339: it takes a comma for the point and hours of one digit.
	const local = "2006-01-02T15:04:05"
	if len(s) < len(local) || s[len("2006-01-02T15")] != ':' || strings.IndexByte(s, ',') >= 0 {
		return time.Time{}, false
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, true
	}
	t, err := time.Parse(local, s)
	return t, err == nil
}

// integer takes decoded JSON, and the forms Go code and a canonical document have.
func integer(value any) (int64, bool) {
	switch n := value.(type) {
	case json.Number:
		i, err := strconv.ParseInt(string(n), 10, 64)
		return i, err == nil
	case int64:
		return n, true
	case int:
		return int64(n), true
	case float64: // JSON decoded without UseNumber
		return int64(n), n == math.Trunc(n) && math.Abs(n) < 1<<53
	}
	return 0, false
}

func decimal(value any) (float64, bool) {
	switch n := value.(type) {
	case json.Number:
		f, err := strconv.ParseFloat(string(n), 64)
		return f, err == nil
	case float64:
		return n, !math.IsNaN(n) && !math.IsInf(n, 0)
	case int64:
		return float64(n), true
	case int:
		return float64(n), true
	}
	return 0, false
}

// base64 takes both alphabets of RFC 4648, padded or not.
func base64(s string) bool {
	s = strings.TrimSuffix(strings.TrimSuffix(s, "="), "=")
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '+', c == '/', c == '-', c == '_':
		default:
			return false
		}
	}
	return len(s)%4 != 1
}

func wrongType(a *Attribute, path, expected string, found any) *Invalid {
	if a.Returned == Never { // a password must not come back in an error either
		return invalidValue(path, "expected %s", expected)
	}
	return invalidValue(path, "expected %s, found %s", expected, describe(found))
}

// describe names a JSON value in an error, cut to a length that fits one.
func describe(value any) string {
	const most = 40
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		if len(v) > most {
			cut := most
			for cut > 0 && !utf8.RuneStart(v[cut]) {
				cut--
			}
			return fmt.Sprintf("the string %q, cut here", v[:cut])
		}
		return fmt.Sprintf("the string %q", v)
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		if len(v) > most {
			return "a long number"
		}
		return "the number " + string(v)
	case float64, int, int64:
		return fmt.Sprintf("the number %v", v)
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	}
	return fmt.Sprintf("a %T", value)
}
