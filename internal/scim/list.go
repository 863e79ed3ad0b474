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

// listAll is GET on the base URL: users and groups (RFC 7644 section 3.4.2.1, R-13).
func (s *Server) listAll(c *gin.Context) { s.list(c, s.queryAll) }

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
	if err == nil {
		err = s.resume(s.users.Endpoint, &q)
	}
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
	a := listAnswer{total: total}
	if q.walks && len(page) > q.count {
		page = page[:q.count]
		a.next = s.cursors.seal(q.list(s.users.Endpoint), place{Position: page[len(page)-1].Position})
	}
	a.shown = len(page)
	r := s.renderer(c, show)
	s.writeList(c, r, q, a, func(i int) { r.user(&page[i]) })
}

// queryGroups answers a search for groups.
func (s *Server) queryGroups(c *gin.Context, q search) {
	show, err := project(s.groups, q.attributes, q.excluded, !s.strict)
	if err == nil {
		err = s.resume(s.groups.Endpoint, &q)
	}
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
	a := listAnswer{total: total}
	if q.walks && len(page) > q.count {
		page = page[:q.count]
		a.next = s.cursors.seal(q.list(s.groups.Endpoint), place{Position: page[len(page)-1].Position, group: true})
	}
	a.shown = len(page)
	r := s.renderer(c, show)
	s.writeList(c, r, q, a, func(i int) { r.group(&page[i]) })
}

// listAnswer is what a ListResponse says beside its resources.
type listAnswer struct {
	total, shown int
	next         string // the cursor of the next page; "" on the last
}

// writeList writes a ListResponse (RFC 7644 section 3.4.2). With a cursor there is no
// startIndex: nobody counted how many come before (RFC 9865 section 2).
func (s *Server) writeList(c *gin.Context, r *renderer, q search, a listAnswer, resource func(i int)) {
	_ = s.write(c, http.StatusOK, r, func() {
		r.raw(`{"schemas":["` + listURN + `"],"totalResults":`)
		r.int(a.total)
		if !q.walks {
			r.raw(`,"startIndex":`)
			r.int(q.startIndex)
		}
		r.raw(`,"itemsPerPage":`)
		r.int(a.shown)
		if a.next != "" {
			r.raw(`,"nextCursor":"` + a.next + `"`)
		}
		r.raw(`,"Resources":[`)
		for i := range a.shown {
			r.comma()
			resource(i)
			r.spill()
		}
		r.raw("]}")
	})
}
