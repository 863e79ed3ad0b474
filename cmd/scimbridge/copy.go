package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/config"
	"github.com/scimbridge/scimbridge/internal/store/transfer"
	"github.com/scimbridge/scimbridge/internal/telemetry"
)

func newCopy() *cobra.Command {
	var from, to string
	c := &cobra.Command{
		Use:   "copy --from URL --to URL",
		Short: "Copy a whole store to another one, such as from SQLite to PostgreSQL, and verify the copy",
		Long: `copy copies everything in a store to another one, of the same engine or of another, and then compares the two
row by row. People, groups, what is pending, held and remembered, tokens and the event log go along, under
the same ids: the identity provider notices nothing.

--from and --to take what ` + "`store`" + ` takes in the configuration: sqlite:PATH, postgres://USER@HOST/DATABASE without a
password, or a reference to a secret that holds the whole URL (env:NAME, file:PATH, credential:NAME).

No server may run on either: what one accepted after the copy was taken would be lost. The target must be empty.
Until the copy was verified it is no store, and servers and commands refuse it; a copy that was broken off
is repeated by the same command, from the beginning. Nothing in the source is changed but its mark of how far it has
come, so that a source that is itself an older copy put back is known as one in the target, too.

Afterwards the servers are to go on with the target alone: set ` + "`store`" + ` to it. The old store knows nothing
of what the new one accepts, who left above all.`,
		Example: "  scimbridge copy --from sqlite:scimbridge.db --to postgres://scimbridge@db.example.com/scimbridge\n" +
			"  scimbridge copy --from sqlite:scimbridge.db --to env:DATABASE_URL",
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			source, err := parseStoreFlag("from", from)
			if err != nil {
				return err
			}
			target, err := parseStoreFlag("to", to)
			if err != nil {
				return err
			}
			begun := time.Now()
			p := newProgress(c.ErrOrStderr(), time.Now)
			counts, err := copyStore(c.Context(), source, target, p.show, telemetry.NewLogger(c.ErrOrStderr(), telemetry.LogOptions{Level: "warn", Format: "text", Redact: true}))
			p.end()
			if err != nil {
				return err
			}
			return printCopied(c, source, target, counts, time.Since(begun))
		},
	}
	c.Flags().StringVar(&from, "from", "", "the store to copy")
	c.Flags().StringVar(&to, "to", "", "the empty store to copy to")
	_ = c.MarkFlagRequired("from")
	_ = c.MarkFlagRequired("to")
	return c
}

func parseStoreFlag(name, text string) (config.Store, error) {
	s, err := config.ParseStore(text, os.Environ())
	if err != nil {
		return config.Store{}, usage("--%s %v", name, err)
	}
	if s.Engine == config.SQLite { // as the configuration, wherever it is, is to say it
		s.Path, err = filepath.Abs(s.Path)
	}
	return s, err
}

// copyStore copies a store that nobody serves to an empty one.
func copyStore(ctx context.Context, from, to config.Store, progress func(transfer.Progress), log *slog.Logger) ([]transfer.Count, error) {
	if sameStore(from, to) {
		return nil, usage("--from and --to are the same store")
	}
	current, _, err := engineOf(from).versions(ctx)
	if err != nil {
		return nil, err
	}
	if current == 0 {
		return nil, fmt.Errorf("there is no store to copy at %s", from)
	}
	source, closeSource, err := openToCopy(ctx, from, engineOf(from).open)
	if err != nil {
		return nil, err
	}
	defer closeSource()
	// What tells an older copy that was put back does not go along: a server of the copy could not tell any more (V-31).
	if err := noticeRestore(ctx, source, log); err != nil {
		return nil, err
	}
	target, closeTarget, err := openToCopy(ctx, to, engineOf(to).openUnfinished)
	if err != nil {
		return nil, err
	}
	defer closeTarget()
	counts, err := transfer.Copy(ctx, source, target, progress)
	switch _, notEmpty := errors.AsType[*transfer.NotEmptyError](err); {
	case notEmpty:
		return nil, fmt.Errorf("%w, and nothing was copied: %s", err, emptyOne(to))
	case errors.Is(err, context.Canceled):
		return nil, fmt.Errorf("interrupted: %s", unfinished)
	case err != nil:
		return nil, fmt.Errorf("%w; %s", err, unfinished)
	}
	return counts, nil
}

// sameStore reports whether two spellings are plainly of one store. Of databases the lock tells.
func sameStore(a, b config.Store) bool {
	if a.Engine == config.SQLite && b.Engine == config.SQLite {
		x, errX := os.Stat(a.Path)
		y, errY := os.Stat(b.Path)
		return errX == nil && errY == nil && os.SameFile(x, y)
	}
	return a.String() == b.String()
}

const unfinished = "the target is no store until the same command, which begins again, has gone through; go on with the source meanwhile"

// emptyOne says how to come by an empty store.
func emptyOne(s config.Store) string {
	if s.Engine == config.SQLite {
		return "name a new file"
	}
	return "name an empty database (createdb NAME makes one)"
}

// openToCopy opens a store that no server has, until done.
func openToCopy(ctx context.Context, s config.Store, open func(context.Context, *slog.Logger) (database, error)) (d database, done func(), err error) {
	release, err := engineOf(s).exclusive(ctx)
	if err != nil {
		return nil, nil, err
	}
	d, err = open(ctx, nil)
	if err != nil {
		release()
		return nil, nil, err
	}
	return d, func() {
		_ = d.Close() // what was written is durable
		release()
	}, nil
}

func printCopied(c *cobra.Command, from, to config.Store, counts []transfer.Count, took time.Duration) error {
	var rows int64
	for _, n := range counts {
		rows += n.Rows
	}
	var err error
	if jsonOutput(c) {
		err = json.NewEncoder(c.OutOrStdout()).Encode(map[string]any{
			"from": from.String(), "to": to.String(), "tables": counts, "rows": rows, "verified": true, "seconds": took.Seconds(),
		})
	} else {
		tw := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(tw, "TABLE\tROWS")
		for _, n := range counts {
			fmt.Fprintf(tw, "%s\t%d\n", n.Table, n.Rows)
		}
		err = tw.Flush()
	}
	fmt.Fprintf(c.ErrOrStderr(), `Copied and verified %d rows in %s. Now set store: %s in the configuration, and start the servers.
Do not serve %s again: it knows nothing of what the new store accepts, and would give access back to who left.
`, rows, took.Round(time.Second/10), to, from)
	return err
}
