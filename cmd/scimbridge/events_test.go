//go:build unix

package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/postgres"
	"github.com/scimbridge/scimbridge/internal/store/postgres/pgtest"
)

// TestFollowWaitsForALateEvent: PostgreSQL gives an event its number before the commit. Who follows sees one that is
// committed after its successor, in its place, and is not held up for ever by one that never is.
func TestFollowWaitsForALateEvent(t *testing.T) {
	var mu sync.Mutex
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	s, err := postgres.Open(t.Context(), postgres.Options{URL: pgtest.Database(t), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	event := func(kind string) {
		t.Helper()
		if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.AppendEvent(&store.Event{Kind: kind}) }); err != nil {
			t.Fatal(err)
		}
	}
	late := func(kind string) (commit func()) {
		drawn, release, done := make(chan struct{}), make(chan struct{}), make(chan error)
		go func() {
			done <- s.Update(context.Background(), func(tx store.Tx) error {
				err := tx.AppendEvent(&store.Event{Kind: kind})
				close(drawn)
				<-release
				return err
			})
		}()
		<-drawn
		return func() {
			close(release)
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	var shown []string // guarded by mu
	sees := func(what string) bool {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(shown, " ") == what
	}

	event("user.first")
	commitSecond := late("user.second")
	event("user.third")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- showEvents(ctx, s, store.EventQuery{Kind: "user.", Limit: 10}, true, func(e *store.Event) error {
			mu.Lock()
			defer mu.Unlock()
			shown = append(shown, strings.TrimPrefix(e.Kind, "user."))
			return nil
		})
	}()
	eventually(t, "the first event", func() bool { return sees("first") })
	commitFourth := late("user.fourth")
	event("other")
	event("user.fifth")
	time.Sleep(3 * followEvery / 2)
	if !sees("first") {
		t.Errorf("while a number is missing %q are shown, want the first alone", shown)
	}
	commitSecond()
	eventually(t, "the second and the third", func() bool { return sees("first second third") })
	commitFourth()
	eventually(t, "all", func() bool { return sees("first second third fourth fifth") })

	given := errors.New("given up")
	if err := s.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(tx.AppendEvent(&store.Event{Kind: "user.never"}), given)
	}); !errors.Is(err, given) {
		t.Fatal(err)
	}
	event("user.sixth")
	time.Sleep(3 * followEvery / 2)
	if !sees("first second third fourth fifth") {
		t.Errorf("while a number is missing %q are shown", shown)
	}
	mu.Lock()
	now = now.Add(lateEvent)
	mu.Unlock()
	eventually(t, "what comes after a number that is lost", func() bool { return sees("first second third fourth fifth sixth") })
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestFollowBeginsWithTheNewest: as many as were asked for, young and old ones, and each once.
func TestFollowBeginsWithTheNewest(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	s, err := postgres.Open(t.Context(), postgres.Options{URL: pgtest.Database(t), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for n, kind := range []string{"a", "b", "c", "d", "e", "f"} {
		age := []time.Duration{time.Hour, time.Minute, time.Minute, lateEvent, time.Second, 0}[n]
		if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.AppendEvent(&store.Event{Kind: kind, Time: now.Add(-age)}) }); err != nil {
			t.Fatal(err)
		}
	}
	for limit, want := range map[int]string{1: "f", 2: "e f", 3: "d e f", 4: "c d e f", 5: "b c d e f", 9: "a b c d e f"} {
		ctx, stop := context.WithCancel(t.Context())
		var shown []string
		err := showEvents(ctx, s, store.EventQuery{Limit: limit}, true, func(e *store.Event) error {
			if shown = append(shown, e.Kind); e.Kind == "f" {
				stop()
			}
			return nil
		})
		if err != nil || !slices.Equal(shown, strings.Fields(want)) {
			t.Errorf("the newest %d: %v, %v, want %s", limit, shown, err, want)
		}
		stop()
	}
}
