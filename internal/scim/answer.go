package scim

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
	"github.com/scimbridge/scimbridge/internal/directory"
)

// renderer makes the renderer of an answer to c, which shows what show says.
func (s *Server) renderer(c *gin.Context, show *projection) *renderer {
	return &renderer{base: s.base(c.Request), users: s.users, groups: s.groups, show: show}
}

// write writes an answer whose body render renders. A HEAD gets what a GET would,
// without the body (H-10). The error is the connection's; there is no one to tell it to.
func (s *Server) write(c *gin.Context, status int, r *renderer, render func()) error {
	e, _ := s.encoders.Get().(*encoder)
	defer s.encoders.Put(e)
	*e = encoder{buf: e.buf[:0], spare: e.spare[:0]}
	r.encoder = e

	c.Header("Content-Type", mediaType)
	c.Status(status)
	head, length, spilled := c.Request.Method == http.MethodHead, 0, false
	e.sink = func(part []byte) error {
		spilled = true
		length += len(part)
		if head {
			return nil
		}
		_, err := c.Writer.Write(part)
		return err
	}
	render()
	length += len(e.buf)
	if head || !spilled {
		c.Header("Content-Length", strconv.Itoa(length))
	}
	if head {
		c.Writer.WriteHeaderNow()
		return nil
	}
	if e.err == nil {
		_, e.err = c.Writer.Write(e.buf)
	}
	return e.err
}

// writeUser answers with a user, his version in the ETag.
func (s *Server) writeUser(c *gin.Context, status int, u *directory.User, show *projection) error {
	c.Header("ETag", etag(u.Version))
	r := s.renderer(c, show)
	return s.write(c, status, r, func() { r.user(u) })
}

func (s *Server) writeGroup(c *gin.Context, status int, g *directory.Group, show *projection) error {
	c.Header("ETag", etag(g.Version))
	r := s.renderer(c, show)
	return s.write(c, status, r, func() { r.group(g) })
}

// completely reports whether an answer that was written without error leaves for a
// client that is still there (V-05): flushed while the request's context lives. The
// context is asked before, because a client that hangs up as soon as it has the whole
// answer ends it too.
func completely(c *gin.Context) bool {
	if c.Request.Context().Err() != nil {
		return false
	}
	err := http.NewResponseController(plain(c)).Flush() // gin's own Flush keeps the error to itself
	return err == nil || errors.Is(err, http.ErrNotSupported)
}

// plain is the writer that gin's stands before.
func plain(c *gin.Context) http.ResponseWriter {
	if w, ok := c.Writer.(interface{ Unwrap() http.ResponseWriter }); ok {
		return w.Unwrap()
	}
	return c.Writer
}
