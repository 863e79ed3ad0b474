package simulator

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/99designs/gqlgen/graphql"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/vektah/gqlparser/v2/ast"
)

// listing returns whom listUsers shows: everybody, in no promised order, as of a
// moment ago if a setting or a fault wants it so.
func (s *Server) listing(ctx context.Context, workspaceID *string) ([]*User, error) {
	c := callOf(ctx)
	fault := c.faultFor(aliasOf(ctx))
	lag := c.settings.listingLag()
	switch fault.Kind {
	case faultErrors, faultStatus, faultAlias:
		return nil, errors.New(fault.message())
	case faultStale:
		lag = max(lag, duration(fault.Age, "0s"))
	}
	if !s.may(c.who, iamRead) {
		return nil, denied("listUsers", iamRead)
	}
	if workspaceID != nil && *workspaceID != s.workspace {
		return nil, fmt.Errorf("workspace %s was not found", *workspaceID)
	}
	var users []*User
	if lag > 0 {
		users = s.people.snapshotAt(s.now().Add(-lag))
	} else {
		users = s.people.snapshot()
	}
	switch fault.Kind {
	case faultEmpty:
		users = nil
	case faultTruncate:
		keep := fault.Keep
		if keep == 0 {
			keep = 0.5
		}
		users = users[:int(float64(len(users))*keep)]
	}
	return users, nil
}

// writeListing answers listUsers in place of the generated code, which takes seconds
// and a goroutine a field for 100,000 users. What is no listing of users that can be
// had goes on to the generated code and its resolver, for its errors.
func (s *Server) writeListing(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
	field := graphql.GetRootFieldContext(ctx).Field
	if field.Name != "listUsers" {
		return next(ctx)
	}
	op := graphql.GetOperationContext(ctx)
	var workspaceID *string
	if v := field.ArgumentMap(op.Variables)["workspaceId"]; v != nil {
		id, err := graphql.UnmarshalID(v)
		if err != nil {
			return next(ctx)
		}
		workspaceID = &id
	}
	users, err := s.listing(ctx, workspaceID)
	if err != nil {
		return next(ctx)
	}
	row := userRow(op, field.Selections, callOf(ctx).settings)
	return graphql.WriterFunc(func(w io.Writer) {
		// One buffer for all rows; w is a bytes.Buffer and cannot fail.
		buf := []byte{'['}
		for i, u := range users {
			if i > 0 {
				buf = append(buf, ',')
			}
			buf = row(buf, u)
			_, _ = w.Write(buf)
			buf = buf[:0]
		}
		_, _ = w.Write(append(buf, ']'))
	})
}

// appender writes a value of T as JSON.
type appender[T any] func(dst []byte, v T) []byte

// object writes the fields selected of a T, under their aliases and in their order.
func object[T any](op *graphql.OperationContext, selected ast.SelectionSet, typeName string, fieldOf func(graphql.CollectedField) appender[T]) appender[T] {
	type member struct {
		name  []byte // `"alias":`
		value appender[T]
	}
	var members []member
	for _, f := range graphql.CollectFields(op, selected, []string{typeName}) {
		name := append(appendString(nil, f.Alias), ':')
		value := fieldOf(f)
		if f.Name == "__typename" {
			value = func(dst []byte, _ T) []byte { return appendString(dst, typeName) }
		}
		members = append(members, member{name, value})
	}
	return func(dst []byte, v T) []byte {
		dst = append(dst, '{')
		for i, m := range members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = m.value(append(dst, m.name...), v)
		}
		return append(dst, '}')
	}
}

func userRow(op *graphql.OperationContext, selected ast.SelectionSet, settings Settings) appender[*User] {
	return object(op, selected, "User", func(f graphql.CollectedField) appender[*User] {
		switch f.Name {
		case "id":
			return func(dst []byte, u *User) []byte { return appendString(dst, u.ID) }
		case "email":
			return func(dst []byte, u *User) []byte { return appendString(dst, u.Email) }
		case "name":
			return func(dst []byte, u *User) []byte { return appendString(dst, u.Name) }
		case "profilePicture":
			return func(dst []byte, _ *User) []byte { return append(dst, `""`...) }
		case "creationTimestamp":
			return func(dst []byte, u *User) []byte { return appendString(dst, u.CreationTimestamp) }
		case "lastActiveSessionTimestamp":
			return func(dst []byte, u *User) []byte { return appendOptional(dst, u.LastActiveSessionTimestamp) }
		case "isScimManaged":
			return func(dst []byte, _ *User) []byte { return append(dst, "false"...) }
		case "roleAssignments":
			role := roleRow(op, f.Selections)
			return func(dst []byte, u *User) []byte { return appendList(dst, assignments(u, settings), role) }
		case "userAttributes":
			attribute := attributeRow(op, f.Selections)
			return func(dst []byte, u *User) []byte { return appendList(dst, u.UserAttributes, attribute) }
		}
		return nil
	})
}

func roleRow(op *graphql.OperationContext, selected ast.SelectionSet) appender[assignment] {
	return object(op, selected, "RoleAssignment", func(f graphql.CollectedField) appender[assignment] {
		switch f.Name {
		case "roleId", "role":
			return func(dst []byte, r assignment) []byte { return appendString(dst, r.roleID) }
		case "scopes":
			return func(dst []byte, r assignment) []byte { return appendList(dst, r.scopes, appendString) }
		case "scopeId":
			return func(dst []byte, r assignment) []byte { return appendOptional(dst, r.scopeID) }
		}
		return nil
	})
}

func attributeRow(op *graphql.OperationContext, selected ast.SelectionSet) appender[UserAttribute] {
	return object(op, selected, "UserAttribute", func(f graphql.CollectedField) appender[UserAttribute] {
		switch f.Name {
		case "key":
			return func(dst []byte, a UserAttribute) []byte { return appendString(dst, a.Key) }
		case "value":
			return func(dst []byte, a UserAttribute) []byte { return appendString(dst, a.Value) }
		case "source":
			return func(dst []byte, a UserAttribute) []byte { return appendString(dst, a.Source) }
		}
		return nil
	})
}

func appendList[T any](dst []byte, list []T, item appender[T]) []byte {
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = item(dst, v)
	}
	return append(dst, ']')
}

func appendString(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s) // what is not UTF-8 is replaced, as encoding/json does
	return dst
}

func appendOptional(dst []byte, s *string) []byte {
	if s == nil {
		return append(dst, "null"...)
	}
	return appendString(dst, *s)
}
