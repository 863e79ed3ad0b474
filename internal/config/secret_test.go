package config_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scimbridge/scimbridge/internal/config"
)

// secret loads a configuration in dir whose wisdom.token is the reference given.
func secret(t *testing.T, dir, reference string, env ...string) config.Secret {
	t.Helper()
	source := strings.Replace(least, "env:WISDOM_TOKEN", reference, 1)
	cfg, err := config.Parse(filepath.Join(dir, "scimbridge.yaml"), []byte(source), env)
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Tenants["default"].Wisdom.Token
}

func TestSecretResolve(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"token": "s3cret\n", "crlf": "s3cret\r\n", "two-newlines": "s3cret\n\n", "empty": "\n", "large": strings.Repeat("x", 65<<10),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name, reference, env string
		want                 string
		err                  []string // words of the error
	}{
		{name: "variable", reference: "env:T", env: "T=s3cret", want: "s3cret"},
		{name: "variable with a newline", reference: "env:T", env: "T=s3cret\n", want: "s3cret"},
		{name: "variable with = in it", reference: "env:T", env: "T=a=b=", want: "a=b="},
		{name: "variable not set", reference: "env:T", err: []string{"env:T", "not set", "set T"}},
		{name: "variable empty", reference: "env:T", env: "T=", err: []string{"env:T", "empty"}},
		{name: "file, relative to the configuration", reference: "file:token", want: "s3cret"},
		{name: "file, absolute", reference: "file:" + filepath.Join(dir, "token"), want: "s3cret"},
		{name: "file with CRLF", reference: "file:crlf", want: "s3cret"},
		{name: "only one newline is taken off", reference: "file:two-newlines", err: []string{"more than one line"}},
		{name: "file empty", reference: "file:empty", err: []string{"empty"}},
		{name: "file too large", reference: "file:large", err: []string{"larger"}},
		{name: "file missing", reference: "file:nowhere", err: []string{filepath.Join(dir, "nowhere"), "missing", "put the secret"}},
		{name: "credential", reference: "credential:token", env: "CREDENTIALS_DIRECTORY=" + dir, want: "s3cret"},
		{name: "credential missing", reference: "credential:nowhere", env: "CREDENTIALS_DIRECTORY=" + dir, err: []string{"missing", "LoadCredential=nowhere:"}},
		{name: "no credentials at all", reference: "credential:token", err: []string{"CREDENTIALS_DIRECTORY", "LoadCredential=token:"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := secret(t, dir, test.reference, test.env).Resolve(t.Context())
			if got != test.want || (err != nil) != (test.err != nil) {
				t.Fatalf("Resolve() = %q, %v, want %q", got, err, test.want)
			}
			for _, word := range test.err {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("error %q does not say %q", err, word)
				}
			}
			if err != nil {
				if strings.Contains(err.Error(), "s3cret") {
					t.Errorf("the error holds the secret: %v", err)
				}
				if _, ok := errors.AsType[*config.SecretError](err); !ok {
					t.Errorf("error is %T, want *config.SecretError", err)
				}
			}
		})
	}
	t.Run("a rotated file is seen", func(t *testing.T) {
		s := secret(t, dir, "file:token")
		if err := os.WriteFile(filepath.Join(dir, "token"), []byte("next"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Resolve(t.Context()); got != "next" || err != nil {
			t.Errorf("Resolve() = %q, %v", got, err)
		}
	})
	t.Run("none", func(t *testing.T) {
		if _, err := (config.Secret{}).Resolve(t.Context()); err == nil {
			t.Error("the zero Secret resolves")
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := secret(t, dir, "file:token").Resolve(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// TestH22SecretNeverShown: whatever a Secret goes through, its reference comes out.
func TestH22SecretNeverShown(t *testing.T) {
	s := secret(t, t.TempDir(), "env:WISDOM_TOKEN", "WISDOM_TOKEN=s3cret")
	if _, err := s.Resolve(t.Context()); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(map[string]any{"token": s})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	logger.Info("x", "token", s, "wisdom", config.Wisdom{Token: s})
	shown := map[string]string{
		"String": s.String(), "json": string(encoded), "log": log.String(),
		"%v": fmt.Sprintf("%v", s), "%+v": fmt.Sprintf("%+v", s), "%#v": fmt.Sprintf("%#v", s), "%s": fmt.Sprintf("%s", s),
		"%q": fmt.Sprintf("%q", s), "%x": fmt.Sprintf("%x", s), "pointer": fmt.Sprintf("%+v", &s), "inside": fmt.Sprintf("%+v", config.Wisdom{Token: s}),
	}
	for how, text := range shown {
		if strings.Contains(text, "s3cret") || !strings.Contains(text, "env:WISDOM_TOKEN") {
			t.Errorf("%s shows %s, want the reference alone", how, text)
		}
	}
}
