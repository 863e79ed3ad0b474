package scim

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// ServeHTTP brings the path into the one form that the routes know and hands the
// request to gin.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := canonicalPath(r.URL.EscapedPath())
	rest, below := strings.CutPrefix(path, s.mount)
	if !below || rest != "" && rest[0] != '/' {
		rest = nowhere
	}
	if rest == "" {
		rest = "/"
	}
	r2 := new(http.Request)
	*r2 = *r
	u := *r.URL
	u.Path, u.RawPath = rest, ""
	r2.URL = &u
	s.engine.ServeHTTP(w, r2)
}

// nowhere is a path that no route has: 404, after authentication.
const nowhere = "/."

// canonicalPath is an escaped path with single slashes, none at the end, and every
// segment escaped in one way: `//Users/`, `/%55sers` and `/Users` are one route
// without the redirect that would turn a POST into a GET. Dots mean nothing:
// `..` is an id that nobody has.
func canonicalPath(escaped string) string {
	var b strings.Builder
	for segment := range strings.SplitSeq(escaped, "/") {
		if segment == "" {
			continue
		}
		b.WriteByte('/')
		if plain, err := url.PathUnescape(segment); err == nil {
			segment = url.PathEscape(plain)
		}
		b.WriteString(segment)
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

// location is a resource's absolute URL.
func (s *Server) location(r *http.Request, rt *schema.ResourceType, id string) string {
	return s.base(r) + rt.Endpoint + "/" + id
}

// base is the tenant's base URL as this request's client reaches it.
func (s *Server) base(r *http.Request) string {
	if s.baseURL != "" {
		return s.baseURL
	}
	if r.TLS != nil {
		return "https://" + r.Host + s.mount
	}
	return "http://" + r.Host + s.mount
}
