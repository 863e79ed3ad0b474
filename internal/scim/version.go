package scim

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/scimbridge/scimbridge/internal/directory"
)

// etag is a resource's version as meta.version and the ETag header show it. It is
// weak: projections of one version differ in their bytes.
func etag(version int64) string {
	return `W/"` + strconv.FormatInt(version, 10) + `"`
}

// noVersion is one that no resource has.
const noVersion = -1

// ifMatch reads the condition of a write from its If-Match (RFC 7644 section 3.14). Tags are compared
// weakly, as SCIM's own samples need it (E-07); one that is none of ours never
// matches (E-09). `*` asks for existence, which every write does anyway (E-08).
func ifMatch(headers []string) directory.Precondition {
	if len(headers) == 0 {
		return directory.Precondition{}
	}
	tags, any := parseTags(headers)
	if any {
		return directory.Precondition{}
	}
	versions := []int64{noVersion}
	for _, tag := range tags {
		if v, err := strconv.ParseInt(tag, 10, 64); err == nil && v > 0 && strconv.FormatInt(v, 10) == tag {
			versions = append(versions, v)
		}
	}
	return directory.Precondition{Versions: versions}
}

// unchanged reports whether If-None-Match names the version (E-04).
func unchanged(r *http.Request, version int64) bool {
	tags, any := parseTags(r.Header.Values("If-None-Match"))
	for _, tag := range tags {
		any = any || tag == strconv.FormatInt(version, 10)
	}
	return any
}

// parseTags are the opaque parts of a list of entity tags (RFC 9110 section 8.8.3),
// and whether one of them is `*`. What is no tag is left out.
func parseTags(headers []string) (tags []string, any bool) {
	for _, header := range headers {
		for item := range strings.SplitSeq(header, ",") {
			item = strings.TrimSpace(item)
			if item == "*" {
				any = true
				continue
			}
			item = strings.TrimPrefix(item, "W/")
			if len(item) >= 2 && item[0] == '"' && item[len(item)-1] == '"' {
				tags = append(tags, item[1:len(item)-1])
			}
		}
	}
	return tags, any
}
