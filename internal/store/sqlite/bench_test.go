package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/storetest"
)

// forBenchmark opens an empty store.
func forBenchmark(b testing.TB) store.Store {
	return open(b, filepath.Join(b.TempDir(), "bench.db"))
}

func BenchmarkUpdate(b *testing.B) { storetest.BenchmarkUpdate(b, forBenchmark) }
func BenchmarkCreate(b *testing.B) { storetest.BenchmarkCreate(b, forBenchmark) }
func BenchmarkRead(b *testing.B)   { storetest.BenchmarkRead(b, forBenchmark) }
