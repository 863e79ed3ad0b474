package simulator

import (
	"maps"
	"sync"
)

// Calls is the answer of GET /control/calls. A request whose GraphQL is not valid has
// no root fields and counts in Requests alone.
type Calls struct {
	Requests   int                       `json:"requests"` // POST /graphql, whatever came of them
	BytesIn    int64                     `json:"bytes_in"` // of bodies
	BytesOut   int64                     `json:"bytes_out"`
	Operations map[string]OperationCalls `json:"operations"` // by root field
}

// OperationCalls counts one root field.
type OperationCalls struct {
	Requests int `json:"requests"` // HTTP requests with that root field
	Fields   int `json:"fields"`   // how often it stood in them: several as aliases
	Failed   int `json:"failed"`   // fields that had no answer, an error, or a status other than OK
}

// calls counts what arrives: requests and fields at once, what failed at the end.
type calls struct {
	mu sync.Mutex // guards n
	n  Calls
}

func newCalls() *calls {
	c := &calls{}
	c.reset()
	return c
}

func (c *calls) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n = Calls{Operations: map[string]OperationCalls{}}
}

func (c *calls) snapshot() Calls {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.n
	n.Operations = maps.Clone(n.Operations)
	return n
}

func (c *calls) requests(operation string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n.Operations[operation].Requests
}

func (c *calls) arrived(bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n.Requests++
	c.n.BytesIn += int64(bytes)
}

func (c *calls) answered(bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n.BytesOut += int64(bytes)
}

func (c *calls) asked(fields []rootField) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := map[string]bool{}
	for _, f := range fields {
		n := c.n.Operations[f.operation]
		n.Fields++
		if !seen[f.operation] {
			n.Requests++
		}
		seen[f.operation] = true
		c.n.Operations[f.operation] = n
	}
}

func (c *calls) failed(fields []rootField) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range fields {
		n := c.n.Operations[f.operation]
		n.Failed++
		c.n.Operations[f.operation] = n
	}
}
