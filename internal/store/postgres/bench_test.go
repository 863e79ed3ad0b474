//go:build unix

package postgres_test

import (
	"testing"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/postgres"
	"github.com/scimbridge/scimbridge/internal/store/postgres/pgtest"
	"github.com/scimbridge/scimbridge/internal/store/storetest"
)

// forBenchmark opens an empty store.
func forBenchmark(b testing.TB) store.Store {
	return open(b, postgres.Options{URL: pgtest.Database(b)})
}

func BenchmarkUpdate(b *testing.B) { storetest.BenchmarkUpdate(b, forBenchmark) }
func BenchmarkCreate(b *testing.B) { storetest.BenchmarkCreate(b, forBenchmark) }
func BenchmarkRead(b *testing.B)   { storetest.BenchmarkRead(b, forBenchmark) }
