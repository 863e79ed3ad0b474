package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// errHeld: another process has the lock.
var errHeld = errors.New("held")

// Lock makes this process the one server of the store at path, until release is called
// or the process ends, however it ends. Two servers on one file would not damage it, but
// each would take the other's calls for abandoned. Commands do not take it: they work
// beside a server.
//
// The lock is on the file path + ".lock", which says who holds it and stays when it is
// released. The error is an *OpenError; KindLocked if there is another server.
func Lock(path string) (release func(), err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, &OpenError{Path: path, Kind: KindPath, Reason: "cannot be made absolute", Err: err}
	}
	name := path + ".lock"
	if err := makeFile(name); err != nil {
		return nil, err
	}
	host, _ := os.Hostname() // a lock without it is a lock
	me := fmt.Sprintf("process %d on %s since %s\n", os.Getpid(), host, time.Now().UTC().Format(time.RFC3339))
	release, err = lockFile(name, me)
	if errors.Is(err, errHeld) {
		who, _ := os.ReadFile(name)
		first, _, _ := strings.Cut(string(who), "\n")
		return nil, &OpenError{
			Path: path, Kind: KindLocked,
			Reason: "another server uses it: " + first,
			Advice: "stop that one, or give this one a store of its own; several servers on one store need PostgreSQL",
		}
	}
	if err != nil {
		return nil, &OpenError{Path: name, Kind: KindFailed, Reason: "cannot be locked", Err: err, Advice: mayWrite(name)}
	}
	return release, nil
}
