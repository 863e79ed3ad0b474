package scim

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strings"

	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// sorting is what the resources of a type are sorted by (RFC 7644 section 3.4.2.3).
type sorting struct {
	directory.Sort
	ref  schema.Ref          // Attribute nil: of a list of all types, this one does not have it
	fold func(string) string // of strings that are not caseExact (S-03, S-14)
}

// columns are the attributes that the directory's store sorts by.
var columns = map[string]bool{
	"id": true, "userName": true, "displayName": true, "externalId": true, "active": true, "meta.created": true, "meta.lastModified": true,
}

// sorting reads sortBy for a type; nil if the search is not sorted.
func (s *Server) sorting(q search, rt *schema.ResourceType) (*sorting, error) {
	if q.sortBy == "" {
		return nil, nil
	}
	o := &sorting{Sort: directory.Sort{Descending: q.descending}, fold: s.filters.Fold}
	ref, known := s.sortable(q.sortBy, rt)
	if !known {
		if _, other := s.sortable(q.sortBy, s.users); q.root && other {
			return o, nil
		}
		if _, other := s.sortable(q.sortBy, s.groups); q.root && other {
			return o, nil
		}
		return nil, invalidValue("sortBy: there is no attribute %q.", cut(q.sortBy)) // S-10
	}
	o.ref = ref
	target := ref.Target()
	if target == nil {
		return nil, invalidValue("sortBy: %s is a schema; name one of its attributes.", ref)
	}
	if ref.Attribute.Returned == schema.Never || target.Returned == schema.Never { // S-15
		return nil, invalidValue("sortBy: %s cannot be sorted by.", ref)
	}
	if target.Type == schema.Complex { // S-07: a list means its `value`, and so does manager, leniently
		value := target.Sub("value")
		if value == nil || !target.MultiValued && s.strict {
			return nil, invalidValue("sortBy: %s is complex; name one of its sub-attributes.", ref)
		}
		o.ref.Sub = value
	}
	if path := ref.String(); columns[path] {
		o.By = directory.Field(path)
	}
	return o, nil
}

// sortable finds the attribute that sortBy names, in any case and with its URN or without (S-09).
func (s *Server) sortable(name string, rt *schema.ResourceType) (schema.Ref, bool) {
	if strings.ContainsAny(name, "[]") { // which resolve would leave out
		return schema.Ref{}, false
	}
	return resolve(rt, strings.TrimSpace(name), !s.strict)
}

// reads reports whether documents are sorted by an attribute.
func (o *sorting) reads(urn, name string) bool {
	return o.ref.Attribute != nil && o.ref.URN == urn && o.ref.Attribute.Name == name
}

// ofServer reports whether users are sorted by what the server adds to their documents.
func (o *sorting) ofServer() bool {
	return o.reads("", "id") || o.reads("", "schemas") || o.reads("", "meta") || o.reads("", "groups") || o.reads(schema.WisdomURN, "delivery")
}

// compare orders documents that are all at hand, as the directory orders places.
func (o *sorting) compare(a, b map[string]any) int { return o.Compare(o.place(a), o.place(b)) }

func (o *sorting) place(doc map[string]any) directory.Position {
	key, ok := o.key(doc)
	id, _ := doc["id"].(string)
	return directory.Position{None: !ok, Key: key, ID: id}
}

// key is a document's value as bytes in the order of values (S-08); false if it has none.
// Of several values the primary one counts, else the first (S-06).
func (o *sorting) key(doc map[string]any) (string, bool) {
	if o.ref.Attribute == nil {
		return "", false
	}
	if o.ref.URN != "" {
		doc, _ = doc[o.ref.URN].(map[string]any)
	}
	v := doc[o.ref.Attribute.Name]
	if o.ref.Attribute.MultiValued {
		v = leading(v)
	}
	if o.ref.Sub != nil {
		object, _ := v.(map[string]any)
		v = object[o.ref.Sub.Name]
	}
	switch target := o.ref.Target(); target.Type {
	case schema.Boolean:
		b, ok := v.(bool)
		return directory.BoolKey(b), ok
	case schema.Integer, schema.Decimal:
		return numberKey(v)
	case schema.DateTime:
		text, _ := v.(string)
		at, ok := schema.ParseDateTime(text)
		return directory.TimeKey(at), ok
	default:
		text, _ := v.(string)
		if !target.CaseExact {
			text = o.fold(text)
		}
		return text, text != ""
	}
}

// leading is the primary value of a list, else the first.
func leading(v any) any {
	list, _ := v.([]any)
	for _, value := range list {
		if object, ok := value.(map[string]any); ok && object["primary"] == true {
			return value
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// numberKey has the order of floats, and where two integers are one float, theirs.
func numberKey(v any) (string, bool) {
	var f float64
	var i int64
	switch n := v.(type) {
	case float64:
		f = n
		if math.Abs(n) < 1<<53 {
			i = int64(n)
		}
	case int64:
		f, i = float64(n), n
	case int:
		f, i = float64(n), int64(n)
	case json.Number:
		whole, err := n.Int64()
		if err == nil {
			f, i = float64(whole), whole
			break
		}
		if f, err = n.Float64(); err != nil {
			return "", false
		}
		if math.Abs(f) < 1<<53 {
			i = int64(f)
		}
	default:
		return "", false
	}
	if f == 0 {
		f = 0 // not -0
	}
	bits := math.Float64bits(f)
	if bits>>63 == 1 {
		bits = ^bits
	} else {
		bits |= 1 << 63
	}
	key := binary.BigEndian.AppendUint64(nil, bits)
	return string(binary.BigEndian.AppendUint64(key, uint64(i)^1<<63)), true
}
