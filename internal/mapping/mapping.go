// Package mapping decides, for one SCIM user and the groups he is in, what he
// should be at WisdomAI: his e-mail address, his attributes and his roles, each
// with the rule that put it there.
//
// It is pure: no I/O, no clock, no knowledge of what WisdomAI holds today. The
// same user, groups and rules always give the same [Result]. Comparing a Result
// with what is there, and keeping what was given by hand, is the business of
// package directory.
//
// # What rules may name
//
// Core and common attributes of a user (RFC 7643 sections 3.1 and 4.1); paths name
// them as they stand, expressions as user.NAME:
//
//	text      userName externalId displayName nickName profileUrl title userType
//	          preferredLanguage locale timezone
//	boolean   active
//	complex   name {formatted familyName givenName middleName honorificPrefix honorificSuffix}
//	lists     emails phoneNumbers ims photos entitlements roles x509Certificates
//	          {value display type primary}
//	          addresses {formatted streetAddress locality region postalCode country type primary}
//
// Enterprise extension (RFC 7643 section 4.3); paths name them with the URN,
// expressions as user.NAME too:
//
//	text      employeeNumber costCenter organization division department
//	complex   manager {value $ref displayName}
//
// WisdomAI extension; paths name them with the URN, expressions as wisdomai.NAME:
// what the tenant declares, and
//
//	list      attributes {key value}
//
// Not to be named: id, meta and schemas, which say how the bridge keeps a user and
// not what he is; password, which is never stored; groups by a path, because they
// are the business of the group rules and of the variable groups.
//
// # Expressions
//
// An expression (CEL) sees user, wisdomai and groups: a list of {id, displayName,
// externalId}, "" where a group has none. It may call CEL's own functions and the string
// functions of cel-go (lowerAscii, split, replace, join, ...), and use optional values:
// user.?title.orValue("none"). It gives a string, a boolean, a number or a list of
// them; an empty string is no value. It cannot know the time or the world outside.
//
// An attribute that the user does not have is an error when it is read, never an empty
// value (V-42); has(user.title) asks first. Only a list that is not there is empty,
// primary is false, and a complex attribute that is not there has no sub-attributes.
package mapping

// Spec is the rules of one tenant as they were written, before they are checked.
// Package config fills it from the file; [Compile] checks it and makes [Rules]. Its JSON is
// kept by stores (V-35): a name in it must never change.
type Spec struct {
	// Email is tried in order; the first source that yields a deliverable address wins.
	// Empty means userName, then the primary e-mail, then any.
	Email []Source `json:"email,omitempty"`
	// EmailDomains bounds the addresses: "*" is any domain, "x.com" that domain
	// alone, "!x.com" leaves one out. Empty means ["*"].
	EmailDomains []string `json:"email_domains,omitempty"`
	// PlusSuffix, when not empty, makes alice@example.com alice+SUFFIX@example.com
	// at WisdomAI, and is removed again by [Rules.ShowAddress].
	PlusSuffix string `json:"plus_suffix,omitempty"`
	// WorkspaceURI is the name that naming-convention groups may carry ("wisdom.URI.role").
	WorkspaceURI string `json:"workspace_uri,omitempty"`

	Attributes    []AttributeRule `json:"attributes,omitempty"`
	AttributeKeys KeyBounds       `json:"attribute_keys,omitzero"`
	// Extension declares the attributes of the WisdomAI extension schema; each
	// declared attribute is delivered under Key (or its Name) unless an
	// AttributeRule has the same WisdomAI key or, where no Key is given, reads the
	// attribute by a path and so says under which key it goes.
	Extension []ExtensionAttribute `json:"extension,omitempty"`
	Roles     RolesSpec            `json:"roles,omitzero"`
}

// Source is where a value comes from: exactly one of Path and CEL.
type Source struct {
	// Path is a SCIM attribute path (RFC 7644 section 3.10), with value filter
	// allowed: emails[primary eq true].value, or an extension path with its URN.
	Path string `json:"path,omitempty"`
	// CEL is an expression over user, wisdomai and groups (design: CEL sees ...).
	CEL string `json:"cel,omitempty"`
}

// AttributeRule gives one WisdomAI attribute its value. Exactly one of Paths,
// CEL and Value is set.
type AttributeRule struct {
	Key      string   `json:"key"`             // WisdomAI attribute key
	Paths    []string `json:"paths,omitempty"` // SCIM paths; the first that has a value
	CEL      string   `json:"cel,omitempty"`
	Value    *string  `json:"value,omitempty"`    // constant
	Required bool     `json:"required,omitempty"` // V-42: a write that leaves it empty is refused, and no role is given without it
	Join     string   `json:"join,omitempty"`     // separator for multi-valued values; "" means ","
	Split    string   `json:"split,omitempty"`    // one string that is a list already, with this separator (Entra sends nothing else)
	Sub      string   `json:"sub,omitempty"`      // for complex values: this sub-attribute; "" means `value`, else JSON
}

