//go:build unix

package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	urlVariable      = "SCIMBRIDGE_TEST_POSTGRES"
	requiredVariable = "SCIMBRIDGE_TEST_POSTGRES_REQUIRED"
)

// shared is the server of this process. It is closed by the end of the process.
var shared = sync.OnceValues(func() (*Server, error) { return Start(Options{}) })

// Database gives the URL of a new, empty database, which goes with the test: 0.05 to 0.1 s for both. It is on the
// server that SCIMBRIDGE_TEST_POSTGRES names, else on one that the tests of this process share. Its encoding
// is UTF8, and its locale, where the server can, Turkish: no text is sorted there, and no letter I made small,
// as the program promises it, unless a query says how.
//
// The test is skipped, or fails if it must not be, where there is no PostgreSQL.
func Database(t testing.TB) string {
	t.Helper()
	return database(t, server(t), "")
}

// server is the URL of the one that Database uses.
func server(t testing.TB) string {
	t.Helper()
	if at := os.Getenv(urlVariable); at != "" {
		return at
	}
	s, err := shared()
	if err != nil {
		giveUp(t, err)
	}
	return s.URL("postgres")
}

// Copy gives the URL of a new database that has what another has, one that Database or Copy gave and to which
// nobody is connected.
func Copy(t testing.TB, from string) string {
	t.Helper()
	u, err := url.Parse(from)
	if err != nil {
		t.Fatal(err)
	}
	template := strings.TrimPrefix(u.Path, "/")
	u.Path = "/postgres"
	return database(t, u.String(), template)
}

// Prepared gives databases that are not empty: what Prepare makes of the first one the others are copies of,
// which takes less time.
type Prepared struct {
	Prepare func(url string) error

	once  sync.Once // guards the fields below
	first string    // name
	err   error
}

// Database is the function Database, but for what is in it. On a server that SCIMBRIDGE_TEST_POSTGRES names every
// database is prepared by itself, because nobody would remove the first.
func (p *Prepared) Database(t testing.TB) string {
	t.Helper()
	if os.Getenv(urlVariable) != "" {
		at := Database(t)
		if err := p.Prepare(at); err != nil {
			t.Fatal(err)
		}
		return at
	}
	server := server(t)
	p.once.Do(func() {
		var at string
		if p.first, at, p.err = create(server, ""); p.err == nil {
			p.err = p.Prepare(at)
		}
	})
	if p.err != nil {
		t.Fatal(p.err)
	}
	return database(t, server, p.first)
}

// Own starts a server that the test has to itself, and closes it when the test ends. For tests that do to
// a server what others would notice; they need the programs, whatever SCIMBRIDGE_TEST_POSTGRES says.
func Own(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		giveUp(t, err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Database gives the URL of a new, empty database of this server, which goes with the test.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	return database(t, s.URL("postgres"), "")
}

// database creates one for a test.
func database(t testing.TB, server, template string) string {
	t.Helper()
	name, at, err := create(server, template)
	if err != nil {
		t.Fatalf("create a database: %v", err)
	}
	t.Cleanup(func() {
		_ = do(server, func(ctx context.Context, c *pgx.Conn) error { // the server may be down: it goes as a whole
			_, err := c.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
			return err
		})
	})
	return at
}

// create creates a database: a copy of the template, or an empty one if that is "".
func create(server, template string) (name, at string, err error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", urlVariable, err)
	}
	name = "scimbridge_test_" + strings.ToLower(rand.Text())
	u.Path = "/" + name
	return name, u.String(), do(server, func(ctx context.Context, c *pgx.Conn) error {
		if template != "" {
			_, err := c.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template)
			return err
		}
		var icu bool // of databases: since version 15
		err := c.QueryRow(ctx, `SELECT current_setting('server_version_num')::int >= 150000
			AND EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i')`).Scan(&icu)
		if err != nil {
			return err
		}
		statement := "CREATE DATABASE " + name + " TEMPLATE template0 ENCODING 'UTF8'"
		if icu {
			statement += " LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR'"
		}
		_, err = c.Exec(ctx, statement)
		return err
	})
}

// do does something on a connection of its own.
func do(server string, something func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	return errors.Join(something(ctx, c), c.Close(ctx))
}

// loud is the one time that a process says that tests are skipped.
var loud sync.Once

// giveUp ends a test that has no server.
func giveUp(t testing.TB, err error) {
	t.Helper()
	if !errors.Is(err, ErrNoPrograms) || os.Getenv(requiredVariable) != "" {
		t.Fatal(err)
		return
	}
	loud.Do(func() { fmt.Fprintln(os.Stderr, "=== TESTS ARE SKIPPED:", err) })
	t.Skip(err)
}
