package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Backlog is what a tenant has accepted and not settled, at one moment.
type Backlog struct {
	Tenant string
	// Pending accounts have something to deliver; Taking of them access to take away.
	Pending, Taking int
	Failed          int           // refused for good
	Uncertain       int           // a call was not answered (V-16)
	OldestAge       time.Duration // how long the oldest pending account has waited; 0: none
	RulesHeld       bool          // the configuration's rules wait for a person (V-35)
}

// WatchBacklog asks backlog at each scrape; an error is shown to the scraper. It is
// called once.
func (m *Metrics) WatchBacklog(backlog func() ([]Backlog, error)) {
	m.registry.MustRegister(&backlogCollector{
		ask: backlog,
		accounts: prometheus.NewDesc("scimbridge_backlog_accounts",
			"How much was accepted and is not settled? Accounts by state: pending, taking (a part of pending), failed, uncertain.",
			[]string{"tenant", "state"}, nil),
		oldest: prometheus.NewDesc("scimbridge_backlog_oldest_seconds",
			"Since when does the oldest delivery wait? Alert when it exceeds what a leaver may keep access for.",
			[]string{"tenant"}, nil),
		held: prometheus.NewDesc("scimbridge_rules_held",
			"Do the configuration's rules wait for a person (V-35)? 1 while they are held and the approved ones stay in force.",
			[]string{"tenant"}, nil),
	})
}

type backlogCollector struct {
	ask              func() ([]Backlog, error)
	accounts, oldest *prometheus.Desc
	held             *prometheus.Desc
}

func (c *backlogCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.accounts
	ch <- c.oldest
	ch <- c.held
}

func (c *backlogCollector) Collect(ch chan<- prometheus.Metric) {
	tenants, err := c.ask()
	if err != nil {
		ch <- prometheus.NewInvalidMetric(c.accounts, err)
		return
	}
	for _, b := range tenants {
		gauge := func(state string, n int) {
			ch <- prometheus.MustNewConstMetric(c.accounts, prometheus.GaugeValue, float64(n), b.Tenant, state)
		}
		gauge("pending", b.Pending)
		gauge("taking", b.Taking)
		gauge("failed", b.Failed)
		gauge("uncertain", b.Uncertain)
		ch <- prometheus.MustNewConstMetric(c.oldest, prometheus.GaugeValue, b.OldestAge.Seconds(), b.Tenant)
		held := 0.0
		if b.RulesHeld {
			held = 1
		}
		ch <- prometheus.MustNewConstMetric(c.held, prometheus.GaugeValue, held, b.Tenant)
	}
}
