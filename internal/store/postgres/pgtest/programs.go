//go:build unix

package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// ErrNoPrograms says that this machine has no PostgreSQL server, and what to do about it.
var ErrNoPrograms = errors.New("PostgreSQL is not here: install it (apt-get install postgresql) and have initdb on the PATH, or set " +
	urlVariable + " to the postgres:// URL of a server where databases may be created")

// Find gives the folder of PostgreSQL's programs: that of the initdb on the PATH, else the newest
// that Debian's packages installed, else where pg_config says. The error is ErrNoPrograms.
func Find() (string, error) {
	return find("/usr/lib/postgresql/*/bin")
}

func find(pattern string) (string, error) {
	var folders []string
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if initdb, err = filepath.EvalSymlinks(initdb); err == nil {
			folders = append(folders, filepath.Dir(initdb))
		}
	}
	installed, _ := filepath.Glob(pattern) // the pattern is well formed
	slices.SortFunc(installed, func(a, b string) int { return major(b) - major(a) })
	folders = append(folders, installed...)
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, strings.TrimSpace(string(out)))
	}
	for _, folder := range folders {
		if complete(folder) {
			return folder, nil
		}
	}
	return "", ErrNoPrograms
}

// major is the version that a folder of Debian's is for.
func major(folder string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	return n
}

// complete tells a folder with a server from one with the programs of a client alone.
func complete(folder string) bool {
	for _, name := range []string{"initdb", "postgres", "pg_ctl", "pg_basebackup"} {
		if _, err := exec.LookPath(filepath.Join(folder, name)); err != nil {
			return false
		}
	}
	return true
}

// unprivileged is whom the programs run as; nil is us. PostgreSQL refuses to be run by root.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		if who, err = user.Lookup("nobody"); err != nil {
			return nil, fmt.Errorf("nobody to run PostgreSQL as: %w", err)
		}
	}
	uid, err := strconv.ParseUint(who.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(who.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
