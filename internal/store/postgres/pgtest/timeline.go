//go:build unix

package pgtest

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// NewTimeline restarts the server the way one starts that was restored from a backup: it recovers all that its
// log has, loses nothing, and goes on in a timeline of its own.
func (s *Server) NewTimeline() error {
	if err := s.Stop(Fast); err != nil {
		return err
	}
	signal := filepath.Join(s.data(), "recovery.signal")
	if err := os.WriteFile(signal, nil, 0o600); err != nil {
		return err
	}
	if err := s.giveAway(signal); err != nil {
		return err
	}
	if err := s.start("-c restore_command=false"); err != nil { // there is no archive
		return err
	}
	return s.awaitRecovery()
}

// Standby starts a copy of the server that follows it, on a port of its own: some 0.5 s. It can be read, and is
// to be closed. A standby that is stopped stays behind what is written meanwhile; started and promoted when the
// server is gone, it is a failover that lost something.
func (s *Server) Standby() (*Server, error) {
	copied, err := prepare()
	if err != nil {
		return nil, err
	}
	if err := copied.follow(s); err != nil {
		_ = copied.Close()
		return nil, err
	}
	return copied, nil
}

func (s *Server) follow(primary *Server) error {
	if err := s.run("pg_basebackup", "-R", "-D", s.data(), "-c", "fast", "--no-sync", "-d", primary.URL("postgres")); err != nil {
		return err
	}
	if err := s.configure("port = " + strconv.Itoa(s.port)); err != nil {
		return err
	}
	return s.Start()
}

// Promote makes a standby a server that can be written to, on a new timeline.
func (s *Server) Promote() error {
	if err := s.run("pg_ctl", "promote", "-w", "-D", s.data()); err != nil {
		return err
	}
	return s.awaitRecovery()
}

// awaitRecovery returns when the server can be written to; a start does when it can be read.
func (s *Server) awaitRecovery() error {
	for recovering := true; recovering; {
		err := do(s.URL("postgres"), func(ctx context.Context, c *pgx.Conn) error {
			return c.QueryRow(ctx, "SELECT pg_is_in_recovery()").Scan(&recovering)
		})
		if err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}
