package simulator

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"github.com/scimbridge/scimbridge/internal/wisdom/simulator/graph"
)

// resolvers connect the generated code with the Server: they ask who calls and
// whether he may, apply the fault that the call met, and leave the rest to provision.go.
type resolvers struct{ s *Server }

func (r resolvers) Query() graph.QueryResolver       { return query(r) }
func (r resolvers) Mutation() graph.MutationResolver { return mutation(r) }

type (
	query    struct{ s *Server }
	mutation struct{ s *Server }
)

func (m mutation) CreateUsers(ctx context.Context, in graph.CreateUsersInput) (*graph.CreateUsersResponse, error) {
	st, err := m.carryOut(ctx, "createUsers", iamWrite, func(c *call) graph.ResponseStatus {
		return m.s.createUsers(c.settings, in)
	})
	return &graph.CreateUsersResponse{Status: st}, err
}

func (m mutation) SetUserAttributes(ctx context.Context, in graph.SetUserAttributesInput) (*graph.SetUserAttributesResponse, error) {
	st, err := m.carryOut(ctx, "setUserAttributes", iamWrite, func(*call) graph.ResponseStatus {
		return m.s.setUserAttributes(in)
	})
	return &graph.SetUserAttributesResponse{Status: st}, err
}

func (m mutation) DeleteUsersFromWorkspace(ctx context.Context, ids []string, workspaceID string) (*graph.DeleteUsersFromWorkspaceResponse, error) {
	st, err := m.carryOut(ctx, "deleteUsersFromWorkspace", iamDelete, func(*call) graph.ResponseStatus {
		return m.s.deleteUsers(ids, workspaceID)
	})
	return &graph.DeleteUsersFromWorkspaceResponse{Status: st}, err
}

func (m mutation) DeleteUsersFromWorkspaceByInput(ctx context.Context, in graph.DeleteUsersFromWorkspaceInput) (*graph.DeleteUsersFromWorkspaceResponse, error) {
	return m.DeleteUsersFromWorkspace(ctx, in.Ids, in.WorkspaceID)
}

// ImpersonateUser makes a JWT for somebody else; whoever may write users may.
func (m mutation) ImpersonateUser(ctx context.Context, accessToken, userEmail string, attributes []graph.UserAttributeInput) (string, error) {
	if err := failure(ctx); err != nil {
		return "", err
	}
	who, err := m.s.authenticate("Bearer " + accessToken)
	if err != nil {
		return "", err
	}
	if !m.s.may(who, iamWrite) {
		return "", denied("impersonateUser", iamWrite)
	}
	u := m.s.people.withEmail(userEmail)
	if u == nil {
		return "", fmt.Errorf("user %s was not found", userEmail)
	}
	given := make(map[string]string, len(attributes))
	for _, a := range attributes {
		given[a.Key] = a.Value
	}
	lifetime := callOf(ctx).settings.tokenLifetime()
	return m.s.tokens.issue(principal{userID: u.ID}, m.s.workspace, lifetime, given), nil
}

// carryOut does what a mutation asks for and answers with a status; an error is one
// of errors[], which takes the data of the whole request with it.
func (m mutation) carryOut(ctx context.Context, operation string, need permission, do func(*call) graph.ResponseStatus) (*graph.ResponseStatus, error) {
	c, alias := callOf(ctx), aliasOf(ctx)
	fault := c.faultFor(alias)
	var st graph.ResponseStatus
	switch {
	case fault.Kind == faultErrors:
		return nil, errors.New(fault.message())
	case fault.Kind == faultStatus, fault.Kind == faultAlias:
		st = graph.ResponseStatus{Code: graph.StatusCodeError, Message: fault.message()}
		if fault.Code != "" {
			st.Code = graph.StatusCode(fault.Code)
		}
	case !m.s.may(c.who, need):
		st = refused("%v", denied(operation, need))
	case fault.Kind == faultNoEffect:
		st = done()
	default:
		st = do(c)
	}
	if st.Code != graph.StatusCodeOk {
		c.refuse(alias)
	}
	return &st, nil
}

