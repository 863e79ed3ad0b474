//go:build unix

package transfer_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/transfer"
)

// TestCopyOfMany copies many people with an account, an address, two groups and an event each. How many, SCIMBRIDGE_TEST_COPY
// says; -v shows what it took.
func TestCopyOfMany(t *testing.T) {
	people := 1000
	if n, err := strconv.Atoi(os.Getenv("SCIMBRIDGE_TEST_COPY")); err == nil {
		people = n
	}
	const groups = 20
	one, two, three := newPlace(t, "sqlite").opened(t), newPlace(t, "postgres").opened(t), newPlace(t, "sqlite").opened(t)
	update(t, one, func(tx store.Tx) error {
		for n := range groups {
			if err := tx.PutGroup(&store.Group{Tenant: "t", ID: fmt.Sprint("group", n), DisplayName: fmt.Sprint("Group ", n), DisplayNameKey: fmt.Sprint("group ", n)}); err != nil {
				return err
			}
		}
		return nil
	})
	begun := time.Now()
	for first := 0; first < people; first += 1000 {
		update(t, one, func(tx store.Tx) error {
			var errs []error
			for n := first; n < min(first+1000, people); n++ {
				address := fmt.Sprintf("user%07d@example.com", n)
				id := fmt.Sprintf("%08x-0000-4000-8000-%012d", uint32(n)*2654435761, n) // in no order
				a := &store.Account{Workspace: "w", EmailKey: address, Email: address, Tenant: "t", UserID: id, Present: true, WisdomID: "u_" + id, Name: "Some Body",
					Actual: []byte(`{"roles":[{"Role":"EXPLORER","Scope":""}],"attributes":{"department":"Sales"}}`), RowHash: int64(n), ActualLook: 1,
					Desired: []byte(`{"roles":[{"Role":"EXPLORER","Scope":""}],"attributes":{"department":"Sales"}}`), Version: 2, Delivered: 2, Confirmed: 2}
				errs = append(errs, tx.PutAccount(a))
				errs = append(errs, tx.PutUser(&store.User{Tenant: "t", ID: id, Managed: true, UserName: address, UserNameKey: address, ExternalID: "x" + id, Active: true,
					DisplayName: "Some Body", DisplayNameKey: "some body", EmailKeys: []string{address}, Version: 1, Created: at(0), Modified: at(1), Account: a.ID, Answered: true,
					Document: fmt.Appendf(nil, `{"userName":%q,"displayName":"Some Body","emails":[{"value":%q,"type":"work","primary":true}],"name":{"givenName":"Some","familyName":"Body"},"active":true}`, address, address)}))
				for m := range 2 {
					_, err := tx.AddMember("t", store.Member{Group: fmt.Sprint("group", (n+m)%groups), ID: id, Type: "User"})
					errs = append(errs, err)
				}
				errs = append(errs, tx.AppendEvent(&store.Event{Tenant: "t", Actor: "okta", Kind: "user.create", Resource: id, Email: address, Detail: []byte(`{"after":{"active":true}}`)}))
			}
			return errors.Join(errs...)
		})
	}
	t.Logf("%d people written in %s", people, time.Since(begun).Round(time.Millisecond))
	for _, step := range []struct {
		name     string
		from, to full
	}{{"sqlite to postgres", one, two}, {"postgres to sqlite", two, three}} {
		var phases []string
		begun, last := time.Now(), transfer.Phase("")
		most := uint64(0)
		counts, err := transfer.Copy(t.Context(), step.from, step.to, func(p transfer.Progress) {
			if p.Phase != last {
				phases, last = append(phases, fmt.Sprintf("%s from %s", p.Phase, time.Since(begun).Round(time.Millisecond))), p.Phase
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
		})
		if err != nil {
			t.Fatal(err)
		}
		var rows int64
		for _, n := range counts {
			rows += n.Rows
		}
		t.Logf("%s: %d rows in %s (%s), at most %d MB of heap in use", step.name, rows, time.Since(begun).Round(time.Millisecond), strings.Join(phases, ", "), most>>20)
	}
}
