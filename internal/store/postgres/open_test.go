//go:build unix

package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/postgres"
	"github.com/scimbridge/scimbridge/internal/store/postgres/pgtest"
)

func TestManyOpensOfAnEmptyDatabaseMigrateItOnce(t *testing.T) {
	url := pgtest.Database(t)
	var log bytes.Buffer
	handler := slog.NewTextHandler(&log, nil) // has a lock of its own
	must(t, errors.Join(together(8, func(int) error {
		s, err := postgres.Open(t.Context(), postgres.Options{URL: url, Log: slog.New(handler)})
		if err != nil {
			return err
		}
		return errors.Join(s.Update(t.Context(), func(tx store.Tx) error { return count(tx, "n") }), s.Close())
	})...))
	if n := strings.Count(log.String(), "store migrated"); n != 1 {
		t.Errorf("migrated %d times:\n%s", n, &log)
	}
	if n := numberOf(t, open(t, postgres.Options{URL: url}), "n"); n != 8 {
		t.Errorf("%d Updates are kept, want 8", n)
	}
}

func TestVersionsChangesNothing(t *testing.T) {
	url := pgtest.Database(t)
	current, target, err := postgres.Versions(t.Context(), url)
	if err != nil || current != 0 || target == 0 {
		t.Errorf("of an empty database: %d, %d, %v", current, target, err)
	}
	var tables int
	must(t, connect(t, url).QueryRow(t.Context(), "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace").Scan(&tables))
	if tables != 0 {
		t.Errorf("it made %d tables and indexes", tables)
	}
	open(t, postgres.Options{URL: url})
	if current, _, err = postgres.Versions(t.Context(), url); err != nil || current != target {
		t.Errorf("of an open store: %d, %v, want %d", current, err, target)
	}
}

// A database that cannot be used is refused with what to do about it, and never with the password.
func TestRefusedDatabases(t *testing.T) {
	const secret = "hunter2-correct-horse"
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, c *pgx.Conn, url string) string // gives the address to open
		kind    postgres.Kind
		say     []string
	}{
		{"written by a newer scimbridge", func(t *testing.T, c *pgx.Conn, url string) string {
			must(t, open(t, postgres.Options{URL: url}).Close())
			sql(t, c, "INSERT INTO scimbridge_schema (version) VALUES (999)")
			return url
		}, postgres.KindNewer, []string{"999", "newer scimbridge"}},
		{"of another program", func(t *testing.T, c *pgx.Conn, url string) string {
			sql(t, c, "CREATE TABLE orders (id int)")
			return url
		}, postgres.KindForeign, []string{"another program", "search_path"}},
		{"in which the user may make no tables", func(t *testing.T, c *pgx.Conn, url string) string {
			return as(url, role(t, c, secret), secret)
		}, postgres.KindPermission, []string{"owner"}},
		{"not UTF-8", func(t *testing.T, c *pgx.Conn, url string) string {
			name := databaseOf(t, url) + "_latin"
			sql(t, c, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER libc")
			t.Cleanup(func() { sql(t, c, "DROP DATABASE "+name+" WITH (FORCE)") })
			return elsewhere(t, url, name)
		}, postgres.KindUnsuited, []string{"LATIN1", "UTF8"}},
		{"that is not there", func(t *testing.T, c *pgx.Conn, url string) string {
			return as(elsewhere(t, url, "nowhere"), "postgres", secret)
		}, postgres.KindAddress, []string{"no such database", "createdb"}},
		{"whose user is not there", func(t *testing.T, c *pgx.Conn, url string) string {
			return as(url, "nobody_at_all", secret)
		}, postgres.KindPermission, []string{"does not let that user in", "PGPASSWORD"}},
		{"on a server that is not there", func(t *testing.T, c *pgx.Conn, url string) string {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			must(t, err)
			must(t, l.Close())
			return fmt.Sprintf("postgres://me:%s@%s/db", secret, l.Addr())
		}, postgres.KindUnreachable, []string{"start it"}},
		{"on a host that has no address", func(t *testing.T, c *pgx.Conn, url string) string {
			return "postgres://me:" + secret + "@host.invalid/db"
		}, postgres.KindUnreachable, []string{"host.invalid"}},
		{"in a schema that is not there", func(t *testing.T, c *pgx.Conn, url string) string {
			return with(t, as(url, "postgres", secret), "search_path", "nowhere")
		}, postgres.KindAddress, []string{"CREATE SCHEMA"}},
		{"whose address has no port", func(*testing.T, *pgx.Conn, string) string {
			return "postgres://me:" + secret + "@host:port/db"
		}, postgres.KindAddress, []string{"postgres://USER@HOST:PORT/DATABASE"}},
		{"whose address has a parameter with no meaning", func(_ *testing.T, _ *pgx.Conn, url string) string {
			return "postgres://me:" + secret + "@127.0.0.1/db?sslmode=" + secret
		}, postgres.KindAddress, []string{"cannot be read"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			url := pgtest.Database(t)
			url = test.prepare(t, connect(t, url), url)
			s, err := postgres.Open(t.Context(), postgres.Options{URL: url})
			if err == nil {
				_ = s.Close()
			}
			refused, ok := errors.AsType[*postgres.OpenError](err)
			if !ok || refused.Kind != test.kind {
				t.Fatalf("error %v, want one of kind %s", err, test.kind)
			}
			for _, part := range test.say {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q, want %q in it", err, part)
				}
			}
			_, _, versionsErr := postgres.Versions(t.Context(), url)
			_, exclusiveErr := postgres.Exclusive(t.Context(), url)
			for _, err := range []error{err, versionsErr, exclusiveErr} {
				for e := err; e != nil; e = errors.Unwrap(e) {
					if strings.Contains(e.Error(), secret) || strings.Contains(fmt.Sprintf("%+v", e), secret) {
						t.Errorf("the password is in %q", e)
					}
				}
			}
		})
	}
}

