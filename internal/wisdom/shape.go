package wisdom

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// shape is which of the documented forms a server has, where the documentation
// disagrees with itself ("List Users", "Delete Users From Workspace", "User Lifecycle").
type shape struct {
	roles   roleFields
	deletes deleteArguments
}

// shapes remembers the shape. It is asked for once, by introspection; a server that
// refuses that is taken to have the reference pages' shape until it says otherwise by a
// validation error. It is safe for concurrent use.
type shapes struct {
	introspect func(context.Context) (*schemaShapeResponse, error)
	deadline   time.Duration // of one introspection
	log        *slog.Logger
	flight     singleflight.Group // one introspection at a time, for all; ends at its deadline
	mu         sync.Mutex         // guards known and held
	known      bool
	held       shape
}

// get returns the shape to use now. Its error is that of a refused token alone: without
// one the operation itself would fare no better.
func (s *shapes) get(ctx context.Context) (shape, error) {
	s.mu.Lock()
	known, held := s.known, s.held
	s.mu.Unlock()
	if known {
		return held, nil
	}
	done := s.flight.DoChan("", func() (any, error) {
		flight, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.deadline)
		defer cancel()
		return s.learn(flight)
	})
	select {
	case r := <-done:
		return r.Val.(shape), r.Err
	case <-ctx.Done():
		return held, transportError(ctx, ctx.Err(), false)
	}
}

func (s *shapes) learn(ctx context.Context) (shape, error) {
	s.mu.Lock()
	known, held := s.known, s.held
	s.mu.Unlock()
	if known {
		return held, nil
	}
	schema, err := s.introspect(ctx)
	var e *Error
	switch {
	case err == nil:
		held = shapeOf(schema)
		s.remember(func(now *shape) { *now = held }, "introspection")
	case errors.Is(err, errNoToken), errors.As(err, &e) && e.HTTPStatus == http.StatusUnauthorized:
		return held, err
	case declined(err):
		s.remember(func(*shape) {}, "the reference pages, since introspection is refused: "+asError(err).Message)
	}
	// Any other failure passes: the next operation asks again.
	return held, nil
}

// remember changes the shape and says so in the log.
func (s *shapes) remember(change func(*shape), source string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.held)
	s.known = true
	s.log.Info("wisdom: the server's schema", "roleAssignments", s.held.roles.String(),
		"deleteUsersFromWorkspace", string(s.held.deletes), "known_by", source)
}

// withRoles does an operation that selects roleAssignments, and once more with the other
// fields if the server's schema does not have these.
func (s *shapes) withRoles(ctx context.Context, do func(roleFields) error) error {
	known, err := s.get(ctx)
	if err != nil {
		return err
	}
	err = do(known.roles)
	if !errors.Is(err, errInvalidDocument) {
		return err
	}
	other := known.roles.other()
	if again := do(other); !errors.Is(again, errInvalidDocument) {
		s.remember(func(now *shape) { now.roles = other }, "a validation error")
		return again
	}
	return err
}

// withDelete is withRoles for deleteUsersFromWorkspace. Sending the mutation in the other
// form is no repeat in the sense of V-12: a document that fails validation was not
// executed.
func (s *shapes) withDelete(ctx context.Context, do func(deleteArguments) error) error {
	known, err := s.get(ctx)
	if err != nil {
		return err
	}
	err = do(known.deletes)
	if !errors.Is(err, errInvalidDocument) {
		return err
	}
	other := known.deletes.other()
	if again := do(other); !errors.Is(again, errInvalidDocument) {
		s.remember(func(now *shape) { now.deletes = other }, "a validation error")
		return again
	}
	return err
}

// shapeOf reads a schema. What it does not name is taken to be as the reference pages say.
func shapeOf(schema *schemaShapeResponse) shape {
	found := shape{roles: referenceRoles(), deletes: deleteByArgs}
	if t := schema.RoleAssignment; t != nil {
		if t.field("roleId") == nil && t.field("role") != nil {
			found.roles.role = "role"
		}
		if t.field("scopes") == nil && t.field("scopeId") != nil {
			found.roles.scope = "scopeId"
		}
	}
	if f := schema.Schema.MutationType.field("deleteUsersFromWorkspace"); f != nil {
		if f.arg("ids") == nil && f.arg("input") != nil {
			found.deletes = deleteByInput
		}
	}
	return found
}

func (t *typeShape) field(name string) *typeShapeFieldsField {
	for i := range t.Fields {
		if t.Fields[i].Name == name {
			return &t.Fields[i]
		}
	}
	return nil
}

func (f *typeShapeFieldsField) arg(name string) *valueShape { return named(f.Args, name) }

func (t *typeShape) input(name string) *valueShape { return named(t.InputFields, name) }

func named(values []valueShape, name string) *valueShape {
	for i := range values {
		if values[i].Name == name {
			return &values[i]
		}
	}
	return nil
}
