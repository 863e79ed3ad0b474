//go:build !linux

package enginetest

import "testing"

// scratch is a folder of the test's own.
func scratch(t testing.TB) string { return t.TempDir() }
