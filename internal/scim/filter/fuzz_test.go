package filter

import (
	"testing"

	scimerrors "github.com/elimity-com/scim/errors"
)

// The seed corpora are in testdata/fuzz: what clients send, and what is broken in one place.

// FuzzParse is F-64: any text is a filter or an error with a place in it.
func FuzzParse(f *testing.F) {
	f.Add(`userName eq "x"`)
	cache := NewCache(100)
	docs := people()
	f.Fuzz(func(t *testing.T, text string) {
		for _, opts := range []Options{{Cache: cache}, {Strict: true}, {AbsentUnknown: true}} {
			filter, err := Parse(text, users, opts)
			if err != nil {
				if err.Position < 0 || err.Position > len(text) || err.Detail == "" || err.ScimType != scimerrors.ScimTypeInvalidFilter {
					t.Errorf("%q: %#v", text, err)
				}
				continue
			}
			for _, doc := range append(docs, nil, Document{"emails": "x", "meta": 1, "active": "x", wis: []any{nil}}) {
				filter.Match(doc)
			}
			filter.Split()
			filter.Lookup()
			if again, err := Parse(text, users, opts); err != nil || again.Match(docs[0]) != filter.Match(docs[0]) {
				t.Errorf("%q means something else the second time", text)
			}
		}
	})
}

// FuzzParsePath: the same for paths.
func FuzzParsePath(f *testing.F) {
	f.Add(`emails[type eq "work"].value`)
	cache := NewCache(100)
	f.Fuzz(func(t *testing.T, text string) {
		for _, opts := range []Options{{Cache: cache}, {Strict: true}} {
			path, err := ParsePath(text, users, opts)
			if err != nil {
				if err.Position < 0 || err.Position > len(text) || err.Detail == "" ||
					err.ScimType != scimerrors.ScimTypeInvalidFilter && err.ScimType != scimerrors.ScimTypeInvalidPath {
					t.Errorf("%q: %#v", text, err)
				}
				continue
			}
			if path.Ref.Attribute == nil && path.Ref.URN == "" {
				t.Errorf("%q names nothing", text)
			}
			if path.Filter != nil {
				path.Filter.Match(map[string]any{"value": "x", "type": 5})
				path.Filter.Match("x")
				path.Filter.Match(nil)
				path.Filter.Eq()
			}
		}
	})
}
