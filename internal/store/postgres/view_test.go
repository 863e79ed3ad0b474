package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/postgres"
	"github.com/scimbridge/scimbridge/internal/store/postgres/pgtest"
)

// Whoever takes a connection that was lost for something that is not there must not answer so: an identity
// provider would create anew whom it does not find.
func TestAViewThatLostItsConnectionFindsNothingMissing(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	s := open(t, postgres.Options{URL: url})
	missing := errors.New("there is no such user")
	err := s.View(t.Context(), func(tx store.Tx) error {
		c, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(context.Background())
		if _, err := c.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.User("default", "x"); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("the connection is gone, and the user is: %v", err)
		}
		return missing
	})
	if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, missing) {
		t.Errorf("%v, want %v", err, store.ErrUnavailable)
	}
}
