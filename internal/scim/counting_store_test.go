package scim_test

import (
	"context"
	"iter"
	"sync/atomic"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// countingStore is a store that counts the rows of users, groups, memberships, accounts and
// events that are read and written through it; a look-up counts as a row, found or not.
// Package sqlite's plan tests hold what a row costs the engine.
type countingStore struct {
	store.Store
	reads, writes atomic.Int64
}

func (s *countingStore) View(ctx context.Context, fn func(store.Tx) error) error {
	return s.Store.View(ctx, func(tx store.Tx) error { return fn(countingTx{tx, s}) })
}

func (s *countingStore) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.Store.Update(ctx, func(tx store.Tx) error { return fn(countingTx{tx, s}) })
}

// during gives what do reads and writes. Nothing else may use the store meanwhile.
func (s *countingStore) during(do func()) (reads, writes int64) {
	r, w := s.reads.Load(), s.writes.Load()
	do()
	return s.reads.Load() - r, s.writes.Load() - w
}

type countingTx struct {
	store.Tx
	s *countingStore
}

// counted counts the look-up, and the rows of its sequence as they are taken.
func counted[T any](n *atomic.Int64, rows iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		n.Add(1)
		for row, err := range rows {
			n.Add(1)
			if !yield(row, err) {
				return
			}
		}
	}
}

func (t countingTx) User(tenant, id string) (*store.User, error) {
	t.s.reads.Add(1)
	return t.Tx.User(tenant, id)
}

func (t countingTx) UserByName(tenant, key string) (*store.User, error) {
	t.s.reads.Add(1)
	return t.Tx.UserByName(tenant, key)
}

func (t countingTx) UserByAccount(account int64) (*store.User, error) {
	t.s.reads.Add(1)
	return t.Tx.UserByAccount(account)
}

func (t countingTx) PutUser(u *store.User) error {
	t.s.writes.Add(1)
	return t.Tx.PutUser(u)
}

func (t countingTx) Users(tenant string, q store.Query) iter.Seq2[*store.User, error] {
	return counted(&t.s.reads, t.Tx.Users(tenant, q))
}

func (t countingTx) CountUsers(tenant string, where *store.Condition) (int, error) {
	n, err := t.Tx.CountUsers(tenant, where)
	t.s.reads.Add(1 + int64(n))
	return n, err
}

func (t countingTx) TouchUsers(tenant string, ids []string, modified time.Time) error {
	t.s.writes.Add(int64(len(ids)))
	return t.Tx.TouchUsers(tenant, ids, modified)
}

func (t countingTx) Alias(tenant, alias string) (string, error) {
	t.s.reads.Add(1)
	return t.Tx.Alias(tenant, alias)
}

func (t countingTx) Group(tenant, id string) (*store.Group, error) {
	t.s.reads.Add(1)
	return t.Tx.Group(tenant, id)
}

func (t countingTx) GroupsByName(tenant, key string) ([]*store.Group, error) {
	rows, err := t.Tx.GroupsByName(tenant, key)
	t.s.reads.Add(1 + int64(len(rows)))
	return rows, err
}

func (t countingTx) PutGroup(g *store.Group) error {
	t.s.writes.Add(1)
	return t.Tx.PutGroup(g)
}

func (t countingTx) Members(tenant, group string) iter.Seq2[*store.Member, error] {
	return counted(&t.s.reads, t.Tx.Members(tenant, group))
}

func (t countingTx) AddMember(tenant string, m store.Member) (bool, error) {
	t.s.writes.Add(1)
	return t.Tx.AddMember(tenant, m)
}

func (t countingTx) RemoveMember(tenant, group, member string) (bool, error) {
	t.s.writes.Add(1)
	return t.Tx.RemoveMember(tenant, group, member)
}

func (t countingTx) GroupsOf(tenant, member string) ([]*store.Group, error) {
	rows, err := t.Tx.GroupsOf(tenant, member)
	t.s.reads.Add(1 + int64(len(rows)))
	return rows, err
}

func (t countingTx) HasMember(tenant, group, member string) (bool, error) {
	t.s.reads.Add(1)
	return t.Tx.HasMember(tenant, group, member)
}

func (t countingTx) Account(id int64) (*store.Account, error) {
	t.s.reads.Add(1)
	return t.Tx.Account(id)
}

func (t countingTx) AccountByEmail(workspace, key string) (*store.Account, error) {
	t.s.reads.Add(1)
	return t.Tx.AccountByEmail(workspace, key)
}

func (t countingTx) AccountsOf(tenant, userID string) ([]*store.Account, error) {
	rows, err := t.Tx.AccountsOf(tenant, userID)
	t.s.reads.Add(1 + int64(len(rows)))
	return rows, err
}

func (t countingTx) PutAccount(a *store.Account) error {
	t.s.writes.Add(1)
	return t.Tx.PutAccount(a)
}

func (t countingTx) AppendEvent(e *store.Event) error {
	t.s.writes.Add(1)
	return t.Tx.AppendEvent(e)
}
