package wisdom

import (
	"context"
	"errors"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// This file alone decides what a failure means. Where WisdomAI's documentation is
// silent it errs on the careful side: transient rather than permanent, and
// unanswered rather than refused.
//
//	errors[] and no data         "Error Handling"        errorsOf, executed
//	a status other than OK       "Error Handling"        statusOf
//	401, 400, 500                "Error Handling"        httpError
//	429, 503, Retry-After        not documented          httpError
//	no answer, or half a one     not documented          transportError, brokenAnswer
//	a refused address            "Email Access Control"  statusOf, refusedForGood
//	a missing permission         "RBAC for Users"        statusOf, executed, tenantsFault
//	a token that has ended       "API Keys"              the same, and blamesToken
//	what the schema lacks        GraphQL specification   errorsOf, invalidDocument
//
// What a failure says of WisdomAI, and not of the person, is worthOf's to say.

var (
	// refusedForGood is what Email Access Control and a bad address sound like. No message
	// text is documented ("Email Access Control"); these are the words that V-20 goes by.
	refusedForGood = regexp.MustCompile(`(?i)not (allowed|permitted)|blocked|block ?list|allow ?list|access control|invalid e-?mail`)

	// tenantsFault are the words that make a refusal the tenant's and not the person's:
	// permissions "iam:write" and the like ("RBAC for Users"), tokens ("API Keys"), workspaces (V-20).
	tenantsFault = regexp.MustCompile(`(?i)permission|iam:|token|workspace|unauth`)

	// tokensFault and beyondToken are those of them that a fresh token may cure, and those that it cannot.
	tokensFault = regexp.MustCompile(`(?i)token|unauth`)
	beyondToken = regexp.MustCompile(`(?i)permission|iam:|workspace`)

	// iamDelete is the permission that deleteUsersFromWorkspace alone needs ("RBAC for Users").
	iamDelete = regexp.MustCompile(`(?i)permission|iam:delete`)

	// invalidDocument is how servers say that their schema lacks what a document names, in the words
	// of graphql-js (and its ports), gqlparser, graphql-java, graphql-ruby and Hot Chocolate.
	invalidDocument = regexp.MustCompile(`(?i)cannot query field|unknown (argument|type|field)|is not defined by type|` +
		`argument .* (is required|of required type)|argument .* of type .* is required|` +
		`doesn't (exist on type|accept argument)|does not exist on (the )?type`)

	// invalidSomething is graphql-java's word for it, which may as well be a field's for its input:
	// it counts where no path says that a field was reached (graphql-java gives none).
	invalidSomething = regexp.MustCompile(`(?i)validation error`)

	// address finds e-mail addresses in a message. They are left out before a message is
	// judged: blocked@example.com is nobody's access control.
	address = regexp.MustCompile(`[^\s"'<>(),;]+@[^\s"'<>(),;]+`)
)

// statusOf classifies data.<op>.status ("Error Handling": HTTP 200 does not mean
// success). single says that the call was about one person. It returns nil for OK.
func statusOf(o outcome, single bool) *Error {
	e := &Error{Kind: Transient, Code: o.Code, Message: o.Message}
	words := address.ReplaceAllString(o.Message, "")
	switch {
	case o.Code == "OK":
		return nil
	case o.Code == "":
		e.Unanswered = true
		e.Message = "the answer has no status"
	case o.Code == "NONE":
		// "No status available": neither a success nor known to have done nothing.
		e.Unanswered = true
	case o.Code == "NOT_FOUND":
		e.Kind = NotFound
	case o.Code == "ERROR" && tenantsFault.MatchString(words):
		e.Kind = Unauthorized
	case o.Code == "ERROR" && single && refusedForGood.MatchString(words):
		e.Kind = Permanent
	}
	if e.Message == "" {
		e.Message = "no message"
	}
	return e
}

// blamesToken is whether a refusal in prose is about the token itself.
func blamesToken(message string) bool {
	words := address.ReplaceAllString(message, "")
	return tokensFault.MatchString(words) && !beyondToken.MatchString(words)
}

// graphqlError is one element of errors[] (GraphQL specification, section 7.1.2).
type graphqlError struct {
	Message string `json:"message"`
	// Path leads to the field that failed, from the key of its root field on, and is missing where the
	// request failed. That it is there proves nothing: Hot Chocolate gives an invalid document one too.
	Path       []any `json:"path"`
	Extensions struct {
		Code any `json:"code"`
	} `json:"extensions"`
}

// root is the first element of the path, "" without one.
func (g graphqlError) root() string {
	if len(g.Path) == 0 {
		return ""
	}
	key, _ := g.Path[0].(string)
	return key
}

// invalid is whether the document was refused before any of it ran.
func (g graphqlError) invalid() bool {
	switch g.code() {
	case "GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED":
		return true
	}
	words := address.ReplaceAllString(g.Message, "")
	return invalidDocument.MatchString(words) || len(g.Path) == 0 && invalidSomething.MatchString(words)
}

func (g graphqlError) code() string {
	code, _ := g.Extensions.Code.(string)
	return code
}

// errorsOf classifies a non-empty errors[] that came without data.
func errorsOf(list []graphqlError) *Error {
	for _, g := range list {
		if g.invalid() { // first of all: "Unknown argument workspaceID" is nobody's permission
			return &Error{Kind: Transient, Message: g.Message, Err: errInvalidDocument}
		}
	}
	return executed(list)
}

// executed classifies the errors of what ran. Of a mutation nothing is known then, since its
// fields are non-null and one error takes the whole of data with it (V-16).
func executed(list []graphqlError) *Error {
	e := &Error{Kind: Transient, Unanswered: true}
	for _, g := range list {
		if e.Message == "" {
			e.Message = g.Message
		}
		words := address.ReplaceAllString(g.Message, "")
		// The codes are Apollo Server's, which many servers took over.
		if code := g.code(); code == "UNAUTHENTICATED" || code == "FORBIDDEN" || tenantsFault.MatchString(words) {
			e.Kind = Unauthorized
			e.Message = g.Message
		}
	}
	if e.Message == "" {
		e.Message = "errors without a message"
	}
	return e
}

// httpError classifies an answer that is not 2xx; list is errors[] of its body, if
// it had one, and text the body.
func httpError(res *http.Response, list []graphqlError, text string, now time.Time) *Error {
	e := &Error{Kind: Transient}
	if len(list) > 0 {
		e = errorsOf(list)
	} else {
		e.Message = spoken(res, text)
	}
	status := res.StatusCode
	if status >= 500 {
		e.Kind = Transient // whatever the words: it is the server that failed
	}
	e.HTTPStatus = status
	e.RetryAfter = retryAfter(res.Header.Get("Retry-After"), now)
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		e.Kind = Unauthorized
		e.Unanswered = false
	case status == http.StatusTooManyRequests:
		e.Unanswered = false
	case status == http.StatusServiceUnavailable:
		// Turned away at the door, but for one: a proxy that lost the server in the middle of the
		// request says so with 503 too (Envoy: "upstream connect error or disconnect/reset before headers").
		e.Unanswered = strings.Contains(strings.ToLower(text), "upstream")
	case status == http.StatusRequestTimeout || status == 499:
		e.Unanswered = true
	case status >= 500:
		e.Unanswered = !errors.Is(e.Err, errInvalidDocument)
	default:
		// 400 is malformed, 404 another address, 3xx elsewhere: nothing was carried out.
		e.Unanswered = false
	}
	return e
}

