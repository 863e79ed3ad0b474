// Package schema holds the SCIM schemas the bridge serves: User, Group, the
// enterprise extension and the WisdomAI extension of a tenant. It says what an
// attribute is, finds one by path, and checks a document against its resource type.
//
// The definitions are elimity's (github.com/elimity-com/scim/schema), corrected
// where its tests or the RFC's errata ask for it. This package knows nothing of
// HTTP, of PATCH or of filters.
package schema

const (
	UserURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	GroupURN      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	EnterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	WisdomURN     = "urn:ietf:params:scim:schemas:extension:wisdomai:2.0:User"
)

// Type is an attribute's data type (RFC 7643 section 2.3).
type Type string

const (
	String    Type = "string"
	Boolean   Type = "boolean"
	Decimal   Type = "decimal"
	Integer   Type = "integer"
	DateTime  Type = "dateTime"
	Binary    Type = "binary"
	Reference Type = "reference"
	Complex   Type = "complex"
)

// The words of RFC 7643 section 7 for Mutability, Returned and Uniqueness.
const (
	ReadOnly  = "readOnly"
	ReadWrite = "readWrite"
	Immutable = "immutable"
	WriteOnly = "writeOnly"

	Always  = "always"
	Default = "default"
	Request = "request"
	Never   = "never"

	UniqueNone   = "none"
	UniqueServer = "server"
)

// Attribute is one attribute definition (RFC 7643 section 7). The words of
// Mutability, Returned and Uniqueness are the RFC's.
//
// The attributes reachable from a [ResourceType] are shared and must not be changed.
type Attribute struct {
	Name            string       `json:"name"`
	Type            Type         `json:"type"`
	MultiValued     bool         `json:"multiValued"`
	Description     string       `json:"description"`
	Required        bool         `json:"required"`
	CanonicalValues []string     `json:"canonicalValues,omitempty"`
	CaseExact       bool         `json:"caseExact"`
	Mutability      string       `json:"mutability"`
	Returned        string       `json:"returned"`
	Uniqueness      string       `json:"uniqueness"`
	ReferenceTypes  []string     `json:"referenceTypes,omitempty"`
	SubAttributes   []*Attribute `json:"subAttributes,omitempty"`

	// naming is whether each value of the list names somebody by its sub-attribute
	// `value`. Elsewhere a value without content is no value (C-22); a list of members who
	// were not named must not become an empty list, which empties a group.
	naming bool
}

// Sub finds a sub-attribute by name, without case; nil if there is none.
func (a *Attribute) Sub(name string) *Attribute {
	if i := find(a.SubAttributes, name); i >= 0 {
		return a.SubAttributes[i]
	}
	return nil
}

// Schema is one schema definition.
type Schema struct {
	ID, Name, Description string
	Attributes            []*Attribute
}

// Attribute finds a top-level attribute by name, without case; nil if there is none.
func (s *Schema) Attribute(name string) *Attribute {
	if i := find(s.Attributes, name); i >= 0 {
		return s.Attributes[i]
	}
	return nil
}

// ResourceType is a type of resource with the schemas its documents may carry.
// Safe for concurrent use.
type ResourceType struct {
	ID, Name, Endpoint, Description string
	Schema                          *Schema
	Extensions                      []*Schema
	// Common are id, externalId, schemas and meta with its sub-attributes (RFC 7643 section 3.1).
	Common []*Attribute
}

// Extension finds an extension by its URN, without case; nil if there is none.
func (rt *ResourceType) Extension(urn string) *Schema {
	if i := rt.extensionIndex(urn); i >= 0 {
		return rt.Extensions[i]
	}
	return nil
}

// find is the place of a name in attrs, without case, or -1. A scan that looks at
// the length first beats a map of lower-case names here: nothing is lowered or
// allocated, and few names of one schema are equally long.
func find(attrs []*Attribute, name string) int {
	for i, a := range attrs {
		if equalFold(a.Name, name) {
			return i
		}
	}
	return -1
}

// equalFold compares ASCII names and URNs without case. Unlike strings.EqualFold it
// takes no letter outside ASCII for one inside (the Kelvin sign for k).
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	if a == b {
		return true
	}
	for i := 0; i < len(a); i++ {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
