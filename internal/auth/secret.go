package auth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/scimbridge/scimbridge/internal/store"
)

// Secret is 256 random bits that belong to the store: made when first asked for under
// that name, and the same ever after, over restarts and for every process on the store.
// It protects nothing from those who can read the store.
func Secret(ctx context.Context, s Store, name string) ([]byte, error) {
	var secret []byte
	err := s.Update(ctx, func(tx store.Tx) error {
		kept, err := tx.Meta("secret/" + name)
		if err == nil {
			secret, err = base64.RawStdEncoding.DecodeString(kept)
			return err
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		secret = make([]byte, 32)
		rand.Read(secret) // never fails (crypto/rand)
		return tx.PutMeta("secret/"+name, base64.RawStdEncoding.EncodeToString(secret))
	})
	if err != nil {
		return nil, fmt.Errorf("secret %s: %w", name, err)
	}
	return secret, nil
}
