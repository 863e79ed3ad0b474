package scim

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

const listURN = "urn:ietf:params:scim:api:messages:2.0:ListResponse"

// projection reads attributes and excludedAttributes from the query of a request for one resource.
func (s *Server) projection(query string, rt *schema.ResourceType) (*projection, error) {
	q, err := parseQuery(query)
	if err != nil {
		return &projection{}, err
	}
	return project(rt, q["attributes"], q["excludedAttributes"], !s.strict)
}

// listUsers is GET /Users (RFC 7644 section 3.4.2).
func (s *Server) listUsers(c *gin.Context) { s.list(c, s.queryUsers) }

// listGroups is GET /Groups.
func (s *Server) listGroups(c *gin.Context) { s.list(c, s.queryGroups) }

func (s *Server) list(c *gin.Context, answer func(*gin.Context, search)) {
	parameters, err := parseQuery(c.Request.URL.RawQuery)
	if err != nil {
		s.fail(c, err)
		return
	}
	q, err := parameters.search(s.limits)
	if err != nil {
		s.fail(c, err)
		return
	}
	answer(c, q)
}

// queryUsers answers a search for users.
func (s *Server) queryUsers(c *gin.Context, q search) {
	show, err := project(s.users, q.attributes, q.excluded, !s.strict)
	if err != nil {
		s.fail(c, err)
		return
	}
	query, err := s.userQuery(c.Request, q, show)
	if err != nil {
		s.fail(c, err)
		return
	}
	ctx, cancel := s.budgeted(c.Request.Context())
	defer cancel()
	total, page, err := s.directory.Users(ctx, query)
	if err != nil {
		s.fail(c, err)
		return
	}
	r := s.renderer(c, show)
	s.writeList(c, r, q, total, len(page), func(i int) { r.user(&page[i]) })
}

// queryGroups answers a search for groups.
func (s *Server) queryGroups(c *gin.Context, q search) {
	show, err := project(s.groups, q.attributes, q.excluded, !s.strict)
	if err != nil {
		s.fail(c, err)
		return
	}
	query, err := s.groupQuery(c.Request, q, show)
	if err != nil {
		s.fail(c, err)
		return
	}
	ctx, cancel := s.budgeted(c.Request.Context())
	defer cancel()
	total, page, err := s.directory.Groups(ctx, query)
	if err != nil {
		s.fail(c, err)
		return
	}
	r := s.renderer(c, show)
	s.writeList(c, r, q, total, len(page), func(i int) { r.group(&page[i]) })
}

// writeList writes a ListResponse of n resources (RFC 7644 section 3.4.2).
func (s *Server) writeList(c *gin.Context, r *renderer, q search, total, n int, resource func(i int)) {
	_ = s.write(c, http.StatusOK, r, func() {
		r.raw(`{"schemas":["` + listURN + `"],"totalResults":`)
		r.int(total)
		r.raw(`,"startIndex":`)
		r.int(q.startIndex)
		r.raw(`,"itemsPerPage":`)
		r.int(n)
		r.raw(`,"Resources":[`)
		for i := range n {
			r.comma()
			resource(i)
			r.spill()
		}
		r.raw("]}")
	})
}
