package telemetry

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is what the program counts, on a registry of its own. Labels have few
// values by construction: never an address, an id or a path as sent. Safe for
// concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	requests         *prometheus.CounterVec
	requestSeconds   *prometheus.HistogramVec
	authFailures     *prometheus.CounterVec
	refusedLeavers   *prometheus.CounterVec
	calls            *prometheus.CounterVec
	callSeconds      *prometheus.HistogramVec
	deliveries       *prometheus.CounterVec
	privilegedGrants *prometheus.CounterVec
	drift            *prometheus.CounterVec
	looks            *prometheus.CounterVec
	lookSeconds      *prometheus.HistogramVec
}

// NewMetrics returns metrics at zero. version is shown as scimbridge_build_info.
func NewMetrics(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "scimbridge", Name: name, Help: help}, labels)
		m.registry.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "scimbridge", Name: name, Help: help, Buckets: buckets}, labels)
		m.registry.MustRegister(h)
		return h
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "scimbridge", Name: name, Help: help}, labels)
		m.registry.MustRegister(g)
		return g
	}
	m.requests = counter("requests_total",
		"What does the IdP ask, and what is it answered? SCIM requests by route and status.", "tenant", "method", "route", "status")
	m.requestSeconds = histogram("request_seconds",
		"How long does the IdP wait? Time to answer a SCIM request.",
		[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}, "tenant", "method", "route")
	m.authFailures = counter("auth_failures_total",
		"Who is turned away? Requests without a good token, by reason.", "tenant", "reason")
	m.refusedLeavers = counter("refused_deactivations_total",
		"Did a leaver keep access because his deactivation was refused (V-02)? Alert on any.", "tenant")
	m.calls = counter("wisdomai_calls_total",
		"Does WisdomAI do what it is asked? HTTP requests to it by operation and outcome.", "tenant", "operation", "outcome")
	m.callSeconds = histogram("wisdomai_call_seconds",
		"How slow is WisdomAI? Time of a call to it.",
		[]float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}, "tenant", "operation")
	m.deliveries = counter("deliveries_total",
		"What becomes of what was accepted? Deliveries of accounts by outcome.", "tenant", "outcome")
	m.privilegedGrants = counter("privileged_grants_total",
		"Who makes administrators? Privileged roles given (V-40), by role.", "tenant", "role")
	m.drift = counter("drift_total",
		"What does somebody else change at WisdomAI (V-30)? Findings of looks, by kind: lost, deleted, extra, changed, contested.", "tenant", "kind")
	m.looks = counter("looks_total",
		"Are WisdomAI's users listed, and believed (V-28)? Looks by what became of them.", "tenant", "outcome")
	m.lookSeconds = histogram("look_seconds",
		"What does a listing cost? Time of a look.",
		[]float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300}, "tenant")

	build := gauge("build_info", "Which version runs? Always 1.", "version")
	build.WithLabelValues(version).Set(1)
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves the metrics in Prometheus' formats.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Request counts an answered SCIM request. route is the route's pattern ("/Users/:id"),
// "" for a path that has none.
func (m *Metrics) Request(tenant, method, route string, status int, took time.Duration) {
	if route == "" {
		route = "unknown"
	}
	known := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}
	if !slices.Contains(known, method) {
		method = "other" // a method is the client's to choose
	}
	m.requests.WithLabelValues(tenant, method, route, strconv.Itoa(status)).Inc()
	m.requestSeconds.WithLabelValues(tenant, method, route).Observe(took.Seconds())
}

// AuthFailure counts a request that was turned away; reason is auth.Error's.
func (m *Metrics) AuthFailure(tenant, reason string) {
	m.authFailures.WithLabelValues(tenant, reason).Inc()
}

// RefusedDeactivation counts a write that would have ended with active: false and
// was refused (V-02).
func (m *Metrics) RefusedDeactivation(tenant string) { m.refusedLeavers.WithLabelValues(tenant).Inc() }

// WisdomCall counts an HTTP request to WisdomAI. outcome is "ok" or the kind of the
// error ("permanent", "transient", "unauthorized", "not found").
func (m *Metrics) WisdomCall(tenant, operation, outcome string, took time.Duration) {
	m.calls.WithLabelValues(tenant, operation, outcome).Inc()
	m.callSeconds.WithLabelValues(tenant, operation).Observe(took.Seconds())
}

// Delivery counts a delivery of an account: "delivered", "confirmed", "failed", "uncertain", "retried".
func (m *Metrics) Delivery(tenant, outcome string) {
	m.deliveries.WithLabelValues(tenant, outcome).Inc()
}

// PrivilegedGrant counts a privileged role given (V-40).
func (m *Metrics) PrivilegedGrant(tenant, role string) {
	m.privilegedGrants.WithLabelValues(tenant, role).Inc()
}

// Drift counts something that somebody else changed at WisdomAI (V-30), by the kind of its event.
func (m *Metrics) Drift(tenant, kind string) { m.drift.WithLabelValues(tenant, kind).Inc() }

// Look counts a look that ended: "applied", "failed", "disbelieved" or "discarded".
func (m *Metrics) Look(tenant, outcome string, took time.Duration) {
	m.looks.WithLabelValues(tenant, outcome).Inc()
	m.lookSeconds.WithLabelValues(tenant).Observe(took.Seconds())
}
