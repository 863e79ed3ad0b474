//go:build unix

package sqlite

import (
	"errors"
	"syscall"
)

// lockFile locks a file for this process alone and writes text to it; errHeld if another
// one has it. The file is not an os.File, which the garbage collector would close, and
// with it the lock, under a caller who does not keep release.
func lockFile(name, text string) (release func(), err error) {
	fd, err := syscall.Open(name, syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err = syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
		_, err = syscall.Write(fd, []byte(text))
	}
	if err != nil {
		_ = syscall.Close(fd)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errHeld
		}
		return nil, err
	}
	return func() { _ = syscall.Close(fd) }, nil
}
