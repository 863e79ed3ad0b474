// Package simulator is a WisdomAI to run against: a real GraphQL server with the
// documented semantics of the user API, its traps included, faults on demand, and a
// control API over HTTP.
//
// It is for demonstrations and tests. It is not a stand-in that agrees with the
// bridge: it knows nothing of it, and where the documentation disagrees with itself
// a setting chooses. It keeps everything in memory and forgets it at the end.
//
// Where a thing is: the semantics of the calls in provision.go, the state in
// people.go, the transport in serve.go, the served shapes in schema.go, faults in
// fault.go, the control API in control.go.
package simulator

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql/executor"
)

//go:generate go tool -modfile=../../../tools/go.mod gqlgen

// ownerEmail is the address of the owner of Server.Token: an ADMIN who is always
// there. `.invalid` (RFC 2606) keeps him apart from everybody that a test invents.
const ownerEmail = "owner@wisdom.invalid"

// Options configures a Server; the zero value is a workspace "ws_sim" with its owner alone.
type Options struct {
	Workspace string // default "ws_sim"
	Token     string // the owner's API key; "" makes a random one (see Server.Token)
	Seed      int    // number of invented users beside the owner
	Users     []User // seeded users beside the owner
	Settings  *Settings
	Now       func() time.Time
	// OnEffect is told of each effect, in order, after it happened, for `demo` to
	// print. It may read from the Server; it must change neither that nor the users shown.
	OnEffect func(Effect)
}

// Server is a running simulator's state. Safe for concurrent use.
type Server struct {
	workspace string
	now       func() time.Time
	people    *people
	tokens    *tokens
	faults    *faults
	calls     *calls
	late      *late
	handler   http.Handler

	mu       sync.RWMutex // guards the two below, which change together
	settings Settings
	graphql  *executor.Executor // serves the shapes that settings choose
}

// New makes a Server; it listens nowhere by itself. The error is about Options:
// users or settings that cannot be.
func New(o Options) (*Server, error) {
	if o.Workspace == "" {
		o.Workspace = "ws_sim"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{
		workspace: o.Workspace,
		now:       o.Now,
		people:    newPeople(o.Now, o.OnEffect),
		faults:    newFaults(),
		calls:     newCalls(),
		late:      newLate(),
	}
	var settings Settings
	if o.Settings != nil {
		settings = *o.Settings
	}
	if err := s.SetSettings(settings); err != nil {
		return nil, err
	}
	users := append(invent(o.Seed), o.Users...)
	if err := s.people.seed(users); err != nil {
		return nil, err
	}
	s.tokens = newTokens(o.Now, o.Token)
	s.handler = s.routes()
	return s, nil
}

// Handler serves POST /graphql and /control/... ; the caller binds it to loopback. A
// fault that leaves a request without an answer ends it with http.ErrAbortHandler
// where there is no connection to reset, as under an in-process RoundTripper.
func (s *Server) Handler() http.Handler { return s.handler }

// Close lets hanging requests go, drops effects that are still to come late and
// waits for those under way. Call it before closing the HTTP server, which waits
// for its requests.
func (s *Server) Close() { s.late.close() }

// Token is the owner's API key.
func (s *Server) Token() string { return s.tokens.owner }

// Workspace is the id of the only workspace.
func (s *Server) Workspace() string { return s.workspace }

// Users returns every user, the owner included, sorted by e-mail; a deep copy.
func (s *Server) Users() []User {
	users := s.people.sorted()
	out := make([]User, len(users))
	for i, u := range users {
		out[i] = u.clone()
	}
	return out
}

// PutUsers upserts users by e-mail as an administrator by hand would (POST
// /control/users): what is left out of a User (an empty name, nil lists) stays as it
// is. It panics on a user that cannot be, as only a wrong test asks for one.
func (s *Server) PutUsers(users ...User) {
	if err := s.people.put(opPostUsers, users); err != nil {
		panic(fmt.Sprintf("simulator: PutUsers: %v", err))
	}
}

// RemoveUsers removes users by e-mail as an administrator by hand would. The owner
// stays, and an address that nobody has is no error.
func (s *Server) RemoveUsers(emails ...string) { s.people.removeEmails(emails) }

// Log returns the effects after seq, in order; deep copies.
func (s *Server) Log(after int64) []Effect {
	log := s.people.effects(after)
	for i := range log {
		log[i].Before, log[i].After = log[i].Before.copy(), log[i].After.copy()
	}
	return log
}

// SetFaults replaces the fault rules; none clears them. It panics on a rule that
// Fault.Validate refuses, as only a wrong test makes one.
func (s *Server) SetFaults(rules ...Fault) {
	for _, f := range rules {
		if err := f.Validate(); err != nil {
			panic(fmt.Sprintf("simulator: SetFaults: %v", err))
		}
	}
	s.faults.set(rules)
}

// SetSettings replaces the settings; fields left empty have their default. From the
// next request on the served schema has the shapes chosen.
func (s *Server) SetSettings(settings Settings) error {
	settings, err := settings.normal()
	if err != nil {
		return err
	}
	exec := s.newExecutor(settings)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings, s.graphql = settings, exec
	return nil
}

// current returns the settings and the executor that serves their shapes.
func (s *Server) current() (Settings, *executor.Executor) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.settings, s.graphql
}

// Requests returns how many HTTP requests with that root field were served
// (listUsers, createUsers, ...), as GET /control/calls counts them.
func (s *Server) Requests(operation string) int { return s.calls.requests(operation) }

// sleep waits for d, and says whether it was let to: not if the request ended or the
// server was closed before.
func (s *Server) sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-s.late.closed:
	}
	return false
}
