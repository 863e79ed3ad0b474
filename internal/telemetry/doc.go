// Package telemetry is what an operator sees of the program: its log, its metrics
// and the health endpoints of admin_listen.
//
// The log never holds a secret and, unless told otherwise, no whole e-mail address
// or name. A metric exists because it answers a question that its help text asks.
// The package measures nothing by itself: those who do the work call [Metrics].
package telemetry
