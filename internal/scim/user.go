package scim

import (
	"maps"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// createUser is POST /Users (RFC 7644 section 3.3).
func (s *Server) createUser(c *gin.Context) {
	doc, err := s.readResource(c, s.users)
	if err != nil {
		s.fail(c, err)
		return
	}
	show, err := s.projection(c, s.users)
	if err != nil {
		s.fail(c, err)
		return
	}
	if _, given := doc["active"]; !given { // C-27
		doc["active"] = true
	}
	ctx, cancel := s.budgeted(c)
	defer cancel()
	u, done, err := s.directory.CreateUser(ctx, caller(c), doc)
	if err != nil {
		s.fail(c, err)
		return
	}
	written := false
	defer func() { done(written) }() // also when rendering panics
	c.Header("Location", s.location(c.Request, s.users, u.ID))
	err = s.writeUser(c, http.StatusCreated, &u, show)
	written = err == nil && completely(c)
}

// getUser is GET /Users/{id} (RFC 7644 section 3.4.1).
func (s *Server) getUser(c *gin.Context) {
	show, err := s.projection(c, s.users)
	ctx, cancel := s.budgeted(c)
	defer cancel()
	u, notThere := s.directory.User(ctx, resourceID(c))
	if notThere != nil {
		s.fail(c, s.named(notThere, s.users, c))
		return
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	// delivery moves without the version: an answer that shows it is never "not modified".
	if unchanged(c.Request, u.Version) && !s.showsDelivery(show) {
		c.Header("ETag", etag(u.Version))
		c.Status(http.StatusNotModified)
		return
	}
	_ = s.writeUser(c, http.StatusOK, &u, show)
}

// putUser is PUT /Users/{id} (RFC 7644 section 3.5.1): what is not given is cleared
// (U-05), but for `active`, which nobody means to change by leaving it out (U-06).
func (s *Server) putUser(c *gin.Context) {
	doc, err := s.readResource(c, s.users)
	if err != nil {
		s.failUser(c, err)
		return
	}
	show, err := s.projection(c, s.users)
	if err != nil {
		s.failUser(c, err)
		return
	}
	s.updateUser(c, show, func(current directory.Document) (directory.Document, error) {
		next := maps.Clone(doc)
		keepActive(current, next)
		return next, nil
	})
}

// patchUser is PATCH /Users/{id} (RFC 7644 section 3.5.2).
func (s *Server) patchUser(c *gin.Context) {
	req, err := s.readPatch(c, s.users)
	if err != nil {
		s.failUser(c, err)
		return
	}
	show, err := s.projection(c, s.users)
	if err != nil {
		s.failUser(c, err)
		return
	}
	s.updateUser(c, show, func(current directory.Document) (directory.Document, error) {
		next, err := req.Apply(current)
		if err != nil {
			return nil, err
		}
		keepActive(current, next)
		return next, nil
	})
}

func (s *Server) updateUser(c *gin.Context, show *projection, change func(directory.Document) (directory.Document, error)) {
	ctx, cancel := s.budgeted(c)
	defer cancel()
	u, err := s.directory.UpdateUser(ctx, caller(c), resourceID(c), ifMatch(c.Request), change)
	if err != nil {
		s.fail(c, s.named(err, s.users, c))
		return
	}
	_ = s.writeUser(c, http.StatusOK, &u, show)
}

// keepActive lets an omitted `active` stay as it was: neither a suspension nor a
// reactivation happens because an attribute is missing.
func keepActive(current, next directory.Document) {
	if _, given := next["active"]; given {
		return
	}
	if active, known := current["active"]; known {
		next["active"] = active
	} else {
		next["active"] = true
	}
}

// deleteUser is DELETE /Users/{id} (RFC 7644 section 3.6).
func (s *Server) deleteUser(c *gin.Context) {
	ctx, cancel := s.budgeted(c)
	defer cancel()
	if err := s.directory.DeleteUser(ctx, caller(c), resourceID(c), ifMatch(c.Request)); err != nil {
		s.fail(c, s.named(err, s.users, c))
		return
	}
	c.Status(http.StatusNoContent)
}

// failUser answers a write that is wrong in itself, unless there is nobody to write
// to: 404 comes before that (Z-18, M-59).
func (s *Server) failUser(c *gin.Context, err error) {
	ctx, cancel := s.budgeted(c)
	defer cancel()
	if _, notThere := s.directory.User(ctx, resourceID(c)); notThere != nil {
		err = s.named(notThere, s.users, c)
	}
	s.fail(c, err)
}

func (s *Server) showsDelivery(show *projection) bool {
	ext := s.users.Extension(schema.WisdomURN)
	return show.wants(ext.ID, ext.Attribute("delivery"))
}
