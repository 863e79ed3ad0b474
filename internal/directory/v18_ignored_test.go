package directory

import (
	"strings"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// set changes a setting of the simulator.
func (w *world) set(key, value string) {
	w.t.Helper()
	var s simulator.Settings
	if err := s.Set(key, value); err != nil {
		w.t.Fatal(err)
	}
	if err := w.sim.SetSettings(s); err != nil {
		w.t.Fatal(err)
	}
}

func TestV18AnIgnoredEmptyListIsAlertedByName(t *testing.T) {
	t.Parallel()
	manyWorlds(t)
	for _, idp := range []string{"silent", "asking"} {
		t.Run(idp, func(t *testing.T) {
			inWorld(t, func(w *world) {
				pass := func(d time.Duration) {
					for end := time.Now().Add(d); time.Now().Before(end); w.pass(30 * time.Second) {
						if idp == "asking" {
							w.lookup("nobody@example.com") // listings, every minute
						}
					}
				}
				ann := w.create(person("ann@example.com"))
				w.group("Explorers", ann.ID)
				pass(20 * time.Minute)
				w.set("empty_roles", "ignored")
				w.mustUpdate(ann.ID, "active", false)
				if n := w.events("taking.ignored"); n != 0 {
					w.t.Errorf("%d alerts before anything was looked at", n)
				}
				pass(20 * time.Minute)
				if n := w.events("taking.ignored"); n != 1 {
					w.t.Fatalf("%d alerts after 20 minutes, want 1", n)
				}
				h := w.health()
				if h.Ignored["empty role list ignored"] != 1 || h.Taking != 1 {
					w.t.Errorf("health %+v", h)
				}
				if log := w.log.String(); strings.Count(log, "empty role list ignored: ") != 1 || !strings.Contains(log, "on_deactivate: delete") {
					w.t.Error("the log does not say it once, with the way out")
				}
				if u, err := w.dir.User(w.t.Context(), ann.ID); err != nil || u.Delivery.State != DeliveryPending || u.Delivery.Detail != "empty role list ignored" {
					w.t.Errorf("delivery %+v, %v", u.Delivery, err)
				}
				before := w.sim.Requests("createUsers")
				pass(time.Hour)
				if n := w.sim.Requests("createUsers") - before; n < 12 || n > 20 { // at most 5 minutes apart (V-15)
					w.t.Errorf("tried %d times within an hour", n)
				}
				if n := w.events("taking.ignored"); n != 1 {
					w.t.Errorf("%d alerts, want still 1", n)
				}

				w.set("empty_roles", "clears")
				pass(20 * time.Minute)
				w.wantAt("ann@example.com", "no role")
				if h := w.health(); len(h.Ignored) != 0 || h.Pending != 0 {
					w.t.Errorf("health after it worked: %+v", h)
				}
				if u, err := w.dir.User(w.t.Context(), ann.ID); err != nil || u.Delivery.State != DeliveryConfirmed {
					w.t.Errorf("delivery %+v, %v", u.Delivery, err)
				}
			})
		})
	}
}

func TestV18ANoEffectThatPassesIsNoAlert(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann, bob := w.create(person("ann@example.com")), w.create(person("bob@example.com"))
		g := w.group("Explorers", ann.ID, bob.ID)
		w.pass(20 * time.Minute)
		w.sim.SetFaults(simulator.Fault{Operation: "createUsers", Kind: "noeffect", Times: 1, Target: "ann@example.com"},
			simulator.Fault{Operation: "createUsers", Kind: "noeffect", Times: 1, Target: "bob@example.com"})
		w.mustUpdate(ann.ID, "active", false)
		w.patch(g.ID, GroupChange{Remove: []string{bob.ID}})
		w.pass(time.Hour)
		w.wantAt("ann@example.com", "no role")
		w.wantAt("bob@example.com", "no role")
		if n := w.events("taking.ignored"); n != 0 {
			w.t.Errorf("%d alerts of what was done at the second try", n)
		}
		if h := w.health(); h.Pending != 0 {
			w.t.Errorf("health %+v", h)
		}
	})
}

// A listing that is behind shows what is gone already.
func TestV18AListingThatLagsIsNoAlert(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		w.group("Explorers", ann.ID)
		w.pass(20 * time.Minute)
		w.set("listing_lag", "45s")
		w.mustUpdate(ann.ID, "active", false)
		for range 60 {
			w.pass(15 * time.Second)
			w.lookup("nobody@example.com")
		}
		if n := w.events("taking.ignored"); n != 0 {
			w.t.Errorf("%d alerts", n)
		}
		if h := w.health(); h.Pending != 0 {
			w.t.Errorf("health %+v", h)
		}
	})
}

func TestV18WhatElseIsIgnored(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, operation, alert string
		leave                  func(*world, User, Group)
	}{
		{"roles of somebody who stays", "createUsers", "removal of roles ignored", func(w *world, u User, g Group) {
			w.patch(g.ID, GroupChange{Remove: []string{u.ID}})
		}},
		{"a delete", "deleteUsersFromWorkspace", "delete ignored", func(w *world, u User, _ Group) {
			if err := w.dir.DeleteUser(w.t.Context(), okta, u.ID, Precondition{}); err != nil {
				w.t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				ann := w.create(person("ann@example.com"))
				g := w.group("Explorers", ann.ID)
				w.pass(20 * time.Minute)
				w.lookup("nobody@example.com")
				w.sim.SetFaults(simulator.Fault{Operation: c.operation, Kind: "noeffect"})
				c.leave(w, ann, g)
				w.pass(time.Hour)
				if h := w.health(); h.Ignored[c.alert] != 1 || w.events("taking.ignored") != 1 {
					w.t.Errorf("health %+v, %d alerts", h, w.events("taking.ignored"))
				}
				before := w.sim.Requests(c.operation)
				w.pass(time.Hour)
				if n := w.sim.Requests(c.operation) - before; n < 11 || n > 20 {
					w.t.Errorf("tried %d times within an hour", n)
				}
				w.sim.SetFaults()
				w.pass(30 * time.Minute)
				if h := w.health(); h.Pending != 0 || len(h.Ignored) != 0 {
					w.t.Errorf("health after it worked: %+v", h)
				}
			})
		})
	}
}

// NOT_FOUND is a reason to look, not a success: the address may have somebody all the same.
func TestV18NotFoundIsNoSuccess(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		w.group("Explorers", ann.ID)
		w.pass(20 * time.Minute)
		w.lookup("nobody@example.com")
		w.sim.RemoveUsers("ann@example.com") // and invited again, before anybody looked
		w.invite("ann@example.com", "EXPLORER")
		w.mustUpdate(ann.ID, "active", false)
		w.pass(10 * time.Minute)
		w.wantAt("ann@example.com", "no role")
	}, func(w *world) { w.o.Policy.OnDeactivate = "delete" })
}

// One try is not enough to conclude from, though a settled listing shows it.
func TestV18OneTryIsNoAlert(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		ann := w.create(person("ann@example.com"))
		w.group("Explorers", ann.ID)
		w.pass(20 * time.Minute)
		w.sim.SetFaults(simulator.Fault{Operation: "createUsers", Kind: "noeffect", Times: 1})
		w.mustUpdate(ann.ID, "active", false)
		w.pass(time.Hour)
		w.wantAt("ann@example.com", "no role")
		if n := w.events("taking.ignored"); n != 0 {
			w.t.Errorf("%d alerts", n)
		}
	}, func(w *world) { w.o.Policy.NoIdentityAttributes = true })
}
