package sqlite

import (
	"encoding/json"
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

// emailKeysField is the place of email_keys in users.fields.
const emailKeysField = 9

// scanUser reads the columns of users.
func scanUser(r *rows) *store.User {
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

func (t *tx) User(tenant, id string) (*store.User, error) {
	return get(t, scanUser, "SELECT "+users.columns+" FROM users WHERE tenant = ? AND id = ?", tenant, id)
}

func (t *tx) UserByName(tenant, userNameKey string) (*store.User, error) {
	return get(t, scanUser, "SELECT "+users.columns+" FROM users WHERE tenant = ? AND user_name_key = ?", tenant, userNameKey)
}

func (t *tx) UserByAccount(account int64) (*store.User, error) {
	return get(t, scanUser, "SELECT "+users.columns+" FROM users WHERE account = ? AND account <> 0", account)
}

func (t *tx) PutUser(u *store.User) error {
	keys, err := encodeKeys(u.EmailKeys)
	if err != nil {
		return err
	}
	row := []any{u.Tenant, u.ID, u.Managed, u.UserName, u.UserNameKey, u.ExternalID, u.Active, u.DisplayName,
		u.DisplayNameKey, keys, u.Document, u.Version, u.Created, u.Modified, u.Account, u.Answered}
	seq, old, err := users.find(t.conn, "tenant = ? AND id = ?", u.Tenant, u.ID)
	if err != nil {
		return err
	}
	oldKeys := any("")
	if old == nil {
		seq, err = t.insert(users, row)
		if err == nil {
			_, err = t.conn.exec("DELETE FROM tombstones WHERE tenant = ? AND id = ?", u.Tenant, u.ID)
		}
	} else {
		oldKeys = old[emailKeysField]
		err = users.update(t.conn, seq, old, row)
	}
	if isUnique(err) {
		return t.userConflict(u, err)
	}
	if err != nil || oldKeys == any(keys) {
		return err
	}
	return t.indexEmails(u, seq)
}

// userConflict says which rule a user broke.
func (t *tx) userConflict(u *store.User, cause error) error {
	for _, rule := range []struct {
		field, where string
		args         []any
	}{
		{"userName", "tenant = ? AND user_name_key = ? AND id <> ?", []any{u.Tenant, u.UserNameKey, u.ID}},
		{"account", "account = ? AND account <> 0 AND NOT (tenant = ? AND id = ?)", []any{u.Account, u.Tenant, u.ID}},
	} {
		holder, err := get(t, text, "SELECT id FROM users WHERE "+rule.where, rule.args...)
		if err == nil {
			return &store.Conflict{Field: rule.field, Holder: holder}
		}
	}
	return cause
}

func (t *tx) indexEmails(u *store.User, seq int64) error {
	if _, err := t.conn.exec("DELETE FROM user_emails WHERE user_seq = ?", seq); err != nil {
		return err
	}
	for _, key := range u.EmailKeys {
		_, err := t.conn.exec(`INSERT INTO user_emails (tenant, email_key, user_seq) VALUES (?, ?, ?)
			ON CONFLICT DO NOTHING`, u.Tenant, key, seq)
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) DeleteUser(tenant, id string, at time.Time) error {
	if err := t.must("DELETE FROM users WHERE tenant = ? AND id = ?", tenant, id); err != nil {
		return err
	}
	if err := t.leaveGroups(tenant, id); err != nil {
		return err
	}
	return t.bury(tenant, id, typeUser, at)
}

func (t *tx) HideUser(tenant, id string) error {
	if err := t.must("DELETE FROM users WHERE tenant = ? AND id = ? AND managed = 0", tenant, id); err != nil {
		return err
	}
	return t.leaveGroups(tenant, id)
}

func (t *tx) Users(tenant string, q store.Query) iter.Seq2[*store.User, error] {
	query, args, err := userQueries.list(tenant, q)
	if err != nil {
		return failing[*store.User](err)
	}
	return each(t, scanUser, query, args...)
}

func (t *tx) CountUsers(tenant string, where *store.Condition) (int, error) {
	query, args, err := userQueries.count(tenant, where)
	if err != nil {
		return 0, err
	}
	n, err := t.conn.number(query, args...)
	return int(n), err
}

func (t *tx) TouchUsers(tenant string, ids []string, modified time.Time) error {
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	_, err = t.conn.exec(`UPDATE users SET version = version + 1, modified = ?
		WHERE tenant = ? AND id IN (SELECT value FROM json_each(?))`, modified, tenant, string(list))
	return err
}

func (t *tx) Alias(tenant, alias string) (string, error) {
	return get(t, text, "SELECT user_id FROM aliases WHERE tenant = ? AND alias = ?", tenant, alias)
}

func (t *tx) PutAlias(tenant, alias, userID string) error {
	_, err := t.conn.exec(`INSERT INTO aliases (tenant, alias, user_id) VALUES (?, ?, ?)
		ON CONFLICT (tenant, alias) DO UPDATE SET user_id = excluded.user_id`, tenant, alias, userID)
	return err
}

func (t *tx) Deleted(tenant, id string) (bool, error) {
	n, err := t.conn.number("SELECT 1 FROM tombstones WHERE tenant = ? AND id = ?", tenant, id)
	return n == 1, err
}

// bury leaves a tombstone.
func (t *tx) bury(tenant, id, kind string, at time.Time) error {
	_, err := t.conn.exec(`INSERT INTO tombstones (tenant, id, kind, deleted) VALUES (?, ?, ?, ?)
		ON CONFLICT (tenant, id) DO UPDATE SET kind = excluded.kind, deleted = excluded.deleted`, tenant, id, kind, at)
	return err
}

// insert adds a row and says its number.
func (t *tx) insert(b *table, row []any) (int64, error) {
	res, err := t.conn.exec(b.insert, row...)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

// failing is a sequence of one error.
func failing[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		yield(zero, fmt.Errorf("query: %w", err))
	}
}
