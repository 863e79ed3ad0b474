package scim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// mediaType is the Content-Type of every answer. It has no charset parameter (H-01).
const mediaType = "application/scim+json"

// retryAfter is what a 503 says when nobody knows better, and storeAgain when the store cannot serve: one that
// restarts, or a standby that takes over, is there by then.
const (
	retryAfter = 30 * time.Second
	storeAgain = 5 * time.Second
)

func refusal(status int, scimType scimerrors.ScimType, format string, args ...any) scimerrors.ScimError {
	return scimerrors.ScimError{Status: status, ScimType: scimType, Detail: fmt.Sprintf(format, args...)}
}

func badRequest(scimType scimerrors.ScimType, format string, args ...any) scimerrors.ScimError {
	return refusal(http.StatusBadRequest, scimType, format, args...)
}

func invalidValue(format string, args ...any) scimerrors.ScimError {
	return badRequest(scimerrors.ScimTypeInvalidValue, format, args...)
}

// asScimError says what an error is in SCIM (RFC 7644 section 3.12). Everything that
// is no refusal is a fault of ours, and its text stays in the log (Z-03).
func asScimError(err error) scimerrors.ScimError {
	if scim, ok := errors.AsType[scimerrors.ScimError](err); ok {
		return scim
	}
	if refused, ok := errors.AsType[*directory.Error](err); ok {
		status, scimType := fromDirectory(refused.Kind)
		return refusal(status, scimType, "%s", refused.Error())
	}
	if invalid, ok := errors.AsType[*schema.Invalid](err); ok {
		return badRequest(scimerrors.ScimType(invalid.ScimType), "%s", invalid.Error())
	}
	switch {
	case errors.Is(err, directory.ErrStoreUnavailable):
		return refusal(http.StatusServiceUnavailable, "", "The server cannot reach its store at the moment; try again.")
	case errors.Is(err, context.DeadlineExceeded):
		return refusal(http.StatusServiceUnavailable, "", "The request took too long and was given up; try again.")
	case errors.Is(err, context.Canceled):
		return refusal(http.StatusServiceUnavailable, "", "The request was given up by the client.")
	}
	return refusal(http.StatusInternalServerError, "", "The server failed; its log tells more under the answer's X-Request-Id.")
}

func fromDirectory(kind directory.ErrorKind) (status int, scimType scimerrors.ScimType) {
	switch kind {
	case directory.NotFound:
		return http.StatusNotFound, ""
	case directory.Conflict:
		return http.StatusConflict, scimerrors.ScimTypeUniqueness
	case directory.Invalid:
		return http.StatusBadRequest, scimerrors.ScimTypeInvalidValue
	case directory.Mutability:
		return http.StatusBadRequest, scimerrors.ScimTypeMutability
	case directory.PreconditionFailed:
		return http.StatusPreconditionFailed, ""
	case directory.Protected:
		return http.StatusConflict, ""
	case directory.Unavailable:
		return http.StatusServiceUnavailable, ""
	}
	return http.StatusInternalServerError, ""
}

// retryAfterOf is the header's value for a 503: whole seconds, at least one.
func retryAfterOf(err error) string {
	wait := retryAfter
	if errors.Is(err, directory.ErrStoreUnavailable) {
		wait = storeAgain
	}
	if refused, ok := errors.AsType[*directory.Error](err); ok && refused.RetryAfter > 0 {
		wait = refused.RetryAfter
	}
	return strconv.Itoa(int(max(1, math.Ceil(wait.Seconds()))))
}

// longestDetail bounds what an error repeats of a request: an id may be as long as a body.
const longestDetail = 2000

// writeError writes an Error body (RFC 7644 section 3.12, checklist Z-01, Z-02).
func writeError(w http.ResponseWriter, e scimerrors.ScimError) {
	e.Detail = cutTo(e.Detail, longestDetail)
	body, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings and an int
	}
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(e.Status)
	// The client may be gone: there is nobody left to tell.
	_, _ = w.Write(body)
}

// named gives a 404 of the directory a detail with the id that was asked for.
func named(err error, rt *schema.ResourceType, id string) error {
	if refused, ok := errors.AsType[*directory.Error](err); ok && refused.Kind == directory.NotFound {
		return refusal(http.StatusNotFound, "", "There is no %s with the id %q.", rt.Name, cut(id))
	}
	return err
}
