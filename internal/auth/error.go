package auth

import "fmt"

// Kind says why a request was turned away.
type Kind string

const (
	// Missing: no credentials that this server knows (H-14, H-18).
	Missing Kind = "missing"
	// InvalidToken: wrong, expired, revoked, or another tenant's; the caller is not
	// told which (H-15).
	InvalidToken Kind = "invalid_token"
	// InvalidRequest: doubled or malformed credentials (H-17).
	InvalidRequest Kind = "invalid_request"
	// Unavailable: the store could not be asked; our fault, and never the
	// caller's, whom a 401 would make give up for good (idp-behaviour: Entra ID
	// quarantines at once).
	Unavailable Kind = "unavailable"
)

// Error is every error of Authenticate.
type Error struct {
	Kind Kind
	// Detail is one sentence for the caller; it holds nothing of what was sent.
	Detail string
	// Reason is for the log and metrics, more precise than the caller is told:
	// "expired", "revoked", "unknown", "other tenant".
	Reason string
	// Token is the name of the token, where one was recognised; for the log.
	Token string
	Err   error // what it wraps, or nil
}

func (e *Error) Error() string {
	text := fmt.Sprintf("authenticate: %s (%s)", e.Detail, e.Reason)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// Status is the HTTP status to answer: 503 for Unavailable, else 401. A malformed
// request is 401 and not RFC 6750's 400: IdPs know only 401 as a matter of credentials.
func (e *Error) Status() int {
	if e.Kind == Unavailable {
		return 503
	}
	return 401
}

// Challenge is the value of WWW-Authenticate (RFC 6750 section 3), "" for Unavailable.
func (e *Error) Challenge() string {
	const realm = `Bearer realm="scim"`
	switch e.Kind {
	case InvalidToken, InvalidRequest:
		return fmt.Sprintf(`%s, error="%s", error_description="%s"`, realm, e.Kind, e.Detail)
	case Missing:
		return realm
	}
	return ""
}
