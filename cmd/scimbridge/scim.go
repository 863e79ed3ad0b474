package main

import (
	"net/http"
	"sync/atomic"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/scim"
)

// scimServer is a tenant's SCIM server as the rules in force make it: which attributes there
// are and which roles can be given is theirs to say. Other rules are another server, in
// whose favour this one gives way between two requests.
type scimServer struct {
	options scim.Options
	current atomic.Pointer[scim.Server]
}

// follow makes it the server of these rules.
func (s *scimServer) follow(rules *mapping.Rules) error {
	o := s.options
	o.Extension, o.Roles = declared(rules.Spec().Extension), assignable(rules)
	server, err := scim.New(o)
	if err == nil {
		s.current.Store(server)
	}
	return err
}

func (s *scimServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.current.Load().ServeHTTP(w, r)
}

// DialectCounts counts since the rules in force are in force.
func (s *scimServer) DialectCounts() map[string]int64 { return s.current.Load().DialectCounts() }
