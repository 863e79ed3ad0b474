package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// Prefix begins every token, so that scanners for leaked secrets, and the log's
// redaction, know one when they see it.
const Prefix = "sbt_"

// New makes a token: Prefix and 256 random bits in base64url without padding.
func New() string {
	var secret [32]byte
	rand.Read(secret[:]) // never fails (crypto/rand)
	return Prefix + base64.RawURLEncoding.EncodeToString(secret[:])
}

// Hash is what the store keeps of a token. SHA-256 alone, without salt or
// stretching, is enough: 256 random bits cannot be guessed.
func Hash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// Store is what this package needs of a store.
type Store interface {
	View(ctx context.Context, fn func(store.Tx) error) error
	Update(ctx context.Context, fn func(store.Tx) error) error
}

// NameError is why a command could not do what it was asked with a token's name.
type NameError struct {
	Kind         NameErrorKind
	Tenant, Name string
	Message      string // what is wrong and what to do
}

// NameErrorKind says what is wrong with a name.
type NameErrorKind string

const (
	// BadName: it cannot be a token's name.
	BadName NameErrorKind = "bad name"
	// Taken: a token that is not revoked has it.
	Taken NameErrorKind = "taken"
	// Unknown: no token has it.
	Unknown NameErrorKind = "unknown"
)

func (e *NameError) Error() string { return e.Message }

var tokenName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// Create makes a token of that name for a tenant and returns it: it is not to be had
// again. lifetime counts from the store's now; 0 is for ever. The name of a revoked
// token may be used again, any other is refused with a *NameError.
func Create(ctx context.Context, s Store, tenant, name string, lifetime time.Duration) (token string, err error) {
	if !tokenName.MatchString(name) {
		return "", &NameError{BadName, tenant, name,
			fmt.Sprintf("%q is no name for a token; expected at most 63 letters, digits, . _ and -, such as okta", name)}
	}
	if lifetime < 0 {
		return "", fmt.Errorf("create token %s: a lifetime of %v has passed already", name, lifetime)
	}
	token = New()
	err = s.Update(ctx, func(tx store.Tx) error {
		old, err := tx.Token(tenant, name)
		switch {
		case err == nil && old.Revoked.IsZero():
			return &NameError{Taken, tenant, name, fmt.Sprintf(
				"tenant %s has a token %s already; choose another name, or first run `scimbridge token revoke --tenant %s --name %s`", tenant, name, tenant, name)}
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return err
		}
		row := &store.Token{Tenant: tenant, Name: name, Hash: Hash(token), Created: tx.Now()}
		if lifetime > 0 {
			row.Expires = tx.Now().Add(lifetime)
		}
		if err := tx.PutToken(row); err != nil {
			return err
		}
		return record(tx, "token.create", row)
	})
	if err != nil {
		return "", fmt.Errorf("create token: %w", err)
	}
	return token, nil
}

// List returns the tokens of a tenant, "" for all tenants, revoked ones too, by
// tenant and name.
func List(ctx context.Context, s Store, tenant string) ([]*store.Token, error) {
	var tokens []*store.Token
	err := s.View(ctx, func(tx store.Tx) (err error) {
		tokens, err = tx.Tokens(tenant)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return tokens, nil
}

// Revoke ends a token; running servers refuse it within a second. Revoking it again
// changes nothing. A name that no token has is a *NameError.
func Revoke(ctx context.Context, s Store, tenant, name string) error {
	err := s.Update(ctx, func(tx store.Tx) error {
		row, err := tx.Token(tenant, name)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return &NameError{Unknown, tenant, name, fmt.Sprintf(
				"tenant %s has no token %s; `scimbridge token list` shows those there are", tenant, name)}
		case err != nil:
			return err
		case !row.Revoked.IsZero():
			return nil
		}
		row.Revoked = tx.Now()
		if err := tx.PutToken(row); err != nil {
			return err
		}
		return record(tx, "token.revoke", row)
	})
	if err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	return nil
}

// record appends to the event log who may call from now on, or no longer.
func record(tx store.Tx, kind string, row *store.Token) error {
	detail, err := json.Marshal(struct {
		Name    string    `json:"name"`
		Expires time.Time `json:"expires,omitzero"`
	}{row.Name, row.Expires})
	if err != nil {
		return err
	}
	return tx.AppendEvent(&store.Event{Time: tx.Now(), Tenant: row.Tenant, Actor: "scimbridge token", Kind: kind, Detail: detail})
}
