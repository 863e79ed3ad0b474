package scim

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// bulkPrefix begins a reference to what a POST of the same bulk makes (RFC 7644 section
// 3.7.2). It may stand for an id in the path of an operation and as a value anywhere in
// its data, at the end of a $ref, and in the filter of a PATCH path.
const bulkPrefix = "bulkId:"

// quotedReference is a reference as the literal of a filter.
var quotedReference = regexp.MustCompile(`"bulkId:(?:[^"\\]|\\.)+"`)

// ids stand for references.
type ids struct {
	of func(bulkID string) (id string, known bool)
	// open is whether a reference was not known, and what holds it left out.
	open bool
}

func (r *ids) lookup(bulkID string) (string, bool) {
	id, known := r.of(bulkID)
	r.open = r.open || !known
	return id, known
}

// id is a path's id, in which a reference is resolved.
func (r *ids) id(id string) string {
	if name, is := reference(id); is {
		if id, known := r.lookup(name); known {
			return id
		}
	}
	return id
}

func reference(text string) (bulkID string, is bool) {
	bulkID, is = strings.CutPrefix(text, bulkPrefix)
	return bulkID, is && bulkID != ""
}

// value is a copy of a value with its references resolved; key is what it stands under.
// Where a reference is not known keep is false: a list does without the element, and an
// object whose `value` or `$ref` it is, a member or a manager, goes as a whole.
func (r *ids) value(key string, v any) (copied any, keep bool) {
	switch v := v.(type) {
	case string:
		return r.text(key, v)
	case []any:
		list := make([]any, 0, len(v))
		for _, element := range v {
			if element, keep := r.value(key, element); keep {
				list = append(list, element)
			}
		}
		return list, true
	case map[string]any:
		object := make(map[string]any, len(v))
		for key, value := range v {
			value, keep := r.value(key, value)
			if keep {
				object[key] = value
			} else if strings.EqualFold(key, "value") || strings.EqualFold(key, "$ref") {
				return nil, false
			}
		}
		return object, true
	}
	return v, true
}

func (r *ids) text(key, text string) (string, bool) {
	if name, is := reference(text); is {
		return r.lookup(name)
	}
	switch {
	case strings.EqualFold(key, "$ref"):
		last := strings.LastIndexByte(text, '/') + 1
		if name, is := reference(text[last:]); is {
			id, known := r.lookup(name)
			return text[:last] + id, known
		}
	case strings.EqualFold(key, "path"):
		known := true
		text = quotedReference.ReplaceAllStringFunc(text, func(literal string) string {
			var plain string
			if json.Unmarshal([]byte(literal), &plain) != nil {
				return literal
			}
			id, ok := r.lookup(strings.TrimPrefix(plain, bulkPrefix))
			known = known && ok
			return quoted(id)
		})
		return text, known
	}
	return text, true
}

// quoted is a string as a filter's literal.
func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string
	}
	return string(b)
}

// referencesIn are the bulkIds that an operation refers to by its path and data, sorted.
func referencesIn(id string, data any) []string {
	found := map[string]bool{}
	all := ids{of: func(name string) (string, bool) {
		found[name] = true
		return "", true
	}}
	all.id(id)
	all.value("", data)
	return slices.Sorted(maps.Keys(found))
}

// referredTo are the operations that op refers to, in the order of the request.
func (b *bulkRun) referredTo(op *operation) []*operation {
	var posts []*operation
	for _, name := range op.references {
		if post := b.posts[name]; post != nil {
			posts = append(posts, post)
		}
	}
	slices.SortFunc(posts, func(a, b *operation) int { return cmp.Compare(a.index, b.index) })
	return posts
}

// resolve finds the ids that an operation refers to. Those of operations that are running,
// which is to say waiting for this one, are not known yet. Error: 409 for a reference to
// nothing or to what has failed (B-18).
func (b *bulkRun) resolve(op *operation) (*ids, error) {
	known := map[string]string{}
	for _, name := range op.references {
		post := b.posts[name]
		switch {
		case post == nil:
			return nil, refusal(http.StatusConflict, "", "No POST of this request has the bulkId %q.", cut(name))
		case post.state == waiting || post.err != nil:
			return nil, refusal(http.StatusConflict, "", "The POST with the bulkId %q, which this operation refers to, was not done.", cut(name))
		case post.out != nil:
			known[name] = post.out.id
		}
	}
	return &ids{of: func(name string) (string, bool) {
		id, ok := known[name]
		return id, ok
	}}, nil
}
