package scim

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// The schemas of discovery (RFC 7643 sections 5 to 7).
const (
	configURN = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	typeURN   = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	schemaURN = "urn:ietf:params:scim:schemas:core:2.0:Schema"
)

// getConfig is GET /ServiceProviderConfig (RFC 7643 section 5). Clients act on what
// stands here, so it says what is done and nothing else (D-06).
func (s *Server) getConfig(c *gin.Context) {
	s.discover(c, func() any {
		return s.discovered(c, configURN, "ServiceProviderConfig", configPath, map[string]any{
			"patch":          map[string]any{"supported": true},
			"bulk":           map[string]any{"supported": true, "maxOperations": s.limits.Operations, "maxPayloadSize": s.limits.Body},
			"filter":         map[string]any{"supported": true, "maxResults": s.limits.MaxPage},
			"changePassword": map[string]any{"supported": false},
			"sort":           map[string]any{"supported": true},
			"etag":           map[string]any{"supported": true},
			"pagination": map[string]any{ // RFC 9865 section 4; no cursorTimeout: cursors do not expire (K-08)
				"cursor": true, "index": true, "defaultPaginationMethod": "index",
				"defaultPageSize": s.limits.PageSize, "maxPageSize": s.limits.MaxPage,
			},
			"authenticationSchemes": []any{map[string]any{
				"type":        "oauthbearertoken",
				"name":        "OAuth Bearer Token",
				"description": "A bearer token in the Authorization header (RFC 6750)",
				"specUri":     "https://www.rfc-editor.org/info/rfc6750",
				"primary":     true,
			}},
		})
	})
}

// listTypes is GET /ResourceTypes (RFC 7643 section 6).
func (s *Server) listTypes(c *gin.Context) {
	s.discover(c, func() any {
		var all []any
		for _, rt := range s.types() {
			all = append(all, s.typeDocument(c, rt))
		}
		return listOf(all)
	})
}

func (s *Server) getType(c *gin.Context) {
	for _, rt := range s.types() {
		if rt.ID == resourceID(c) {
			s.discover(c, func() any { return s.typeDocument(c, rt) })
			return
		}
	}
	s.fail(c, refusal(http.StatusNotFound, "", "There is no resource type %q.", cut(resourceID(c))))
}

// listSchemas is GET /Schemas (RFC 7643 section 7). Message schemas are not in it (D-14).
func (s *Server) listSchemas(c *gin.Context) {
	s.discover(c, func() any {
		var all []any
		for _, sc := range s.schemas() {
			all = append(all, s.schemaDocument(c, sc))
		}
		return listOf(all)
	})
}

func (s *Server) getSchema(c *gin.Context) {
	for _, sc := range s.schemas() {
		if sc.ID == resourceID(c) {
			s.discover(c, func() any { return s.schemaDocument(c, sc) })
			return
		}
	}
	s.fail(c, refusal(http.StatusNotFound, "", "There is no schema %q.", cut(resourceID(c))))
}

func (s *Server) types() []*schema.ResourceType {
	all := []*schema.ResourceType{s.users, s.groups}
	for _, of := range s.catalogs {
		all = append(all, of.ResourceType)
	}
	return all
}

func (s *Server) schemas() []*schema.Schema {
	var all []*schema.Schema
	for _, rt := range s.types() {
		all = append(append(all, rt.Schema), rt.Extensions...)
	}
	return all
}

func (s *Server) typeDocument(c *gin.Context, rt *schema.ResourceType) map[string]any {
	return s.discovered(c, typeURN, "ResourceType", typesPath+"/"+rt.ID, rt.Document())
}

func (s *Server) schemaDocument(c *gin.Context, sc *schema.Schema) map[string]any {
	return s.discovered(c, schemaURN, "Schema", schemasPath+"/"+sc.ID, sc.Document())
}

// discovered completes a document of discovery (D-13, D-26).
func (s *Server) discovered(c *gin.Context, urn, kind, path string, doc map[string]any) map[string]any {
	doc["schemas"] = []any{urn}
	doc["meta"] = map[string]any{"resourceType": kind, "location": s.base(c.Request) + path}
	return doc
}

// listOf is a list in which everything is on the one page (D-20).
func listOf(all []any) map[string]any {
	return map[string]any{
		"schemas": []any{listURN}, "totalResults": len(all), "startIndex": 1, "itemsPerPage": len(all), "Resources": all,
	}
}

// discover answers with a document of discovery. A filter is refused, so that nobody
// believes it was applied (RFC 7644 section 4, D-21); all else in the query is ignored.
func (s *Server) discover(c *gin.Context, document func() any) {
	if q, err := parseQuery(c.Request.URL.RawQuery); err == nil && q["filter"] != nil {
		s.fail(c, refusal(http.StatusForbidden, "", "Discovery cannot be filtered; ask without the parameter filter."))
		return
	}
	r := s.renderer(c, nil)
	_ = s.write(c, http.StatusOK, r, func() { r.json(document()) })
}
