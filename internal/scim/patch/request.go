package patch

import (
	"fmt"
	"net/http"
	"strings"

	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/scimbridge/scimbridge/internal/scim/body"
	"github.com/scimbridge/scimbridge/internal/scim/filter"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// URN is the schema of a PATCH message (RFC 7644 section 3.5.2).
const URN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

// Options are the limits and what is accepted beyond the RFC. The zero value is
// strict, but for Paths, which has a Strict of its own.
type Options struct {
	// MaxOperations is how many operations one message may have; 0: 1000 (M-65).
	MaxOperations int
	// Paths is how paths are read.
	Paths filter.Options

	// FilterCreates makes add and replace on a value filter without match create the
	// value that the filter describes, if it is made of `attr eq literal` alone
	// (M-19, M-40: Entra ID sets emails[type eq "work"].value on users without e-mail).
	FilterCreates bool
	// RemoveListed makes remove of a list with a value take only the values listed
	// (M-32: Entra ID's way to remove a member, which would empty the group if the
	// value were not looked at). Without it such an operation is refused.
	RemoveListed bool
	// EmptyOperations makes an empty list of operations a success without change
	// (M-02: Microsoft's validator).
	EmptyOperations bool
	// OnUse, if set, is told the dialect's name of a switch ("filter-creates") when
	// a request would have been refused without it. It must be safe for concurrent use.
	OnUse func(rule string)
}

func (o *Options) use(rule string) {
	if o.OnUse != nil {
		o.OnUse(rule)
	}
}

// Several is what package dialect puts in the place of one operation that stands for
// several: they share its place in the list. JSON cannot express it.
type Several []map[string]any

type kind string

const (
	add     kind = "add"
	remove  kind = "remove"
	replace kind = "replace"
)

// Request is a PATCH request whose meaning is settled. Immutable, and safe for
// concurrent use.
type Request struct {
	rt    *schema.ResourceType
	opts  Options
	steps []step
}

// Decode reads a message, as package body decodes it, for a resource of type rt. The
// message is not kept and not changed.
//
// A remove of a group's members empties the group only if it has no value at all, as the
// RFC says. With `"value": null` it is refused: a client that computed whom to take away
// and got nothing meant nobody.
func Decode(rt *schema.ResourceType, message map[string]any, opts Options) (*Request, error) {
	if opts.MaxOperations == 0 {
		opts.MaxOperations = 1000
	}
	if err := body.Schemas(message, URN); err != nil {
		return nil, err
	}
	operations, ok := message["Operations"].([]any)
	if !ok {
		return nil, refuse(scimerrors.ScimTypeInvalidSyntax, "Operations: expected a list of operations")
	}
	if len(operations) == 0 {
		if !opts.EmptyOperations {
			return nil, refuse(scimerrors.ScimTypeInvalidSyntax, "Operations: expected at least one operation")
		}
		opts.use("empty-operations")
	}
	if len(operations) > opts.MaxOperations {
		return nil, scimerrors.ScimError{
			Status: http.StatusRequestEntityTooLarge,
			Detail: fmt.Sprintf("Operations: there are %d operations; one request may have %d", len(operations), opts.MaxOperations),
		}
	}
	r := &Request{rt: rt, opts: opts, steps: make([]step, 0, len(operations))}
	for i, operation := range operations {
		switch operation := operation.(type) {
		case map[string]any:
			if err := r.decode(i, operation); err != nil {
				return nil, err
			}
		case Several:
			for _, one := range operation {
				if err := r.decode(i, one); err != nil {
					return nil, err
				}
			}
		default:
			return nil, refuse(scimerrors.ScimTypeInvalidSyntax, "Operations[%d]: expected an object with op, path and value", i)
		}
	}
	return r, nil
}

// decode adds the steps of one operation. Keys that the RFC does not know are ignored, but
// not those that it knows in another case: a remove without its path or value is another one.
func (r *Request) decode(index int, operation map[string]any) error {
	for _, known := range []string{"op", "path", "value"} {
		for key := range operation {
			if key != known && strings.EqualFold(key, known) {
				return refuse(scimerrors.ScimTypeInvalidSyntax, "Operations[%d]: expected the key %s in lower case", index, known)
			}
		}
	}
	op, _ := operation["op"].(string)
	value, given := operation["value"]
	c := compiler{r: r, place: place{index: index, kind: kind(op)}, null: given && value == nil}
	switch c.kind {
	case add, remove, replace:
	default:
		return refuse(scimerrors.ScimTypeInvalidSyntax, `Operations[%d]: op: expected "add", "remove" or "replace"`, index)
	}
	if !given && c.kind != remove {
		return c.refuse(scimerrors.ScimTypeInvalidValue, "%s needs a value", c.kind)
	}
	switch path := operation["path"].(type) {
	case nil:
		if c.kind == remove {
			return c.refuse(scimerrors.ScimTypeNoTarget, "remove needs a path")
		}
		object, ok := value.(map[string]any)
		if !ok {
			return c.refuse(scimerrors.ScimTypeInvalidValue, "expected a path, or an object of attributes as value")
		}
		return c.object("", object)
	case string:
		c.place.path = path
		if strings.TrimSpace(path) == "" {
			return c.refuse(scimerrors.ScimTypeInvalidPath, "the path is empty; leave it out to name the attributes in value")
		}
		parsed, err := filter.ParsePath(path, r.rt, r.opts.Paths)
		if err != nil {
			return c.refuse(err.ScimType, "%s", err.Detail)
		}
		return c.target(parsed, value)
	default:
		return c.refuse(scimerrors.ScimTypeInvalidPath, "path: expected a string")
	}
}
