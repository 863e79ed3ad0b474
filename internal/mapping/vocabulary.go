package mapping

import (
	"regexp"
	"slices"
	"strings"
)

const (
	coreURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	enterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	wisdomURN     = "urn:ietf:params:scim:schemas:extension:wisdomai:2.0:User"
)

// freeList is the extension's list of key/value pairs (V-41).
const freeList = "attributes"

// kind is what a simple attribute holds, or complexKind (RFC 7643 section 2.3).
// dateTime, reference and binary are text to a rule.
type kind int

const (
	textKind kind = iota
	booleanKind
	integerKind
	decimalKind
	complexKind
)

// attribute is one attribute that a path or an expression may name.
type attribute struct {
	name  string
	kind  kind
	multi bool
	subs  []*attribute
}

// vocabulary is every name that the rules of a tenant may use of a user: the list is
// in the package's documentation. A name that is not here can never have a value (the
// protocol drops unknown attributes), so a rule that uses it is refused.
type vocabulary struct {
	core, enterprise, wisdomai []*attribute
}

func newVocabulary(extension []ExtensionAttribute) *vocabulary {
	text := func(names ...string) []*attribute {
		var attrs []*attribute
		for _, name := range names {
			attrs = append(attrs, &attribute{name: name})
		}
		return attrs
	}
	complexOf := func(name string, multi bool, subs ...*attribute) *attribute {
		return &attribute{name: name, kind: complexKind, multi: multi, subs: subs}
	}
	primary := &attribute{name: "primary", kind: booleanKind}

	core := text("userName", "externalId", "displayName", "nickName", "profileUrl", "title", "userType",
		"preferredLanguage", "locale", "timezone")
	core = append(core, &attribute{name: "active", kind: booleanKind})
	core = append(core, complexOf("name", false,
		text("formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix")...))
	for _, name := range []string{"emails", "phoneNumbers", "ims", "photos", "entitlements", "roles", "x509Certificates"} {
		core = append(core, complexOf(name, true, append(text("value", "display", "type"), primary)...))
	}
	core = append(core, complexOf("addresses", true,
		append(text("formatted", "streetAddress", "locality", "region", "postalCode", "country", "type"), primary)...))

	enterprise := text("employeeNumber", "costCenter", "organization", "division", "department")
	enterprise = append(enterprise, complexOf("manager", false, text("value", "$ref", "displayName")...))

	wisdomai := []*attribute{complexOf(freeList, true, text("key", "value")...)}
	for _, declared := range extension {
		k, _ := extensionKind(declared.Type)
		wisdomai = append(wisdomai, &attribute{name: declared.Name, kind: k, multi: declared.MultiValued})
	}
	return &vocabulary{core: core, enterprise: enterprise, wisdomai: wisdomai}
}

// extensionKind is the kind of a declared attribute's type. A type that is left out
// is string (RFC 7643 section 2.2).
func extensionKind(typ string) (kind, bool) {
	switch typ {
	case "", "string", "dateTime", "reference":
		return textKind, true
	case "boolean":
		return booleanKind, true
	case "integer":
		return integerKind, true
	case "decimal":
		return decimalKind, true
	}
	return textKind, false
}

func find(attrs []*attribute, name string) *attribute {
	i := slices.IndexFunc(attrs, func(a *attribute) bool { return strings.EqualFold(a.name, name) })
	if i < 0 {
		return nil
	}
	return attrs[i]
}

// checkExtension checks the attributes that the tenant declares.
func checkExtension(extension []ExtensionAttribute, fault faults) {
	// RFC 7643 section 2.1: ATTRNAME = ALPHA *(nameChar). $ is left to RFC names.
	attributeName := regexp.MustCompile(`\A[A-Za-z][A-Za-z0-9_-]*\z`)
	names := map[string]int{freeList: -1, "delivery": -1}
	for i, declared := range extension {
		at := index("extension", i)
		folded := strings.ToLower(declared.Name)
		first, taken := names[folded]
		switch {
		case !attributeName.MatchString(declared.Name):
			fault(at+".name", "%q is no SCIM attribute name: expected a letter, then letters, digits, - and _", declared.Name)
		case taken && first < 0:
			fault(at+".name", "%q is an attribute of the extension already", declared.Name)
		case taken:
			fault(at+".name", "%q is declared twice: %s has it too", declared.Name, index("extension", first))
		}
		if !taken {
			names[folded] = i
		}
		if _, ok := extensionKind(declared.Type); !ok {
			fault(at+".type", "unknown type %q: expected string, boolean, integer, decimal, dateTime or reference", declared.Type)
		}
	}
}
