//go:build unix

package enginetest

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/postgres"
	"github.com/scimbridge/scimbridge/internal/store/postgres/pgtest"
)

func newDatabase(t testing.TB) string {
	t.Helper()
	return pgtest.Database(t)
}

func openDatabase(ctx context.Context, at string, now func() time.Time) (store.Store, error) {
	s, err := postgres.Open(ctx, postgres.Options{URL: at, Now: now})
	if err != nil {
		return nil, err
	}
	if now == nil {
		return s, nil
	}
	return alone{s}, nil
}

// alone hides that the store hears of others: the connection that listens waits on a socket, and while anything
// does, the time of a bubble stands still.
type alone struct{ store.Store }

func copyDatabase(t testing.TB, from string) string {
	t.Helper()
	to := pgtest.Database(t)
	ctx := context.Background()
	on(t, in(to, "postgres"), func(c *pgx.Conn) error {
		name := pgx.Identifier{nameOf(to)}.Sanitize()
		_, err := c.Exec(ctx, "DROP DATABASE "+name) // an empty one
		if err == nil {
			_, err = c.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+pgx.Identifier{nameOf(from)}.Sanitize())
		}
		return err
	})
	return to
}

func contentOfDatabase(t testing.TB, at string) string {
	t.Helper()
	var all strings.Builder
	on(t, at, func(c *pgx.Conn) error {
		ctx := context.Background()
		rows, err := c.Query(ctx, `SELECT format('SELECT %s FROM %I', CASE data_type WHEN 'bytea' THEN format('encode(%I, ''escape'')', column_name)
			ELSE format('%I::text', column_name) END, table_name) FROM information_schema.columns WHERE table_schema = 'public'`)
		if err != nil {
			return err
		}
		queries, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, query := range queries {
			rows, err := c.Query(ctx, query)
			if err != nil {
				return err
			}
			values, err := pgx.CollectRows(rows, pgx.RowTo[*string])
			if err != nil {
				return err
			}
			for _, v := range values {
				if v != nil {
					all.WriteString(*v + "\n")
				}
			}
		}
		return nil
	})
	return all.String()
}

// on does something on a connection of its own.
func on(t testing.TB, at string, something func(*pgx.Conn) error) {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, at)
	if err == nil {
		err = errors.Join(something(c), c.Close(ctx))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// in is the address of another database of the same server.
func in(at, database string) string {
	u, err := url.Parse(at)
	if err != nil {
		panic(err) // pgtest's
	}
	u.Path = "/" + database
	return u.String()
}

func nameOf(at string) string {
	u, err := url.Parse(at)
	if err != nil {
		panic(err) // pgtest's
	}
	return strings.TrimPrefix(u.Path, "/")
}
