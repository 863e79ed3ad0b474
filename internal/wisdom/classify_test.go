package wisdom

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// kindAnd is what the caller decides by.
type kindAnd struct {
	Kind       Kind
	Unanswered bool
}

func TestV20WhatAStatusMeans(t *testing.T) {
	for _, test := range []struct {
		name    string
		code    string
		message string
		single  bool
		want    kindAnd
	}{
		{"not allowed", "ERROR", "email domain is not allowed", true, kindAnd{Permanent, false}},
		{"not permitted, without case", "ERROR", "Not Permitted here", true, kindAnd{Permanent, false}},
		{"blocked", "ERROR", "this address is blocked", true, kindAnd{Permanent, false}},
		{"block list", "ERROR", "on the block list", true, kindAnd{Permanent, false}},
		{"blocklist", "ERROR", "on the blocklist", true, kindAnd{Permanent, false}},
		{"allow list", "ERROR", "missing from the Allow List", true, kindAnd{Permanent, false}},
		{"allowlist", "ERROR", "missing from the allowlist", true, kindAnd{Permanent, false}},
		{"access control", "ERROR", "Email Access Control", true, kindAnd{Permanent, false}},
		{"invalid email", "ERROR", "invalid email", true, kindAnd{Permanent, false}},
		{"invalid e-mail", "ERROR", "Invalid E-Mail address", true, kindAnd{Permanent, false}},

		{"one of several may be the guilty one", "ERROR", "email domain is not allowed", false, kindAnd{Transient, false}},
		{"an ERROR in other words", "ERROR", "internal error", true, kindAnd{Transient, false}},
		{"an ERROR without words", "ERROR", "", true, kindAnd{Transient, false}},

		{"permission", "ERROR", "not allowed: permission missing", true, kindAnd{Unauthorized, false}},
		{"iam:", "ERROR", "not allowed without iam:write", true, kindAnd{Unauthorized, false}},
		{"token", "ERROR", "blocked token", true, kindAnd{Unauthorized, false}},
		{"workspace", "ERROR", "not allowed in this workspace", true, kindAnd{Unauthorized, false}},
		{"unauth", "ERROR", "Unauthenticated: not allowed", true, kindAnd{Unauthorized, false}},
		{"the tenant's fault of several", "ERROR", "permission denied", false, kindAnd{Unauthorized, false}},

		{"an address is no word: permanent", "ERROR", "workspace.token@example.com is not allowed", true, kindAnd{Permanent, false}},
		{"an address is no word: transient", "ERROR", "could not store blocked@example.com", true, kindAnd{Transient, false}},

		{"NOT_FOUND is a reason to look", "NOT_FOUND", "user not found in workspace", true, kindAnd{NotFound, false}},
		{"NONE is no success and no refusal", "NONE", "not allowed", true, kindAnd{Transient, true}},
		{"a code of a later version", "PARTIAL", "not allowed", true, kindAnd{Transient, false}},
		{"no code at all", "", "", true, kindAnd{Transient, true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := statusOf(outcome{Code: test.code, Message: test.message}, test.single)
			if e == nil {
				t.Fatal("is a success")
			}
			if diff := cmp.Diff(test.want, kindAnd{e.Kind, e.Unanswered}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if e.Message == "" {
				t.Error("has no message")
			}
		})
	}
	if e := statusOf(outcome{Code: "OK", Message: "created, but blocked"}, true); e != nil {
		t.Errorf("OK is %v", e)
	}
}

func TestV16WhatErrorsMean(t *testing.T) {
	for _, test := range []struct {
		name    string
		message string
		code    any
		want    kindAnd
		invalid bool
	}{
		{"an internal error leaves the effect open", "internal system error", nil, kindAnd{Transient, true}, false},
		{"a permission", "permission denied: iam:write", nil, kindAnd{Unauthorized, true}, false},
		{"a code of Apollo's", "no", "FORBIDDEN", kindAnd{Unauthorized, true}, false},
		{"a code that is a number", "no", 17.0, kindAnd{Transient, true}, false},
		{"a refusal in errors is not for good", "alice is blocked", nil, kindAnd{Transient, true}, false},
		{"validation, gqlgen", "anything", "GRAPHQL_VALIDATION_FAILED", kindAnd{Transient, false}, true},
		{"validation, graphql-js: field", `Cannot query field "roleId" on type "RoleAssignment".`, nil, kindAnd{Transient, false}, true},
		{"validation, graphql-js: argument", `Unknown argument "workspaceID" on field "Mutation.deleteUsersFromWorkspace".`, nil, kindAnd{Transient, false}, true},
		{"validation, graphql-js: required", `Field "deleteUsersFromWorkspace" argument "input" of type "DeleteUsersFromWorkspaceInput!" is required, but it was not provided.`, nil, kindAnd{Transient, false}, true},
		{"validation, graphql-java", `Validation error (FieldUndefined@[listUsers/roleAssignments/roleId])`, nil, kindAnd{Transient, false}, true},
		{"validation, graphql-ruby", `Field 'roleId' doesn't exist on type 'RoleAssignment'`, nil, kindAnd{Transient, false}, true},
		{"validation, Hot Chocolate", "The field `roleId` does not exist on the type `RoleAssignment`.", nil, kindAnd{Transient, false}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := graphqlError{Message: test.message}
			g.Extensions.Code = test.code
			e := errorsOf([]graphqlError{g})
			if diff := cmp.Diff(test.want, kindAnd{e.Kind, e.Unanswered}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got := errors.Is(e, errInvalidDocument); got != test.invalid {
				t.Errorf("invalid document: %t", got)
			}
		})
	}
}

func TestV16WhatAnHTTPStatusMeansForAMutation(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	type want struct {
		Kind       Kind
		Unanswered bool
		HTTPStatus int
		Message    string
		RetryAfter time.Duration
	}
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   want
	}{
		{"400 malformed", fails(400, "bad request body"), want{Transient, false, 400, "bad request body", 0}},
		{"400 that names the permission", fails(400, `{"errors":[{"message":"missing permission iam:write"}]}`), want{Unauthorized, false, 400, "missing permission iam:write", 0}},
		{"401", fails(401, `{"errors":[{"message":"who are you?"}]}`), want{Unauthorized, false, 401, "who are you?", 0}},
		{"403", fails(403, ""), want{Unauthorized, false, 403, "Forbidden", 0}},
		{"404 of another server", fails(404, "<html>not here</html>"), want{Transient, false, 404, "Not Found (an HTML page, from a gateway or another server)", 0}},
		{"408", fails(408, ""), want{Transient, true, 408, "Request Timeout", 0}},
		{"422 validation", fails(422, `{"errors":[{"message":"Cannot query field \"x\""}],"data":null}`), want{Transient, false, 422, `Cannot query field "x"`, 0}},
		{"429 with seconds", fails(429, "slow down", "Retry-After", "7"), want{Transient, false, 429, "slow down", 7 * time.Second}},
		{"429 without", fails(429, ""), want{Transient, false, 429, "Too Many Requests", 0}},
		{"503 with a date", fails(503, "", "Retry-After", "Mon, 23 Nov 2026 12:01:30 GMT"), want{Transient, false, 503, "Service Unavailable", 90 * time.Second}},
		{"503 with a date that is past", fails(503, "", "Retry-After", "Mon, 23 Nov 2026 11:00:00 GMT"), want{Transient, false, 503, "Service Unavailable", 0}},
		{"503 with nonsense", fails(503, "", "Retry-After", "soon"), want{Transient, false, 503, "Service Unavailable", 0}},
		{"503 of a proxy that lost the server", fails(503, "upstream connect error or disconnect/reset before headers"), want{Transient, true, 503, "upstream connect error or disconnect/reset before headers", 0}},
		{"500", fails(500, `{"errors":[{"message":"token store is down"}]}`), want{Transient, true, 500, "token store is down", 0}},
		{"502", fails(502, "<html>"), want{Transient, true, 502, "Bad Gateway (an HTML page, from a gateway or another server)", 0}},
		{"504", fails(504, ""), want{Transient, true, 504, "Gateway Timeout", 0}},
		{"a redirect is not followed", fails(307, "", "Location", "https://elsewhere.example/"), want{Transient, false, 307, "redirects to https://elsewhere.example/; the URL must be the GraphQL endpoint itself", 0}},
		{"200 with a login page", says("<html>log in</html>"), want{Transient, true, 200, "", 0}},
		{"200 with data null", says(`{"data":null}`), want{Transient, true, 200, "the answer is cut or malformed: neither data nor errors", 0}},
		{"200 with nothing", says(``), want{Transient, true, 200, "", 0}},
		{"200 with the field missing", says(`{"data":{}}`), want{Transient, true, 200, "the answer has no status", 0}},
		{"200 with OK and errors", says(`{"data":{"createUsers":{"status":{"code":"OK","message":""}}},"errors":[{"message":"half of it"}]}`), want{Transient, true, 200, "half of it", 0}},
		{"200 with something after", says(`{"data":{"createUsers":{"status":{"code":"OK","message":""}}}} {}`), want{Transient, true, 200, "", 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			s.on("createUsers", test.answer)
			c := s.client(t, func(o *Options) { o.Now = func() time.Time { return now } })
			err := c.CreateUsers(t.Context(), NewUsers{Emails: []string{"a@example.com"}})
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v", err)
			}
			got := want{e.Kind, e.Unanswered, e.HTTPStatus, e.Message, e.RetryAfter}
			if test.want.Message == "" {
				got.Message = "" // the decoder's words are its own
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if e.Op != "createUsers" {
				t.Errorf("op %q", e.Op)
			}
			if n := len(s.requests("createUsers")); n != 1 {
				t.Errorf("V-12: the mutation was sent %d times", n)
			}
		})
	}
}

func TestQueriesAreNeverUnanswered(t *testing.T) {
	s := newServer(t)
	s.on("currentUser", fails(500, ""))
	_, err := s.client(t).CurrentUser(t.Context())
	var e *Error
	if !errors.As(err, &e) || e.Unanswered || e.Kind != Transient || e.HTTPStatus != 500 {
		t.Errorf("error %#v", err)
	}
}

func TestErrorsTellNoSecretAndFitALine(t *testing.T) {
	s := newServer(t)
	s.on("createUsers", status("createUsers", "ERROR", "bad key wsk_secret_key\n\x1b[31m at line 1"))
	err := s.client(t).CreateUsers(t.Context(), NewUsers{Emails: []string{"a@example.com"}})
	if want := "createUsers: WisdomAI answered ERROR: bad key [token] [31m at line 1"; err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}
