package scim

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// write is a request that changes one resource: a request by itself, or an operation
// of a bulk, which is judged by the same functions (B-25).
type write struct {
	request string // the id of the HTTP request, for the log
	method  string
	by      directory.Caller
	id      string // of the resource, "" for a POST
	pre     directory.Precondition
	query   string // of the URL, as it came
	// message reads the body. It is called when its turn has come (Z-18), once.
	message func() (map[string]any, error)

	// deactivates is whether the body asks for a user's `active: false`. If such a
	// write is refused, somebody who should have no access keeps it, and the IdP may
	// never ask again: that is counted and alerted, whatever the cause (V-02).
	deactivates bool
}

// outcome is what a write that was carried out answers.
type outcome struct {
	status  int
	rt      *schema.ResourceType
	id      string
	version int64 // 0: the resource is gone
	// user or group is what a body shows, as far as show says; without either there is none.
	user  *directory.User
	group *directory.Group
	show  *projection
	// done, if set, is to be told whether the answer was completely written (V-05).
	done func(written bool)
}

func ofUser(status int, rt *schema.ResourceType, u *directory.User, show *projection) *outcome {
	return &outcome{status: status, rt: rt, id: u.ID, version: u.Version, user: u, show: show}
}

func ofGroup(status int, rt *schema.ResourceType, g *directory.Group, show *projection) *outcome {
	return &outcome{status: status, rt: rt, id: g.ID, version: g.Version, group: g, show: show}
}

// writer carries out one kind of write.
type writer func(ctx context.Context, w *write) (*outcome, error)

// writers are the writes that a type of resource knows.
type writers struct {
	rt                             *schema.ResourceType
	create, replace, patch, remove writer
}

// alone is the handler of a write that is a request by itself.
func (s *Server) alone(do writer) gin.HandlerFunc {
	return func(c *gin.Context) {
		w := &write{
			request: c.GetString(requestKey), method: c.Request.Method, by: caller(c),
			id: resourceID(c), pre: ifMatch(c.Request.Header.Values("If-Match")), query: c.Request.URL.RawQuery,
			message: func() (map[string]any, error) { return s.readMessage(c) },
		}
		out, err := do(c.Request.Context(), w)
		if err != nil {
			s.reportRefusedDeactivation(c.Request.Context(), w, err)
			s.fail(c, err)
			return
		}
		if out.done == nil {
			_ = s.writeOutcome(c, out)
			return
		}
		written := false
		defer func() { out.done(written) }() // also when rendering panics
		written = s.writeOutcome(c, out) == nil && completely(c)
	}
}

// writeOutcome answers a request with what a write came to.
func (s *Server) writeOutcome(c *gin.Context, out *outcome) error {
	if out.status == http.StatusCreated {
		c.Header("Location", s.location(c.Request, out.rt, out.id))
	}
	switch {
	case out.user != nil:
		return s.writeUser(c, out.status, out.user, out.show)
	case out.group != nil:
		return s.writeGroup(c, out.status, out.group, out.show)
	case out.version != 0:
		c.Header("ETag", etag(out.version))
	}
	c.Status(out.status)
	return nil
}

// logFault logs what is a fault of ours, or of the store's, with the request's id.
func (s *Server) logFault(ctx context.Context, request, method, route string, status int, err error) {
	if status == http.StatusInternalServerError || errors.Is(err, directory.ErrStoreUnavailable) {
		s.log.LogAttrs(ctx, slog.LevelError, "request failed", slog.String("request", request),
			slog.String("method", method), slog.String("route", route), slog.Any("error", err))
	}
}
