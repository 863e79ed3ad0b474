// Package body reads the JSON of a request exactly: what is ambiguous in JSON is
// refused here, so that no later layer has to choose between two readings of it.
//
// It knows JSON and the `schemas` attribute that every SCIM body has, and nothing of
// attributes, types or identity providers: package schema validates what comes out,
// after package dialect has brought it into the RFC's form.
package body

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/go-json-experiment/json/jsontext"
)

// Limits bound what a body of allowed size may unfold to. Zero fields are the defaults.
type Limits struct {
	// Depth is how deeply objects and lists may be nested; 0: 32. SCIM needs 6
	// (a member in a PATCH value in a bulk operation); recursion is bounded by it.
	Depth int
	// Values is how many values there may be in all, objects and lists counted; 0:
	// 1,000,000, which a group of 100,000 members needs half of. An empty object
	// takes three bytes on the wire and some fifty in memory.
	Values int
}

// Decode reads one JSON object: strings and keys as string, numbers as json.Number
// with their text unchanged, lists as []any, objects as map[string]any.
//
// Everything else is a 400 invalidSyntax (scimerrors.ScimError): text that is not
// JSON, not UTF-8 or begins with a byte order mark (C-30), another value than an
// object (C-28), anything behind it, a key that is there twice in one object, also
// in another case (C-29; attribute names have no case, RFC 7643 section 2.1), and
// what is beyond the limits (H-13). The escape of half a character is not UTF-8 either.
func Decode(data []byte, limits Limits) (map[string]any, error) {
	if limits.Depth == 0 {
		limits.Depth = 32
	}
	if limits.Values == 0 {
		limits.Values = 1_000_000
	}
	d := decoder{
		// Duplicate names are found here, without case, so jsontext need not look for them too.
		json:   jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true)),
		depth:  limits.Depth,
		values: limits.Values,
		limits: limits,
	}
	switch kind := d.json.PeekKind(); {
	case kind == '{':
	case len(bytes.TrimSpace(data)) == 0:
		return nil, refuse("the body is empty; expected a JSON object")
	case bytes.HasPrefix(data, []byte("\xEF\xBB\xBF")):
		return nil, refuse("the body begins with a byte order mark; expected a JSON object in plain UTF-8")
	case kind == jsontext.KindInvalid:
		return nil, d.syntax(nil)
	default:
		if err := d.json.SkipValue(); err != nil { // "nope" begins like null
			return nil, d.syntax(err)
		}
		return nil, refuse("the body is %s; expected a JSON object", name(kind))
	}
	v, err := d.value()
	if err != nil {
		return nil, err
	}
	if _, err := d.json.ReadToken(); err != io.EOF {
		return nil, refuse("there is something behind the JSON object, at byte %d; expected one object and nothing else", d.json.InputOffset())
	}
	return v.(map[string]any), nil
}

type decoder struct {
	json   *jsontext.Decoder
	depth  int // objects and lists that may still be opened
	values int // values that may still come
	limits Limits
}

func (d *decoder) value() (any, error) {
	if d.values--; d.values < 0 {
		return nil, refuse("the body holds more than %d values", d.limits.Values)
	}
	token, err := d.json.ReadToken()
	if err != nil {
		return nil, d.syntax(err)
	}
	switch token.Kind() {
	case '{', '[':
		if d.depth--; d.depth < 0 {
			return nil, refuse("the body is nested more than %d levels deep", d.limits.Depth)
		}
		defer func() { d.depth++ }()
		if token.Kind() == '{' {
			return d.object()
		}
		return d.list()
	case '"':
		return token.String(), nil
	case '0':
		return json.Number(token.String()), nil
	case 't':
		return true, nil
	case 'f':
		return false, nil
	default:
		return nil, nil
	}
}

func (d *decoder) object() (any, error) {
	object := make(map[string]any)
	var seen names
	for d.json.PeekKind() != '}' {
		token, err := d.json.ReadToken()
		if err != nil {
			return nil, d.syntax(err)
		}
		key := token.String()
		if other, twice := seen.add(key); twice {
			return nil, refuse("the keys %s and %s are in one object; attribute names have no case, and each may be given once", quote(other), quote(key))
		}
		if object[key], err = d.value(); err != nil {
			return nil, err
		}
	}
	if _, err := d.json.ReadToken(); err != nil {
		return nil, d.syntax(err)
	}
	return object, nil
}

func (d *decoder) list() (any, error) {
	list := []any{}
	for d.json.PeekKind() != ']' {
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	if _, err := d.json.ReadToken(); err != nil {
		return nil, d.syntax(err)
	}
	return list, nil
}

// syntax says where the JSON is broken. The text around it is not repeated: it may hold a password.
func (d *decoder) syntax(err error) error {
	if err == nil {
		_, err = d.json.ReadToken()
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return refuse("the JSON ends before it is complete")
	}
	offset, cause := d.json.InputOffset(), err
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		offset, cause = syntactic.ByteOffset, syntactic.Err
	}
	return refuse("the body is not valid JSON at byte %d: %v", offset, cause)
}

func refuse(format string, args ...any) error {
	return scimerrors.ScimError{
		Status:   http.StatusBadRequest,
		ScimType: scimerrors.ScimTypeInvalidSyntax,
		Detail:   fmt.Sprintf(format, args...),
	}
}

// name is what a JSON value is called in an error.
func name(kind jsontext.Kind) string {
	switch kind {
	case '[':
		return "a list"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 'n':
		return "null"
	default:
		return "true or false"
	}
}