// KeyBounds bounds the extension's free key/value list (V-41).
type KeyBounds struct {
	Allow    []string `json:"allow,omitempty"` // glob patterns, "*" any; empty means all
	Deny     []string `json:"deny,omitempty"`
	TakeOver []string `json:"take_over,omitempty"` // keys that may be set although somebody else's value is there
}

// ExtensionAttribute is one declared attribute of
// urn:ietf:params:scim:schemas:extension:wisdomai:2.0:User.
type ExtensionAttribute struct {
	Name        string `json:"name"`           // SCIM attribute name (RFC 7643 section 2.1)
	Type        string `json:"type,omitempty"` // string | boolean | integer | decimal | dateTime | reference
	MultiValued bool   `json:"multi_valued,omitempty"`
	Key         string `json:"key,omitempty"` // WisdomAI key; "" means Name
}

// RolesSpec says where roles come from and what they are bounded by.
type RolesSpec struct {
	Allow      []string    `json:"allow,omitempty"`   // role names that may ever be given; ["*"] or empty: all
	Privileged []string    `json:"privileged"`        // V-40; nil: ADMIN, SITE_ADMIN, DATA_ADMIN, CONNECTION_ADMIN; empty and not nil: none
	Default    []string    `json:"default,omitempty"` // for everybody active
	Groups     []GroupRule `json:"groups,omitempty"`
	// NamingConvention reads WisdomAI's own group names: wisdom.[URI.]role[.TYPE.scope].
	NamingConvention bool `json:"naming_convention,omitempty"`
	// SCIMRoles maps values of the SCIM `roles` attribute to role names.
	SCIMRoles map[string]string `json:"scim_roles,omitempty"`
}

// GroupRule gives a role to the members of a group. Exactly one of Group,
// ExternalID and Match is set; Role and Scopes may use ${captures} of Match only.
type GroupRule struct {
	Group      string   `json:"group,omitempty"`       // displayName, compared without case
	ExternalID string   `json:"external_id,omitempty"` // compared exactly
	Match      string   `json:"match,omitempty"`       // regular expression (RE2), anchored at both ends, matched against displayName
	Role       string   `json:"role"`
	Scopes     []string `json:"scopes,omitempty"` // empty: everywhere
}

// RuleError is one fault in a Spec.
type RuleError struct {
	// Path is where, in the spelling of the configuration file below the tenant:
	// "attributes.manager.cel", "roles.groups[2].match", "email[0]".
	Path    string
	Message string // what is wrong and what was expected
}

func (e RuleError) Error() string { return e.Path + ": " + e.Message }

// Group is a group as rules see it.
type Group struct {
	ID, DisplayName, ExternalID string
}

// Grant is one unit of access: a role at one scope, or everywhere. The two are
// different units (V-39): losing the last scope never widens a role.
type Grant struct {
	Role  string // canonical role name, upper case: "EXPLORER"
	Scope string // "" is everywhere
}

// Reason says which rule put something into a Result, or why a rule that
// matched gave nothing.
type Reason struct {
	What string // "role EXPLORER at ET_DOMAIN_foo", "attribute region", "email"
	Rule string // path of the rule in the file: "roles.groups[2]", "extension.region"
	From string // what it was made from: "group \"Analytics Admins\"", "userName"
	// Refused is not empty when the rule matched and gave nothing: the reason why
	// (an empty capture, a privileged role by capture, a role outside roles.allow).
	Refused string
}

// ProblemKind says what a Problem means for the write that caused it.
type ProblemKind string

const (
	// NoAddress: no source yielded a deliverable address. 400 for an active user (V-03).
	NoAddress ProblemKind = "no address"
	// OutsideDomains: the address is outside email_domains (V-09).
	OutsideDomains ProblemKind = "outside email_domains"
	// MissingRequired: an attribute with required: true has no value (V-42).
	MissingRequired ProblemKind = "missing required attribute"
	// SeparatorInValue: an element of a joined list holds the separator (V-42).
	SeparatorInValue ProblemKind = "separator in value"
	// Expression: a CEL expression failed or ran over its cost limit (V-42).
	Expression ProblemKind = "expression failed"
	// KeyNotAllowed: the extension's key/value list names a reserved (scim_*),
	// denied or malformed key (V-41).
	KeyNotAllowed ProblemKind = "attribute key not allowed"
)

// Problem is why a user, as he is, cannot be delivered whole.
type Problem struct {
	Kind      ProblemKind
	Attribute string // the SCIM attribute to mend: "urn:...:User:customerIds"; for NoAddress the paths tried
	Key       string // the WisdomAI key concerned, or ""
	Detail    string // one sentence for the administrator of the IdP: what was found and what was expected
}

// Result is what one user should be at WisdomAI while he is active.
type Result struct {
	// Email is the address to deliver to, with the plus suffix, spelled as the
	// user's; "" if there is none (see Problems). EmailKey is its folded form.
	Email, EmailKey string
	Grants          []Grant           // sorted, unique; empty when a required attribute is missing
	Attributes      map[string]string // WisdomAI key -> value; never an empty value
	// FreeKeys are the keys of Attributes that came from the extension's
	// key/value list (V-41), sorted.
	FreeKeys []string
	Reasons  []Reason
	Problems []Problem
}
