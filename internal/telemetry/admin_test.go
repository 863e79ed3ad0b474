package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/scimbridge/scimbridge/internal/telemetry"
)

func TestAdmin(t *testing.T) {
	fine := telemetry.Check{Name: "store", Run: func(context.Context) error { return nil }}
	broken := telemetry.Check{Name: "migrations", Run: func(context.Context) error { return errors.New("disk is full") }}
	sick := func(context.Context) any { return map[string]any{"status": "degraded", "wisdomai": "unreachable"} }
	unspeakable := func(context.Context) any { return map[string]any{"status": func() {}} }
	tests := []struct {
		name         string
		options      telemetry.AdminOptions
		method, path string
		status       int
		has          []string
		lacks        string
	}{
		{name: "live", path: "/livez", status: 200, has: []string{"ok"}},
		{name: "live though not ready", options: telemetry.AdminOptions{Checks: []telemetry.Check{broken}}, path: "/livez", status: 200},
		{name: "ready", options: telemetry.AdminOptions{Checks: []telemetry.Check{fine}}, path: "/readyz", status: 200, has: []string{"store: ok"}},
		{name: "ready without checks", path: "/readyz", status: 200, has: []string{"ok"}},
		{name: "not ready names each check", options: telemetry.AdminOptions{Checks: []telemetry.Check{broken, fine}}, path: "/readyz", status: 503,
			has: []string{"migrations: failed", "store: ok"}, lacks: "disk is full"},
		{name: "health", path: "/healthz", status: 200, has: []string{`"status": "ok"`}},
		{name: "health says what is wrong, with 200", options: telemetry.AdminOptions{Health: sick, Checks: []telemetry.Check{broken}}, path: "/healthz", status: 200,
			has: []string{`"wisdomai": "unreachable"`}},
		{name: "health that cannot be said", options: telemetry.AdminOptions{Health: unspeakable}, path: "/healthz", status: 200, has: []string{`"status":"unknown"`}},
		{name: "metrics", options: telemetry.AdminOptions{Metrics: telemetry.NewMetrics("v1").Handler()}, path: "/metrics", status: 200, has: []string{"scimbridge_build_info"}},
		{name: "no metrics", path: "/metrics", status: 404},
		{name: "HEAD", method: http.MethodHead, path: "/readyz", status: 200},
		{name: "POST", method: http.MethodPost, path: "/readyz", status: 405},
		{name: "elsewhere", path: "/scim/v2/Users", status: 404},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.method == "" {
				test.method = http.MethodGet
			}
			w := httptest.NewRecorder()
			telemetry.AdminHandler(test.options).ServeHTTP(w, httptest.NewRequest(test.method, test.path, nil))
			if w.Code != test.status {
				t.Errorf("status %d, want %d", w.Code, test.status)
			}
			for _, text := range test.has {
				if !strings.Contains(w.Body.String(), text) {
					t.Errorf("body lacks %q:\n%s", text, w.Body)
				}
			}
			if test.lacks != "" && strings.Contains(w.Body.String(), test.lacks) {
				t.Errorf("body has %q:\n%s", test.lacks, w.Body)
			}
		})
	}
	t.Run("why it is not ready is in the log", func(t *testing.T) {
		var out bytes.Buffer
		h := telemetry.AdminHandler(telemetry.AdminOptions{Checks: []telemetry.Check{broken}, Log: telemetry.NewLogger(&out, telemetry.LogOptions{})})
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/readyz", nil))
		if got := out.String(); !strings.Contains(got, "check=migrations") || !strings.Contains(got, "disk is full") {
			t.Errorf("log: %s", got)
		}
	})
}
