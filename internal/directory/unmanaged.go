package directory

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom"
)

// showUnmanaged makes somebody whom only WisdomAI has visible over SCIM, so that an IdP
// finds and links him instead of creating him over his hand-given roles. People outside
// the tenant's sight (V-36), and addresses that a managed user has as his userName, are not shown.
func (d *Directory) showUnmanaged(tx store.Tx, a *account, row *wisdom.User) error {
	shown, err := tx.UserByAccount(a.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		shown = nil
	case err != nil:
		return err
	case shown.Managed:
		return nil
	}
	id := d.unmanagedID(row.ID)
	if shown != nil && (shown.ID != id || shown.Tenant != d.o.Tenant) { // invited anew: another person; or another tenant's until now
		if err := tx.HideUser(shown.Tenant, shown.ID); err != nil {
			return err
		}
		shown = nil
	}
	if !d.o.Rules.Visible(row.Email) {
		if shown != nil {
			return tx.HideUser(d.o.Tenant, shown.ID)
		}
		return nil
	}
	now := tx.Now()
	doc := documentOf(d.o.Rules.ShowAddress(row.Email), row.Name)
	if shown == nil {
		name := FoldName(doc["userName"].(string))
		switch other, err := tx.UserByName(d.o.Tenant, name); {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return err
		case other.Managed && other.Account == 0:
			return d.linkLate(tx, other, a)
		default:
			return nil
		}
		shown = &store.User{Tenant: d.o.Tenant, ID: id, Active: true, Created: createdAt(row.Created, now), Account: a.ID, Answered: true}
	}
	if shown.Version > 0 && sameDocument(shown.Document, doc) {
		return nil
	}
	if name := FoldName(doc["userName"].(string)); shown.Version > 0 && name != shown.UserNameKey { // other rules show another address
		other, err := tx.UserByName(d.o.Tenant, name)
		if err == nil && other.ID != shown.ID {
			return tx.HideUser(d.o.Tenant, shown.ID)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	shown.Version++
	shown.Modified = now
	if shown.Version == 1 {
		shown.Modified = shown.Created
	}
	if err := d.writeDocument(shown, doc); err != nil {
		return err
	}
	return tx.PutUser(shown)
}

// linkLate points an inactive user without an account at an address that a look has
// just shown to exist: whoever is deactivated has no access there (V-02).
func (d *Directory) linkLate(tx store.Tx, u *store.User, a *account) error {
	res, err := d.resolveStored(tx, u)
	if err != nil || !deliverable(res) || res.EmailKey != a.EmailKey {
		return err
	}
	u.Account = a.ID
	a.Tenant, a.UserID = d.o.Tenant, u.ID
	a.want(d.desire(u, res), tx.Now())
	if err := a.put(tx); err != nil {
		return err
	}
	if id := d.unmanagedID(a.WisdomID); id != u.ID {
		if err := tx.PutAlias(d.o.Tenant, id, u.ID); err != nil {
			return err
		}
	}
	d.wakeScheduler()
	return tx.PutUser(u)
}

// hideUnmanaged takes somebody away whom WisdomAI no longer has.
func (d *Directory) hideUnmanaged(tx store.Tx, a *account) error {
	shown, err := tx.UserByAccount(a.ID)
	if errors.Is(err, store.ErrNotFound) || (err == nil && shown.Managed) {
		return nil
	}
	if err != nil {
		return err
	}
	return tx.HideUser(shown.Tenant, shown.ID)
}

// documentOf is the document of somebody who is shown from WisdomAI alone: userName and
// one e-mail, his address; displayName and name from WisdomAI's name, split at the
// last blank, or from the address where there is none (Okta's test wants a name).
func documentOf(address, name string) Document {
	name = cutText(strings.TrimSpace(name))
	if name == "" || strings.EqualFold(name, address) {
		local, _, _ := strings.Cut(address, "@")
		words := strings.FieldsFunc(local, func(r rune) bool { return strings.ContainsRune("._-+", r) })
		for i, w := range words {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
		name = strings.Join(words, " ")
		if name == "" {
			name = local
		}
	}
	given, family := name, name
	if i := strings.LastIndexByte(name, ' '); i > 0 {
		given, family = strings.TrimSpace(name[:i]), name[i+1:]
	}
	return Document{
		"userName":    address,
		"displayName": name,
		"name":        map[string]any{"formatted": name, "givenName": given, "familyName": family},
		"emails":      []any{map[string]any{"value": address, "type": "work", "primary": true}},
		"active":      true,
	}
}

// createdAt reads WisdomAI's creationTimestamp, whose format is not documented: RFC 3339, else now.
func createdAt(timestamp string, now time.Time) time.Time {
	if t, err := time.Parse(time.RFC3339Nano, timestamp); err == nil {
		return t.UTC().Truncate(time.Microsecond)
	}
	return now
}

// readDocument is the user's document, the caller's own copy. Numbers are json.Number:
// a float64 would not keep a 64-bit integer.
func readDocument(u *store.User) (Document, error) {
	var doc Document
	dec := json.NewDecoder(bytes.NewReader(u.Document))
	dec.UseNumber()
	err := dec.Decode(&doc)
	return doc, err
}

// writeDocument sets the document and the columns that are indexes of it. Errors: Invalid, for a new text that is too long.
func (d *Directory) writeDocument(u *store.User, doc Document) error {
	data, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	before := *u
	u.Document = data
	u.UserName, _ = doc["userName"].(string)
	u.UserNameKey = FoldName(u.UserName)
	u.ExternalID, _ = doc["externalId"].(string)
	u.DisplayName, _ = doc["displayName"].(string)
	u.DisplayNameKey = FoldName(u.DisplayName)
	u.Active, _ = doc["active"].(bool)
	u.EmailKeys = emailKeys(doc)
	for _, key := range u.EmailKeys {
		if slices.Contains(before.EmailKeys, key) {
			continue
		}
		if err := checkText("emails.value", "", key, key); err != nil {
			return err
		}
	}
	return cmp.Or(checkText("userName", before.UserName, u.UserName, u.UserNameKey),
		checkText("externalId", before.ExternalID, u.ExternalID, u.ExternalID),
		checkText("displayName", before.DisplayName, u.DisplayName, u.DisplayNameKey))
}

// emailKeys are the folded values of `emails`, sorted and unique.
func emailKeys(doc Document) []string {
	var keys []string
	emails, _ := doc["emails"].([]any)
	for _, e := range emails {
		if m, ok := e.(map[string]any); ok {
			if v, ok := m["value"].(string); ok && v != "" {
				keys = append(keys, FoldName(v))
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// sameDocument compares a stored document with a new one, as JSON values: encoding
// a map sorts its keys, so equal documents are equal bytes.
func sameDocument(stored []byte, doc Document) bool {
	data, err := json.Marshal(doc)
	return err == nil && string(data) == string(stored)
}
