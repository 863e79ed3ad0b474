package scim

import (
	"context"
	"maps"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// createUser is POST /Users (RFC 7644 section 3.3).
func (s *Server) createUser(ctx context.Context, w *write) (*outcome, error) {
	doc, err := s.readResource(w, s.users)
	if err != nil {
		return nil, err
	}
	show, err := s.projection(w.query, s.users)
	if err != nil {
		return nil, err
	}
	if _, given := doc["active"]; !given { // C-27
		doc["active"] = true
	}
	ctx, cancel := s.budgeted(ctx)
	defer cancel()
	u, done, err := s.directory.CreateUser(ctx, w.by, doc)
	if err != nil {
		return nil, err
	}
	out := ofUser(http.StatusCreated, s.users, &u, show)
	out.done = done
	return out, nil
}

// getUser is GET /Users/{id} (RFC 7644 section 3.4.1).
func (s *Server) getUser(c *gin.Context) {
	show, err := s.projection(c.Request.URL.RawQuery, s.users)
	ctx, cancel := s.budgeted(c.Request.Context())
	defer cancel()
	u, notThere := s.directory.User(ctx, resourceID(c))
	if notThere != nil {
		s.fail(c, named(notThere, s.users, resourceID(c)))
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
func (s *Server) putUser(ctx context.Context, w *write) (*outcome, error) {
	doc, err := s.readResource(w, s.users)
	if err != nil {
		return nil, s.unlessNoUser(ctx, w.id, err)
	}
	return s.updateUser(ctx, w, func(current directory.Document) (directory.Document, error) {
		next := maps.Clone(doc)
		keepActive(current, next)
		return next, nil
	})
}

// patchUser is PATCH /Users/{id} (RFC 7644 section 3.5.2).
func (s *Server) patchUser(ctx context.Context, w *write) (*outcome, error) {
	req, err := s.readPatch(w, s.users)
	if err != nil {
		return nil, s.unlessNoUser(ctx, w.id, err)
	}
	return s.updateUser(ctx, w, func(current directory.Document) (directory.Document, error) {
		next, err := req.Apply(current)
		if err != nil {
			return nil, err
		}
		keepActive(current, next)
		return next, nil
	})
}

func (s *Server) updateUser(ctx context.Context, w *write, change func(directory.Document) (directory.Document, error)) (*outcome, error) {
	show, err := s.projection(w.query, s.users)
	if err != nil {
		return nil, s.unlessNoUser(ctx, w.id, err)
	}
	ctx, cancel := s.budgeted(ctx)
	defer cancel()
	u, err := s.directory.UpdateUser(ctx, w.by, w.id, w.pre, change)
	if err != nil {
		return nil, named(err, s.users, w.id)
	}
	return ofUser(http.StatusOK, s.users, &u, show), nil
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
func (s *Server) deleteUser(ctx context.Context, w *write) (*outcome, error) {
	ctx, cancel := s.budgeted(ctx)
	defer cancel()
	if err := s.directory.DeleteUser(ctx, w.by, w.id, w.pre); err != nil {
		return nil, named(err, s.users, w.id)
	}
	return &outcome{status: http.StatusNoContent, rt: s.users, id: w.id}, nil
}

// unlessNoUser is the error of a write that is wrong in itself, unless there is nobody
// to write to: 404 comes before that (Z-18, M-59).
func (s *Server) unlessNoUser(ctx context.Context, id string, err error) error {
	ctx, cancel := s.budgeted(ctx)
	defer cancel()
	if _, notThere := s.directory.User(ctx, id); notThere != nil {
		return named(notThere, s.users, id)
	}
	return err
}

func (s *Server) showsDelivery(show *projection) bool {
	ext := s.users.Extension(schema.WisdomURN)
	return show.wants(ext.ID, ext.Attribute("delivery"))
}
