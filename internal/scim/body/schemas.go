package body

import "strings"

// Schemas checks the `schemas` attribute of a body (RFC 7643 section 3, RFC 7644
// section 3.1): a list of URNs that holds base and, beside it, none but others (C-12,
// C-13, M-01). One that is there twice is no error (C-14). URNs and the key itself have no case.
//
// The error is a 400 invalidSyntax (scimerrors.ScimError). What IdPs get wrong here,
// package dialect has put right before.
func Schemas(doc map[string]any, base string, others ...string) error {
	v, ok := doc["schemas"]
	for key := range doc {
		if !ok && strings.EqualFold(key, "schemas") {
			v = doc[key]
		}
	}
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return refuse("schemas: expected a list with %q", base)
	}
	found := false
next:
	for _, v := range list {
		urn, ok := v.(string)
		if !ok {
			return refuse("schemas: expected a list of strings")
		}
		if strings.EqualFold(urn, base) {
			found = true
			continue
		}
		for _, other := range others {
			if strings.EqualFold(urn, other) {
				continue next
			}
		}
		return refuse("schemas: %s is not a schema that this body can have", quote(urn))
	}
	if !found {
		return refuse("schemas: expected %q among the list", base)
	}
	return nil
}
