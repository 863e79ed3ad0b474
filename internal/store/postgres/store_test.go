//go:build unix

package postgres_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/postgres"
	"github.com/scimbridge/scimbridge/internal/store/postgres/pgtest"
	"github.com/scimbridge/scimbridge/internal/store/storetest"
)

func TestContract(t *testing.T) {
	url := pgtest.Database(t)
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
		return open(t, postgres.Options{URL: schema(t, url), Now: now})
	})
}

// schema is the address of a new, empty schema of a database: it is made in less time than a database.
func schema(t testing.TB, url string) string {
	t.Helper()
	c := connect(t, url)
	name := "s" + strings.ToLower(rand.Text())
	sql(t, c, "CREATE SCHEMA "+name)
	must(t, c.Close(context.Background()))
	return with(t, url, "search_path", name)
}

// open opens a store that is closed when the test ends.
func open(t testing.TB, o postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// replicas opens several stores of one database.
func replicas(t testing.TB, n int, o postgres.Options) []*postgres.Store {
	t.Helper()
	all := make([]*postgres.Store, n)
	for i := range all {
		all[i] = open(t, o)
	}
	return all
}

// together runs fn n times at once, and returns the errors in the order of its numbers.
func together(n int, fn func(n int) error) []error {
	errs := make([]error, n)
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = fn(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}

// count adds one to the number that a name stands for.
func count(tx store.Tx, name string) error {
	n, err := number(tx, name)
	if err != nil {
		return err
	}
	return tx.PutMeta(name, strconv.Itoa(n+1))
}

// number is what count has come to.
func number(tx store.Tx, name string) (int, error) {
	text, err := tx.Meta(name)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// numberOf is number in a View that must succeed.
func numberOf(t testing.TB, s *postgres.Store, name string) (n int) {
	t.Helper()
	err := s.View(context.Background(), func(tx store.Tx) (err error) {
		n, err = number(tx, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// connect makes a connection beside the store, which is closed when the test ends.
func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

// sql runs statements on a connection.
func sql(t testing.TB, c *pgx.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := c.Exec(context.Background(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
