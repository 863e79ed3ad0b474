package telemetry_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/telemetry"
)

func scrape(t *testing.T, m *telemetry.Metrics) (status int, lines []string) {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		// Of the histograms the counts will do.
		if strings.HasPrefix(line, "scimbridge_") && !strings.Contains(line, "_bucket{") && !strings.Contains(line, "_sum{") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	slices.Sort(lines)
	return w.Code, lines
}

func TestMetrics(t *testing.T) {
	m := telemetry.NewMetrics("v1.2.3")
	begun := time.UnixMilli(1_790_000_000_500)
	m.Request("default", http.MethodGet, "/Users/:id", 200, time.Millisecond)
	m.Request("default", http.MethodGet, "/Users/:id", 200, time.Millisecond)
	m.Request("default", "BREW", "", 404, time.Millisecond)
	m.AuthFailure("default", "expired")
	m.RefusedDeactivation("default")
	m.WisdomCall("default", "createUsers", "ok", time.Second)
	m.WisdomCall("default", "createUsers", "transient", time.Second)
	m.Delivery("default", "delivered")
	m.PrivilegedGrant("default", "ADMIN")
	m.Drift("default", "lost")
	m.Look("default", "applied", time.Second)
	m.Look("default", "failed", time.Second)
	m.WatchBacklog(func() ([]telemetry.Backlog, error) {
		return []telemetry.Backlog{{Tenant: "default", Pending: 3, Taking: 1, Failed: 2, Uncertain: 4, Drift: telemetry.Drift{Lost: 5, Extra: 6, Changed: 7, Contested: 8}, OldestAge: 90 * time.Second,
			GivingHeld: true, RebuiltUnwritten: 9, HeldDeletes: 5, HeldProtected: 6, MassRevocations: 1,
			Users: 42, Listed: begun, Disbelieved: true, RulesHeld: true}}, nil
	})
	m.WatchDialect(func() map[string]map[string]int64 {
		return map[string]map[string]int64{"default": {"op-case": 7, "urn-dot": 0}, "strict": {}}
	})
	status, got := scrape(t, m)
	want := []string{
		`scimbridge_auth_failures_total{reason="expired",tenant="default"} 1`,
		`scimbridge_backlog_accounts{state="failed",tenant="default"} 2`,
		`scimbridge_backlog_accounts{state="pending",tenant="default"} 3`,
		`scimbridge_backlog_accounts{state="taking",tenant="default"} 1`,
		`scimbridge_backlog_accounts{state="uncertain",tenant="default"} 4`,
		`scimbridge_backlog_oldest_seconds{tenant="default"} 90`,
		`scimbridge_build_info{version="v1.2.3"} 1`,
		`scimbridge_deliveries_total{outcome="delivered",tenant="default"} 1`,
		`scimbridge_dialect_rules_total{rule="op-case",tenant="default"} 7`,
		`scimbridge_dialect_rules_total{rule="urn-dot",tenant="default"} 0`,
		`scimbridge_drift_accounts{direction="changed",tenant="default"} 7`,
		`scimbridge_drift_accounts{direction="contested",tenant="default"} 8`,
		`scimbridge_drift_accounts{direction="extra",tenant="default"} 6`,
		`scimbridge_drift_accounts{direction="lost",tenant="default"} 5`,
		`scimbridge_drift_total{kind="lost",tenant="default"} 1`,
		`scimbridge_giving_held{tenant="default"} 1`,
		`scimbridge_holds{kind="delete",tenant="default"} 5`,
		`scimbridge_holds{kind="protected",tenant="default"} 6`,
		`scimbridge_look_applied_timestamp_seconds{tenant="default"} 1.7900000005e+09`,
		`scimbridge_look_disbelieved{tenant="default"} 1`,
		`scimbridge_look_seconds_count{tenant="default"} 2`,
		`scimbridge_look_users{tenant="default"} 42`,
		`scimbridge_looks_total{outcome="applied",tenant="default"} 1`,
		`scimbridge_looks_total{outcome="failed",tenant="default"} 1`,
		`scimbridge_mass_revocations{tenant="default"} 1`,
		`scimbridge_privileged_grants_total{role="ADMIN",tenant="default"} 1`,
		`scimbridge_rebuilt_unwritten{tenant="default"} 9`,
		`scimbridge_refused_deactivations_total{tenant="default"} 1`,
		`scimbridge_request_seconds_count{method="GET",route="/Users/:id",tenant="default"} 2`,
		`scimbridge_request_seconds_count{method="other",route="unknown",tenant="default"} 1`,
		`scimbridge_requests_total{method="GET",route="/Users/:id",status="200",tenant="default"} 2`,
		`scimbridge_requests_total{method="other",route="unknown",status="404",tenant="default"} 1`,
		`scimbridge_rules_held{tenant="default"} 1`,
		`scimbridge_wisdomai_call_seconds_count{operation="createUsers",tenant="default"} 2`,
		`scimbridge_wisdomai_calls_total{operation="createUsers",outcome="ok",tenant="default"} 1`,
		`scimbridge_wisdomai_calls_total{operation="createUsers",outcome="transient",tenant="default"} 1`,
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" || status != http.StatusOK {
		t.Errorf("status %d, metrics (-want +got):\n%s", status, diff)
	}
}

// TestBacklogUnknown: a store that cannot be asked is an error of the scrape, never a backlog of 0.
func TestBacklogUnknown(t *testing.T) {
	m := telemetry.NewMetrics("v1")
	m.WatchBacklog(func() ([]telemetry.Backlog, error) { return nil, errors.New("store is gone") })
	if status, lines := scrape(t, m); status != http.StatusInternalServerError {
		t.Errorf("status %d: %v", status, lines)
	}
}

// TestMetricsAreIndependent: two in one process do not know of each other.
func TestMetricsAreIndependent(t *testing.T) {
	one, other := telemetry.NewMetrics("v1"), telemetry.NewMetrics("v1")
	one.RefusedDeactivation("default")
	if _, lines := scrape(t, other); slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, "refused") }) {
		t.Errorf("got %v", lines)
	}
}
