package scim

import (
	"encoding/base64"
	"regexp"
	"testing"

	"github.com/scimbridge/scimbridge/internal/directory"
	"pgregory.net/rapid"
)

var unreserved = regexp.MustCompile(`^[A-Za-z0-9._~-]+$`)

// TestCursorsAreSealed: what was sealed is opened as it was, for its list alone, and
// every bit of it counts.
func TestCursorsAreSealed(t *testing.T) {
	cs, err := newCursors(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		p := place{group: rapid.Bool().Draw(r, "group"), Position: directory.Position{
			Seq: rapid.Int64Min(0).Draw(r, "seq"), None: rapid.Bool().Draw(r, "none"), Key: rapid.String().Draw(r, "key"), ID: rapid.String().Draw(r, "id")}}
		list := rapid.String().Draw(r, "list")
		cursor := cs.seal(list, p)
		got, err := cs.open(list, cursor)
		if err != nil || *got != p || !unreserved.MatchString(cursor) {
			r.Fatalf("%s: %+v, %v; want %+v", cursor, got, err, p)
		}
		if _, err := cs.open(list+"x", cursor); err == nil {
			r.Fatal("opened for another list")
		}
		sealed, _ := base64.RawURLEncoding.DecodeString(cursor)
		sealed[rapid.IntRange(0, len(sealed)-1).Draw(r, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(r, "bit")
		if _, err := cs.open(list, base64.RawURLEncoding.EncodeToString(sealed)); err == nil {
			r.Fatal("opened after a change")
		}
	})
	if _, err := newCursors([]byte("short")); err == nil {
		t.Error("a short key is taken")
	}
}