// Password authentication needs a server that asks for one.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	server := pgtest.Own(t, pgtest.Options{})
	url := server.Database(t)
	c := connect(t, url)
	name := role(t, c, "right-horse")
	var file string
	must(t, c.QueryRow(t.Context(), "SHOW hba_file").Scan(&file))
	sql(t, c, fmt.Sprintf("COPY (SELECT 'host all %s all scram-sha-256' UNION ALL SELECT 'host all all all trust') TO '%s'", name, file), "SELECT pg_reload_conf()")
	for {
		_, err := postgres.Open(t.Context(), postgres.Options{URL: as(url, name, "wrong-horse")})
		refused, ok := errors.AsType[*postgres.OpenError](err)
		if !ok || refused.Kind != postgres.KindPermission {
			t.Fatalf("error %v, want one of permission", err)
		}
		if strings.Contains(err.Error(), "horse") {
			t.Errorf("the password is in %q", err)
		}
		if strings.Contains(err.Error(), "password") {
			return // and not the refusal to make tables, before the server has read its file
		}
	}
}

func TestTablesOfExtensionsAreNobodys(t *testing.T) {
	url := pgtest.Database(t)
	c := connect(t, url)
	var there bool
	must(t, c.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_buffercache')").Scan(&there))
	if !there {
		t.Skip("this server has no extension with a view")
	}
	sql(t, c, "CREATE EXTENSION pg_buffercache")
	open(t, postgres.Options{URL: url})
}

// A schema of its own in another program's database, whatever its name; and a user who owns no more than that.
func TestASchemaIsEnough(t *testing.T) {
	const secret = "horse"
	url := pgtest.Database(t)
	c := connect(t, url)
	name := role(t, c, secret)
	sql(t, c, "CREATE TABLE orders (id int)", `CREATE SCHEMA "Scim Bridge" AUTHORIZATION `+name)
	s := open(t, postgres.Options{URL: with(t, as(url, name, secret), "search_path", "%22Scim%20Bridge%22")})
	must(t, s.NoticeRestore(t.Context(), noticed))
	must(t, s.Update(t.Context(), func(tx store.Tx) error { return count(tx, "n") }))
	if _, err := s.Warnings(t.Context()); err != nil {
		t.Error(err)
	}
	must(t, s.Ping(t.Context()))
	must(t, s.Close())
}

// role makes a user who may do nothing, and who goes with the test.
func role(t *testing.T, c *pgx.Conn, password string) string {
	t.Helper()
	name := "role_" + databaseOf(t, c.Config().ConnString())
	sql(t, c, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", name, password))
	t.Cleanup(func() {
		c, err := pgx.Connect(context.Background(), c.Config().ConnString())
		if err != nil {
			return // a server of the test's own, which is gone
		}
		defer c.Close(context.Background())
		sql(t, c, "DROP OWNED BY "+name+" CASCADE", "DROP ROLE "+name)
	})
	return name
}

// as makes an address another user's.
func as(url, user, password string) string {
	_, host, _ := strings.Cut(url, "@")
	return "postgres://" + user + ":" + password + "@" + host
}
