package relational

import (
	"errors"

	"github.com/scimbridge/scimbridge/internal/store"
)

const selectToken = "SELECT tenant, name, hash, created, expires, revoked, last_used FROM tokens "

func scanToken(r *row) *store.Token {
	return &store.Token{
		Tenant: r.text(), Name: r.text(), Hash: r.bytes(), Created: r.time(),
		Expires: r.time(), Revoked: r.time(), LastUsed: r.time(),
	}
}

func (t *Tx) PutToken(k *store.Token) error {
	holder, err := t.TokenByHash(k.Hash)
	switch {
	case err == nil && (holder.Tenant != k.Tenant || holder.Name != k.Name):
		return &store.Conflict{Field: "token", Holder: holder.Tenant + "/" + holder.Name}
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return err
	}
	_, err = t.exec(`INSERT INTO tokens (tenant, name, hash, created, expires, revoked, last_used) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (tenant, name) DO UPDATE SET hash = excluded.hash, created = excluded.created, expires = excluded.expires,
			revoked = excluded.revoked, last_used = excluded.last_used`,
		k.Tenant, k.Name, k.Hash, k.Created, k.Expires, k.Revoked, k.LastUsed)
	return err
}

func (t *Tx) Token(tenant, name string) (*store.Token, error) {
	return get(t, scanToken, selectToken+"WHERE tenant = ? AND name = ?", tenant, name)
}

func (t *Tx) TokenByHash(hash []byte) (*store.Token, error) {
	return get(t, scanToken, selectToken+"WHERE hash = ?", hash)
}

func (t *Tx) Tokens(tenant string) ([]*store.Token, error) {
	if tenant == "" {
		return all(t, scanToken, selectToken+"ORDER BY tenant, name")
	}
	return all(t, scanToken, selectToken+"WHERE tenant = ? ORDER BY name", tenant)
}
