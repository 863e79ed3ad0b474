package filter

import (
	"sync"

	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// Cache keeps the shapes of the filters and paths that were read, up to a number of
// them. One may serve several resource types. Safe for concurrent use; a nil Cache keeps nothing.
type Cache struct {
	max   int
	mu    sync.RWMutex // guards plans
	plans map[shapeKey]*plan
	// scanners are those that are not in use, so that reading a known shape
	// allocates nothing but what it returns.
	scanners sync.Pool
}

// maxShape is how long a shape may be that is kept: a long one is rare, and together
// with the number of shapes this bounds the memory.
const maxShape = 1 << 10

type shapeKind uint8

const (
	filterShape shapeKind = iota
	pathShape
)

type shapeKey struct {
	rt                    *schema.ResourceType
	kind                  shapeKind
	strict, absentUnknown bool
	shape                 string
}

// NewCache keeps up to max shapes. An identity provider sends a dozen.
func NewCache(max int) *Cache {
	return &Cache{max: max, plans: make(map[shapeKey]*plan, max)}
}

func (c *Cache) get(rt *schema.ResourceType, opts Options, kind shapeKind, shape []byte) *plan {
	if c == nil {
		return nil
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.plans[shapeKey{rt, kind, opts.Strict, opts.AbsentUnknown, string(shape)}]
}

func (c *Cache) put(rt *schema.ResourceType, opts Options, kind shapeKind, shape []byte, p *plan) {
	if c == nil || len(shape) > maxShape {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.plans) >= c.max {
		for other := range c.plans { // whichever comes first: a map's order is random
			delete(c.plans, other)
			break
		}
	}
	c.plans[shapeKey{rt, kind, opts.Strict, opts.AbsentUnknown, string(shape)}] = p
}

func (c *Cache) scanner() *scanner {
	if c != nil {
		if s, ok := c.scanners.Get().(*scanner); ok {
			return s
		}
	}
	return new(scanner)
}

// release takes a scanner back; its tokens and shape must not be used any more.
func (c *Cache) release(s *scanner) {
	if c != nil {
		s.reset("", Options{})
		c.scanners.Put(s)
	}
}
