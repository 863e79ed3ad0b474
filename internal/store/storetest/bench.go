package storetest

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// benchUsers is how many users there are while the reads and writes are measured.
const benchUsers = 10_000

func benchUser(n int64) *store.User {
	name := fmt.Sprintf("user%07d@example.com", n)
	at := time.UnixMicro(1_700_000_000_000_000 + n).UTC()
	return &store.User{
		Tenant: "default", ID: fmt.Sprintf("0b1f7a52-9d5e-4c38-8f0e-%012d", n), Managed: true,
		UserName: name, UserNameKey: name, ExternalID: fmt.Sprintf("00u%d", n), Active: true,
		DisplayName: "A User", DisplayNameKey: "a user", EmailKeys: []string{name},
		Document: fmt.Appendf(nil, `{"userName":%q,"name":{"givenName":"A","familyName":"User"},"displayName":"A User",`+
			`"emails":[{"value":%q,"type":"work","primary":true}],"active":true}`, name, name),
		Version: 1, Created: at, Modified: at,
	}
}

// filled opens a store and fills it.
func filled(b *testing.B, open func(testing.TB) store.Store) store.Store {
	b.Helper()
	s := open(b)
	for n := int64(0); n < benchUsers; {
		err := s.Update(b.Context(), func(tx store.Tx) error {
			for range 1000 {
				if err := tx.PutUser(benchUser(n)); err != nil {
					return err
				}
				n++
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// BenchmarkUpdate is one durable change of one user: found by id, version and
// activity changed, committed.
func BenchmarkUpdate(b *testing.B, open func(testing.TB) store.Store) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("goroutines=%d", callers), func(b *testing.B) {
			s := filled(b, open)
			parallel(b, callers, func(n int64) error {
				return s.Update(context.Background(), func(tx store.Tx) error {
					u, err := tx.User("default", benchUser(n%benchUsers).ID)
					if err != nil {
						return err
					}
					u.Active, u.Version, u.Modified = !u.Active, u.Version+1, tx.Now()
					return tx.PutUser(u)
				})
			})
		})
	}
}

// BenchmarkCreate is one durable create of one user with one e-mail.
func BenchmarkCreate(b *testing.B, open func(testing.TB) store.Store) {
	for _, callers := range []int{1, 16} {
		b.Run(fmt.Sprintf("goroutines=%d", callers), func(b *testing.B) {
			s := filled(b, open)
			parallel(b, callers, func(n int64) error {
				return s.Update(context.Background(), func(tx store.Tx) error { return tx.PutUser(benchUser(benchUsers + n)) })
			})
		})
	}
}

// BenchmarkRead is one View that finds one user, or lists, or counts.
func BenchmarkRead(b *testing.B, open func(testing.TB) store.Store) {
	s := filled(b, open)
	read := func(fn func(tx store.Tx, u *store.User) error) func(int64) error {
		return func(n int64) error {
			return s.View(context.Background(), func(tx store.Tx) error { return fn(tx, benchUser(n*7919%benchUsers)) })
		}
	}
	for _, callers := range []int{1, 16} {
		for _, bench := range []struct {
			name string
			fn   func(tx store.Tx, u *store.User) error
		}{
			{"id", func(tx store.Tx, u *store.User) error { _, err := tx.User(u.Tenant, u.ID); return err }},
			{"name", func(tx store.Tx, u *store.User) error { _, err := tx.UserByName(u.Tenant, u.UserNameKey); return err }},
			{"email", func(tx store.Tx, u *store.User) error {
				q := store.Query{Where: &store.Condition{Field: store.FieldEmail, Cmp: store.Eq, Value: u.UserNameKey}, Limit: 100}
				for _, err := range tx.Users(u.Tenant, q) {
					return err
				}
				return store.ErrNotFound
			}},
			{"page of 100", func(tx store.Tx, u *store.User) error {
				for _, err := range tx.Users(u.Tenant, store.Query{Offset: benchUsers / 2, Limit: 100}) {
					if err != nil {
						return err
					}
				}
				return nil
			}},
			{"count", func(tx store.Tx, u *store.User) error { _, err := tx.CountUsers(u.Tenant, nil); return err }},
		} {
			b.Run(fmt.Sprintf("%s/goroutines=%d", bench.name, callers), func(b *testing.B) {
				parallel(b, callers, read(bench.fn))
			})
		}
	}
}

// parallel runs fn b.N times on so many goroutines, each time with another number.
func parallel(b *testing.B, callers int, fn func(n int64) error) {
	b.SetParallelism(max(1, callers/runtime.GOMAXPROCS(0)))
	b.ReportAllocs()
	var next atomic.Int64
	if callers == 1 {
		for b.Loop() {
			if err := fn(next.Add(1)); err != nil {
				b.Fatal(err)
			}
		}
		return
	}
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := fn(next.Add(1)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
