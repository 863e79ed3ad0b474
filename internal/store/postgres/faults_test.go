//go:build unix

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/postgres"
	"github.com/scimbridge/scimbridge/internal/store/postgres/pgtest"
)

// writers count under load: each a name of its own, and each fourth one that they share.
type writers struct {
	acknowledged, failed [64]int
	total                atomic.Int64 // of what was acknowledged
	stop                 chan struct{}
	all                  sync.WaitGroup
}

func startWriters(s *postgres.Store, failed func(error)) *writers {
	w := &writers{stop: make(chan struct{})}
	for n := range w.acknowledged {
		w.all.Go(func() {
			for {
				select {
				case <-w.stop:
					return
				default:
				}
				err := s.Update(context.Background(), func(tx store.Tx) error {
					err := count(tx, writer(n))
					if n%4 == 0 {
						err = errors.Join(err, count(tx, "shared"))
					}
					return err
				})
				if err != nil {
					w.failed[n]++
					failed(err)
					continue
				}
				w.acknowledged[n]++
				w.total.Add(1)
			}
		})
	}
	return w
}

func writer(n int) string { return "writer" + strconv.Itoa(n) }

// until waits for n more acknowledged Updates.
func (w *writers) until(n int64) {
	for n += w.total.Load(); w.total.Load() < n; {
		time.Sleep(time.Millisecond)
	}
}

// stopNow stops the writers.
func (w *writers) stopNow() {
	close(w.stop)
	w.all.Wait()
}

// end stops the writers, and compares what is stored with what they were told.
func (w *writers) end(t *testing.T, s *postgres.Store) {
	t.Helper()
	w.stopNow()
	shared, mayBe := 0, 0
	for n, acknowledged := range w.acknowledged {
		if n%4 == 0 {
			shared += acknowledged
			mayBe += w.failed[n]
		}
		if got := numberOf(t, s, writer(n)); got < acknowledged || got > acknowledged+w.failed[n] {
			t.Errorf("writer %d: %d are kept, %d were acknowledged, of %d that is not known", n, got, acknowledged, w.failed[n])
		}
	}
	if got := numberOf(t, s, "shared"); got < shared || got > shared+mayBe {
		t.Errorf("all: %d are kept, %d were acknowledged, of %d that is not known", got, shared, mayBe)
	}
	t.Logf("%d Updates", w.total.Load())
}

