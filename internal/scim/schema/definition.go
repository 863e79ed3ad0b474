package schema

import (
	elimity "github.com/elimity-com/scim/schema"
)

// Declared is an attribute that a tenant's configuration adds to the WisdomAI
// extension. Names must be distinct, also from `attributes` and `delivery`; the
// configuration sees to that.
type Declared struct {
	Name        string
	Type        Type
	MultiValued bool
}

// User is the User resource type with the enterprise extension and the WisdomAI
// extension: the declared attributes, the `attributes` list (complex,
// multi-valued: key, value) and the read-only `delivery` (complex: state, since,
// detail; returned on request).
func User(declared []Declared) *ResourceType {
	user := convert(elimity.CoreUserSchema())
	// The value is the id of a group, and ids are case-exact (RFC 7643 section 3.1).
	user.Attribute("groups").Sub("value").CaseExact = true
	return &ResourceType{
		ID: "User", Name: "User", Endpoint: "/Users", Description: user.Description,
		Schema:     user,
		Extensions: []*Schema{convert(elimity.ExtensionEnterpriseUser()), wisdom(declared)},
		Common:     common(),
	}
}

// Group is the Group resource type. uniqueNames says what /Schemas tells about displayName.
func Group(uniqueNames bool) *ResourceType {
	group := convert(elimity.CoreGroupSchema())
	name := group.Attribute("displayName")
	name.Required = true // erratum 5368 to RFC 7643
	name.Uniqueness = UniqueNone
	if uniqueNames {
		name.Uniqueness = UniqueServer
	}
	members := group.Attribute("members")
	members.naming = true
	members.Sub("value").CaseExact = true // an id, as in groups
	// The server's own display is what is shown (G-18), so one that is written is
	// no change of the membership and must not be refused as one (M-47).
	members.Sub("display").Mutability = ReadWrite
	return &ResourceType{
		ID: "Group", Name: "Group", Endpoint: "/Groups", Description: group.Description,
		Schema: group,
		Common: common(),
	}
}

// common are the common attributes of RFC 7643 section 3.1. `schemas` is part of
// every answer (section 3), so it is returned always, as id is.
func common() []*Attribute {
	attrs := convertAttributes(elimity.CommonAttributes())
	schemas := attrs[find(attrs, "schemas")]
	schemas.Returned = Always
	schemas.Description = "The URIs of the schemas whose attributes the resource has."
	return attrs
}

func convert(s elimity.Schema) *Schema {
	return &Schema{
		ID:          s.ID,
		Name:        s.Name.Value(),
		Description: s.Description.Value(),
		Attributes:  convertAttributes(s.Attributes),
	}
}

func convertAttributes(attrs []elimity.CoreAttribute) []*Attribute {
	out := make([]*Attribute, len(attrs))
	for i, a := range attrs {
		c := &Attribute{
			Name:            a.Name(),
			Type:            Type(a.AttributeType()),
			MultiValued:     a.MultiValued(),
			Description:     a.Description(),
			Required:        a.Required(),
			CanonicalValues: a.CanonicalValues(),
			CaseExact:       a.CaseExact(),
			Mutability:      a.Mutability(),
			Returned:        a.Returned(),
			Uniqueness:      a.Uniqueness(),
		}
		for _, r := range a.ReferenceTypes() {
			c.ReferenceTypes = append(c.ReferenceTypes, string(r))
		}
		if a.HasSubAttributes() {
			c.SubAttributes = convertAttributes(a.SubAttributes())
		}
		out[i] = c
	}
	return out
}

// wisdom is the WisdomAI extension of one tenant.
func wisdom(declared []Declared) *Schema {
	s := &Schema{
		ID:          WisdomURN,
		Name:        "WisdomAI User",
		Description: "What WisdomAI knows of a user beyond the core attributes",
	}
	for _, d := range declared {
		a := attribute(d.Name, d.Type, "An attribute of the user at WisdomAI, declared by this server's configuration.")
		a.MultiValued = d.MultiValued
		s.Attributes = append(s.Attributes, a)
	}

	key := attribute("key", String, "The name of the WisdomAI user attribute.")
	key.Required, key.CaseExact = true, true
	list := attribute("attributes", Complex, "Further WisdomAI user attributes, as pairs of key and value.")
	list.MultiValued = true
	list.SubAttributes = []*Attribute{key, attribute("value", String, "The value of the WisdomAI user attribute.")}

	delivery := attribute("delivery", Complex, "How far what was asked for has come at WisdomAI.")
	delivery.Returned = Request
	delivery.SubAttributes = []*Attribute{
		attribute("state", String, "A label of where the delivery stands, e.g., 'pending' or 'confirmed'."),
		attribute("since", DateTime, "Since when it has stood there."),
		attribute("detail", String, "The reason, if there is one to tell."),
	}
	delivery.Mutability = ReadOnly
	for _, sub := range delivery.SubAttributes {
		sub.Mutability = ReadOnly
	}

	s.Attributes = append(s.Attributes, list, delivery)
	return s
}

// attribute has the defaults of RFC 7643 section 2.2. References and binaries are
// case-exact by their nature (sections 2.3.6 and 2.3.7).
func attribute(name string, t Type, description string) *Attribute {
	return &Attribute{
		Name: name, Type: t, Description: description,
		CaseExact:  t == Reference || t == Binary,
		Mutability: ReadWrite, Returned: Default, Uniqueness: UniqueNone,
	}
}
