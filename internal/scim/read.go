package scim

import (
	"github.com/gin-gonic/gin"
	"github.com/scimbridge/scimbridge/internal/scim/body"
	"github.com/scimbridge/scimbridge/internal/scim/patch"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// readMessage reads a request's JSON object.
func (s *Server) readMessage(c *gin.Context) (map[string]any, error) {
	return s.readNested(c, 0)
}

// readNested is readMessage for a message that has others inside, so many levels down.
func (s *Server) readNested(c *gin.Context, levels int) (map[string]any, error) {
	data, err := s.readBody(c)
	if err != nil {
		return nil, err
	}
	return body.Decode(data, body.Limits{Depth: s.limits.Depth + levels})
}

// readResource reads a resource of type rt in canonical form (see schema.ResourceType.Check).
func (s *Server) readResource(w *write, rt *schema.ResourceType) (map[string]any, error) {
	doc, err := w.message()
	if err != nil {
		return nil, err
	}
	s.dialect.Resource(rt, doc)
	if rt == s.users {
		noteDeactivation(w, doc)
	}
	extensions := make([]string, len(rt.Extensions))
	for i, ext := range rt.Extensions {
		extensions[i] = ext.ID
	}
	if err := body.Schemas(doc, rt.Schema.ID, extensions...); err != nil {
		return nil, err
	}
	checked, invalid := rt.Check(doc)
	if invalid != nil {
		return nil, invalid
	}
	return checked, nil
}

// readPatch reads a PATCH message for a resource of type rt.
func (s *Server) readPatch(w *write, rt *schema.ResourceType) (*patch.Request, error) {
	message, err := w.message()
	if err != nil {
		return nil, err
	}
	s.dialect.Patch(rt, message)
	if rt == s.users {
		notePatchDeactivation(w, message)
	}
	options := s.dialect.Options()
	options.MaxOperations, options.Paths = s.limits.Operations, s.filters
	return patch.Decode(rt, message, options)
}
