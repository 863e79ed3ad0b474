package scenario

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// references are the values that {{name}} stands for: base, token, and what was captured.
type references map[string]string

var reference = regexp.MustCompile(`\{\{([^{}]*)\}\}`)

// fill replaces every {{name}} in text by its value as encode spells it. An unknown
// name is an error: the step that captures it was answered without a body, or comes later.
func (r references) fill(text string, encode func(string) string) (string, error) {
	var unknown error
	out := reference.ReplaceAllStringFunc(text, func(ref string) string {
		name := ref[2 : len(ref)-2]
		value, ok := r[name]
		if !ok && unknown == nil {
			unknown = fmt.Errorf("%s stands for nothing: no step before captured it", ref)
		}
		return encode(value)
	})
	return out, unknown
}

// How a value is spelled where it is put: a captured value is data, whatever it holds.
func inHeader(value string) string { return value }
func inPath(value string) string   { return url.PathEscape(value) }
func inQuery(value string) string  { return url.QueryEscape(value) }
func inString(value string) string {
	quoted, _ := jsontext.AppendQuote(nil, value) // the error is of text that is not UTF-8, which no JSON could bring
	return string(quoted[1 : len(quoted)-1])
}

// value decodes JSON that may hold references, all of them inside strings.
func (r references) value(text jsontext.Value) (any, error) {
	filled, err := r.fill(string(text), inString)
	if err != nil {
		return nil, err
	}
	return decode([]byte(filled))
}

// number is a JSON number as it was spelled.
type number string

// MarshalJSONTo writes it as it was.
func (n number) MarshalJSONTo(e *jsontext.Encoder) error { return e.WriteValue(jsontext.Value(n)) }

// decode reads JSON, numbers as they stand. Two members of one name are an error: what
// a client would take of them cannot be said (RFC 8259 section 4).
func decode(text []byte) (any, error) {
	numbers := json.UnmarshalFromFunc(func(d *jsontext.Decoder, v *any) error {
		if d.PeekKind() != '0' {
			return errors.ErrUnsupported // as any other value
		}
		raw, err := d.ReadValue()
		*v = number(raw)
		return err
	})
	var v any
	err := json.Unmarshal(text, &v, json.WithUnmarshalers(numbers))
	return v, err
}
