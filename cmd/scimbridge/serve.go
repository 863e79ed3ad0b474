package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/scimbridge/scimbridge/internal/auth"
	"github.com/scimbridge/scimbridge/internal/config"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/telemetry"
	"github.com/scimbridge/scimbridge/internal/wisdom"
)

func newServe() *cobra.Command {
	var path, readyFile string
	var restored bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the bridge",
		Long: `serve answers SCIM on ` + "`listen`" + ` and health and metrics on ` + "`admin_listen`" + `. It starts and takes writes
whether or not WisdomAI can be reached: what was accepted is delivered when it can. On SIGHUP it reads the
configuration again; a changed mapping or policy is planned first, and held if it does more than a small
change would (see ` + "`scimbridge plan`" + `).`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(c, path)
			if err != nil {
				return err
			}
			log := telemetry.NewLogger(c.ErrOrStderr(), telemetry.LogOptions{Level: cfg.Log.Level, Format: cfg.Log.Format, Redact: cfg.Log.Redact})
			return serve(c.Context(), cfg, log, readyFile, restored)
		},
	}
	configFlag(c, &path)
	c.Flags().BoolVar(&restored, "restored", false, "the database is an older copy: hold all giving until `scimbridge reconcile --after-restore`; for one start")
	c.Flags().StringVar(&readyFile, "ready-file", "", "file to write, as JSON, when it listens")
	return c
}

func serve(ctx context.Context, cfg *config.Config, log *slog.Logger, readyFile string, restored bool) error {
	release, err := engineOf(cfg.Store).serving(ctx)
	if err != nil {
		return err
	}
	defer release()
	signals, stopSignals := hangups()
	defer stopSignals()
	b, err := newBridge(ctx, cfg, wiring{
		log: log, wisdom: wisdomOptions, workspace: workspaceKey,
		opened: func(ctx context.Context, s database) error {
			if err := noticeRestore(ctx, s, log); err != nil || !restored {
				return err
			}
			return s.Update(ctx, func(tx store.Tx) error { return directory.MarkRestored(tx, "serve --restored") })
		},
	})
	if err != nil {
		return err
	}
	remove, err := ready{SCIM: b.scimURL(), Admin: b.adminURL()}.write(readyFile)
	if err != nil {
		b.close()
		return fmt.Errorf("ready file: %w", err)
	}
	defer remove()
	log.Info("scimbridge serves", "version", programVersion(), "scim", b.scimURL(), "admin", b.adminURL(), "store", cfg.Store.String())
	for _, t := range b.tenants {
		if tokens, err := auth.List(ctx, b.store, t.Name); err == nil && len(tokens) == 0 {
			log.Warn("nobody can call yet: the tenant has no token", "tenant", t.Name, "create one with", "scimbridge token create --tenant "+t.Name+" --name okta")
		}
		if end := t.Wisdom.TokenExpires; !end.IsZero() && time.Until(end) < tokenWarning {
			log.Warn("the WisdomAI token ends soon", "tenant", t.Name, "ends", end.Format(time.DateOnly))
		}
	}
	var noticing sync.WaitGroup
	watched, stopNoticing := context.WithCancel(context.WithoutCancel(ctx))
	noticing.Go(func() { keepNoticing(watched, b.store, log) })
	reloading, stopReloading := context.WithCancel(ctx)
	var reloads sync.WaitGroup
	reloads.Go(func() { b.reloading(reloading, signals) })
	err = b.run(ctx)
	stopReloading()
	reloads.Wait()
	stopNoticing()
	noticing.Wait()
	log.Info("scimbridge stops; what is pending is delivered by the next start")
	if cerr := b.close(); err == nil {
		err = cerr
	}
	return err
}

// wisdomOptions is how a configured tenant reaches WisdomAI.
func wisdomOptions(ctx context.Context, t *config.Tenant) (wisdom.Options, error) {
	token, err := t.Wisdom.Token.Resolve(ctx)
	if err != nil {
		return wisdom.Options{}, fmt.Errorf("wisdom.token: %w", err)
	}
	return wisdom.Options{URL: t.Wisdom.URL, Workspace: t.Wisdom.Workspace, Token: token, Exchange: t.Wisdom.Exchange}, nil
}
