//go:build !unix

package enginetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

func newDatabase(t testing.TB) string {
	t.Skip("package pgtest starts PostgreSQL on Unix alone")
	return ""
}

func openDatabase(context.Context, string, func() time.Time) (store.Store, error) {
	return nil, errors.ErrUnsupported
}

func copyDatabase(testing.TB, string) string { return "" }

func contentOfDatabase(testing.TB, string) string { return "" }
