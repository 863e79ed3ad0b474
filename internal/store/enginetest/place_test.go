package enginetest

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// TestPlace: what is kept at a place is there for the next who opens it, and in a copy as it was; in a bubble too.
func TestPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPlace(t)
		meta := func(p *Place, write string) (was string) {
			t.Helper()
			s, err := p.Open(t.Context(), time.Now)
			if err != nil {
				t.Fatal(err)
			}
			err = s.Update(t.Context(), func(tx store.Tx) (err error) {
				if !tx.Now().Equal(time.Now()) {
					t.Errorf("it is %v, the test's clock says %v", tx.Now(), time.Now())
				}
				if was, err = tx.Meta("word"); err != nil && !errors.Is(err, store.ErrNotFound) {
					return err
				}
				return tx.PutMeta("word", write)
			})
			if err := errors.Join(err, s.Close()); err != nil {
				t.Fatal(err)
			}
			return was
		}
		meta(p, "first")
		time.Sleep(24 * time.Hour)
		c := p.Copy()
		if was := meta(p, "second"); was != "first" {
			t.Errorf("it is %q, want what was written", was)
		}
		if all := p.Content(); !strings.Contains(all, "second") {
			t.Error("the content lacks what was written")
		}
		if was := meta(c, "third"); was != "first" {
			t.Errorf("in the copy it is %q, want what was there when it was made", was)
		}
	})
}

func TestRerunningRunsTwiceAndKeepsOnce(t *testing.T) {
	s := Rerunning(Open(t, nil))
	runs := 0
	err := s.Update(t.Context(), func(tx store.Tx) error {
		runs++
		return tx.AppendEvent(&store.Event{Time: tx.Now(), Tenant: "t", Kind: "k"})
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.View(t.Context(), func(tx store.Tx) error {
		if events, err := tx.Events("t", 0, 10); err != nil || len(events) != 1 {
			t.Errorf("%d events, %v; want what one run wrote", len(events), err)
		}
		return nil
	})
	if err != nil || runs < 2 {
		t.Errorf("%d runs, %v", runs, err)
	}
	refused := errors.New("refused")
	if err := s.Update(t.Context(), func(store.Tx) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("%v, want the function's own error", err)
	}
}
