package simulator

import (
	"fmt"
	"slices"

	"github.com/scimbridge/scimbridge/internal/wisdom/simulator/graph"
)

func done() graph.ResponseStatus {
	return graph.ResponseStatus{Code: graph.StatusCodeOk, Message: "done"}
}

func refused(format string, args ...any) graph.ResponseStatus {
	return graph.ResponseStatus{Code: graph.StatusCodeError, Message: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) graph.ResponseStatus {
	return graph.ResponseStatus{Code: graph.StatusCodeNotFound, Message: fmt.Sprintf(format, args...)}
}

// mutate runs do with exclusive access to the people.
func (s *Server) mutate(do func(*change) graph.ResponseStatus) (st graph.ResponseStatus) {
	_ = s.people.change(func(tx *change) error {
		st = do(tx)
		return nil
	})
	return st
}

// createUsers is the upsert ("Create Users"): one set of roles and attributes for all
// addresses; whoever is there has his roles overwritten by those passed in. A call is
// carried out for all its addresses or for none, and returns no ids.
func (s *Server) createUsers(settings Settings, in graph.CreateUsersInput) graph.ResponseStatus {
	if in.WorkspaceID != nil && *in.WorkspaceID != s.workspace {
		return refused("workspace %s was not found", *in.WorkspaceID)
	}
	if len(in.Emails) == 0 {
		return refused("emails must not be empty")
	}
	for _, r := range in.RoleAssignments {
		if roleName(r.RoleID) == "" {
			return refused("role %s does not exist", r.RoleID)
		}
	}
	for _, id := range in.UserGroupIds {
		if len(settings.UserGroups) > 0 && !slices.Contains(settings.UserGroups, id) {
			return refused("user group %s does not exist", id)
		}
	}
	return s.mutate(func(tx *change) graph.ResponseStatus {
		emails := make([]string, 0, len(in.Emails))
		seen := map[string]bool{}
		for _, email := range in.Emails {
			if !addressable(email) {
				return refused("invalid email address")
			}
			if seen[fold(email)] {
				continue
			}
			seen[fold(email)] = true
			there := tx.find(email)
			if why := settings.refusal(email); there == nil && why != "" {
				return refused("%s", why)
			}
			if there != nil && there.ID == tx.ownerID && tx.demotes(settings, in) {
				return refused("every workspace keeps an Administrator: its owner cannot lose that role")
			}
			emails = append(emails, email)
		}
		for _, email := range emails {
			tx.create(settings, email, in)
		}
		return done()
	})
}

// demotes says whether a call takes ADMIN from whoever has it.
func (tx *change) demotes(settings Settings, in graph.CreateUsersInput) bool {
	if in.RoleAssignments == nil || len(in.RoleAssignments) == 0 && settings.EmptyRoles == "ignored" {
		return false
	}
	return !slices.ContainsFunc(in.RoleAssignments, func(r graph.RoleAssignmentInput) bool { return r.RoleID == roleID("ADMIN") })
}

// create does for one address what createUsers does for all.
func (tx *change) create(settings Settings, email string, in graph.CreateUsersInput) {
	roles := make([]RoleAssignment, len(in.RoleAssignments))
	for i, r := range in.RoleAssignments {
		roles[i] = RoleAssignment{RoleID: r.RoleID, Scopes: slices.Clone(r.Scopes)}
	}
	effect := Effect{Operation: "createUsers", Target: email, UserGroupIDs: in.UserGroupIds}
	before := tx.find(email)
	if before == nil {
		effect.WelcomeEmail = in.SendWelcomeEmail != nil && *in.SendWelcomeEmail
		tx.add(User{Email: email, RoleAssignments: roles, UserAttributes: withDatabase(nil, in.UserAttributes)}, effect)
		return
	}
	after := before.clone()
	if in.RoleAssignments != nil && (len(roles) > 0 || settings.EmptyRoles == "clears") {
		after.RoleAssignments = roles
	}
	if in.UserAttributes != nil {
		switch settings.ExistingAttributes {
		case "replace":
			after.UserAttributes = withDatabase(before, in.UserAttributes)
		case "merge":
			var merged []graph.UserAttributeInput
			for _, a := range before.from(sourceDatabase) {
				merged = append(merged, graph.UserAttributeInput{Key: a.Key, Value: a.Value})
			}
			after.UserAttributes = withDatabase(before, append(merged, in.UserAttributes...))
		}
	}
	tx.set(before, after.normal(), effect)
}

// setUserAttributes replaces the whole DATABASE set of one user, found by id; a key
// left out is gone. His JWT attributes stay ("Set User Attributes").
func (s *Server) setUserAttributes(in graph.SetUserAttributesInput) graph.ResponseStatus {
	return s.mutate(func(tx *change) graph.ResponseStatus {
		before := tx.byID(in.UserID)
		if before == nil {
			return notFound("user %s was not found", in.UserID)
		}
		after := before.clone()
		after.UserAttributes = withDatabase(before, in.UserAttributes)
		tx.set(before, after, Effect{Operation: "setUserAttributes", Target: in.UserID})
		return done()
	})
}

// withDatabase returns the attributes given, as DATABASE ones, with the JWT ones that
// the user has, if there is one. Of a key given twice the last value counts.
func withDatabase(u *User, given []graph.UserAttributeInput) []UserAttribute {
	out := []UserAttribute{}
	for _, a := range given {
		if i := slices.IndexFunc(out, func(o UserAttribute) bool { return o.Key == a.Key }); i >= 0 {
			out[i].Value = a.Value
			continue
		}
		out = append(out, UserAttribute{Key: a.Key, Value: a.Value, Source: sourceDatabase})
	}
	if u != nil {
		out = append(out, u.from(sourceJWT)...)
	}
	return out
}

// deleteUsers removes for good ("Delete Users From Workspace"): who comes back by
// createUsers has another id and nothing of what he had. All of the ids or none.
func (s *Server) deleteUsers(ids []string, workspaceID string) graph.ResponseStatus {
	if workspaceID != s.workspace {
		return refused("workspace %s was not found", workspaceID)
	}
	if len(ids) == 0 {
		return refused("ids must not be empty")
	}
	return s.mutate(func(tx *change) graph.ResponseStatus {
		var users []*User
		for _, id := range ids {
			u := tx.byID(id)
			switch {
			case u == nil:
				return notFound("user %s was not found", id)
			case id == tx.ownerID:
				return refused("every workspace keeps an Administrator: its owner cannot be deleted")
			case !slices.Contains(users, u):
				users = append(users, u)
			}
		}
		for _, u := range users {
			tx.remove(u, Effect{Operation: "deleteUsersFromWorkspace", Target: u.ID})
		}
		return done()
	})
}
