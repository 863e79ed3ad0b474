package postgres

import "time"

// Within makes all that a store waits for last about as long as d, or a few times that.
func (o Options) Within(d time.Duration) Options {
	o.limits = &limits{patience: d, pool: d, longest: 5 * d, end: d, lock: d, statement: 2 * d, idle: d / 2}
	return o
}
