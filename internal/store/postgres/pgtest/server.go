//go:build unix

package pgtest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// superuser is the role of every URL here.
const superuser = "postgres"

// Options configures a Server; the zero value is what tests want.
type Options struct {
	// Fsync makes commits survive power loss, which no test here can cause, and costs its time. A server
	// that is killed loses nothing without.
	Fsync bool
}

// A Mode is how a server is stopped.
type Mode string

const (
	// Fast ends the connections and writes a checkpoint: what an operator does.
	Fast Mode = "fast"
	// Immediate leaves the log to be replayed.
	Immediate Mode = "immediate"
)

// Server is a PostgreSQL server on this machine. It stops when it is closed, and when nothing in this
// process refers to it any more. Not safe for concurrent use, URL apart.
type Server struct {
	programs string              // folder
	as       *syscall.Credential // nil: us
	folder   string              // ours: data, log
	port     int                 // the same for as long as it lives

	alive   *os.File  // the end of a pipe; closed, and by the end of this process, it ends the server
	watcher *exec.Cmd // has the other end
}

// watch waits for the end of its input; then it stops the server and removes its folder.
const watch = `read -r line; "$1" stop -D "$2/data" -m immediate; exec rm -rf "$2"`

// Start makes a server and starts it: 0.6 to 0.9 s. It has to be closed. The error is ErrNoPrograms
// where there is no PostgreSQL.
func Start(o Options) (*Server, error) {
	s, err := prepare()
	if err != nil {
		return nil, err
	}
	if err := s.create(o); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) create(o Options) error {
	if err := s.run("initdb", "-D", s.data(), "-U", superuser, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"); err != nil {
		return err
	}
	fsync := "off"
	if o.Fsync {
		fsync = "on"
	}
	err := s.configure("listen_addresses = '127.0.0.1'", "unix_socket_directories = ''", "port = "+strconv.Itoa(s.port),
		"max_connections = 200", "fsync = "+fsync)
	if err != nil {
		return err
	}
	return s.Start()
}

// prepare makes a server that has nothing but a folder, a port, and who cleans up after it.
func prepare() (_ *Server, err error) {
	s := &Server{}
	if s.programs, err = Find(); err != nil {
		return nil, err
	}
	if s.as, err = unprivileged(); err != nil {
		return nil, err
	}
	if s.port, err = freePort(); err != nil {
		return nil, err
	}
	if s.folder, err = os.MkdirTemp("", "scimbridge-pgtest-"); err != nil { // of mode 0700
		return nil, err
	}
	if err := s.giveAway(s.folder); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.folder))
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.folder))
	}
	defer theirs.Close()
	s.alive = ours
	s.watcher = s.command("/bin/sh", "-c", watch, "sh", s.program("pg_ctl"), s.folder)
	s.watcher.Dir = "/" // its own is to be removed
	s.watcher.Stdin = theirs
	if err := s.watcher.Start(); err != nil {
		return nil, errors.Join(err, ours.Close(), os.RemoveAll(s.folder))
	}
	return s, nil
}

// freePort gives a port on which nobody listens. It is none of those that systems give to whoever asks for any,
// so that another test does not get it while a server of ours is down.
func freePort() (int, error) {
	const first, last = 20000, 32767
	for {
		port := first + rand.IntN(last-first+1)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return 0, err
		}
		return port, l.Close()
	}
}

// URL names a database of the server, with a role that may do everything: "postgres" is always there.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", superuser, s.port, database)
}

// Start starts the server again, after Stop or Kill, on the port that it had.
func (s *Server) Start() error {
	return s.start("")
}

func (s *Server) start(options string) error {
	return s.run("pg_ctl", "start", "-w", "-D", s.data(), "-l", s.log(), "-o", options)
}

// Stop stops the server; its data stays.
func (s *Server) Stop(m Mode) error {
	return s.run("pg_ctl", "stop", "-w", "-D", s.data(), "-m", string(m))
}

// Restart is Stop and Start.
func (s *Server) Restart(m Mode) error {
	if err := s.Stop(m); err != nil {
		return err
	}
	return s.Start()
}

// Kill ends the server and all its processes with SIGKILL at once, where /proc tells which they are; else
// they end by themselves when they miss it. They are gone when it returns.
func (s *Server) Kill() error {
	text, err := os.ReadFile(s.lock())
	if err != nil {
		return err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	postmaster, err := strconv.Atoi(line)
	if err != nil {
		return fmt.Errorf("%s: %w", s.lock(), err)
	}
	if err := syscall.Kill(postmaster, syscall.SIGSTOP); err != nil { // no new children
		return fmt.Errorf("stop process %d: %w", postmaster, err)
	}
	all := append(children(postmaster), postmaster)
	for _, pid := range all {
		_ = syscall.Kill(pid, syscall.SIGKILL) // one that ended by itself
	}
	for _, pid := range all {
		for runs(pid) {
			time.Sleep(time.Millisecond)
		}
	}
	// Where nobody reaps orphans the process is still there to be seen, and a start would take it for a server.
	return os.Remove(s.lock())
}

// Close ends the server and removes what it kept.
func (s *Server) Close() error {
	return errors.Join(s.alive.Close(), s.watcher.Wait())
}

func (s *Server) data() string { return filepath.Join(s.folder, "data") }
func (s *Server) log() string  { return filepath.Join(s.folder, "log") }

// lock is the file that a server has while it runs: its process in the first line, its status in the eighth.
func (s *Server) lock() string { return filepath.Join(s.data(), "postmaster.pid") }

func (s *Server) program(name string) string { return filepath.Join(s.programs, name) }

// configure appends lines to the configuration; of two settings the later is in force.
func (s *Server) configure(lines ...string) error {
	f, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	return errors.Join(err, f.Close())
}

// giveAway makes a file of ours theirs as whom the server runs.
func (s *Server) giveAway(path string) error {
	if s.as == nil {
		return nil
	}
	return os.Chown(path, int(s.as.Uid), int(s.as.Gid))
}

// command is a program as it has to be started: unprivileged, in a session of its own, so that an interrupt
// from the terminal is ours alone, and with no variable that means something to PostgreSQL.
func (s *Server) command(path string, arguments ...string) *exec.Cmd {
	c := exec.Command(path, arguments...)
	c.Dir = s.folder
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: s.as}
	return c
}

// run runs one of PostgreSQL's programs to its end; the error has what it said, and the end of the server's log.
func (s *Server) run(name string, arguments ...string) error {
	said, err := s.command(s.program(name), arguments...).CombinedOutput()
	if err == nil {
		return nil
	}
	const shown = 4 << 10
	log, _ := os.ReadFile(s.log()) // there is none yet
	return fmt.Errorf("%s %s: %w\n%s\n%s", name, strings.Join(arguments, " "), err, said, log[max(0, len(log)-shown):])
}

// children are the processes that a process started and that run.
func children(parent int) []int {
	var found []int
	folders, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, folder := range folders {
		pid, _ := strconv.Atoi(filepath.Base(folder))
		if state, its := process(pid); its == parent && state != "Z" {
			found = append(found, pid)
		}
	}
	return found
}

// runs says whether a process is there and not merely waits to be reaped.
func runs(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	state, _ := process(pid)
	return state != "Z" && state != "X"
}

// process is what /proc says about one: its state, one letter, and its parent. It is "" and 0 without.
func process(pid int) (state string, parent int) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0
	}
	// PID (NAME) STATE PARENT ..., and a name may have anything in it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	parent, _ = strconv.Atoi(fields[1])
	return fields[0], parent
}
