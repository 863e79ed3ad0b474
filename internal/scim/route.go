package scim

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/gin-gonic/gin"
)

// routes is the URL space of a tenant, below its mount (RFC 7644 section 3.2).
func (s *Server) routes() *gin.Engine {
	gin.SetMode(gin.ReleaseMode) // otherwise gin prints its routes to stdout
	e := gin.New()
	e.RedirectTrailingSlash = false // canonicalPath did it, without a redirect
	e.RedirectFixedPath = false
	e.Use(s.observe, s.authorize)
	noRoute := func(c *gin.Context) {
		s.fail(c, refusal(http.StatusNotFound, "", "There is no such endpoint here; the endpoints are /Users, /Groups, /ServiceProviderConfig, /ResourceTypes and /Schemas."))
	}
	// gin's own search for the other methods of a path panics where a path like
	// /Users/.search stands beside /Users/:id (its getValue is called for one tree after the
	// other with the skipped nodes of those before), so HandleMethodNotAllowed stays off.
	var methods map[string][]string
	e.NoRoute(func(c *gin.Context) {
		allow := allowedMethods(methods, c.Request.URL.Path)
		if allow == nil {
			noRoute(c)
			return
		}
		c.Header("Allow", strings.Join(allow, ", "))
		s.methodNotAllowed(c)
	})

	get := func(path string, h gin.HandlerFunc) {
		e.GET(path, h)
		e.HEAD(path, h)
	}
	get("/Users", s.listUsers)
	e.POST("/Users", s.createUser)
	e.POST("/Users/.search", s.searchUsers)
	get("/Users/:id", s.getUser)
	e.PUT("/Users/:id", s.putUser)
	e.PATCH("/Users/:id", s.patchUser)
	e.DELETE("/Users/:id", s.deleteUser)

	get("/Groups", s.listGroups)
	e.POST("/Groups", s.createGroup)
	e.POST("/Groups/.search", s.searchGroups)
	get("/Groups/:id", s.getGroup)
	e.PUT("/Groups/:id", s.putGroup)
	e.PATCH("/Groups/:id", s.patchGroup)
	e.DELETE("/Groups/:id", s.deleteGroup)

	get("/", s.listAll)
	e.POST("/.search", s.searchAll)

	// Without these, `.search` would be the id of a resource to every other method.
	for _, path := range []string{"/Users/.search", "/Groups/.search"} {
		e.Match([]string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}, path, func(c *gin.Context) {
			c.Header("Allow", http.MethodPost)
			s.methodNotAllowed(c)
		})
	}

	get(configPath, s.getConfig)
	get(typesPath, s.listTypes)
	get(typesPath+"/:id", s.getType)
	get(schemasPath, s.listSchemas)
	get(schemasPath+"/:id", s.getSchema)
	e.POST(typesPath+"/.search", noRoute)
	e.POST(schemasPath+"/.search", noRoute)

	// What is not offered says so, in the words of RFC 7644 section 3.12 (I-01).
	notImplemented := func(what string) gin.HandlerFunc {
		return func(c *gin.Context) {
			s.fail(c, refusal(http.StatusNotImplemented, "", "%s is not supported by this server.", what))
		}
	}
	all := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	e.Match(all, "/Me", notImplemented("The alias /Me"))
	e.POST("/Bulk", notImplemented("Bulk"))
	methods = methodsOf(e.Routes())
	// Of these, the other routes are there to say no.
	for _, path := range []string{"/Users/.search", "/Groups/.search"} {
		methods[path] = []string{http.MethodPost}
	}
	methods[typesPath+"/.search"], methods[schemasPath+"/.search"] = nil, nil
	return e
}

// methodsOf are the methods of each route, by its pattern.
func methodsOf(routes gin.RoutesInfo) map[string][]string {
	methods := map[string][]string{}
	for _, r := range routes {
		methods[r.Path] = append(methods[r.Path], r.Method)
	}
	return methods
}

// allowedMethods are the methods that a path has; nil if there is no such path.
func allowedMethods(methods map[string][]string, path string) []string {
	if m, ok := methods[path]; ok {
		return m
	}
	if parent := path[:strings.LastIndexByte(path, '/')+1]; parent != path {
		return methods[parent+":id"]
	}
	return nil
}

const (
	configPath  = "/ServiceProviderConfig"
	typesPath   = "/ResourceTypes"
	schemasPath = "/Schemas"
)

// isDiscovery reports whether a route is one of those that tell what the server can (RFC 7644 section 4).
func isDiscovery(route string) bool {
	for _, path := range []string{configPath, typesPath, schemasPath} {
		if rest, ok := strings.CutPrefix(route, path); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}

// methodNotAllowed answers what a known path has no handler for; Allow is set.
func (s *Server) methodNotAllowed(c *gin.Context) {
	allow := strings.Split(c.Writer.Header().Get("Allow"), ", ")
	allow = append(allow, http.MethodOptions)
	slices.Sort(allow)
	c.Header("Allow", strings.Join(slices.Compact(allow), ", "))
	if c.Request.Method == http.MethodOptions { // H-11
		c.Status(http.StatusNoContent)
		return
	}
	s.fail(c, scimerrors.ScimError{
		Status: http.StatusMethodNotAllowed,
		Detail: c.Request.Method + " is not a method of this endpoint; " + c.Writer.Header().Get("Allow") + " are.",
	})
}

// resourceID is the id in the path. The path is in canonical escaped form, so it
// can be unescaped.
func resourceID(c *gin.Context) string {
	id, err := url.PathUnescape(c.Param("id"))
	if err != nil {
		return c.Param("id")
	}
	return id
}
