package enginetest

import (
	"os"
	"syscall"
	"testing"
)

// scratch is a folder of the test's own, in memory where there is room: what a test's file is
// for is not to survive the machine, and waiting for disks is most of what these tests would do.
func scratch(t testing.TB) string {
	const memory, enough = "/dev/shm", 1 << 30
	var fs syscall.Statfs_t
	if err := syscall.Statfs(memory, &fs); err == nil && int64(fs.Bavail)*int64(fs.Bsize) > enough {
		if dir, err := os.MkdirTemp(memory, "scimbridge-test-"); err == nil {
			t.Cleanup(func() { os.RemoveAll(dir) })
			return dir
		}
	}
	return t.TempDir()
}
