package relational

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// Kinds of tombstones and members, as SCIM names the resource types.
const (
	typeUser  = "User"
	typeGroup = "Group"
)

var users = newTable("users", "seq",
	"tenant", "id", "managed", "user_name", "user_name_key", "external_id", "active", "display_name",
	"display_name_key", "email_keys", "document", "version", "created", "modified", "account", "answered")

// Places in a stored user.
const (
	userNameKeyPlace = 5
	emailKeysPlace   = 10
	accountPlace     = 15
)

// userKey is what a user is remembered by: tenant and id.
func userKey(s stored) any { return [2]any{s[1], s[2]} }

var selectUser = "SELECT " + users.columns + " FROM users WHERE "

func (t *Tx) user(query string, args ...any) (*store.User, error) {
	s, err := t.find(users, userKey, query, args...)
	if err == nil && s == nil {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return scanUser(&row{rows: s}), nil
}

// scanUser reads the columns of users.
func scanUser(r *row) *store.User {
	u := &store.User{
		Seq: r.int64(), Tenant: r.text(), ID: r.text(), Managed: r.bool(), UserName: r.text(), UserNameKey: r.text(), ExternalID: r.text(),
		Active: r.bool(), DisplayName: r.text(), DisplayNameKey: r.text(),
	}
	if keys := r.text(); keys != "" {
		_ = json.Unmarshal([]byte(keys), &u.EmailKeys) // written by encodeKeys
	}
	u.Document, u.Version = r.bytes(), r.int64()
	u.Created, u.Modified = r.time(), r.time()
	u.Account, u.Answered = r.int64(), r.bool()
	return u
}

// encodeKeys is a list of keys in one column: "" for none, else a JSON array.
func encodeKeys(keys []string) (string, error) {
	if len(keys) == 0 {
		return "", nil
	}
	data, err := json.Marshal(keys)
	return string(data), err
}

func (t *Tx) User(tenant, id string) (*store.User, error) {
	if s := t.recalled(users, [2]any{tenant, id}); s != nil {
		return scanUser(&row{rows: s}), nil
	}
	return t.user(selectUser+"tenant = ? AND id = ?", tenant, id)
}

func (t *Tx) UserByName(tenant, userNameKey string) (*store.User, error) {
	return t.user(selectUser+"tenant = ? AND user_name_key = ?", tenant, userNameKey)
}

func (t *Tx) UserByAccount(account int64) (*store.User, error) {
	return t.user(selectUser+"account = ? AND account <> 0", account)
}

func (t *Tx) PutUser(u *store.User) error {
	keys, err := encodeKeys(u.EmailKeys)
	if err != nil {
		return err
	}
	row := []any{u.Tenant, u.ID, u.Managed, u.UserName, u.UserNameKey, u.ExternalID, u.Active, u.DisplayName,
		u.DisplayNameKey, keys, u.Document, u.Version, u.Created, u.Modified, u.Account, u.Answered}
	old := t.recalled(users, [2]any{u.Tenant, u.ID})
	if old == nil {
		if old, err = t.find(users, userKey, selectUser+"tenant = ? AND id = ?", u.Tenant, u.ID); err != nil {
			return err
		}
	}
	if err := t.userConflict(u, old); err != nil {
		return err
	}
	oldKeys, seq := any(""), any(nil)
	if old == nil {
		seq, err = users.add(t, row)
		if err == nil {
			_, err = t.exec("DELETE FROM tombstones WHERE tenant = ? AND id = ?", u.Tenant, u.ID)
		}
	} else {
		oldKeys, seq = old[emailKeysPlace], old[0]
		err = users.update(t, old, row)
	}
	if err != nil || oldKeys == any(keys) {
		return err
	}
	return t.indexEmails(u, seq, old != nil)
}

// userConflict says which rule a user would break. It is asked for, and not read off the engine's refusal, after
// which a transaction may be lost.
func (t *Tx) userConflict(u *store.User, old stored) error {
	for _, rule := range []struct {
		field string
		same  bool // as it was stored before
		where string
		args  []any
	}{
		{"userName", old != nil && old[userNameKeyPlace] == u.UserNameKey,
			"tenant = ? AND user_name_key = ? AND id <> ?", []any{u.Tenant, u.UserNameKey, u.ID}},
		{"account", u.Account == 0 || old != nil && old[accountPlace] == u.Account,
			"account = ? AND account <> 0 AND NOT (tenant = ? AND id = ?)", []any{u.Account, u.Tenant, u.ID}},
	} {
		if rule.same {
			continue
		}
		holder, err := get(t, text, "SELECT id FROM users WHERE "+rule.where, rule.args...)
		switch {
		case err == nil:
			return &store.Conflict{Field: rule.field, Holder: holder}
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
	}
	return nil
}

func (t *Tx) indexEmails(u *store.User, seq any, again bool) error {
	if again {
		if _, err := t.exec("DELETE FROM user_emails WHERE user_seq = ?", seq); err != nil {
			return err
		}
	}
	rows := make([][]any, len(u.EmailKeys))
	for i, key := range u.EmailKeys {
		rows[i] = []any{u.Tenant, key, seq}
	}
	return t.conn.ExecEach("INSERT INTO user_emails (tenant, email_key, user_seq) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows)
}

func (t *Tx) DeleteUser(tenant, id string, at time.Time) error {
	t.remember(users, [2]any{tenant, id}, nil)
	if err := t.must("DELETE FROM users WHERE tenant = ? AND id = ?", tenant, id); err != nil {
		return err
	}
	if err := t.leaveGroups(tenant, id); err != nil {
		return err
	}
	return t.bury(tenant, id, typeUser, at)
}

func (t *Tx) HideUser(tenant, id string) error {
	t.remember(users, [2]any{tenant, id}, nil)
	if err := t.must("DELETE FROM users WHERE tenant = ? AND id = ? AND managed = 0", tenant, id); err != nil {
		return err
	}
	return t.leaveGroups(tenant, id)
}

func (t *Tx) Users(tenant string, q store.Query) iter.Seq2[*store.User, error] {
	query, args, err := t.dialect.users().list(tenant, q)
	if err != nil {
		return failing[*store.User](err)
	}
	return each(t, scanUser, query, args...)
}

func (t *Tx) CountUsers(tenant string, where *store.Condition) (int, error) {
	query, args, err := t.dialect.users().count(tenant, where)
	if err != nil {
		return 0, err
	}
	n, err := t.number(query, args...)
	return int(n), err
}

func (t *Tx) TouchUsers(tenant string, ids []string, modified time.Time) error {
	t.forget(users)
	_, err := t.exec("UPDATE users SET version = version + 1, modified = ? WHERE tenant = ? AND id "+t.dialect.In,
		modified, tenant, t.dialect.List(ids))
	return err
}

func (t *Tx) Alias(tenant, alias string) (string, error) {
	return get(t, text, "SELECT user_id FROM aliases WHERE tenant = ? AND alias = ?", tenant, alias)
}

func (t *Tx) PutAlias(tenant, alias, userID string) error {
	_, err := t.exec(`INSERT INTO aliases (tenant, alias, user_id) VALUES (?, ?, ?)
		ON CONFLICT (tenant, alias) DO UPDATE SET user_id = excluded.user_id`, tenant, alias, userID)
	return err
}

func (t *Tx) Deleted(tenant, id string) (bool, error) {
	n, err := t.number("SELECT 1 FROM tombstones WHERE tenant = ? AND id = ?", tenant, id)
	return n == 1, err
}

// bury leaves a tombstone.
func (t *Tx) bury(tenant, id, kind string, at time.Time) error {
	_, err := t.exec(`INSERT INTO tombstones (tenant, id, kind, deleted) VALUES (?, ?, ?, ?)
		ON CONFLICT (tenant, id) DO UPDATE SET kind = excluded.kind, deleted = excluded.deleted`, tenant, id, kind, at)
	return err
}

// failing is a sequence of one error.
func failing[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		yield(zero, fmt.Errorf("query: %w", err))
	}
}
