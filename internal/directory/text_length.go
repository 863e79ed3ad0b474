package directory

import (
	"cmp"
	"fmt"
	"unicode/utf8"

	"github.com/scimbridge/scimbridge/internal/store"
)

// longestText is how many bytes a text may have that resources are looked up by, as written and folded: every engine
// keeps it in an index, and PostgreSQL's take some 2,600. An address has 254 (RFC 5321), and no identity provider is
// known to write more than some hundred.
const longestText = 1000

// checkText refuses a text that is too long to be looked up by. One that is stored already is none of this
// request's business.
func checkText(attribute, before, text, key string) error {
	if text == before || max(len(text), len(key)) <= longestText {
		return nil
	}
	return &Error{Kind: Invalid, Attribute: attribute, Detail: fmt.Sprintf("the text has %d bytes; at most %d are kept", max(len(text), len(key)), longestText)}
}

func checkGroupTexts(before, g *store.Group) error {
	return cmp.Or(checkText("displayName", before.DisplayName, g.DisplayName, g.DisplayNameKey),
		checkText("externalId", before.ExternalID, g.ExternalID, g.ExternalID))
}

// cutText shortens a text that is not the identity provider's, such that it may be looked up by.
func cutText(s string) string {
	if max(len(s), len(FoldName(s))) <= longestText {
		return s
	}
	s = s[:min(len(s), longestText/3)] // folding makes three bytes of one at most
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}
