// Package wisdom is the client of WisdomAI's GraphQL API: the typed operations
// that provisioning needs, the token that opens them, and one error type that says
// of every failure whether it is permanent, passing or a matter of the token.
//
// It holds no state about people, decides nothing and repeats no mutation: what to
// send, and what to do about a failure, is the business of package directory.
package wisdom

import (
	"context"
	"time"
)

// User is one user as listUsers shows him (docs.wisdom.ai, "User").
type User struct {
	ID         string
	Email      string
	Name       string
	Created    string // creationTimestamp, as sent
	Roles      []RoleAssignment
	Attributes []Attribute
}

// RoleAssignment is a role and the scopes it is limited to. Scopes are never
// omitted on the wire: an empty list means everywhere.
//
// A server that shows {role scopeId} instead of {roleId scopes} is read into the same
// type: RoleID is then role as sent, which may be a name instead of an id; a scopeId
// that is null or empty means everywhere; and what it shows as one assignment a
// scope is one assignment with these scopes.
type RoleAssignment struct {
	RoleID string   `json:"roleId"`
	Scopes []string `json:"scopes"`
}

// Source says who set an attribute.
type Source string

const (
	// Database attributes were set through the API and are replaced by setUserAttributes.
	Database Source = "DATABASE"
	// JWT attributes come from single sign-on claims and are read-only.
	JWT Source = "JWT"
)

// Attribute is one user attribute. A key may stand in both sources.
type Attribute struct {
	Key    string
	Value  string
	Source Source
}

// KeyValue is an attribute to set.
type KeyValue struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// NewUsers is the input of createUsers: one set of roles, attributes and groups
// for all Emails.
type NewUsers struct {
	Emails []string
	// Roles nil leaves roleAssignments out; empty and not nil is sent as [], which
	// takes every role away (V-18).
	Roles        []RoleAssignment
	Attributes   []KeyValue // nil leaves userAttributes out
	UserGroupIDs []string   // nil leaves userGroupIds out
	WelcomeEmail bool
}

// Mutation is one root field of a request: exactly one of its fields is set.
type Mutation struct {
	Create     *NewUsers       // createUsers
	Attributes *UserAttributes // setUserAttributes
	Delete     []string        // deleteUsersFromWorkspace, by id
}

// UserAttributes is the input of setUserAttributes.
type UserAttributes struct {
	UserID     string
	Attributes []KeyValue
}

// Kind says what may be done about an Error.
type Kind string

const (
	// Permanent: WisdomAI refused this input for good (V-20); repeating it is useless.
	Permanent Kind = "permanent"
	// Transient: it may work later.
	Transient Kind = "transient"
	// Unauthorized: the token, its permissions or the workspace are wrong; the
	// tenant's fault, not this person's.
	Unauthorized Kind = "unauthorized"
	// NotFound: WisdomAI answered NOT_FOUND: a reason to look, not a success (V-18).
	NotFound Kind = "not found"
)

// Error is every failure of this package.
type Error struct {
	Op   string // "createUsers", "listUsers", "exchangeAccessToken", ...
	Kind Kind
	// Unanswered is true when the call may have been carried out all the same:
	// timeout, connection lost after sending, 5xx of a gateway, or an errors[] that
	// left no answer for this field (V-16).
	// Always false for a query.
	Unanswered bool
	// Again is true when nothing was carried out and the cause is gone: the token had
	// expired and was renewed. A query is repeated by the client itself; a mutation is
	// to be computed anew (V-12) and may be sent at once, without a back-off.
	Again      bool
	HTTPStatus int           // 0 when there was no answer
	Code       string        // data.<op>.status.code, or ""
	Message    string        // WisdomAI's own words, or the transport's
	RetryAfter time.Duration // 0 when not given
	Err        error         // what it wraps, or nil
}

// API is what Client offers, for the packages that use it to declare subsets of.
//
//	ListUsers      streams every user of the workspace to yield, in no promised order; when
//	               yield returns an error the listing stops with it. It returns nil only after the
//	               listing was read to its proper end: a cut or malformed answer is an error, never
//	               a shorter listing.
//	CurrentUser    the owner of the token.
//	CreateUsers    upsert by e-mail; roles are overwritten. Without e-mails it is no call.
//	SetUserAttributes replaces all DATABASE attributes of one user.
//	DeleteUsers    deleteUsersFromWorkspace; irreversible. Without ids it is no call.
//	Mutate         sends the mutations as one HTTP request, aliased m0, m1, ..., which WisdomAI
//	               carries out in their order, and returns one error for each, nil for OK. One
//	               alone is the plain operation; what is no call above is none here.
//
// Every failure is an *Error, but for what yield returned, which is handed back as it is.
type API interface {
	ListUsers(ctx context.Context, yield func(User) error) error
	CurrentUser(ctx context.Context) (User, error)
	CreateUsers(ctx context.Context, in NewUsers) error
	SetUserAttributes(ctx context.Context, userID string, attributes []KeyValue) error
	DeleteUsers(ctx context.Context, ids []string) error
	Mutate(ctx context.Context, mutations []Mutation) []error
}
