package patch

import (
	"fmt"
	"net/http"
	"strings"

	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

func refuse(t scimerrors.ScimType, format string, args ...any) error {
	return scimerrors.ScimError{Status: http.StatusBadRequest, ScimType: t, Detail: fmt.Sprintf(format, args...)}
}

// place is where in a message an operation stands, for errors: `Operations[2] (replace emails)`.
type place struct {
	index int
	kind  kind
	path  string // as it was sent, or the attribute's in a value without path
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
	return refuse(t, "%s: %s", p, fmt.Sprintf(format, args...))
}

func (p place) invalid(inv *schema.Invalid) error {
	return p.refuse(scimerrors.ScimType(inv.ScimType), "%s", inv.Error())
}
