package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Backlog is what a tenant has accepted and not settled, and what is known of WisdomAI, at one moment.
type Backlog struct {
	Tenant string
	// Pending accounts have something to deliver; Taking of them access to take away.
	Pending, Taking int
	Failed          int // refused for good
	Uncertain       int // a call was not answered (V-16)
	Drift           Drift
	OldestAge       time.Duration // how long the oldest pending account has waited; 0: none
	// GivingHeld: the database was restored (V-31). RebuiltUnwritten are people taken in from WisdomAI whom the
	// IdP has still to write (V-32).
	GivingHeld       bool
	RebuiltUnwritten int
	// HeldDeletes and HeldProtected wait for a person (V-08, V-33, V-34); MassRevocations are those of the brake's window.
	HeldDeletes, HeldProtected, MassRevocations int

	Users       int       // in the last listing that is believed, whoever made it
	Listed      time.Time // when that one began; zero: there never was one
	Disbelieved bool      // the newest is not believed (V-28)
	RulesHeld   bool      // the configuration's rules wait for a person (V-35)
}

// Drift counts accounts by what somebody else changed about them at WisdomAI (V-30).
type Drift struct{ Lost, Extra, Changed, Contested int }

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
		holds: prometheus.NewDesc("scimbridge_holds",
			"What waits for a person? Holds by kind: delete (carried out as a suspension), protected. `scimbridge brake list` shows them.",
			[]string{"tenant", "kind"}, nil),
		revocations: prometheus.NewDesc("scimbridge_mass_revocations",
			"Did a write, or several, take roles from more people than the brake's share (V-33)? How many causes within its window; alert on any.",
			[]string{"tenant"}, nil),
		givingHeld: prometheus.NewDesc("scimbridge_giving_held",
			"Was the database restored, so that nothing is given until `scimbridge reconcile --after-restore` (V-31)? 1 if so; alert on it.",
			[]string{"tenant"}, nil),
		rebuilt: prometheus.NewDesc("scimbridge_rebuilt_unwritten",
			"How many people were taken in after the database was lost, and wait for the IdP to write them (V-32)?",
			[]string{"tenant"}, nil),
		drift: prometheus.NewDesc("scimbridge_drift_accounts",
			"What did somebody else change at WisdomAI that is still so? Accounts by direction: lost, extra, changed; and contested, whose repair was undone three times in a day.",
			[]string{"tenant", "direction"}, nil),
		held: prometheus.NewDesc("scimbridge_rules_held",
			"Do the configuration's rules wait for a person (V-35)? 1 while they are held and the approved ones stay in force.",
			[]string{"tenant"}, nil),
		users: prometheus.NewDesc("scimbridge_look_users",
			"How many people has the workspace? Users in the last look that was applied.", []string{"tenant"}, nil),
		listed: prometheus.NewDesc("scimbridge_look_applied_timestamp_seconds",
			"How old is what is known of WisdomAI? When the last applied look began.", []string{"tenant"}, nil),
		disbelieved: prometheus.NewDesc("scimbridge_look_disbelieved",
			"Does somebody have to say whether so many people were really removed (V-28)? 1 while the newest look is not believed. Alert on it.", []string{"tenant"}, nil),
	})
}

type backlogCollector struct {
	ask                                         func() ([]Backlog, error)
	accounts, oldest, holds, revocations, drift *prometheus.Desc
	givingHeld, rebuilt                         *prometheus.Desc
	users, listed, disbelieved, held            *prometheus.Desc
}

func (c *backlogCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.accounts, c.oldest, c.holds, c.revocations, c.drift, c.users, c.listed, c.disbelieved, c.held, c.givingHeld, c.rebuilt} {
		ch <- d
	}
}

func (c *backlogCollector) Collect(ch chan<- prometheus.Metric) {
	tenants, err := c.ask()
	if err != nil {
		ch <- prometheus.NewInvalidMetric(c.accounts, err)
		return
	}
	for _, b := range tenants {
		gauge := func(of *prometheus.Desc, label string, n int) {
			ch <- prometheus.MustNewConstMetric(of, prometheus.GaugeValue, float64(n), b.Tenant, label)
		}
		truth := func(of *prometheus.Desc, is bool) {
			value := 0.0
			if is {
				value = 1
			}
			ch <- prometheus.MustNewConstMetric(of, prometheus.GaugeValue, value, b.Tenant)
		}
		gauge(c.accounts, "pending", b.Pending)
		gauge(c.accounts, "taking", b.Taking)
		gauge(c.accounts, "failed", b.Failed)
		gauge(c.accounts, "uncertain", b.Uncertain)
		gauge(c.drift, "lost", b.Drift.Lost)
		gauge(c.drift, "extra", b.Drift.Extra)
		gauge(c.drift, "changed", b.Drift.Changed)
		gauge(c.drift, "contested", b.Drift.Contested)
		truth(c.givingHeld, b.GivingHeld)
		ch <- prometheus.MustNewConstMetric(c.rebuilt, prometheus.GaugeValue, float64(b.RebuiltUnwritten), b.Tenant)
		ch <- prometheus.MustNewConstMetric(c.oldest, prometheus.GaugeValue, b.OldestAge.Seconds(), b.Tenant)
		ch <- prometheus.MustNewConstMetric(c.holds, prometheus.GaugeValue, float64(b.HeldDeletes), b.Tenant, "delete")
		ch <- prometheus.MustNewConstMetric(c.holds, prometheus.GaugeValue, float64(b.HeldProtected), b.Tenant, "protected")
		ch <- prometheus.MustNewConstMetric(c.revocations, prometheus.GaugeValue, float64(b.MassRevocations), b.Tenant)
		truth(c.held, b.RulesHeld)
		truth(c.disbelieved, b.Disbelieved)
		if !b.Listed.IsZero() {
			ch <- prometheus.MustNewConstMetric(c.users, prometheus.GaugeValue, float64(b.Users), b.Tenant)
			ch <- prometheus.MustNewConstMetric(c.listed, prometheus.GaugeValue, float64(b.Listed.UnixMilli())/1000, b.Tenant)
		}
	}
}
