package postgres

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/relational"
)

// tx is a transaction that notes what it may be news of.
type tx struct {
	*relational.Tx
	topics map[store.Topic]bool
}

func (t *tx) note(topic store.Topic) {
	if t.topics == nil {
		t.topics = map[store.Topic]bool{}
	}
	t.topics[topic] = true
}

func (t *tx) PutAccount(a *store.Account) error {
	if !a.Due.IsZero() && a.LeaseHolder == "" {
		t.note(store.Topic{Kind: store.TopicDue, Workspace: a.Workspace})
	}
	return t.Tx.PutAccount(a)
}

func (t *tx) RouseAccounts(workspace, tenant string, taking bool) error {
	t.note(store.Topic{Kind: store.TopicDue, Workspace: workspace})
	return t.Tx.RouseAccounts(workspace, tenant, taking)
}

func (t *tx) PutLook(l *store.Look) error {
	t.note(store.Topic{Kind: store.TopicLooks, Workspace: l.Workspace})
	return t.Tx.PutLook(l)
}

const (
	// channel is the name that replicas listen to.
	channel = "scimbridge"
	// newsEvery is the least time between two notifications of one process: what happens meanwhile goes
	// out together. Sooner than anybody asks by himself, and rare beside the writes that it tells of.
	newsEvery = 50 * time.Millisecond
	// listenAgain is how long to wait before another connection is tried.
	listenAgain = time.Second
)

// news tells other processes what was committed, and hears of theirs, by NOTIFY and LISTEN. It goes out after the
// commit and not in it: a transaction with a NOTIFY has its commit to itself, all over the server. What is lost
// is found by those who ask now and then.
type news struct {
	store *Store
	to    *pgx.ConnConfig // for the connection that listens
	me    string          // tells what we sent ourselves
	ctx   context.Context // until close
	stop  context.CancelFunc
	ended sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	pending map[store.Topic]bool
	poke    chan struct{} // has an element while something is pending
	told    map[int]func(store.Topic)
	next    int
	hears   bool // the goroutine that listens was started
}

func newNews(s *Store, to *pgx.ConnConfig) *news {
	n := &news{store: s, to: to, me: rand.Text(), pending: map[store.Topic]bool{}, poke: make(chan struct{}, 1), told: map[int]func(store.Topic){}}
	n.ctx, n.stop = context.WithCancel(context.Background())
	if !s.pooler {
		n.ended.Go(n.send)
	}
	return n
}

func (n *news) close() {
	n.stop()
	n.ended.Wait()
}

// tell makes topics go out soon.
func (n *news) tell(topics map[store.Topic]bool) {
	if len(topics) == 0 || n.store.pooler {
		return
	}
	n.mu.Lock()
	for t := range topics {
		n.pending[t] = true
	}
	n.mu.Unlock()
	select {
	case n.poke <- struct{}{}:
	default:
	}
}

func (n *news) send() {
	ctx := n.ctx
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.poke:
		}
		n.mu.Lock()
		var payloads []string
		for t := range n.pending {
			payloads = append(payloads, n.me+"\n"+string(t.Kind)+"\n"+t.Workspace)
		}
		clear(n.pending)
		n.mu.Unlock()
		sending, cancel := context.WithTimeout(ctx, n.store.limits.end)
		_, err := n.store.pool.Exec(sending, "SELECT pg_notify($1, p) FROM unnest($2::text[]) p", channel, payloads)
		cancel()
		if err != nil && ctx.Err() == nil {
			n.store.log.DebugContext(ctx, "other replicas could not be told of a change; they will find it by asking", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(newsEvery):
		}
	}
}

// Watch is store.Watcher's. Behind a pooler there is nothing to hear.
func (s *Store) Watch(ctx context.Context, told func(store.Topic)) {
	n := s.news
	if s.pooler {
		<-ctx.Done()
		return
	}
	n.mu.Lock()
	me := n.next
	n.next++
	n.told[me] = told
	if !n.hears {
		n.hears = true
		n.ended.Go(n.listen)
	}
	n.mu.Unlock()
	<-ctx.Done()
	n.mu.Lock()
	delete(n.told, me)
	n.mu.Unlock()
}

// listen keeps a connection that listens. After each time that it had none it tells that anything may have happened.
func (n *news) listen() {
	ctx := n.ctx
	for quiet := false; ctx.Err() == nil; {
		err := n.listenOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		if !quiet {
			n.store.log.WarnContext(ctx, "changes of other replicas are not heard of until the store can be reached again; they are asked for once a second", "error", err)
		}
		quiet = true
		select {
		case <-ctx.Done():
		case <-time.After(listenAgain):
		}
	}
}

func (n *news) listenOnce(ctx context.Context) error {
	connecting, cancel := context.WithTimeout(ctx, n.store.limits.patience)
	defer cancel()
	c, err := pgx.ConnectConfig(connecting, n.to)
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(ctx))
	if err := share(ctx, c); err != nil {
		return err
	}
	if _, err := c.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	n.hear(store.Topic{})
	for {
		got, err := c.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		from, topic, _ := strings.Cut(got.Payload, "\n")
		kind, workspace, _ := strings.Cut(topic, "\n")
		if from != n.me {
			n.hear(store.Topic{Kind: store.TopicKind(kind), Workspace: workspace})
		}
	}
}

func (n *news) hear(t store.Topic) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, told := range n.told {
		told(t)
	}
}
