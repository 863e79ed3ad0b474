//go:build unix

package postgres_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/postgres"
	"github.com/scimbridge/scimbridge/internal/store/postgres/pgtest"
)

// watch hears of news until the test ends. It returns when the store listens, which it tells as anything.
func watch(t *testing.T, s *postgres.Store) (heard chan store.Topic, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	heard = make(chan store.Topic, 1000)
	var watching sync.WaitGroup
	watching.Go(func() { s.Watch(ctx, func(topic store.Topic) { heard <- topic }) })
	stop = func() {
		cancel()
		watching.Wait()
	}
	t.Cleanup(stop)
	if topic := <-heard; topic != (store.Topic{}) {
		t.Errorf("heard of %+v before anything else", topic)
	}
	return heard, stop
}

func due(t *testing.T, s *postgres.Store, workspace string) {
	t.Helper()
	must(t, s.Update(t.Context(), func(tx store.Tx) error {
		return tx.PutAccount(&store.Account{Workspace: workspace, EmailKey: workspace, Due: tx.Now()})
	}))
}

func TestCommitsOfOthersAreHeardOf(t *testing.T) {
	all := replicas(t, 3, postgres.Options{URL: pgtest.Database(t)})
	heard, _ := watch(t, all[0])
	other, _ := watch(t, all[1])
	// Its own commit is no news: what is heard next is the other's.
	due(t, all[0], "own")
	if topic := <-other; topic != (store.Topic{Kind: store.TopicDue, Workspace: "own"}) {
		t.Errorf("the other one heard of %+v", topic)
	}
	begun := time.Now()
	due(t, all[2], "w\nwith a line")
	if topic := <-heard; topic != (store.Topic{Kind: store.TopicDue, Workspace: "w\nwith a line"}) {
		t.Errorf("heard of %+v", topic)
	}
	t.Logf("heard after %s", time.Since(begun))
	must(t, all[2].Update(t.Context(), func(tx store.Tx) error {
		l, err := tx.BeginLook("w")
		return errors.Join(err, tx.PutLook(l))
	}))
	if topic := <-heard; topic != (store.Topic{Kind: store.TopicLooks, Workspace: "w"}) {
		t.Errorf("heard of %+v", topic)
	}
	// What is not kept is no news.
	err := all[2].Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(tx.PutAccount(&store.Account{Workspace: "undone", EmailKey: "undone", Due: tx.Now()}), errRefused)
	})
	if !errors.Is(err, errRefused) {
		t.Fatal(err)
	}
	due(t, all[2], "last")
	if topic := <-heard; topic != (store.Topic{Kind: store.TopicDue, Workspace: "last"}) {
		t.Errorf("heard of %+v", topic)
	}
}

func TestAListenerThatWasCutOffComesBack(t *testing.T) {
	url := pgtest.Database(t)
	all := replicas(t, 2, postgres.Options{URL: url})
	heard, _ := watch(t, all[0])
	c := connect(t, url)
	for _, workspace := range []string{"v", "w"} {
		sql(t, c, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query = 'LISTEN scimbridge'")
		if topic := <-heard; topic != (store.Topic{}) { // anything may have happened
			t.Errorf("heard of %+v", topic)
		}
		due(t, all[1], workspace)
		if topic := <-heard; topic != (store.Topic{Kind: store.TopicDue, Workspace: workspace}) {
			t.Errorf("heard of %+v", topic)
		}
	}
}

func TestBehindAPoolerWatchIsQuiet(t *testing.T) {
	url := with(t, pgtest.Database(t), "default_query_exec_mode", "exec")
	all := replicas(t, 2, postgres.Options{URL: url})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		all[0].Watch(ctx, func(topic store.Topic) { t.Errorf("heard of %+v", topic) })
	}()
	due(t, all[1], "w")
	cancel()
	<-ended
}

func TestExclusiveIsRefusedWhileAServerListens(t *testing.T) {
	url := pgtest.Database(t)
	s := open(t, postgres.Options{URL: url})
	release, err := postgres.Exclusive(t.Context(), url) // who only has it open is no server
	must(t, err)
	if _, err := postgres.Exclusive(t.Context(), url); err == nil {
		t.Error("two have it to themselves")
	}
	release()
	_, stop := watch(t, s)
	_, err = postgres.Exclusive(t.Context(), url)
	refused, ok := errors.AsType[*postgres.OpenError](err)
	if !ok || refused.Kind != postgres.KindLocked || !strings.Contains(err.Error(), "servers use it, at: ") || !strings.Contains(err.Error(), "stop them, every replica") {
		t.Errorf("error %v", err)
	}
	stop()
	must(t, s.Close())
	release, err = postgres.Exclusive(t.Context(), url)
	must(t, err)
	release()
	if _, err := postgres.Exclusive(t.Context(), with(t, url, "default_query_exec_mode", "exec")); err == nil || !strings.Contains(err.Error(), "pooler") {
		t.Errorf("behind a pooler: %v", err)
	}
}
