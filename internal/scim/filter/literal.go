package filter

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// literal is a value that attributes are compared with.
type literal struct {
	raw string // a string as the client means it, escapes decoded
	key string // raw as it is compared: folded, unless the attribute is caseExact
	// value is a bool, int64, float64 or time.Time where the attribute is one.
	value any
}

// bind reads the literals of a text for the terms they belong to.
func bind(text string, tokens []token, p *plan, fold func(string) string) ([]literal, *Error) {
	if len(p.terms) == 0 {
		return nil, nil
	}
	literals := make([]literal, len(p.terms))
	i := 0
	for _, t := range tokens {
		if t.kind != literalToken {
			continue
		}
		l, word := &literals[i], text[t.start:t.end]
		term := p.terms[i]
		i++
		switch t.literal {
		case stringLiteral:
			raw, err := unquote(word, t)
			if err != nil {
				return nil, err
			}
			l.raw = raw
			if term != nil {
				if err := l.bindString(term, t, fold); err != nil {
					return nil, err
				}
			}
		case numberLiteral:
			l.value = number(word)
		case booleanLiteral:
			l.value = len(word) == len("true")
		}
	}
	return literals, nil
}

func (l *literal) bindString(term *node, t token, fold func(string) string) *Error {
	switch term.target.Type {
	case schema.Boolean:
		isTrue := strings.EqualFold(l.raw, "true")
		if !isTrue && !strings.EqualFold(l.raw, "false") {
			return invalidFilter(t.start, "%s is compared with true or false, found %s", term.target.Name, quote(l.raw))
		}
		l.value = isTrue
	case schema.DateTime:
		at, ok := schema.ParseDateTime(l.raw)
		if !ok {
			return invalidFilter(t.start, "%s is compared with a date and time like \"2026-01-31T08:30:00Z\", found %s", term.target.Name, quote(l.raw))
		}
		l.value = at
	default:
		l.key = l.raw
		if !term.target.CaseExact {
			l.key = fold(l.raw)
		}
	}
	return nil
}

// unquote decodes a JSON string (RFC 8259 section 7), quotes included. A surrogate
// without its other half is an error (F-49), which encoding/json would let pass.
func unquote(word string, t token) (string, *Error) {
	if !t.escaped {
		return word[1 : len(word)-1], nil
	}
	out, err := jsontext.AppendUnquote(nil, word)
	if err != nil {
		return "", invalidFilter(t.start, "%s has an escape that JSON does not know", quote(word))
	}
	return string(out), nil
}

// number is an int64 where that is exact, else the nearest float64; too large ones are infinite.
func number(word string) any {
	if i, err := strconv.ParseInt(word, 10, 64); err == nil {
		return i
	}
	f, _ := strconv.ParseFloat(word, 64) // out of range gives the infinity or zero that is meant
	return f
}
