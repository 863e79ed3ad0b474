package scim

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/scim/patch"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// noteDeactivation marks a write whose body, as the dialect left it, asks for
// `active: false`. It looks before anything is validated, and reads what is refused for its
// form alone, "False" in strict mode for one, as it was meant.
func noteDeactivation(w *write, body map[string]any) {
	w.deactivates = isFalse(member(body, "active"))
}

// notePatchDeactivation is noteDeactivation for a PATCH message: what its operations,
// carried out in order, would leave in `active`.
func notePatchDeactivation(w *write, message map[string]any) {
	inactive := false
	note := func(operation map[string]any) {
		if op, _ := member(operation, "op").(string); strings.EqualFold(op, "remove") {
			return // what is removed stays as it was, see keepActive
		}
		if value, sets := activeOf(member(operation, "path"), member(operation, "value")); sets {
			inactive = isFalse(value)
		}
	}
	operations, _ := member(message, "Operations").([]any)
	for _, operation := range operations {
		switch operation := operation.(type) {
		case map[string]any:
			note(operation)
		case patch.Several:
			for _, one := range operation {
				note(one)
			}
		}
	}
	w.deactivates = inactive
}

// activeOf is what an operation with this path and value sets `active` to, if it does.
func activeOf(path, value any) (active any, sets bool) {
	text, _ := path.(string)
	switch text = strings.TrimSpace(text); {
	case namesActive(text):
		return value, true
	case text != "" && !strings.EqualFold(text, schema.UserURN):
		return nil, false
	}
	object, _ := value.(map[string]any)
	for key, v := range object {
		found := namesActive(key)
		if strings.EqualFold(key, schema.UserURN) {
			v, found = activeOf(nil, v)
		}
		if found && (!sets || isFalse(v)) { // a map has no order
			active, sets = v, true
		}
	}
	return active, sets
}

// namesActive reports whether a path or key is `active`, with the URN of its schema or without.
func namesActive(path string) bool {
	if n := len(schema.UserURN); len(path) > n && strings.EqualFold(path[:n], schema.UserURN) && strings.IndexByte(":.", path[n]) >= 0 {
		path = path[n+1:]
	}
	return strings.EqualFold(path, "active")
}

func isFalse(value any) bool {
	text, isText := value.(string)
	return value == false || isText && strings.EqualFold(strings.TrimSpace(text), "false")
}

// member is the value of an object's key in any case; there is one at most (package body).
func member(object map[string]any, name string) any {
	for key, value := range object {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return nil
}

// reportRefusedDeactivation tells the log and Options.OnRefusedDeactivation of a marked
// write that ends with an error after which nothing will happen by itself. Not so: what
// nobody could be meant by (404), what the IdP is told to repeat (412), credentials (401), and
// bodies that were never looked at (413, 415).
func (s *Server) reportRefusedDeactivation(ctx context.Context, w *write, err error) {
	answer := asScimError(err)
	switch answer.Status {
	case http.StatusUnauthorized, http.StatusNotFound, http.StatusPreconditionFailed,
		http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		return
	}
	if !w.deactivates || answer.Status < 400 || answer.Status >= 500 {
		return
	}
	// The detail quotes what was sent; the log names the attribute and no more (H-22).
	s.log.LogAttrs(ctx, slog.LevelWarn, "deactivation refused: the user keeps what access he has",
		slog.String("request", w.request), slog.String("method", w.method), slog.String("user", w.id),
		slog.Int("status", answer.Status), slog.String("type", string(answer.ScimType)), slog.String("attribute", attributeOf(err)))
	if s.onRefusedDeactivation != nil {
		s.onRefusedDeactivation(ctx, w.by, w.id, answer.Detail)
	}
}

// attributeOf is the attribute, in schema spelling, that a refusal is about; "" if it does not say.
func attributeOf(err error) string {
	if e, ok := errors.AsType[*patch.Error](err); ok {
		return e.Attribute
	}
	if e, ok := errors.AsType[*schema.Invalid](err); ok {
		return e.Attribute
	}
	if e, ok := errors.AsType[*directory.Error](err); ok {
		return e.Attribute
	}
	return ""
}