// ListUsers is for the listings that end in an error; see writeListing.
func (q query) ListUsers(ctx context.Context, workspaceID *string) ([]graph.User, error) {
	users, err := q.s.listing(ctx, workspaceID)
	if err != nil {
		return nil, err
	}
	out := make([]graph.User, len(users))
	for i, u := range users {
		out[i] = shown(u, callOf(ctx).settings)
	}
	return out, nil
}

func (q query) CurrentUser(ctx context.Context) (*graph.User, error) {
	if err := failure(ctx); err != nil {
		return nil, err
	}
	c := callOf(ctx)
	u := q.s.people.get(c.who.userID)
	switch {
	case c.who.role != "": // a token with no user behind it
		name := strings.ToLower(c.who.role)
		nobody := User{ID: "token_" + name, Email: name + "@wisdom.invalid", RoleAssignments: []RoleAssignment{{RoleID: roleID(c.who.role)}}}.normal()
		u = &nobody
	case u == nil:
		return nil, errTokenBad // deleted since the request began
	}
	user := shown(u, c.settings)
	return &user, nil
}

func (q query) ExchangeAccessToken(ctx context.Context, accessToken string) (string, error) {
	if err := failure(ctx); err != nil {
		return "", err
	}
	who, err := q.s.tokens.key(accessToken, q.s.people.owner())
	if err != nil {
		return "", err
	}
	return q.s.tokens.issue(who, q.s.workspace, callOf(ctx).settings.tokenLifetime(), nil), nil
}

// failure is what a fault makes of a field that has no status to answer with.
func failure(ctx context.Context) error {
	fault := callOf(ctx).faultFor(aliasOf(ctx))
	switch fault.Kind {
	case faultErrors, faultStatus, faultAlias:
		return errors.New(fault.message())
	}
	return nil
}

// aliasOf returns the key of the answer of the root field that is being resolved.
func aliasOf(ctx context.Context) string { return graphql.GetRootFieldContext(ctx).Field.Alias }

func denied(operation string, need permission) error {
	return fmt.Errorf("permission denied: %s needs %s", operation, need)
}

// shown is a user as GraphQL shows him.
func shown(u *User, settings Settings) graph.User {
	out := graph.User{
		ID: u.ID, Email: u.Email, Name: u.Name,
		CreationTimestamp:          u.CreationTimestamp,
		LastActiveSessionTimestamp: u.LastActiveSessionTimestamp,
		RoleAssignments:            []graph.RoleAssignment{},
		UserAttributes:             []graph.UserAttribute{},
	}
	for _, r := range assignments(u, settings) {
		out.RoleAssignments = append(out.RoleAssignments, graph.RoleAssignment{RoleID: r.roleID, Scopes: r.scopes, Role: r.roleID, ScopeID: r.scopeID})
	}
	for _, a := range u.UserAttributes {
		out.UserAttributes = append(out.UserAttributes, graph.UserAttribute{Key: a.Key, Value: a.Value, Source: graph.UserAttributeSource(a.Source)})
	}
	return out
}

// assignment is a role assignment in either shape.
type assignment struct {
	roleID  string
	scopes  []string
	scopeID *string
}

// assignments returns a user's roles, one entry each, or, in the shape {role scopeId},
// which has room for one scope, one entry for each scope. What `role` holds there is
// not documented; here it is the id.
func assignments(u *User, settings Settings) []assignment {
	out := make([]assignment, 0, len(u.RoleAssignments))
	for _, r := range u.RoleAssignments {
		if settings.Roles == "roleId" || len(r.Scopes) == 0 {
			out = append(out, assignment{roleID: r.RoleID, scopes: r.Scopes})
			continue
		}
		for i := range r.Scopes {
			out = append(out, assignment{roleID: r.RoleID, scopeID: &r.Scopes[i]})
		}
	}
	return out
}
