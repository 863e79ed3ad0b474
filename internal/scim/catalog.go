package scim

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// Role is something that a user can be given, as Okta's governance lists it.
type Role struct {
	ID          string // what a client writes as the `value` of a user's `roles`
	DisplayName string
	Description string // or ""
}

// catalog is a read-only type of resource: what the server was made with.
type catalog struct {
	*schema.ResourceType
	roles []Role
}

// catalogs are the types of Okta's roles-and-entitlements discovery; none where there
// is no role to give. To Okta a missing type and a missing endpoint are no error.
func catalogs(roles []Role) []catalog {
	if len(roles) == 0 {
		return nil
	}
	return []catalog{{schema.Role(), roles}, {schema.Entitlement(), roles}}
}

// listCatalog is GET /Roles or /Entitlements: filter, sorting, page and projection as on
// every list. It is a fixed list of at most fifteen, so there are no cursors for it.
func (s *Server) listCatalog(of catalog) gin.HandlerFunc {
	return func(c *gin.Context) {
		s.list(c, func(c *gin.Context, q search) {
			show, err := project(of.ResourceType, q.attributes, q.excluded, !s.strict)
			if err != nil {
				s.fail(c, err)
				return
			}
			f, err := s.parseFilter(q, of.ResourceType)
			if err != nil {
				s.fail(c, err)
				return
			}
			order, err := s.sorting(q, of.ResourceType)
			if err != nil {
				s.fail(c, err)
				return
			}
			if q.walks {
				s.fail(c, badRequest(invalidCursor, "%s has no cursors: it is paged by startIndex and count.", of.Endpoint))
				return
			}
			r := s.renderer(c, show)
			var found []map[string]any
			for i := range of.roles {
				if doc := r.roleDocument(of.ResourceType, &of.roles[i]); f == nil || f.Match(doc) {
					found = append(found, doc)
				}
			}
			if order != nil {
				slices.SortStableFunc(found, order.compare)
			}
			total := len(found)
			found = found[min(q.startIndex-1, total):]
			found = found[:min(q.count, len(found))]
			s.writeList(c, r, q, listAnswer{total: total, shown: len(found)}, func(i int) { r.role(of.ResourceType, found[i]) })
		})
	}
}

// getCatalog is GET /Roles/{id} or /Entitlements/{id}.
func (s *Server) getCatalog(of catalog) gin.HandlerFunc {
	return func(c *gin.Context) {
		for i := range of.roles {
			if of.roles[i].ID != resourceID(c) {
				continue
			}
			show, err := s.projection(c.Request.URL.RawQuery, of.ResourceType)
			if err != nil {
				s.fail(c, err)
				return
			}
			r := s.renderer(c, show)
			_ = s.write(c, http.StatusOK, r, func() { r.role(of.ResourceType, r.roleDocument(of.ResourceType, &of.roles[i])) })
			return
		}
		s.fail(c, refusal(http.StatusNotFound, "", "There is no %s with the id %q.", of.Name, cut(resourceID(c))))
	}
}

func (r *renderer) roleDocument(rt *schema.ResourceType, role *Role) map[string]any {
	doc := map[string]any{
		"id": role.ID, "schemas": []any{rt.Schema.ID}, "displayName": role.DisplayName,
		"meta": map[string]any{"resourceType": rt.Name, "location": r.locationOf(rt, role.ID)},
	}
	if role.Description != "" {
		doc["description"] = role.Description
	}
	return doc
}

// role writes what roleDocument made.
func (r *renderer) role(rt *schema.ResourceType, doc map[string]any) {
	id, _ := doc["id"].(string)
	r.raw("{")
	r.schemas(rt, nil)
	r.common(rt, identity{id: id}, "")
	for _, a := range rt.Schema.Attributes {
		r.attribute(a, r.show.of("", a), doc[a.Name])
	}
	for _, a := range rt.Common {
		if a.Name == "meta" {
			r.attribute(a, r.show.of("", a), doc[a.Name])
		}
	}
	r.raw("}")
}
