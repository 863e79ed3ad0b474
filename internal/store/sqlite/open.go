package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	engine "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Kind says why a store could not be opened.
type Kind string

const (
	KindPath        Kind = "path"         // not a path to a file
	KindPermission  Kind = "permission"   // the file or its folder may not be written
	KindLocked      Kind = "locked"       // another server or process has it
	KindNotDatabase Kind = "not database" // not an SQLite file, or damaged
	KindForeign     Kind = "foreign"      // the database of another program
	KindNewer       Kind = "newer"        // written by a newer scimbridge
	KindUnfinished  Kind = "unfinished"   // a copy to it was not finished
	KindFailed      Kind = "failed"       // anything else: disk, memory
)

// OpenError says which store could not be opened, why, and what to do about it.
type OpenError struct {
	Path   string
	Kind   Kind
	Reason string // what is wrong
	Advice string // what to do
	Err    error  // what the system said, or nil
}

func (e *OpenError) Error() string {
	msg := fmt.Sprintf("store %s: %s", e.Path, e.Reason)
	if e.Err != nil {
		msg += fmt.Sprintf(" (%v)", e.Err)
	}
	if e.Advice != "" {
		msg += ": " + e.Advice
	}
	return msg
}

func (e *OpenError) Unwrap() error { return e.Err }

// pragma is a setting of a connection.
type pragma struct{ name, value string }

// Settings of every connection, in the order in which they are made.
var common = []pragma{
	// First, because the others may have to wait: for another process that opens or
	// closes the file at the same moment.
	{"busy_timeout", "10000"},
	// Readers and the writer do not wait for each other.
	{"journal_mode", "WAL"},
	// Fsync at each commit: NORMAL would lose the last commits at power loss (V-01).
	{"synchronous", "FULL"},
	{"foreign_keys", "ON"},
	// Sorting happens in memory: it is of ids, and temporary files may have no place to be.
	{"temp_store", "MEMORY"},
	// No memory map: what it maps counts as resident, and 100,000 users should fit 120 MB.
	// A read from the page cache of the system instead costs a copy of 4 kB.
	{"mmap_size", "0"},
}

// Settings of the connection that writes.
var writing = []pragma{
	{"cache_size", "-16384"}, // 16 MB: the upper levels of all indexes of some 100,000 users
	// After a long View kept the log from being reused it is cut to 64 MB again.
	{"journal_size_limit", "67108864"},
	// A checkpoint each 16 MB of log, not each 4: pages written often, such as those of the
	// queue, are then copied and synced once instead of four times.
	{"wal_autocheckpoint", "4096"},
	// Short here, because the writer itself tries again (begin): SQLite would ask after up to
	// 100 ms only, and starve beside a busy process.
	{"busy_timeout", "5"},
}

// Settings of a connection that reads.
var reading = []pragma{
	{"cache_size", "-4096"}, // 4 MB each: there may be many
	{"query_only", "ON"},
}

// No connection runs ANALYZE or PRAGMA optimize: without statistics the plans depend on the
// schema alone, so those that the tests have seen are those that run.

// connector opens connections to a file with these settings.
func connector(path string, settings ...[]pragma) (driver.Connector, error) {
	query := url.Values{}
	for _, list := range settings {
		for _, p := range list {
			query.Add("_pragma", p.name+"="+p.value)
		}
	}
	// In a SQLite URI, ?, # and % of a path are escaped; https://www.sqlite.org/uri.html.
	name := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode(), OmitHost: true}
	return engine.NewConnector(name.String())
}

// fileOf is a path to a file, absolute.
func fileOf(path string) (string, error) {
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return "", &OpenError{Path: path, Kind: KindPath, Reason: "is not a file", Advice: "name a file, such as scimbridge.db"}
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", &OpenError{Path: path, Kind: KindPath, Reason: "cannot be made absolute", Err: err}
	}
	return absolute, nil
}

// makeFile makes the file, if it is not there, such that nobody else may read it: it
// holds personal data. SQLite gives its other files the same mode.
//
// The file itself is never opened here: closing it would take from this process all
// locks that SQLite has on it (https://www.sqlite.org/howtocorrupt.html, 2.2), and
// another goroutine may be opening the store already. So it is made under another name.
func makeFile(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		var f *os.File
		if f, err = os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*"); err == nil { // with mode 0600
			defer os.Remove(f.Name())
			if err = f.Close(); err == nil {
				err = os.Link(f.Name(), path)
			}
			if err != nil && !errors.Is(err, fs.ErrExist) { // a file system without links
				if f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err == nil {
					err = f.Close()
				}
			}
			if err == nil || errors.Is(err, fs.ErrExist) { // another one was faster
				return nil
			}
		}
	}
	e := &OpenError{Path: path, Kind: KindFailed, Reason: "cannot be opened", Err: err}
	switch {
	case err == nil && info.Mode().IsRegular():
		return nil
	case err == nil:
		e.Kind, e.Reason, e.Advice = KindPath, "is a folder or device, not a file", "name a file, such as "+filepath.Join(path, "scimbridge.db")
	case errors.Is(err, fs.ErrNotExist):
		e.Kind, e.Reason, e.Advice = KindPath, "its folder is not there", "create "+filepath.Dir(path)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		e.Kind, e.Reason, e.Advice = KindPermission, "may not be made or read", mayWrite(path)
	}
	return e
}

func mayWrite(path string) string {
	return fmt.Sprintf("give user %d the right to write %s and its folder, where SQLite keeps its log", os.Getuid(), path)
}

// explain makes an OpenError of what SQLite said while the store was being opened.
func explain(path string, err error) error {
	if _, ok := errors.AsType[*OpenError](err); ok || err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	e := &OpenError{Path: path, Kind: KindFailed, Reason: "cannot be opened", Err: err}
	switch primary(err) {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		e.Kind, e.Reason = KindLocked, "another process has it locked"
		e.Advice = "stop that process, or wait until it is done"
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		e.Kind, e.Reason = KindNotDatabase, "is not an SQLite database, or is damaged"
		e.Advice = "name another file, or restore this one from a backup"
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		e.Kind, e.Reason, e.Advice = KindPermission, "may not be read and written", mayWrite(path)
	case sqlite3.SQLITE_FULL:
		e.Reason, e.Advice = "the disk is full", "make room"
	}
	return e
}
