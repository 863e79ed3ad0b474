package filter

import (
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// plan is a filter or path without its literals, resolved against a resource type. It
// is shared between all that have its shape, and never changed.
type plan struct {
	root *node // nil for a path without brackets
	// terms are the terms by the number of their literal; nil where the literal is
	// not compared with anything (null, an attribute that the type lacks).
	terms []*node
	reads []schema.Ref
	ref   schema.Ref // of a path
}

type nodeKind uint8

const (
	allOf nodeKind = iota // of kids; true without any
	anyOf                 // of kids; false without any
	notOf                 // kids[0]
	some                  // a value of the attribute for which kids[0] holds
	aTerm                 // a comparison, or pr
)

// node is a part of an expression. It is evaluated on a container: the document or,
// in brackets, one value of the attribute before them.
type node struct {
	kind nodeKind
	kids []*node

	// Of some and aTerm: where in the container the values are.
	urn  string            // the extension's object, "" for the container itself
	attr *schema.Attribute // nil: the whole extension or, for self, nothing more
	sub  *schema.Attribute
	self bool // the container itself is the value

	// Of aTerm.
	op      operator
	target  *schema.Attribute // what is compared; nil for pr of an extension
	literal int               // number of the literal; of pr: none
	field   Field             // if an index knows the value
}

func always() *node { return &node{kind: allOf} }
func never() *node  { return &node{kind: anyOf} }
