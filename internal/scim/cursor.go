package scim

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"

	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/scimbridge/scimbridge/internal/directory"
)

// The scimTypes of RFC 9865 section 2.1 that are used here. Cursors do not expire: a
// place in an order means the same for ever (K-08).
const (
	invalidCursor scimerrors.ScimType = "invalidCursor"
	invalidCount  scimerrors.ScimType = "invalidCount"
)

// cursors seals places in lists (RFC 9865). A cursor is the place of the last resource
// of a page, encrypted and authenticated (AES-256-GCM) together with the list that it
// is a place in: it reveals nothing, cannot be made up, and is of no use for another
// tenant, whose key is another, or another endpoint, filter or order (K-07, K-16, K-17).
// It keeps no state at the server. Safe for concurrent use.
type cursors struct{ aead cipher.AEAD }

// newCursors takes a key of 32 bytes; nil is one of this process.
func newCursors(key []byte) (cursors, error) {
	if key == nil {
		key = make([]byte, 32)
		rand.Read(key) // never fails (crypto/rand)
	}
	if len(key) != 32 {
		return cursors{}, errors.New("scim: CursorKey must have 32 bytes")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return cursors{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return cursors{aead}, err
}

// place is where a list goes on.
type place struct {
	directory.Position
	group bool // of a list of all types: the place of a group
}

// seal makes a cursor, of base64url's characters, all unreserved in URLs (K-03).
func (cs cursors) seal(list string, p place) string {
	flags := byte(0)
	if p.group {
		flags |= 1
	}
	if p.None {
		flags |= 2
	}
	plain := binary.AppendUvarint([]byte{flags}, uint64(p.Seq))
	plain = binary.AppendUvarint(plain, uint64(len(p.Key)))
	plain = append(append(plain, p.Key...), p.ID...)
	return base64.RawURLEncoding.EncodeToString(cs.aead.Seal(nil, nil, plain, []byte(list)))
}

// open reads a cursor of that list.
func (cs cursors) open(list, cursor string) (*place, error) {
	refused := badRequest(invalidCursor, "The cursor is not one that this server gave for this query; repeat filter, sortBy and sortOrder as they were, or begin again with an empty cursor.")
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return nil, refused
	}
	plain, err := cs.aead.Open(nil, nil, sealed, []byte(list))
	if err != nil || len(plain) == 0 {
		return nil, refused
	}
	p := &place{group: plain[0]&1 != 0}
	p.None = plain[0]&2 != 0
	rest := plain[1:]
	var numbers [2]uint64
	for i := range numbers {
		n := 0
		if numbers[i], n = binary.Uvarint(rest); n <= 0 {
			return nil, refused
		}
		rest = rest[n:]
	}
	if numbers[1] > uint64(len(rest)) {
		return nil, refused
	}
	p.Seq, p.Key, p.ID = int64(numbers[0]), string(rest[:numbers[1]]), string(rest[numbers[1]:])
	return p, nil
}

// list names a query for its cursors: what must be the same on each page. What is shown
// of the resources and how many of them are on a page may change (K-09).
func (q *search) list(endpoint string) string {
	order := "ascending"
	if q.descending {
		order = "descending"
	}
	sortBy := strings.ToLower(q.sortBy)
	var b []byte
	for _, part := range []string{"cursor 1", endpoint, q.filter, sortBy, order} {
		b = append(binary.AppendUvarint(b, uint64(len(part))), part...)
	}
	return string(b)
}

// resume finds the place at which a search goes on, if it has a cursor that is not empty.
func (s *Server) resume(endpoint string, q *search) error {
	if q.cursor == "" {
		return nil
	}
	p, err := s.cursors.open(q.list(endpoint), q.cursor)
	q.after = p
	return err
}

// position is where a list of one type goes on.
func (q *search) position() *directory.Position {
	if q.after == nil {
		return nil
	}
	return &q.after.Position
}

// wanted is how many resources to ask for: with a cursor one more than are shown, to see
// whether there is a next page (K-02).
func (q *search) wanted() int {
	if q.walks && q.count > 0 {
		return q.count + 1
	}
	return q.count
}
