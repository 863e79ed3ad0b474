//go:build unix

package postgres_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/postgres"
	"github.com/scimbridge/scimbridge/internal/store/postgres/pgtest"
	"github.com/scimbridge/scimbridge/internal/store/storetest"
)

// TestContractAsBehindAPooler: what the address of a pooler says changes how statements are sent.
func TestContractAsBehindAPooler(t *testing.T) {
	if testing.Short() {
		t.Skip("TestContract is the same, and TestPgBouncer has a pooler")
	}
	url := with(t, pgtest.Database(t), "default_query_exec_mode", "exec")
	storetest.Run(t, func(t *testing.T, now func() time.Time) store.Store {
		return open(t, postgres.Options{URL: schema(t, url), Now: now})
	})
}

// TestPgBouncer gives each transaction another connection of the server, of which there are fewer than the store has of
// its own.
func TestPgBouncer(t *testing.T) {
	url := pgtest.Database(t)
	through := pgBouncer(t, url)
	_, err := postgres.Open(t.Context(), postgres.Options{URL: through})
	if err == nil || !strings.Contains(err.Error(), "default_query_exec_mode=exec") {
		t.Errorf("an address that says nothing of a pooler: %v", err)
	}
	all := replicas(t, 2, postgres.Options{URL: with(t, through, "default_query_exec_mode", "exec")})
	for _, s := range all {
		must(t, s.NoticeRestore(t.Context(), noticed))
	}
	w := startWriters(all[0], func(err error) { t.Error(err) })
	w.until(200)
	for range 20 {
		w.until(5)
		sql(t, connect(t, url), `SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1) victims`)
	}
	w.end(t, all[1])
	var setting string
	must(t, connect(t, url).QueryRow(t.Context(), "SHOW enable_seqscan").Scan(&setting))
	if setting != "on" {
		t.Error("a setting was left behind")
	}
	wantNoticed(t, all[1], 0, "")
}

// pgBouncer starts one before a server, in transaction mode, and gives its address of a database.
func pgBouncer(t *testing.T, url string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			t.Skip("there is no pgbouncer: apt-get install pgbouncer")
		}
	}
	server, err := pgx.ParseConfig(url)
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	must(t, l.Close())
	folder, err := os.MkdirTemp("", "scimbridge-pgbouncer-") // t.TempDir is of one who may not be read by others
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	must(t, os.Chmod(folder, 0o755))
	config := filepath.Join(folder, "pgbouncer.ini")
	must(t, os.WriteFile(config, fmt.Appendf(nil, `[databases]
%s = host=%s port=%d user=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 5
server_reset_query =
`, server.Database, server.Host, server.Port, server.User, port), 0o644))
	c := exec.Command(program, config)
	if os.Getuid() == 0 { // it refuses to run as root
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	var said strings.Builder
	c.Stdout, c.Stderr = &said, &said
	must(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	address := fmt.Sprintf("127.0.0.1:%d", port)
	for n := 0; ; n++ {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			break
		}
		if n == 1000 {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", server.User, address, server.Database)
}
