//go:build unix

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/postgres"
	"github.com/scimbridge/scimbridge/internal/store/postgres/pgtest"
)

// noticed counts in the store itself how often an older copy was noticed, and keeps the reason.
func noticed(tx store.Tx, why string) error {
	return errors.Join(count(tx, "noticed"), tx.PutMeta("why", why))
}

func wantNoticed(t *testing.T, s *postgres.Store, want int, why string) {
	t.Helper()
	if n := numberOf(t, s, "noticed"); n != want {
		t.Errorf("noticed %d times, want %d", n, want)
	}
	if want == 0 {
		return
	}
	must(t, s.View(t.Context(), func(tx store.Tx) error {
		got, err := tx.Meta("why")
		if !strings.Contains(got, why) {
			t.Errorf("the reason is %q, want %q in it", got, why)
		}
		return err
	}))
}

// noticing opens stores that have looked whether an older copy was put in their database's place.
func noticing(t *testing.T, n int, o postgres.Options) []*postgres.Store {
	t.Helper()
	all := replicas(t, n, o)
	for _, s := range all {
		must(t, s.NoticeRestore(t.Context(), noticed))
	}
	wantNoticed(t, all[0], 0, "")
	return all
}

func TestV31RestoreIsNoticedOnceByAllReplicas(t *testing.T) {
	t.Parallel()
	server := pgtest.Own(t, pgtest.Options{})
	all := noticing(t, 3, postgres.Options{URL: server.Database(t)})
	for range 2 {
		must(t, server.Restart(pgtest.Fast))
		must(t, errors.Join(together(3, func(n int) error { return all[n].NoticeRestore(t.Context(), noticed) })...))
	}
	must(t, all[1].Update(t.Context(), func(tx store.Tx) error { return count(tx, "n") }))
	wantNoticed(t, all[0], 0, "")
	for n := range 3 {
		must(t, server.NewTimeline())
		must(t, errors.Join(together(3, func(n int) error { return all[n].NoticeRestore(t.Context(), noticed) })...))
		wantNoticed(t, all[n], n+1, "timeline")
	}
}

func TestV31RestoreIsNoticedByTheNextUpdateBeforeItRuns(t *testing.T) {
	t.Parallel()
	server := pgtest.Own(t, pgtest.Options{})
	url := server.Database(t)
	all := noticing(t, 3, postgres.Options{URL: url})
	must(t, server.NewTimeline())
	errs := together(12, func(n int) error {
		return all[n%3].Update(t.Context(), func(tx store.Tx) error {
			if known, err := number(tx, "noticed"); err != nil || known != 1 {
				return errors.Join(err, fmt.Errorf("an Update ran when it was noticed %d times", known))
			}
			return count(tx, "n")
		})
	})
	must(t, errors.Join(errs...))
	wantNoticed(t, all[0], 1, "timeline")
	// A replica that starts now knows it already.
	late := open(t, postgres.Options{URL: url})
	must(t, late.NoticeRestore(t.Context(), noticed))
	wantNoticed(t, late, 1, "timeline")
}

func TestV31NoticingThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	server := pgtest.Own(t, pgtest.Options{})
	s := noticing(t, 1, postgres.Options{URL: server.Database(t)})[0]
	must(t, server.NewTimeline())
	if err := s.NoticeRestore(t.Context(), func(store.Tx, string) error { return errRefused }); !errors.Is(err, errRefused) {
		t.Errorf("NoticeRestore: %v", err)
	}
	must(t, s.Update(t.Context(), func(tx store.Tx) error { return count(tx, "n") }))
	wantNoticed(t, s, 1, "timeline")
}

func TestV31CopyIsNoticed(t *testing.T) {
	url := pgtest.Database(t)
	s := noticing(t, 1, postgres.Options{URL: url})[0]
	must(t, s.Update(t.Context(), func(tx store.Tx) error { return count(tx, "n") }))
	must(t, s.Close())
	c := connect(t, elsewhere(t, url, "postgres"))
	name := databaseOf(t, url)
	sql(t, c, fmt.Sprintf("CREATE DATABASE %s_copy TEMPLATE %s", name, name))
	t.Cleanup(func() { sql(t, c, fmt.Sprintf("DROP DATABASE %s_copy WITH (FORCE)", name)) })
	copied := open(t, postgres.Options{URL: elsewhere(t, url, name+"_copy")})
	t.Cleanup(func() { _ = copied.Close() })
	must(t, copied.NoticeRestore(t.Context(), noticed))
	wantNoticed(t, copied, 1, "copy of another database")
	original := open(t, postgres.Options{URL: url})
	must(t, original.NoticeRestore(t.Context(), noticed))
	wantNoticed(t, original, 0, "")
}