func TestNothingIsLostOrDoubledWhenConnectionsEnd(t *testing.T) {
	url := pgtest.Database(t)
	s := open(t, postgres.Options{URL: url})
	c := connect(t, url)
	w := startWriters(s, func(err error) { t.Error(err) })
	ended := 0
	for range 100 {
		w.until(5)
		tag, err := c.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'scimbridge' ORDER BY random() LIMIT 2) victims`)
		must(t, err)
		ended += int(tag.RowsAffected())
	}
	w.end(t, s)
	t.Logf("%d connections ended", ended)
}

func TestNothingIsLostOrDoubledWhenTheServerCrashes(t *testing.T) {
	server := pgtest.Own(t, pgtest.Options{})
	s := open(t, postgres.Options{URL: server.Database(t)})
	w := startWriters(s, func(err error) { t.Error(err) })
	for n := range 4 {
		w.until(100)
		if n%2 == 0 {
			must(t, server.Restart(pgtest.Immediate))
			continue
		}
		must(t, server.Kill())
		must(t, server.Start())
	}
	w.until(100)
	w.end(t, s)
}

func TestACommitWithoutAnAnswerIsResolved(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		cut  cut
		runs int // 0: as it may be
	}{
		{"the server never heard of it", before, 2},
		{"its answer was lost", after, 1},
		{"it arrives when the connection is gone", late, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			url := pgtest.Database(t)
			p, through := newProxy(t, url)
			s := open(t, postgres.Options{URL: through})
			for n := range 3 {
				p.cutNext(test.cut)
				runs := 0
				must(t, s.Update(t.Context(), func(tx store.Tx) error {
					runs++
					return count(tx, "n")
				}))
				if test.runs != 0 && runs != test.runs {
					t.Errorf("it ran %d times, want %d", runs, test.runs)
				}
				if got := numberOf(t, s, "n"); got != n+1 {
					t.Fatalf("%d are kept, want %d", got, n+1)
				}
			}
		})
	}
}

func TestServerThatStaysAway(t *testing.T) {
	t.Parallel()
	server := pgtest.Own(t, pgtest.Options{})
	s := open(t, postgres.Options{URL: server.Database(t)}.Within(time.Second))
	nothing := func(store.Tx) error { return nil }
	must(t, s.Update(t.Context(), nothing))
	must(t, server.Stop(pgtest.Fast))
	soon, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for name, do := range map[string]func(context.Context) error{
		"Update": func(ctx context.Context) error { return s.Update(ctx, nothing) },
		"View":   func(ctx context.Context) error { return s.View(ctx, nothing) },
	} {
		if err := do(soon); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s with a deadline: %v", name, err)
		}
		if err := do(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Ping: %v", err)
	}
	must(t, server.Start())
	must(t, s.Update(t.Context(), nothing))
	must(t, s.View(t.Context(), nothing))
	must(t, s.Ping(t.Context()))
}

// Neither an answer nor the end of a connection comes: a machine that is gone, or a network that is cut in two.
func TestServerThatSaysNothing(t *testing.T) {
	t.Parallel()
	p, url := newProxy(t, pgtest.Database(t))
	s := open(t, postgres.Options{URL: url}.Within(300*time.Millisecond))
	nothing := func(store.Tx) error { return nil }
	must(t, s.Update(t.Context(), func(tx store.Tx) error { return count(tx, "n") }))
	p.freeze()
	if err := s.Update(t.Context(), nothing); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Update: %v", err)
	}
	if err := s.View(t.Context(), nothing); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("View: %v", err)
	}
	p.thaw()
	err := s.Update(t.Context(), func(tx store.Tx) error {
		p.freeze()
		return count(tx, "n")
	})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Update in the middle of which it falls silent: %v", err)
	}
	p.thaw()
	must(t, s.Update(t.Context(), func(tx store.Tx) error { return count(tx, "n") }))
	if n := numberOf(t, s, "n"); n != 2 {
		t.Errorf("%d are kept, want 2", n)
	}
}

// A standby is reached although the first host of the address accepts connections, and then says nothing.
func TestAHostThatSaysNothingIsPassedOver(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	p, through := newProxy(t, url)
	p.freeze()
	s := open(t, postgres.Options{URL: twoHosts(t, through, url)})
	must(t, s.Update(t.Context(), func(tx store.Tx) error { return count(tx, "n") }))
}

func TestConnectionsThatAreAllTaken(t *testing.T) {
	t.Parallel()
	s := open(t, postgres.Options{URL: with(t, pgtest.Database(t), "pool_max_conns", "2")}.Within(300*time.Millisecond))
	nothing := func(store.Tx) error { return nil }
	leave := make(chan struct{})
	var inside, views sync.WaitGroup
	inside.Add(2)
	for range 2 {
		views.Go(func() {
			err := s.View(context.Background(), func(store.Tx) error {
				inside.Done()
				<-leave
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	inside.Wait()
	errs := together(8, func(n int) error {
		if n%2 == 0 {
			return s.Update(t.Context(), nothing)
		}
		return s.View(t.Context(), nothing)
	})
	for n, err := range errs {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("call %d: %v", n, err)
		}
	}
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.View(soon, nothing); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("View with a deadline: %v", err)
	}
	close(leave)
	views.Wait()
	must(t, s.Update(t.Context(), nothing))
}

func TestViewsGoOnWhileUpdatesAreBlocked(t *testing.T) {
	url := pgtest.Database(t)
	s := open(t, postgres.Options{URL: url})
	c := connect(t, url)
	sql(t, c, "BEGIN", "LOCK TABLE turns IN ACCESS EXCLUSIVE MODE")
	var updates sync.WaitGroup
	for range 40 {
		updates.Go(func() {
			if err := s.Update(context.Background(), func(tx store.Tx) error { return count(tx, "n") }); err != nil {
				t.Error(err)
			}
		})
	}
	for waiting := 0; waiting < 12; { // three quarters of the connections
		must(t, c.QueryRow(t.Context(), "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'turns'::regclass").Scan(&waiting))
	}
	for range 20 {
		if n := numberOf(t, s, "n"); n != 0 {
			t.Errorf("%d Updates ran", n)
		}
	}
	hurried, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.Update(hurried, func(store.Tx) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Update with a deadline: %v", err)
	}
	sql(t, c, "ROLLBACK")
	updates.Wait()
	if n := numberOf(t, s, "n"); n != 40 {
		t.Errorf("%d Updates are kept, want 40", n)
	}
}

// One gives up while the server has him wait for his turn: he is not run.
func TestWhoGivesUpInTheLineIsNotRun(t *testing.T) {
	url := pgtest.Database(t)
	s := open(t, postgres.Options{URL: url})
	c := connect(t, url)
	sql(t, c, "BEGIN", "LOCK TABLE turns IN ACCESS EXCLUSIVE MODE")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- s.Update(ctx, func(store.Tx) error {
			t.Error("it ran")
			return nil
		})
	}()
	for waiting := 0; waiting < 1; {
		must(t, c.QueryRow(t.Context(), "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'turns'::regclass").Scan(&waiting))
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) { // while the turn is still taken
		t.Errorf("Update: %v", err)
	}
}

// A process is stopped in the middle of an Update.
func TestOthersGoOnWhenAProcessIsStoppedInItsTurn(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	all := replicas(t, 2, postgres.Options{URL: url}.Within(3*time.Second))
	stopped, goOn := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	runs := 0
	go func() {
		done <- all[0].Update(context.Background(), func(tx store.Tx) error {
			runs++
			if err := count(tx, "n"); err != nil {
				return err
			}
			if runs == 1 {
				close(stopped)
				<-goOn
			}
			return tx.PutMeta("end", "")
		})
	}()
	<-stopped
	// As often as it waits for its turn the stopped one's time has passed.
	errs := together(8, func(int) error {
		return all[1].Update(context.Background(), func(tx store.Tx) error { return count(tx, "n") })
	})
	must(t, errors.Join(errs...))
	close(goOn)
	must(t, <-done)
	if n := numberOf(t, all[1], "n"); n != 9 {
		t.Errorf("%d Updates are kept, want 9", n)
	}
}

// A COMMIT that waits for a synchronous standby which does not come is not acknowledged, whoever ends the wait
// and however.
func TestACommitThatNoStandbyHeardOfIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	server := pgtest.Own(t, pgtest.Options{})
	url := server.Database(t)
	s := open(t, postgres.Options{URL: url}.Within(400*time.Millisecond))
	c := connect(t, url)
	sql(t, c, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")
	for waits := false; !waits; { // until the server has noticed
		other := connect(t, url)
		brief, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := other.Exec(brief, "INSERT INTO marks (id, n, at) VALUES ('test', 0, 0) ON CONFLICT (id) DO UPDATE SET n = marks.n + 1")
		waits = err != nil
		cancel()
	}
	if err := s.Update(t.Context(), func(tx store.Tx) error { return count(tx, "a") }); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Update whose time is up: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Update(context.Background(), func(tx store.Tx) error { return count(tx, "b") }) }()
	const waiting = "datname = current_database() AND wait_event = 'SyncRep' AND application_name = 'scimbridge'"
	for n := 0; n < 1 && len(done) == 0; {
		must(t, c.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE "+waiting).Scan(&n))
	}
	sql(t, c, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "+waiting)
	if err := <-done; !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Update whose connection was ended: %v", err)
	}
	sql(t, c, "SET synchronous_commit = local", "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
	must(t, s.Update(t.Context(), func(tx store.Tx) error { return count(tx, "c") }))
}

// twoHosts is the address of two servers of one database.
func twoHosts(t testing.TB, first, second string) string {
	t.Helper()
	a, err := pgx.ParseConfig(first)
	must(t, err)
	b, err := pgx.ParseConfig(second)
	must(t, err)
	return fmt.Sprintf("postgres://%s@%s:%d,%s:%d/%s?sslmode=disable", a.User, a.Host, a.Port, b.Host, b.Port, b.Database)
}

// with adds a parameter to an address.
func with(t testing.TB, url, name, value string) string {
	t.Helper()
	sign := "?"
	if strings.Contains(url, "?") {
		sign = "&"
	}
	return url + sign + name + "=" + value
}

func databaseOf(t testing.TB, url string) string {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	must(t, err)
	return config.Database
}

// elsewhere is the address of another database of the server.
func elsewhere(t testing.TB, url, database string) string {
	t.Helper()
	return strings.Replace(url, "/"+databaseOf(t, url), "/"+database, 1)
}
