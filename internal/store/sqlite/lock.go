package sqlite

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Lock makes this process the one server of the store at path, until release is called
// or the process ends. Two servers on one file would not damage it, but each would take
// the other's calls for abandoned. Commands do not take it: they work beside a server.
//
// The lock is on the file path + ".lock", which says who holds it and stays when it is
// released. The error is an *OpenError; KindLocked if there is another server.
func Lock(path string) (release func(), err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, &OpenError{Path: path, Kind: KindPath, Reason: "cannot be made absolute", Err: err}
	}
	name := path + ".lock"
	if err := prepareFile(name); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, &OpenError{Path: name, Kind: KindFailed, Reason: "cannot be opened", Err: err}
	}
	held, err := lockFile(f)
	if err == nil {
		host, _ := os.Hostname() // a lock without it is a lock
		_, err = f.WriteAt(fmt.Appendf(nil, "process %d on %s since %s\n", os.Getpid(), host, time.Now().UTC().Format(time.RFC3339)), 0)
	}
	if err != nil {
		defer f.Close()
		if !held {
			return nil, &OpenError{Path: name, Kind: KindFailed, Reason: "cannot be locked", Err: err}
		}
		who, _ := io.ReadAll(io.LimitReader(f, 200))
		first, _, _ := strings.Cut(string(who), "\n")
		return nil, &OpenError{
			Path: path, Kind: KindLocked,
			Reason: "another server uses it: " + first,
			Advice: "stop that one, or give this one a store of its own; several servers on one store need PostgreSQL",
		}
	}
	return func() { _ = f.Close() }, nil
}
