package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/scimbridge/scimbridge/internal/telemetry"
)

const (
	token = "sbt_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_abcde"
	jwt   = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
)

// entry logs once and returns the entry as decoded JSON.
func entry(t *testing.T, redact bool, message string, args ...any) map[string]any {
	t.Helper()
	var out bytes.Buffer
	telemetry.NewLogger(&out, telemetry.LogOptions{Format: "json", Redact: redact}).Info(message, args...)
	got := map[string]any{}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, out.Bytes())
	}
	return got
}

type person struct{ Email, Note string }

func TestRedaction(t *testing.T) {
	tests := []struct {
		name        string
		value       any
		plain, want string // without and with redaction
	}{
		{"an address", telemetry.Email("alice@example.com"), "alice@example.com", "a***@example.com"},
		{"an address with a plus", telemetry.Email("alice+acme@example.com"), "alice+acme@example.com", "a***@example.com"},
		{"what was to be an address", telemetry.Email("alice"), "alice", "a***"},
		{"no address", telemetry.Email(""), "", ""},
		{"a name", telemetry.Name("Émilie Noether"), "Émilie Noether", "É***"},
		{"no name", telemetry.Name(""), "", ""},
		{"an address in a text", "alice@example.com is blocked, bob.b@sub.example.com too",
			"alice@example.com is blocked, bob.b@sub.example.com too", "a***@example.com is blocked, b***@sub.example.com too"},
		{"an address in a filter", `userName eq "alice@example.com"`, `userName eq "alice@example.com"`, `userName eq "a***@example.com"`},
		{"an address in a query", "filter=userName%20eq%20%22alice%40example.com%22",
			"filter=userName%20eq%20%22alice%40example.com%22", "filter=u***%40example.com%22"},
		{"an address beyond ASCII", "jörg@exämple.com", "jörg@exämple.com", "j***@exämple.com"},
		{"an address redacted already", "a***@example.com", "a***@example.com", "a***@example.com"},
		{"an address in an error", fmt.Errorf("createUsers: %w", errors.New("alice@example.com is blocked")),
			"createUsers: alice@example.com is blocked", "createUsers: a***@example.com is blocked"},
		{"a text without", "delivered in 3 ms", "delivered in 3 ms", "delivered in 3 ms"},
		{"no address: an at alone", "10 @ 20", "10 @ 20", "10 @ 20"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := entry(t, true, "m", "v", test.value)["v"]; got != test.want {
				t.Errorf("redacted: %q, want %q", got, test.want)
			}
			if got := entry(t, false, "m", "v", test.value)["v"]; got != test.plain {
				t.Errorf("not redacted: %q, want %q", got, test.plain)
			}
		})
	}
	t.Run("the message", func(t *testing.T) {
		if got := entry(t, true, "invited alice@example.com")["msg"]; got != "invited a***@example.com" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("inside a group, a list and a struct", func(t *testing.T) {
		got := fmt.Sprint(entry(t, true, "m", slog.Group("g", "email", telemetry.Email("alice@example.com")),
			"list", []string{"bob@example.com"}, "struct", person{"carol@example.com", "x"}))
		for _, local := range []string{"alice", "bob", "carol"} {
			if strings.Contains(got, local) {
				t.Errorf("%s is shown in %s", local, got)
			}
		}
	})
	t.Run("attributes of the logger itself", func(t *testing.T) {
		var out bytes.Buffer
		log := telemetry.NewLogger(&out, telemetry.LogOptions{Redact: true})
		log.With("email", telemetry.Email("alice@example.com")).WithGroup("g").Info("m", "name", telemetry.Name("Alice"))
		if got := out.String(); strings.Contains(got, "alice") || strings.Contains(got, "Alice") || !strings.Contains(got, "email=a***@example.com") {
			t.Errorf("got %s", got)
		}
	})
	t.Run("however else it is printed", func(t *testing.T) {
		email, name := telemetry.Email("alice@example.com"), telemetry.Name("Alice")
		encoded, err := json.Marshal([]any{email, name})
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%v %s %v %s", email, email, name, encoded); strings.Contains(strings.ToLower(got), "alice") {
			t.Errorf("got %s", got)
		}
	})
}

// TestH22SecretsNeverReachTheLog: with or without redaction.
func TestH22SecretsNeverReachTheLog(t *testing.T) {
	for _, redact := range []bool{true, false} {
		got := fmt.Sprint(entry(t, redact, "sent "+token,
			"header", "Bearer "+token, "jwt", jwt, "raw", "bearer 0123456789abcdef0123",
			"error", fmt.Errorf("401 for %s", token), "any", map[string]string{"token": token}))
		for _, secret := range []string{token[4:], jwt, "0123456789abcdef0123"} {
			if strings.Contains(got, secret) {
				t.Errorf("redact %v: %s is shown in %s", redact, secret, got)
			}
		}
	}
	if got := entry(t, false, "m", "v", "a bearer token is needed")["v"]; got != "a bearer token is needed" {
		t.Errorf("prose is masked: %q", got)
	}
}

func TestLogLevelsAndFormats(t *testing.T) {
	for level, want := range map[string]string{
		"debug": "debug info warn error ", "": "info warn error ", "info": "info warn error ", "warn": "warn error ", "error": "error ",
	} {
		var out bytes.Buffer
		log := telemetry.NewLogger(&out, telemetry.LogOptions{Level: level, Format: "json"})
		log.Debug("debug")
		log.Info("info")
		log.Warn("warn")
		log.Error("error")
		got := ""
		for line := range strings.Lines(out.String()) {
			var e struct{ Msg string }
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			got += e.Msg + " "
		}
		if got != want {
			t.Errorf("level %q writes %q, want %q", level, got, want)
		}
	}
	var out bytes.Buffer
	telemetry.NewLogger(&out, telemetry.LogOptions{}).Info("hello", "n", 1)
	if !strings.HasSuffix(out.String(), "level=INFO msg=hello n=1\n") {
		t.Errorf("text: %s", out.String())
	}
}
