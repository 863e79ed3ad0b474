package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/scimbridge/scimbridge/internal/config"
)

// watchEvery is how often `reload: watch` looks at the file: soon enough for whoever has
// just saved it, and nothing for the machine.
const watchEvery = 2 * time.Second

// hangups are the SIGHUPs of this process, which would end it otherwise. stop lets them.
func hangups() (signals <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1) // one is as good as several
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}

// reloading reads the configuration again at each signal, and with `reload: watch` when the
// file is another, until ctx is done.
func (b *bridge) reloading(ctx context.Context, signals <-chan os.Signal) {
	var changed <-chan time.Time
	last := b.cfg.Sum
	if b.cfg.Reload == "watch" {
		ticker := time.NewTicker(watchEvery)
		defer ticker.Stop()
		changed = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
		case <-changed:
			text, err := os.ReadFile(b.cfg.File)
			if err != nil || sha256.Sum256(text) == last { // being replaced, or the same
				continue
			}
			last = sha256.Sum256(text)
		}
		b.reload()
	}
}

// reload reads the file again and offers each tenant its rules. A broken file changes nothing.
func (b *bridge) reload() {
	cfg, err := config.Load(b.cfg.File, os.Environ())
	var faults *config.Errors
	switch {
	case errors.As(err, &faults):
		b.log.Error("the configuration was read again and is broken; everything goes on as before", "file", b.cfg.File, "faults", len(faults.Faults))
		for _, f := range faults.Faults {
			one := config.Errors{File: faults.File, Faults: []config.Fault{f}}
			b.log.Error("fault in the configuration", "fault", one.Error())
		}
		return
	case err != nil:
		b.log.Error("the configuration cannot be read again; everything goes on as before", "error", err)
		return
	}
	b.log.Info("the configuration was read again", "file", b.cfg.File)
	for _, t := range b.tenants {
		next := cfg.Tenants[t.Name]
		if next == nil {
			b.log.Warn("the tenant is gone from the configuration: nobody is changed, and it is served until the next start", "tenant", t.Name)
			continue
		}
		if err := t.dir.OfferRules(directoryOptions(next, b.store, b.log)); err != nil {
			b.log.Error("the rules of the configuration cannot be used; those in force stay", "tenant", t.Name, "error", err)
		}
	}
	if keys := b.cfg.NeedsRestart(cfg); len(keys) > 0 {
		b.log.Warn("some of what changed is taken over by the next start alone", "keys", keys)
	}
}
