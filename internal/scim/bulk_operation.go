package scim

import (
	"net/http"
	"net/url"
	"strings"

	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/scimbridge/scimbridge/internal/directory"
)

// operation is one of a bulk request.
type operation struct {
	index  int
	method string
	bulkID string
	writers
	do    writer
	id    string // of the resource in the path, "" for a POST; perhaps a reference
	query string
	data  any
	pre   directory.Precondition
	fault error // what is wrong with its form
	// references are the bulkIds that path and data refer to, sorted.
	references []string

	state state
	write *write   // once it was tried
	out   *outcome // what was made stays here, to be ended (V-05), also where err came after
	err   error
}

type state int

const (
	waiting state = iota
	running       // what it refers to is being done
	ended
)

// readOperation reads one element of Operations. Keys have no case, so that a Version
// is not taken for none.
func (s *Server) readOperation(object map[string]any) *operation {
	op := &operation{data: member(object, "data")}
	op.method, _ = member(object, "method").(string)
	op.bulkID, _ = member(object, "bulkId").(string)
	if op.fault = s.readTarget(op, object); op.fault == nil {
		op.references = referencesIn(op.id, op.data)
	}
	return op
}

// readTarget finds what an operation is to do, and to what (B-04, B-06, B-07).
func (s *Server) readTarget(op *operation, object map[string]any) error {
	switch op.method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return badRequest(scimerrors.ScimTypeInvalidSyntax, "method: expected POST, PUT, PATCH or DELETE")
	}
	path, _ := member(object, "path").(string)
	if !strings.HasPrefix(path, "/") {
		return badRequest(scimerrors.ScimTypeInvalidSyntax, "path: expected a path below the base URL, like /Users or /Users/{id}")
	}
	path, op.query, _ = strings.Cut(path, "?")
	endpoint, id, _ := strings.Cut(canonicalPath(path)[1:], "/")
	for _, w := range s.writers {
		if w.rt.Endpoint[1:] == endpoint {
			op.writers = w
		}
	}
	if op.rt == nil || strings.Contains(id, "/") || id == ".search" {
		return refusal(http.StatusNotFound, "", "path: there is nothing at %q that a bulk could change; /Users and /Groups are.", cut(path))
	}
	switch {
	case op.method == http.MethodPost && id != "":
		return badRequest(scimerrors.ScimTypeInvalidSyntax, "path: expected %s, without an id: the server gives it", op.rt.Endpoint)
	case op.method != http.MethodPost && id == "":
		return badRequest(scimerrors.ScimTypeInvalidSyntax, "path: expected %s/{id}", op.rt.Endpoint)
	case op.method == http.MethodPost && op.bulkID == "":
		return badRequest(scimerrors.ScimTypeInvalidSyntax, "bulkId: a POST needs one, as a string, by which the answer and other operations name what it makes")
	}
	op.id = id
	if plain, err := url.PathUnescape(id); err == nil {
		op.id = plain
	}
	switch version := member(object, "version").(type) { // B-22
	case nil:
	case string:
		op.pre = ifMatch([]string{version})
	default:
		return badRequest(scimerrors.ScimTypeInvalidSyntax, "version: expected a string, the resource's meta.version")
	}
	switch op.method {
	case http.MethodPost:
		op.do = op.create
	case http.MethodPut:
		op.do = op.replace
	case http.MethodPatch:
		op.do = op.patch
	case http.MethodDelete:
		op.do, op.data = op.remove, nil
	}
	if object, ok := op.data.(map[string]any); ok && op.rt == s.users && op.method != http.MethodPatch {
		for key := range object {
			if strings.EqualFold(key, "groups") { // readOnly, so no reference to wait for
				delete(object, key)
			}
		}
	}
	return nil
}
