package directory

import (
	"cmp"
	"encoding/binary"
	"strings"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// Sort is the order of a list (RFC 7644 section 3.4.2.3): resources without a value come
// last, equal values in the order of their ids, and Descending is the exact reverse.
type Sort struct {
	// By is an attribute that the store sorts by: id, userName, displayName, externalId,
	// active, meta.created, meta.lastModified. "" is any other: the query's Key gives its
	// value, and the keys of all candidates are sorted in memory, anew for each page.
	By         Field
	Descending bool
}

// Position is a place in the order of a list. It stands for itself: the resource that
// had it may be gone, and what follows it is the same.
type Position struct {
	Seq  int64  // without Sort: the place in the order in which resources were first stored
	None bool   // with Sort: there is no value
	Key  string // with Sort: the value, such that bytes are in the order of values
	ID   string // with Sort
}

// MostKey is how much of a value of Key is sorted by, in bytes, so that one user takes no
// more than some 350 bytes of memory while a list is sorted; values that are equal so
// far are in the order of their ids.
const MostKey = 256

// Compare orders two places of one order.
func (s *Sort) Compare(a, b Position) int {
	if s == nil {
		return cmp.Compare(a.Seq, b.Seq)
	}
	order := 0
	switch {
	case a.None != b.None:
		order = -1
		if a.None {
			order = 1
		}
	default:
		order = cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.ID, b.ID))
	}
	if s.Descending {
		return -order
	}
	return order
}

// TimeKey is a time as a Position's Key, to the store's microsecond.
func TimeKey(t time.Time) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(t.UnixMicro())^1<<63))
}

// BoolKey is a boolean as a Position's Key.
func BoolKey(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// sorted is the part of an order that the store does; nil for none.
func (s *Sort) sorted() *store.Sort {
	if s == nil || s.By == "" {
		return nil
	}
	return &store.Sort{By: s.By, Descending: s.Descending}
}

// stored is a place in the store's words, nil for the beginning; more is false where
// nothing comes after it.
func (s *Sort) stored(p *Position) (at *store.Position, more bool) {
	if p == nil {
		return nil, true
	}
	at = &store.Position{Seq: p.Seq, ID: p.ID, Value: p.Key}
	if s == nil {
		return at, true
	}
	switch s.By {
	case store.FieldExternalID, store.FieldDisplayName:
		return at, true
	case store.FieldActive:
		at.Value = p.Key == BoolKey(true)
	case store.FieldCreated, store.FieldLastModified:
		at.Value = time.Time{}
		if len(p.Key) == 8 {
			at.Value = time.UnixMicro(int64(binary.BigEndian.Uint64([]byte(p.Key)) ^ 1<<63))
		}
	}
	if p.None { // a resource of another type, in a list of all: these here all have a value
		return nil, s.Descending
	}
	return at, true
}

// placeOfUser is where a row stands in an order that the store does.
func (s *Sort) placeOfUser(u *store.User) Position {
	if s == nil {
		return Position{Seq: u.Seq}
	}
	switch s.By {
	case store.FieldUserName:
		return Position{Key: u.UserNameKey, ID: u.ID}
	case store.FieldActive:
		return Position{Key: BoolKey(u.Active), ID: u.ID}
	}
	return s.place(u.ID, u.ExternalID, u.DisplayNameKey, u.Created, u.Modified)
}

func (s *Sort) placeOfGroup(g *store.Group) Position {
	if s == nil {
		return Position{Seq: g.Seq}
	}
	return s.place(g.ID, g.ExternalID, g.DisplayNameKey, g.Created, g.Modified)
}

func (s *Sort) place(id, externalID, displayName string, created, modified time.Time) Position {
	switch s.By {
	case store.FieldExternalID:
		return Position{None: externalID == "", Key: externalID, ID: id}
	case store.FieldDisplayName:
		return Position{None: displayName == "", Key: displayName, ID: id}
	case store.FieldCreated:
		return Position{Key: TimeKey(created), ID: id}
	case store.FieldLastModified:
		return Position{Key: TimeKey(modified), ID: id}
	}
	return Position{Key: id, ID: id}
}
