package scim

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	scimerrors "github.com/elimity-com/scim/errors"
)

// version is the last segment of a base URL (RFC 7644 section 3.13).
var version = regexp.MustCompile(`^v[0-9]+(\.[0-9]+)*$`)

// Mounts serves several tenants, each below its own mount path. It takes the place
// of http.ServeMux, which would redirect `//Users`. A path that is nobody's is 404
// with an Error body, or 400 invalidVers where it is another version of a mount.
func Mounts(tenants map[string]http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := canonicalPath(r.URL.EscapedPath())
		for prefix := path; prefix != ""; prefix = prefix[:strings.LastIndexByte(prefix, '/')] {
			if h, ok := tenants[prefix]; ok {
				h.ServeHTTP(w, r)
				return
			}
		}
		e := scimerrors.ScimError{Status: http.StatusNotFound, Detail: "There is no SCIM endpoint at " + path + "."}
		for mount := range tenants {
			parent := mount[:strings.LastIndexByte(mount, '/')]
			asked, _, _ := strings.Cut(strings.TrimPrefix(path, parent+"/"), "/")
			if strings.HasPrefix(path, parent+"/") && version.MatchString(asked) {
				e = scimerrors.ScimErrorInvalidVersion
				e.Detail = fmt.Sprintf("SCIM %s is not served here; the base URL is %s.", asked, mount)
				break
			}
		}
		writeError(w, e)
	})
}
