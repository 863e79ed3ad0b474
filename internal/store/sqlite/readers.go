package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"runtime"
	"sync"

	"github.com/scimbridge/scimbridge/internal/store"
)

// maxReaders is how many Views run at the same time: more than there are processors,
// because a View that streams a long list waits for its client now and then.
func maxReaders() int { return max(8, 2*runtime.GOMAXPROCS(0)) }

// readers are the connections that only read. They are opened when first needed, and
// the one used last is used next, so that under light load one cache is warm
// instead of many lukewarm.
type readers struct {
	connector driver.Connector
	places    chan struct{} // holds one token for each View that runs

	mu     sync.Mutex // guards the fields below
	idle   []*conn
	closed bool
}

func newReaders(connector driver.Connector) *readers {
	return &readers{connector: connector, places: make(chan struct{}, maxReaders())}
}

// view runs fn in a read transaction: its snapshot is taken by its first query.
func (p *readers) view(ctx context.Context, fn func(*conn) error) (err error) {
	c, err := p.get(ctx)
	if err != nil {
		return err
	}
	defer p.put(c)
	c.lost = nil // what went wrong for the last one who had it
	if _, err := c.exec("BEGIN"); err != nil {
		return err
	}
	defer func() {
		c.lost = nil // this is what ends it
		if _, e := c.exec("ROLLBACK"); err == nil {
			err = e
		}
	}()
	return fn(c)
}

func (p *readers) get(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case p.places <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c, err := p.idleOrNew(ctx)
	if err != nil {
		<-p.places
	}
	return c, err
}

func (p *readers) idleOrNew(ctx context.Context) (*conn, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, store.ErrClosed
	}
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	return connect(ctx, p.connector)
}

func (p *readers) put(c *conn) {
	p.mu.Lock()
	p.idle = append(p.idle, c)
	p.mu.Unlock()
	<-p.places
}

// close waits for the Views that run.
func (p *readers) close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	p.mu.Unlock()
	for range cap(p.places) { // who waits for a place meanwhile gets it, finds the pool closed and gives it back
		p.places <- struct{}{}
	}
	for range cap(p.places) {
		<-p.places
	}
	var errs []error
	for _, c := range p.idle {
		errs = append(errs, c.close())
	}
	p.idle = nil
	return errors.Join(errs...)
}
