package directory

import (
	"strings"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

// Document is a SCIM resource's attributes in canonical form (schema spelling,
// extensions under their URN) without id, meta, schemas, groups and password.
type Document = map[string]any

// Caller is who asks: for the event log and for scoping.
type Caller struct {
	Token   string // name of the bearer token
	Request string // request id
}

// User is a SCIM user as the directory shows him.
type User struct {
	ID                string
	Managed           bool // false: shown from WisdomAI alone, adopted by the first write
	Document          Document
	Version           int64
	Created, Modified time.Time
	Groups            []GroupRef // direct ones, by displayName
	Delivery          Delivery
	Position          Position // in the list that Users answers; zero elsewhere
}

// GroupRef is a group a user is directly in.
type GroupRef struct{ ID, DisplayName string }

// Delivery is how far what the IdP asked for has come at WisdomAI.
type Delivery struct {
	State  DeliveryState
	Since  time.Time
	Detail string // the last error or reason; "" if none
}

// DeliveryState is the state shown in the extension's read-only `delivery`.
type DeliveryState string

const (
	DeliveryNone        DeliveryState = "none"        // nothing to deliver: unmanaged, or no account
	DeliveryPending     DeliveryState = "pending"     // not delivered yet
	DeliveryUnconfirmed DeliveryState = "unconfirmed" // delivered, not yet seen by a settled look
	DeliveryUncertain   DeliveryState = "uncertain"   // a call was not answered
	DeliveryConfirmed   DeliveryState = "confirmed"   // seen
	DeliveryFailed      DeliveryState = "failed"      // refused for good
	DeliveryHeld        DeliveryState = "held"        // waits for a person
)

// Group is a SCIM group. Members is nil unless they were asked for.
type Group struct {
	ID                string
	DisplayName       string
	ExternalID        string
	Version           int64
	Created, Modified time.Time
	Members           []Member
	Position          Position // in the list that Groups answers; zero elsewhere
}

// Member is a direct member of a group.
type Member struct {
	ID      string
	Type    string // "User" or "Group"
	Display string
}

// Condition, Field and Cmp are the indexed part of a filter; see package store.
type (
	Condition = store.Condition
	Field     = store.Field
	Cmp       = store.Cmp
)

// UserQuery asks for a page of users.
type UserQuery struct {
	// Where is what an index answers, a superset of the matches; nil is everybody.
	Where *Condition
	// Match decides exactly on each candidate; nil when Where alone is exact.
	Match func(*User) bool
	// Sort is the order; nil is the one in which users were first stored. Key gives the
	// value, false for none, that a Sort without By sorts by.
	Sort *Sort
	Key  func(*User) (key string, ok bool)
	// After leaves out of the page, not of the total, what does not come after a place in
	// the same order; nil: nothing. Who goes on after the last one that he was shown is shown
	// everybody whom nobody wrote in the meantime exactly once (K-06).
	After *Position
	// Offset and Limit are of the matches; Limit 0 asks for the total only, -1 for all.
	Offset, Limit int
	// UserNames and Emails are the literals of an equality lookup (not folded). When
	// it finds nothing it must be answered by a look no older than
	// listing.miss_max_age, because the IdP will create on that answer.
	UserNames, Emails []string
	// WithGroups and WithDelivery fill those fields; they cost a lookup each.
	WithGroups, WithDelivery bool
}

// GroupQuery asks for a page of groups; its fields are those of UserQuery.
type GroupQuery struct {
	Where         *Condition
	Match         func(*Group) bool
	Sort          *Sort
	Key           func(*Group) (key string, ok bool)
	After         *Position
	Offset, Limit int
	WithMembers   bool
}

// Precondition is If-Match: Version must be among Versions. The zero value asks nothing.
type Precondition struct {
	Versions []int64
}

// GroupDraft is a group to create or replace.
type GroupDraft struct {
	DisplayName string
	ExternalID  string
	Members     []MemberRef
}

// MemberRef names a member in a write.
type MemberRef struct {
	ID string
	// Type is "User", "Group" or "" (found by the id). One that contradicts the id is an Invalid.
	Type string
}

// GroupChange is one step of a group's PATCH. Exactly one field is set. Steps are
// applied in order, in one transaction, without reading the whole group where that
// can be avoided.
type GroupChange struct {
	SetDisplayName *string
	SetExternalID  *string // "" clears
	Add            []MemberRef
	Remove         []string // ids; one who is not a member is no error
	// RemoveMatching removes the members for which it returns true.
	RemoveMatching func(Member) bool
	// ReplaceMembers replaces them all; an empty, non-nil list empties the group.
	ReplaceMembers *[]MemberRef
}

var fold = cases.Fold()

// FoldName is how userNames and displayNames are compared: width-folded, composed
// and without case (RFC 7644 section 5, the PRECIS UsernameCaseMapped preparation
// of RFC 8265, without its refusals: an IdP's name that PRECIS would not admit is
// still a name). Idempotent.
func FoldName(s string) string {
	ascii := true
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			ascii = false
			break
		}
	}
	if ascii {
		return strings.ToLower(s)
	}
	return norm.NFC.String(fold.String(norm.NFC.String(width.Fold.String(s))))
}
