// Package filter reads SCIM filters and PATCH paths (RFC 7644 sections 3.4.2.2 and
// 3.5.2), resolves them against a resource type and evaluates them on documents.
//
//	f, err := filter.Parse(`userName eq "ann" and active eq true`, users, opts)
//	where, exact := f.Split() // what an index answers
//	f.Match(document)         // what the filter says
//
// The grammar is read by github.com/scim2/filter-parser, which takes 70 µs for one
// term, does not decode literals and cannot read more than two terms in brackets. So
// the text is cut into tokens first; the parser sees its structure, each attribute path
// and the inside of each pair of brackets by itself, and what comes of it is kept by
// shape, literals apart, in a [Cache]. Reading a shape that is known takes no parser.
//
// What a comparison means, row by row: a string is compared without case unless its
// attribute is caseExact; dates are instants; a multi-valued attribute matches if one
// of its values does, and where it is complex and no sub-attribute is named, its `value`
// is meant; an attribute without value matches `ne`, `eq null` and nothing else; an empty
// string is not present. An attribute that the type does not have is an error, not "no
// match", because an identity provider creates people on "no match".
//
// Unless Options.Strict is set, these are taken too, because clients send them:
// "True" for a boolean, an extension's attribute without its URN, a dot for the colon
// after a URN, `emails[type eq "work"].value eq "x"`, `manager eq "id"`, True and False
// as literals, and `value` in brackets after a simple multi-valued attribute.
//
// This package does not sort, page or project, and knows no store: Split gives a tree
// that the caller translates.
package filter

import (
	"fmt"
	"strings"

	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
	"golang.org/x/text/unicode/norm"
)

// Document is a resource in canonical form (see schema.ResourceType.Check) with what
// the server adds: id, schemas, groups or members, and meta, whose created and
// lastModified are a time.Time or RFC 3339 text. Lists are []any, []string or
// []map[string]any; numbers int64, int, float64 or json.Number.
type Document = map[string]any

// Options are how a text is read. The zero value is lenient, with the default limits
// and without a cache.
type Options struct {
	// Strict takes nothing but what the RFC allows.
	Strict bool
	// AbsentUnknown makes an attribute that the resource type lacks one without value
	// instead of an error: a query at the root covers types with different attributes
	// (RFC 7644 section 3.4.2.1).
	AbsentUnknown bool
	// Limits (F-58); zero means the default.
	MaxLength int // bytes of text
	MaxDepth  int // open parentheses and brackets
	MaxTerms  int // comparisons
	// Fold is what strings that are not caseExact are compared by: the directory's
	// preparation of names (RFC 7644 section 5), which its indexes use too. It must lower
	// ASCII letters, leave other ASCII characters alone, and be idempotent. Nil is
	// lower case of NFC.
	Fold func(string) string
	// Cache keeps what was read; nil for none.
	Cache *Cache
}

// The default limits. A shape that is not cached costs the parser about 0.1 ms a term, so
// the most expensive text costs 25 ms; clients that ask for many ids at once send a hundred.
const (
	DefaultMaxLength = 16 << 10
	DefaultMaxDepth  = 32
	DefaultMaxTerms  = 256
)

func (o Options) withDefaults() Options {
	if o.MaxLength == 0 {
		o.MaxLength = DefaultMaxLength
	}
	if o.MaxDepth == 0 {
		o.MaxDepth = DefaultMaxDepth
	}
	if o.MaxTerms == 0 {
		o.MaxTerms = DefaultMaxTerms
	}
	if o.Fold == nil {
		o.Fold = func(s string) string { return strings.ToLower(norm.NFC.String(s)) }
	}
	return o
}

// Error is why a text is not a filter, or not a path.
type Error struct {
	// Position is the byte of the text at which the fault is, from 0; at most its length.
	Position int
	// Detail is one sentence: what was found, what was expected.
	Detail string
	// ScimType is invalidFilter, or for ParsePath also invalidPath (RFC 7644 table 9).
	ScimType scimerrors.ScimType
}

func (e *Error) Error() string { return fmt.Sprintf("at position %d: %s", e.Position, e.Detail) }

func invalidFilter(position int, format string, args ...any) *Error {
	return &Error{Position: position, Detail: fmt.Sprintf(format, args...), ScimType: scimerrors.ScimTypeInvalidFilter}
}

func invalidPath(position int, format string, args ...any) *Error {
	return &Error{Position: position, Detail: fmt.Sprintf(format, args...), ScimType: scimerrors.ScimTypeInvalidPath}
}

// Filter is a filter that was read. Safe for concurrent use.
type Filter struct {
	plan     *plan
	literals []literal
	fold     func(string) string
}

// Parse reads a filter for resources of type rt. The text is percent-decoded already.
func Parse(text string, rt *schema.ResourceType, opts Options) (*Filter, *Error) {
	opts = opts.withDefaults()
	if len(text) > opts.MaxLength {
		return nil, invalidFilter(opts.MaxLength, "the filter has %d bytes; at most %d are allowed", len(text), opts.MaxLength)
	}
	s := opts.Cache.scanner()
	defer opts.Cache.release(s)
	s.reset(text, opts)
	if err := s.scan(); err != nil {
		return nil, err
	}
	p := opts.Cache.get(rt, opts, filterShape, s.shape)
	if p == nil {
		var err *Error
		if p, err = newCompiler(text, rt, opts, s.tokens).filter(); err != nil {
			return nil, err
		}
		opts.Cache.put(rt, opts, filterShape, s.shape, p)
	}
	literals, err := bind(text, s.tokens, p, opts.Fold)
	if err != nil {
		return nil, err
	}
	return &Filter{plan: p, literals: literals, fold: opts.Fold}, nil
}

// Match reports whether the filter holds for a resource. It does not change doc.
func (f *Filter) Match(doc Document) bool { return f.match(f.plan.root, doc) }

// Reads reports whether the filter looks at an attribute of the core schema (urn "") or
// of an extension, both in schema spelling. A caller need not load what is not read.
func (f *Filter) Reads(urn, attribute string) bool {
	for _, ref := range f.plan.reads {
		if ref.URN == urn && (ref.Attribute == nil || ref.Attribute.Name == attribute) {
			return true
		}
	}
	return false
}
