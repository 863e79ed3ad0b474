package sqlite

import (
	"errors"

	"golang.org/x/sys/windows"
)

// lockFile locks a file for this process alone and writes text to it; errHeld if another
// one has it. Locks are mandatory here, so what is locked lies behind the text.
func lockFile(name, text string) (release func(), err error) {
	h, err := windows.Open(name, windows.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	err = windows.LockFileEx(h, windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &windows.Overlapped{OffsetHigh: 1 << 30})
	if err == nil {
		_, err = windows.Write(h, []byte(text))
	}
	if err != nil {
		_ = windows.CloseHandle(h)
		if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
			err = errHeld
		}
		return nil, err
	}
	return func() { _ = windows.CloseHandle(h) }, nil
}