// spoken is what an answer without errors[] has to say for itself.
func spoken(res *http.Response, text string) string {
	text = strings.TrimSpace(text)
	switch {
	case res.StatusCode/100 == 3:
		return "redirects to " + res.Header.Get("Location") + "; the URL must be the GraphQL endpoint itself"
	case text == "":
		return http.StatusText(res.StatusCode)
	case strings.HasPrefix(text, "<"):
		return http.StatusText(res.StatusCode) + " (an HTML page, from a gateway or another server)"
	}
	return text
}

// worth is what an outcome says of WisdomAI, as the guard takes it, from the least to the most.
type worth int

const (
	nothing      worth = iota // it was not sent, or ended by us, or its cause is gone
	delayed                   // answered, but not to be tried again at once: 429, no iam:delete
	unclear                   // WisdomAI works, but this may be one person's trouble: errors[]
	failing                   // not reached, in time or at all, or in trouble itself
	unauthorized              // the token, its permissions or the workspace are refused
	fine                      // answered, if with a refusal of this person
)

// worthOf is the worth of one error of a request, nil for OK.
func worthOf(err error) worth {
	var e *Error
	switch {
	case err == nil:
		return fine
	case errors.Is(err, context.Canceled), errors.Is(err, errNotEncoded):
		return nothing
	case !errors.As(err, &e):
		return failing
	case e.Again:
		return nothing
	case e.Kind == Unauthorized && e.Op == "deleteUsersFromWorkspace" && e.HTTPStatus != http.StatusUnauthorized && iamDelete.MatchString(e.Message):
		// A permission of its own ("RBAC for Users"): that it is missing says nothing of the
		// suspensions that would be held up.
		return delayed
	case e.Kind == Unauthorized:
		return unauthorized
	case e.Code != "":
		return fine
	case errors.Is(err, errInvalidDocument):
		return unclear
	case e.HTTPStatus == http.StatusTooManyRequests:
		return delayed
	case e.HTTPStatus/100 == 2 && e.Err == nil:
		return unclear
	}
	switch e.HTTPStatus {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return unclear // malformed ("Error Handling": 400) is this request, not the next
	}
	return failing
}

// retryAfter reads Retry-After: seconds or an HTTP date (RFC 9110, section 10.2.3). What it
// cannot read, and what is past, is 0.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(strings.TrimSpace(value), 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

// transportError classifies a request that got no answer. sent says whether it may
// have left.
func transportError(ctx context.Context, err error, sent bool) *Error {
	e := &Error{Kind: Transient, Unanswered: sent, Message: err.Error(), Err: err}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		e.Unanswered = false
	}
	if over := ctx.Err(); over != nil {
		e.Message = ended(over)
		e.Err = over
	}
	return e
}

// brokenAnswer classifies an answer that ended or went wrong while it was read.
func brokenAnswer(ctx context.Context, err error) *Error {
	if over := ctx.Err(); over != nil {
		return &Error{Kind: Transient, Unanswered: true, Message: ended(over), Err: over}
	}
	return &Error{Kind: Transient, Unanswered: true, Message: "the answer is cut or malformed: " + err.Error(), Err: err}
}

func ended(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer before the deadline"
	}
	return "cancelled before the answer"
}
