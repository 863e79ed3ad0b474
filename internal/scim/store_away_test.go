package scim_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/scimbridge/scimbridge/internal/auth"
	"github.com/scimbridge/scimbridge/internal/bridgetest"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/scim"
	"github.com/scimbridge/scimbridge/internal/store"
)

// awayStore is a store that goes away, as a database does that a standby takes over from.
type awayStore struct {
	store.Store
	away atomic.Bool
	// late: the next commit of a request, which unlike the server's own work has a deadline, is kept, and its answer is lost.
	late atomic.Bool
}

var errAway = fmt.Errorf("%w: connection refused by db.internal", store.ErrUnavailable)

func (s *awayStore) View(ctx context.Context, fn func(store.Tx) error) error {
	if s.away.Load() {
		return errAway
	}
	return s.Store.View(ctx, fn)
}

func (s *awayStore) Update(ctx context.Context, fn func(store.Tx) error) error {
	if s.away.Load() {
		return errAway
	}
	err := s.Store.Update(ctx, fn)
	if _, asked := ctx.Deadline(); err == nil && asked && s.late.CompareAndSwap(true, false) {
		return errAway
	}
	return err
}

// A store that cannot be reached is 503 with Retry-After, whoever asks for what: a 401 would make an
// IdP give up for good, a 404 would make it create people anew, and a 500 tells it nothing.
func TestAStoreThatIsAwayIsSaidToBeAway(t *testing.T) {
	s, tokens := &awayStore{}, &awayStore{}
	c := newField(t, bridgetest.Options{Change: func(o *directory.Options) {
		s.Store, tokens.Store = o.Store, o.Store
		o.Store = s
	}})
	credentials := auth.NewAuthenticator(auth.Options{Store: tokens, Tenant: bridgetest.Tenant})
	c.base = c.w.serve(t, func(o *scim.Options) {
		o.Authenticate = func(ctx context.Context, r *http.Request) (directory.Caller, error) {
			name, err := credentials.Authenticate(ctx, r)
			return directory.Caller{Token: name}, err
		}
	})
	away := func(r reply) {
		t.Helper()
		r.refused(503, "")
		if r.header.Get("Retry-After") == "" || r.header.Get("WWW-Authenticate") != "" || strings.Contains(r.text, "db.internal") {
			t.Errorf("%s: %v %s", r.what, r.header, r.text)
		}
	}
	tokens.away.Store(true)
	away(c.get("/Users"))
	tokens.away.Store(false)
	ann := c.user("ann", "")
	g := c.group("G", ann)

	writes := []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/Users", c.userBody("bob", ""), 201},
		{"PUT", ann.path, c.userBody("ann", `"title":"T"`), 200},
		{"PATCH", ann.path, scim.PatchBody(op("replace", "active", "false")), 200},
		{"PATCH", g.path, scim.PatchBody(op("remove", "members", "")), 204},
		{"PUT", g.path, c.groupBody("G", ann), 200},
	}
	gone := []struct{ method, path string }{{"DELETE", ann.path}, {"DELETE", g.path}}

	s.away.Store(true)
	for _, path := range []string{ann.path, "/Users/nobody", "/Users", "/Users?filter=userName%20eq%20%22nobody%22", g.path, "/Groups/nobody", "/Groups", "/"} {
		away(c.get(path))
	}
	away(c.post("/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]}`))
	for _, w := range writes {
		away(c.do(w.method, w.path, w.body))
	}
	away(c.post("/Groups", c.groupBody("H")))
	away(c.put(ann.path, "{}")) // whether there is anybody to write to comes first
	for _, w := range gone {
		away(c.do(w.method, w.path, ""))
	}
	if r := c.bulk("", c.posting("cid", "")).is(200); !strings.Contains(r.text, `"status":"503"`) {
		t.Errorf("bulk: %s", r.text)
	}
	s.away.Store(false)
	if n := strings.Count(c.w.Logged(), "db.internal"); n < 20 {
		t.Errorf("the log says why %d times", n)
	}

	for _, w := range writes { // and nothing of it stays in the way
		s.late.Store(true)
		away(c.do(w.method, w.path, w.body))
		c.do(w.method, w.path, w.body).is(w.status) // a repeat finds it done
	}
	for _, w := range gone {
		c.do(w.method, w.path, "").is(204)
	}
}
