package postgres_test

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/scimbridge/scimbridge/internal/store/postgres"
)

func database(t testing.TB) string {
	base := "postgres://postgres@127.0.0.1:54329/"
	c, err := pgx.Connect(context.Background(), base+"postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	name := "t" + strings.ToLower(rand.Text())
	if _, err := c.Exec(context.Background(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return base + name
}

func open(t testing.TB, o postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