// A standby takes over under load: the store goes over by itself, and notices it before anything is written there.
// With synchronous_standby_names nothing that was acknowledged is lost; without, what is lost is held to be.
func TestStandbyTakesOver(t *testing.T) {
	t.Parallel()
	for _, synchronous := range []bool{true, false} {
		t.Run(fmt.Sprintf("synchronous=%t", synchronous), func(t *testing.T) {
			primary := pgtest.Own(t, pgtest.Options{})
			url := primary.Database(t)
			standby, err := primary.Standby()
			must(t, err)
			t.Cleanup(func() { must(t, standby.Close()) })
			if synchronous {
				c := connect(t, url)
				sql(t, c, "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
				for state := ""; state != "sync"; {
					must(t, c.QueryRow(t.Context(), "SELECT COALESCE(MAX(sync_state), '') FROM pg_stat_replication").Scan(&state))
				}
			}
			s := open(t, postgres.Options{URL: twoHosts(t, standby.URL(databaseOf(t, url)), url)}) // the standby first: it is passed over
			must(t, s.NoticeRestore(t.Context(), noticed))
			// An error says that it is not known, or that no server was there for long.
			w := startWriters(s, func(err error) {
				if !errors.Is(err, store.ErrUnavailable) {
					t.Error(err)
				}
			})
			w.until(300)
			must(t, primary.Kill())
			must(t, standby.Promote())
			w.until(300)
			if synchronous {
				w.end(t, s)
			} else {
				w.stopNow()
			}
			must(t, s.Update(context.Background(), func(tx store.Tx) error {
				if known, err := number(tx, "noticed"); err != nil || known != 1 {
					return errors.Join(err, fmt.Errorf("an Update ran when it was noticed %d times", known))
				}
				return nil
			}))
			wantNoticed(t, s, 1, "a standby took over")
		})
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	primary := pgtest.Own(t, pgtest.Options{Fsync: true})
	url := primary.Database(t)
	s := open(t, postgres.Options{URL: url})
	c := connect(t, url)
	want := func(parts ...string) {
		t.Helper()
		list, err := s.Warnings(t.Context())
		must(t, err)
		if len(list) != len(parts) {
			t.Errorf("%d warnings, want %d: %q", len(list), len(parts), list)
			return
		}
		for i, part := range parts {
			if !strings.Contains(list[i], part) {
				t.Errorf("warning %q, want one with %q", list[i], part)
			}
		}
	}
	want()
	sql(t, c, fmt.Sprintf("ALTER DATABASE %s SET synchronous_commit = off", databaseOf(t, url)))
	s = open(t, postgres.Options{URL: url})
	want("synchronous_commit = off")
	sql(t, c, fmt.Sprintf("ALTER DATABASE %s RESET synchronous_commit", databaseOf(t, url)))
	s = open(t, postgres.Options{URL: url})
	standby, err := primary.Standby()
	must(t, err)
	t.Cleanup(func() { must(t, standby.Close()) })
	for n := 0; n == 0; {
		must(t, c.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'").Scan(&n))
	}
	want("synchronous_standby_names is empty")
	sql(t, c, "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
	for names := ""; names == ""; {
		must(t, connect(t, url).QueryRow(t.Context(), "SHOW synchronous_standby_names").Scan(&names))
	}
	s = open(t, postgres.Options{URL: url})
	want()
	sql(t, c, fmt.Sprintf("ALTER DATABASE %s SET synchronous_commit = local", databaseOf(t, url)))
	s = open(t, postgres.Options{URL: url})
	want("synchronous_commit = local")
	sql(t, connect(t, url), "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()") // who drops the database waits for nobody
}
