//go:build unix

package sqlite

import (
	"errors"
	"os"
	"syscall"
)

// lockFile locks f for this process alone; held says that another process has it.
// The system gives the lock back when the process ends, however it ends.
func lockFile(f *os.File) (held bool, err error) {
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return errors.Is(err, syscall.EWOULDBLOCK), err
}
