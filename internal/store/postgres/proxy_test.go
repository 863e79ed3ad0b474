//go:build unix

package postgres_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// cut is what a proxy does to the connection that a COMMIT comes by.
type cut int

const (
	pass   cut = iota
	before     // the server never hears of it
	after      // its answer is lost
	late       // the connection is gone before the server hears of it
)

// proxy is the network between a store and a server.
type proxy struct {
	server string // host and port
	listen net.Listener
	ended  sync.WaitGroup

	mu     sync.Mutex // guards the fields below
	next   cut        // what becomes of the next COMMIT
	open   map[net.Conn]bool
	frozen chan struct{} // nothing passes until it is closed; nil: all passes
}

// newProxy gives a proxy to the server of a URL, and the URL by which it is reached.
func newProxy(t *testing.T, server string) (*proxy, string) {
	t.Helper()
	at, err := url.Parse(server)
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &proxy{server: at.Host, listen: l, open: map[net.Conn]bool{}}
	p.ended.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.ended.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.thaw()
		p.mu.Lock()
		for c := range p.open {
			_ = c.Close()
		}
		p.mu.Unlock()
		p.ended.Wait()
	})
	at.Host = l.Addr().String()
	return p, at.String()
}

func (p *proxy) cutNext(c cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = c
}

// freeze lets nothing pass, either way, and no connection end, until thaw.
func (p *proxy) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frozen = make(chan struct{})
}

func (p *proxy) thaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.frozen != nil {
		close(p.frozen)
		p.frozen = nil
	}
}

// wait returns when something may pass.
func (p *proxy) wait() {
	p.mu.Lock()
	frozen := p.frozen
	p.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	p.mu.Lock()
	p.open[client], p.open[server] = true, true
	p.mu.Unlock()
	var answers sync.WaitGroup
	defer answers.Wait()
	defer server.Close()
	answers.Go(func() {
		defer client.Close()
		buffer := make([]byte, 64<<10)
		for {
			n, err := server.Read(buffer)
			p.wait()
			if err != nil {
				return
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	})
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		p.wait()
		if err != nil {
			return
		}
		what := pass
		if bytes.Contains(buffer[:n], []byte("COMMIT\x00")) {
			p.mu.Lock()
			what, p.next = p.next, pass
			p.mu.Unlock()
		}
		switch what {
		case before:
			return
		case after, late:
			_ = client.Close()
			if what == late {
				time.Sleep(300 * time.Millisecond)
			}
			if _, err := server.Write(buffer[:n]); err != nil {
				return
			}
			_ = server.(*net.TCPConn).CloseWrite() // the server sees the end behind the COMMIT
			_, _ = io.Copy(io.Discard, server)
			return
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}
