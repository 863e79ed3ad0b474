package simulator

import (
	"sync"
	"time"
)

// late keeps the effects that are still to come, and ends them with the server: it
// starts the timers, and close waits for those that have gone off.
type late struct {
	closed chan struct{} // closed by close: whoever hangs lets go

	mu     sync.Mutex // guards the two below
	timers map[*time.Timer]struct{}
	over   bool
	wg     sync.WaitGroup // effects that are to come or under way
}

func newLate() *late {
	return &late{closed: make(chan struct{}), timers: map[*time.Timer]struct{}{}}
}

// after runs do once d has passed, unless the server is closed before.
func (l *late) after(d time.Duration, do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	l.wg.Add(1)
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		defer l.wg.Done()
		l.mu.Lock()
		delete(l.timers, t)
		l.mu.Unlock()
		do()
	})
	l.timers[t] = struct{}{}
}

func (l *late) close() {
	l.mu.Lock()
	if !l.over {
		l.over = true
		close(l.closed)
		for t := range l.timers {
			if t.Stop() {
				l.wg.Done()
			}
		}
	}
	l.mu.Unlock()
	l.wg.Wait()
}
