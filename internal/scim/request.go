package scim

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"

	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/gin-gonic/gin"
	"github.com/scimbridge/scimbridge/internal/directory"
)

// callerKey is where authenticate leaves who asks, and requestKey the request's id.
const (
	callerKey  = "scim.caller"
	requestKey = "scim.request"
)

// observe is around everything else: it names the request, turns a panic into an
// answer, and tells the log and the metrics how it ended.
func (s *Server) observe(c *gin.Context) {
	begun := s.now()
	id := c.GetHeader("X-Request-Id")
	if !plausibleRequestID(id) {
		id = s.newRequestID()
	}
	c.Set(requestKey, id)
	c.Header("X-Request-Id", id)
	c.Header("Cache-Control", "no-store")
	defer func() {
		info := RequestInfo{
			Method: c.Request.Method, Route: c.FullPath(), Status: c.Writer.Status(),
			Duration: s.now().Sub(begun), Written: max(0, c.Writer.Size()),
		}
		// The path and the query are left out: they hold names and, sent by
		// mistake, tokens (H-18, H-22).
		s.log.LogAttrs(c.Request.Context(), slog.LevelDebug, "request", slog.String("request", id),
			slog.String("method", info.Method), slog.String("route", info.Route), slog.Int("status", info.Status),
			slog.Duration("took", info.Duration))
		if s.onRequest != nil {
			s.onRequest(info)
		}
	}()
	defer s.recover(c)
	c.Next()
}

// recover answers a panic with 500 and logs it once (Z-19). Where an answer has
// begun, the connection is cut instead: the client must not take a part for the whole.
func (s *Server) recover(c *gin.Context) {
	p := recover()
	if p == nil {
		return
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p)
	}
	s.logPanic(c.Request.Context(), c.GetString(requestKey), c.Request.Method, c.FullPath(), p)
	if c.Writer.Written() {
		panic(http.ErrAbortHandler)
	}
	c.Abort()
	for _, of := range []string{"ETag", "Location"} { // what an answer that failed had set
		c.Writer.Header().Del(of)
	}
	writeError(c.Writer, asScimError(errors.New("panic")))
}

func (s *Server) logPanic(ctx context.Context, request, method, route string, p any) {
	s.log.LogAttrs(ctx, slog.LevelError, "request panicked", slog.String("request", request),
		slog.String("method", method), slog.String("route", route), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
}

// plausibleRequestID keeps what could disturb a log or a header out of both.
func plausibleRequestID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for i := 0; i < len(id); i++ {
		if id[i] <= ' ' || id[i] > '~' || id[i] == '"' || id[i] == '\\' {
			return false
		}
	}
	return true
}

// authorize lets nobody pass without credentials; nothing else was done before (H-20).
func (s *Server) authorize(c *gin.Context) {
	if s.openDoors && isDiscovery(c.FullPath()) {
		return
	}
	caller, err := s.authenticate(c.Request.Context(), c.Request)
	if err == nil {
		caller.Request = c.GetString(requestKey)
		c.Set(callerKey, caller)
		return
	}
	c.Abort()
	refused, ok := errors.AsType[Refused](err)
	if !ok || refused.Status() >= http.StatusInternalServerError {
		s.log.LogAttrs(c.Request.Context(), slog.LevelError, "credentials could not be checked",
			slog.String("request", c.GetString(requestKey)), slog.Any("error", err))
		s.fail(c, scimerrors.ScimError{Status: http.StatusServiceUnavailable, Detail: "The credentials cannot be checked at the moment; try again."})
		return
	}
	s.log.LogAttrs(c.Request.Context(), slog.LevelInfo, "credentials refused",
		slog.String("request", c.GetString(requestKey)), slog.Any("error", err))
	if challenge := refused.Challenge(); challenge != "" {
		c.Header("WWW-Authenticate", challenge)
	}
	s.fail(c, scimerrors.ScimError{Status: refused.Status(), Detail: credentialsDetail(refused.Status())})
}

// credentialsDetail is all that a caller is told; why his token is not taken is in the log.
func credentialsDetail(status int) string {
	switch status {
	case http.StatusForbidden:
		return "The token does not have the right to do this."
	case http.StatusBadRequest:
		return "The credentials are malformed, or there are several; one bearer token is expected in the Authorization header."
	}
	return "A valid bearer token is expected in the Authorization header; there is none, or it is wrong, expired or revoked."
}

func caller(c *gin.Context) directory.Caller {
	v, _ := c.Get(callerKey)
	by, _ := v.(directory.Caller)
	return by
}

// budgeted is a request's context with the time that it may spend in the directory.
func (s *Server) budgeted(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.budget)
}

// fail answers with an error. Faults of ours are logged, with the request's id.
func (s *Server) fail(c *gin.Context, err error) {
	e := asScimError(err)
	s.logFault(c.Request.Context(), c.GetString(requestKey), c.Request.Method, c.FullPath(), e.Status, err)
	if e.Status == http.StatusServiceUnavailable {
		c.Header("Retry-After", retryAfterOf(err))
	}
	writeError(c.Writer, e)
}
