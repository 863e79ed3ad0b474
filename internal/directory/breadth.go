package directory

import (
	"sync"
	"time"
)

// breadth is how many people a request may be about: as many as WisdomAI answers in time. It is
// halved by a request that is not, and then grows again halfway to that one's size, so that
// the size that is just right is found in a few requests. Safe for concurrent use.
type breadth struct {
	mu      sync.Mutex // guards what follows
	most    int        // configured
	now     int
	tooMany int // people of the smallest request that was not answered in time; 0: none
	at      time.Time
}

// forgetTooMany is how long a size is taken for too large: a server that was slow for a
// while costs a few large requests an hour at most.
const forgetTooMany = time.Hour

func (b *breadth) get() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *breadth) late(people int, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tooMany, b.at = people, now
	b.now = max(1, min(b.now, people/2))
}

func (b *breadth) inTime(people int, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if people < b.now {
		return // says nothing of larger ones
	}
	if now.Sub(b.at) > forgetTooMany {
		b.tooMany = 0
	}
	next := min(2*b.now, b.most)
	if b.tooMany > 0 {
		next = min(next, max(b.now, (b.now+b.tooMany)/2))
	}
	b.now = next
}
