package telemetry

import "github.com/prometheus/client_golang/prometheus"

// WatchDialect asks counts at each scrape: how often each normalisation was needed, by
// tenant and rule ("op-case"). Counts must not fall. It is called once.
func (m *Metrics) WatchDialect(counts func() map[string]map[string]int64) {
	m.registry.MustRegister(&dialectCollector{
		ask: counts,
		rules: prometheus.NewDesc("scimbridge_dialect_rules_total",
			"Which shapes that the RFC does not allow does the IdP send? Normalisations by rule.",
			[]string{"tenant", "rule"}, nil),
	})
}

type dialectCollector struct {
	ask   func() map[string]map[string]int64
	rules *prometheus.Desc
}

func (c *dialectCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.rules }

func (c *dialectCollector) Collect(ch chan<- prometheus.Metric) {
	for tenant, counts := range c.ask() {
		for rule, n := range counts {
			ch <- prometheus.MustNewConstMetric(c.rules, prometheus.CounterValue, float64(n), tenant, rule)
		}
	}
}
