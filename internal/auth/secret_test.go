package auth_test

import (
	"bytes"
	"sync"
	"testing"

	"github.com/scimbridge/scimbridge/internal/auth"
	"github.com/scimbridge/scimbridge/internal/store"
)

func TestSecret(t *testing.T) {
	b := newBench(t)
	secrets := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range secrets { // replicas that begin at the same time
		wg.Go(func() {
			var err error
			if secrets[i], err = auth.Secret(t.Context(), b, "cursor/default"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, s := range secrets {
		if len(s) != 32 || !bytes.Equal(s, secrets[0]) {
			t.Fatalf("secrets %x", secrets)
		}
	}
	other, err := auth.Secret(t.Context(), b, "cursor/acme")
	if err != nil || bytes.Equal(other, secrets[0]) {
		t.Errorf("%x, %v: another name has the same secret", other, err)
	}
	if err := b.Update(t.Context(), func(tx store.Tx) error { return tx.PutMeta("secret/damaged", "%") }); err != nil {
		t.Fatal(err)
	}
	if s, err := auth.Secret(t.Context(), b, "damaged"); err == nil {
		t.Errorf("a damaged secret is %x", s)
	}
}
