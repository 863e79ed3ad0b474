package telemetry

import "github.com/prometheus/client_golang/prometheus"

// WatchStates asks states at each scrape: by tenant, what holds it up and what is wrong with it,
// by a name of its own, and whether that is so. It is called once.
func (m *Metrics) WatchStates(states func() (map[string]map[string]bool, error)) {
	m.registry.MustRegister(&stateCollector{ask: states, state: prometheus.NewDesc("scimbridge_tenant_state",
		"Is the tenant held up, and by what? 1 while it is so: observed, paused, unreachable, refusing_soon and refusing_writes (V-37), "+
			"takings_ignored (V-18), leavers_refused (V-02). Alert on any but observed.",
		[]string{"tenant", "state"}, nil)})
}

type stateCollector struct {
	ask   func() (map[string]map[string]bool, error)
	state *prometheus.Desc
}

func (c *stateCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.state }

func (c *stateCollector) Collect(ch chan<- prometheus.Metric) {
	tenants, err := c.ask()
	if err != nil {
		ch <- prometheus.NewInvalidMetric(c.state, err)
		return
	}
	for tenant, states := range tenants {
		for state, so := range states {
			value := 0.0
			if so {
				value = 1
			}
			ch <- prometheus.MustNewConstMetric(c.state, prometheus.GaugeValue, value, tenant, state)
		}
	}
}
