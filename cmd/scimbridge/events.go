package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/config"
	"github.com/scimbridge/scimbridge/internal/store"
)

// followEvery is how often --follow asks the store for what is new.
const followEvery = time.Second

func newEvents() *cobra.Command {
	var path, since string
	var follow bool
	var q store.EventQuery
	c := &cobra.Command{
		Use:   "events",
		Short: "Show the event log: who did what to whom, and the calls that it caused",
		Long: `events shows the newest entries of the event log, oldest first. With --output json each is one JSON object on a line of its own.

An event's kind is NOUN.VERB, such as user.update, delivery.error, taking.ignored; with --kind delivery. all that begin so.`,
		Example: `  scimbridge events --user alice@example.com --since 7d
  scimbridge events --kind delivery.error --follow --output json`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if q.Limit < 1 {
				return usage("--limit %d: expected at least 1", q.Limit)
			}
			now := time.Now()
			if since != "" {
				at, ok := moment(since, now)
				if !ok {
					return usage("--since %q: expected an age such as 2h or 7d, or a time such as 2026-11-23T09:00:00Z", since)
				}
				q.Since = at
			}
			return withStore(c, path, q.Tenant, func(ctx context.Context, _ *config.Config, s store.Store) error {
				return showEvents(ctx, s, q, follow, eventPrinter(c))
			})
		},
	}
	configFlag(c, &path)
	c.Flags().StringVar(&q.Tenant, "tenant", "", "only this tenant's; all if empty")
	c.Flags().StringVar(&since, "since", "", "only from then on: an age (2h, 7d) or a time (RFC 3339)")
	c.Flags().StringVar(&q.Kind, "kind", "", "only of this kind, or of all that begin so if it ends with a dot")
	c.Flags().StringVar(&q.Person, "user", "", "only about this SCIM id, userName or address")
	c.Flags().BoolVar(&follow, "follow", false, "go on as events happen, until interrupted")
	c.Flags().IntVar(&q.Limit, "limit", 100, "how many of the newest")
	return c
}

// moment reads an age before now, or a time.
func moment(text string, now time.Time) (time.Time, bool) {
	if age, ok := config.ParseDuration(text); ok {
		return now.Add(-age), true
	}
	at, err := time.Parse(time.RFC3339, text)
	return at, err == nil
}

// showEvents prints the newest events that q selects and, if it follows, those that come.
func showEvents(ctx context.Context, s store.Store, q store.EventQuery, follow bool, show func(*store.Event) error) error {
	q.Last = true
	for {
		var found []*store.Event
		err := s.View(ctx, func(tx store.Tx) (err error) {
			found, err = tx.FindEvents(q)
			return err
		})
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		for _, e := range found {
			q.After = e.Seq
			if err := show(e); err != nil {
				return err
			}
		}
		if !follow {
			return nil
		}
		q.Last = false
		if len(found) > 0 && q.Limit == len(found) {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
	}
}

func eventPrinter(c *cobra.Command) func(*store.Event) error {
	if !jsonOutput(c) {
		return func(e *store.Event) error { return printEvent(c.OutOrStdout(), e) }
	}
	enc := json.NewEncoder(c.OutOrStdout())
	return func(e *store.Event) error {
		return enc.Encode(struct {
			Seq      int64           `json:"seq"`
			Time     time.Time       `json:"time"`
			Tenant   string          `json:"tenant"`
			Kind     string          `json:"kind"`
			Actor    string          `json:"actor"`
			Request  string          `json:"request,omitempty"`
			Resource string          `json:"resource,omitempty"`
			Email    string          `json:"email,omitempty"`
			Detail   json.RawMessage `json:"detail,omitempty"`
		}{e.Seq, e.Time, e.Tenant, e.Kind, e.Actor, e.Request, e.Resource, e.Email, e.Detail})
	}
}

func printEvent(w io.Writer, e *store.Event) error {
	who := e.Email
	if who == "" {
		who = e.Resource
	}
	if who == "" {
		who = "-"
	}
	_, err := fmt.Fprintf(w, "%s  %-10s  %-24s  %s  by %s  %s\n", e.Time.Format("2006-01-02T15:04:05Z"), e.Tenant, e.Kind, who, e.Actor, e.Detail)
	return err
}
