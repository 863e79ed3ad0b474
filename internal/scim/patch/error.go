package patch

import (
	"fmt"
	"net/http"
	"strings"

	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

func refusal(t scimerrors.ScimType, format string, args ...any) scimerrors.ScimError {
	return scimerrors.ScimError{Status: http.StatusBadRequest, ScimType: t, Detail: fmt.Sprintf(format, args...)}
}

// refuse is for what is wrong with the message and no operation of it.
func refuse(t scimerrors.ScimType, format string, args ...any) error {
	return refusal(t, format, args...)
}

// Error is why an operation, or the resource that results, is refused.
type Error struct {
	scimerrors.ScimError
	// Attribute is what it is about, in schema spelling; "" where no attribute was found.
	Attribute string
}

func (e *Error) Unwrap() error { return e.ScimError }

// place is where in a message an operation stands, for errors: `Operations[2] (replace emails)`.
type place struct {
	index int
	kind  kind
	path  string // as it was sent, or the attribute's in a value without path
	// attribute is what path names, in schema spelling.
	attribute string
}

func (p place) String() string {
	const most = 100
	path := p.path
	if len(path) > most {
		path = strings.ToValidUTF8(path[:most], "") + "..."
	}
	if path != "" {
		path = " " + path
	}
	return fmt.Sprintf("Operations[%d] (%s%s)", p.index, p.kind, path)
}

func (p place) refuse(t scimerrors.ScimType, format string, args ...any) error {
	return &Error{ScimError: refusal(t, "%s: %s", p, fmt.Sprintf(format, args...)), Attribute: p.attribute}
}

func (p place) invalid(inv *schema.Invalid) error {
	p.attribute = inv.Attribute
	return p.refuse(scimerrors.ScimType(inv.ScimType), "%s", inv.Error())
}
