package scim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/directory"
)

// TestChecklistFaults: what the directory refuses or fails at, on every endpoint.
func TestChecklistFaults(t *testing.T) {
	tests := []struct {
		id         string
		err        error
		status     int
		scimType   string
		retryAfter string
		detail     string
		secret     bool // the text stays in the log
	}{
		{"Z-08 mutability", &directory.Error{Kind: directory.Mutability, Attribute: "userName", Detail: "renames are refused"}, 400, "mutability", "", "userName: renames are refused", false},
		{"Z-12 invalid", &directory.Error{Kind: directory.Invalid, Attribute: "emails", Detail: "no deliverable address"}, 400, "invalidValue", "", "emails: no deliverable address", false},
		{"Z-07 conflict", &directory.Error{Kind: directory.Conflict, Detail: "in use"}, 409, "uniqueness", "", "in use", false},
		{"V-34 protected", &directory.Error{Kind: directory.Protected, Detail: "the last ADMIN"}, 409, "", "", "the last ADMIN", false},
		{"E-05 precondition", &directory.Error{Kind: directory.PreconditionFailed, Detail: "the version is 7"}, 412, "", "", "the version is 7", false},
		{"Z-16 V-29 V-37 unavailable", &directory.Error{Kind: directory.Unavailable, Detail: "never looked", RetryAfter: 1500 * time.Millisecond}, 503, "", "2", "never looked", false},
		{"Z-16 unavailable, no time", fmt.Errorf("reading: %w", &directory.Error{Kind: directory.Unavailable, Detail: "never looked"}), 503, "", "30", "never looked", false},
		{"R-02 not found", &directory.Error{Kind: directory.NotFound, Detail: "gone"}, 404, "", "", "", false},
		{"Z-03 fault", errors.New("SQLITE_CORRUPT in table users"), 500, "", "", "", true},
		{"the store", fmt.Errorf("read: %w: connection refused by db.internal", directory.ErrStoreUnavailable), 503, "", "5", "cannot reach its store", true},
		{"budget", context.DeadlineExceeded, 503, "", "30", "too long", false},
	}
	requests := []struct{ method, path, body string }{
		{"POST", "/Users", userBody("new@suite.example", "")},
		{"GET", "/Users/u-0001", ""}, {"GET", "/Users", ""},
		{"PUT", "/Users/u-0001", userBody("ann@suite.example", "")},
		{"PATCH", "/Users/u-0001", patchBody(`{"op":"replace","value":{"active":false}}`)},
		{"DELETE", "/Users/u-0001", ""},
		{"POST", "/Groups", groupBody("New")},
		{"GET", "/Groups/g-0002", ""}, {"GET", "/Groups", ""},
		{"PUT", "/Groups/g-0002", groupBody("G")},
		{"PATCH", "/Groups/g-0002", patchBody(`{"op":"replace","path":"displayName","value":"H"}`)},
		{"DELETE", "/Groups/g-0002", ""},
	}
	for _, tt := range tests {
		t.Run(tt.id, func(t *testing.T) {
			s := serve(t)
			s.user("ann@suite.example", "")
			s.group("G")
			s.directory.before = func(context.Context, string) error { return tt.err }
			for _, r := range requests {
				answer := s.do(r.method, r.path, r.body, "X-Request-Id: find-me")
				detail := answer.refused(tt.status, tt.scimType)
				if got := answer.header.Get("Retry-After"); got != tt.retryAfter {
					t.Errorf("%s: Retry-After %q, want %q", answer.what, got, tt.retryAfter)
				}
				if !strings.Contains(detail, tt.detail) {
					t.Errorf("%s: detail %q, want %q in it", answer.what, detail, tt.detail)
				}
				if tt.secret && strings.Contains(answer.text, tt.err.Error()) {
					t.Errorf("%s tells %s", answer.what, answer.text)
				}
			}
			if logged := strings.Count(s.log.String(), tt.err.Error()); tt.secret && logged != len(requests) {
				t.Errorf("logged %d times", logged)
			}
			s.directory.before = nil
			s.get("/Users/u-0001").is(200).wants(`W/"1"`, "meta", "version")
		})
	}
}

func TestChecklistPanic(t *testing.T) {
	s := serve(t)
	s.user("ann@suite.example", "")
	s.directory.before = func(context.Context, string) error { panic("a bug") }
	for range 3 {
		r := s.get("/Users/u-0001", "X-Request-Id: find-me") // Z-19: the connection stays usable
		if detail := r.refused(500, ""); strings.Contains(detail, "bug") || r.header.Get("X-Request-Id") != "find-me" {
			t.Errorf("detail %q, header %v", detail, r.header)
		}
	}
	if log := s.log.String(); strings.Count(log, "a bug") != 3 || strings.Count(log, "request panicked") != 3 || !strings.Contains(log, "request=find-me") {
		t.Errorf("log: %s", log)
	}
	s.directory.before = nil
	s.get("/Users/u-0001").is(200)

	t.Run("while an answer is made", func(t *testing.T) {
		s := serve(t)
		s.user("ann@suite.example", "")
		s.directory.users[0].Document["title"] = map[string]any{"not": "a string"}
		if r := s.get("/Users/u-0001").is(200); r.at("title") != nil { // an object without known sub-attributes has no content
			t.Errorf("title %v", r.at("title"))
		}
	})
}
