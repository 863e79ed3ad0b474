package scim

import (
	"bytes"
	"errors"
	"mime"
	"net/http"
	"strings"

	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/gin-gonic/gin"
)

// readBody reads a request's body whole: the media type first (H-05 to H-07), then no
// more than the limit, whatever the declared length says (H-12).
func (s *Server) readBody(c *gin.Context) ([]byte, error) {
	r := c.Request
	for _, encoding := range r.Header.Values("Content-Encoding") {
		if encoding != "" && !strings.EqualFold(encoding, "identity") { // H-26
			return nil, refusal(http.StatusUnsupportedMediaType, "", "The Content-Encoding %q is not supported; send the body as it is.", cut(encoding))
		}
	}
	if err := checkMediaType(r.Header.Get("Content-Type")); err != nil {
		return nil, err
	}
	if r.ContentLength > s.limits.Body {
		c.Header("Connection", "close") // the rest is not read
		return nil, s.tooLarge()
	}
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		buf.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	_, err := buf.ReadFrom(http.MaxBytesReader(plain(c), r.Body, s.limits.Body))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, s.tooLarge()
	}
	if err != nil {
		return nil, badRequest(scimerrors.ScimTypeInvalidSyntax, "The body could not be read to its end.")
	}
	return buf.Bytes(), nil
}

func (s *Server) tooLarge() error {
	return refusal(http.StatusRequestEntityTooLarge, "", "The body is larger than the limit of %d bytes.", s.limits.Body)
}

// checkMediaType takes every JSON media type in UTF-8, and none at all (RFC 7644
// section 3.8, H-05 to H-07).
func checkMediaType(header string) error {
	if strings.TrimSpace(header) == "" {
		return nil
	}
	mediaType, parameters, err := mime.ParseMediaType(header)
	if err != nil || !isJSON(mediaType) {
		return refusal(http.StatusUnsupportedMediaType, "", "The Content-Type %q is not supported; application/scim+json is expected.", cut(header))
	}
	switch charset := strings.ToLower(parameters["charset"]); charset {
	case "", "utf-8", "utf8":
		return nil
	default:
		return refusal(http.StatusUnsupportedMediaType, "", "The charset %q is not supported; utf-8 is expected.", cut(charset))
	}
}

func isJSON(mediaType string) bool {
	return mediaType == "application/json" || mediaType == "text/json" ||
		strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json")
}
