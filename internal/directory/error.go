package directory

import (
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// ErrorKind says what a refusal means; package scim makes a status and a scimType of it.
type ErrorKind string

const (
	NotFound           ErrorKind = "not found"    // 404
	Conflict           ErrorKind = "conflict"     // 409 uniqueness
	Invalid            ErrorKind = "invalid"      // 400 invalidValue
	Mutability         ErrorKind = "mutability"   // 400 mutability
	PreconditionFailed ErrorKind = "precondition" // 412
	Protected          ErrorKind = "protected"    // 409 without scimType (V-34)
	Unavailable        ErrorKind = "unavailable"  // 503 with Retry-After (V-29, V-37)
)

// ErrStoreUnavailable is in every error that says: the store cannot serve now, and the same request may
// succeed soon (503). What was asked for may have been recorded all the same; asked for again it is a replay.
var ErrStoreUnavailable = store.ErrUnavailable

// Error is a refusal of the directory. Anything else it returns is the store's (ErrStoreUnavailable), a
// fault of its own (500), or the context's.
type Error struct {
	Kind       ErrorKind
	Attribute  string        // the SCIM attribute concerned, or ""
	Detail     string        // one sentence for the IdP's administrator
	RetryAfter time.Duration // Unavailable
	Recorded   bool          // Unavailable: what was asked for is committed all the same, and will be delivered (V-37)
}

func (e *Error) Error() string {
	if e.Attribute == "" {
		return e.Detail
	}
	return e.Attribute + ": " + e.Detail
}
