//go:build unix

package postgres_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/postgres"
	"github.com/scimbridge/scimbridge/internal/store/postgres/pgtest"
)

// strange are texts that PostgreSQL does not take, or not as they are, beside some that it does.
var strange = []string{"a", "a\x00", "a\x00b", "\x00", "a\x01", "a\x01\x01", "a\x01\x02", "a\x01\x03ff", "a\x02", "\xff", "a\xff", "a\xc3", "\xed\xa0\x80",
	"a'; DROP TABLE users; --", `a\`, "a$1", "a?", "é", "e\u0301", "\U0010FFFF", "\uE000", "\uFFFD", "{a,b}", "NULL", " a ", "İ", "ı", "I", "i", "B", "z", "_", "%"}

func TestStrangeTextsComeBack(t *testing.T) {
	s := open(t, postgres.Options{URL: pgtest.Database(t)})
	must(t, s.Update(t.Context(), func(tx store.Tx) error {
		for _, text := range strange {
			u := &store.User{Tenant: "t", ID: text, UserName: text, UserNameKey: text, ExternalID: text, DisplayName: text, DisplayNameKey: text,
				EmailKeys: []string{text}, Document: []byte(text)}
			if err := tx.PutUser(u); err != nil {
				return err
			}
			if err := tx.PutMeta(text, text); err != nil {
				return err
			}
		}
		return tx.TouchUsers("t", strange, time.UnixMicro(7))
	}))
	for _, text := range strange {
		must(t, s.View(t.Context(), func(tx store.Tx) error {
			got, err := tx.User("t", text)
			if err != nil {
				return fmt.Errorf("%q: %w", text, err)
			}
			want := &store.User{Seq: got.Seq, Tenant: "t", ID: text, UserName: text, UserNameKey: text, ExternalID: text, DisplayName: text, DisplayNameKey: text,
				EmailKeys: got.EmailKeys, Document: []byte(text), Version: 1, Modified: time.UnixMicro(7).UTC()}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q (-want +got):\n%s", text, diff)
			}
			if value, err := tx.Meta(text); err != nil || value != text {
				t.Errorf("meta %q: %q, %v", text, value, err)
			}
			for _, field := range []store.Field{store.FieldID, store.FieldUserName, store.FieldExternalID, store.FieldDisplayName, store.FieldEmail} {
				found := ids(t, tx, store.Query{Where: &store.Condition{Field: field, Cmp: store.Eq, Value: text}})
				if !slices.Equal(found, []string{text}) {
					t.Errorf("%s eq %q finds %q", field, text, found)
				}
			}
			return nil
		}))
	}
}

// The order is that of code points, whatever the locale of the database: package pgtest makes it a Turkish one.
func TestOrderAndPrefixesAreByCodePoint(t *testing.T) {
	var valid []string
	for _, text := range strange {
		if strings.ToValidUTF8(text, "") == text {
			valid = append(valid, text)
		}
	}
	s := open(t, postgres.Options{URL: pgtest.Database(t)})
	must(t, s.Update(t.Context(), func(tx store.Tx) error {
		for _, text := range valid {
			if err := tx.PutUser(&store.User{Tenant: "t", ID: text, UserNameKey: text, ExternalID: text, DisplayNameKey: text}); err != nil {
				return err
			}
		}
		return nil
	}))
	sorted := slices.Sorted(slices.Values(valid))
	must(t, s.View(t.Context(), func(tx store.Tx) error {
		for _, field := range []store.Field{store.FieldID, store.FieldUserName, store.FieldExternalID, store.FieldDisplayName} {
			if diff := cmp.Diff(sorted, ids(t, tx, store.Query{Sort: &store.Sort{By: field}})); diff != "" {
				t.Errorf("by %s (-want +got):\n%s", field, diff)
			}
			for i, text := range sorted {
				after := store.Query{Sort: &store.Sort{By: field}, After: &store.Position{Value: text, ID: text}}
				if diff := cmp.Diff(sorted[i+1:], ids(t, tx, after), cmp.Transformer("empty", func(l []string) string { return strings.Join(l, "|") })); diff != "" {
					t.Errorf("by %s after %q (-want +got):\n%s", field, text, diff)
				}
			}
		}
		for _, prefix := range strange {
			var want []string
			for _, text := range sorted {
				if strings.HasPrefix(text, prefix) {
					want = append(want, text)
				}
			}
			for _, field := range []store.Field{store.FieldUserName, store.FieldDisplayName} {
				got := ids(t, tx, store.Query{Where: &store.Condition{Field: field, Cmp: store.Sw, Value: prefix}, Sort: &store.Sort{By: store.FieldID}})
				if !slices.Equal(got, want) {
					t.Errorf("%s sw %q finds %q, want %q", field, prefix, got, want)
				}
			}
		}
		return nil
	}))
}

// The longest text that package directory lets through, of what compresses worst, and longer ones where it does
// not look because nothing is looked up by them.
func TestLongTexts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('!' + random.IntN(90))
		}
		return string(b)
	}
	s := open(t, postgres.Options{URL: pgtest.Database(t)})
	long, longer := text(1000), text(100_000)
	must(t, s.Update(t.Context(), func(tx store.Tx) error {
		tenant := text(100)
		return errors.Join(
			tx.PutUser(&store.User{Tenant: tenant, ID: "u", UserName: long, UserNameKey: long, ExternalID: long, DisplayName: long, DisplayNameKey: long,
				EmailKeys: []string{long, text(1000)}, Document: []byte(longer)}),
			tx.PutUser(&store.User{Tenant: tenant, ID: "marks", UserNameKey: strings.Repeat("\x01", 1000)}),
			tx.PutGroup(&store.Group{Tenant: tenant, ID: "g", DisplayName: long, DisplayNameKey: long, ExternalID: long}),
			tx.PutAccount(&store.Account{Workspace: tenant, EmailKey: long, Email: long, Tenant: tenant, UserID: "u", Name: longer, LastError: longer}),
			tx.StageRows(tenant, 1, []store.LookRow{{EmailKey: long, Row: []byte(longer)}}),
			tx.AppendEvent(&store.Event{Tenant: tenant, Actor: longer, Request: longer, Kind: longer, Resource: long, Email: longer}),
			tx.PutHold(&store.Hold{Tenant: tenant, Kind: "delete", EmailKey: longer, Reason: longer}),
		)
	}))
	must(t, s.View(t.Context(), func(tx store.Tx) error {
		for _, field := range []store.Field{store.FieldID, store.FieldUserName, store.FieldExternalID, store.FieldDisplayName, store.FieldEmail, store.FieldGroup} {
			where := &store.Condition{Any: []*store.Condition{{Field: field, Cmp: store.Eq, Value: longer}, {Field: field, Cmp: store.Eq, Value: longer + "x"}}}
			if found := ids(t, tx, store.Query{Where: where}); len(found) != 0 {
				t.Errorf("%s finds %q", field, found)
			}
		}
		return nil
	}))
}

// ids are those of the users whom a query selects.
func ids(t testing.TB, tx store.Tx, q store.Query) (list []string) {
	t.Helper()
	for u, err := range tx.Users("t", q) {
		must(t, err)
		list = append(list, u.ID)
	}
	return list
}
