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

// migrated are databases that have the schema: to make it takes as long as all the rest.
var migrated = pgtest.Prepared{Prepare: func(url string) error {
	s, err := postgres.Open(context.Background(), postgres.Options{URL: url})
	if err != nil {
		return err
	}
	return s.Close()
}}

func newDatabase(t testing.TB) string {
	t.Helper()
	return migrated.Database(t)
}

func openDatabase(ctx context.Context, at string, now func() time.Time) (store.Store, error) {
	u, err := url.Parse(at)
	if err != nil {
		return nil, err
	}
	q := u.Query()
	q.Set("pool_max_conns", "4") // there may be many stores at once, and a connection takes time to begin and to plan all anew
	u.RawQuery = q.Encode()
	s, err := postgres.Open(ctx, postgres.Options{URL: u.String(), Now: now})
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
	return pgtest.Copy(t, from)
}

func contentOfDatabase(t testing.TB, at string) string {
	t.Helper()
	var all strings.Builder
	ctx := context.Background()
	read := func(c *pgx.Conn) error {
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
	}
	c, err := pgx.Connect(ctx, at)
	if err == nil {
		err = errors.Join(read(c), c.Close(ctx))
	}
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
