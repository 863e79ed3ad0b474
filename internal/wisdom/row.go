package wisdom

import (
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// userRow is a user as he stands in an answer. What is missing from it makes the
// answer malformed: a user whose roles were left out must never look like one who has none.
type userRow struct {
	ID                *string        `json:"id"`
	Email             *string        `json:"email"`
	Name              string         `json:"name"`
	CreationTimestamp string         `json:"creationTimestamp"`
	RoleAssignments   []roleRow      `json:"roleAssignments"`
	UserAttributes    []attributeRow `json:"userAttributes"`
}

// roleRow is a role assignment in either documented shape: the document renames
// {role scopeId} to these names (see document.go).
type roleRow struct {
	RoleID *string   `json:"roleId"`
	Scopes scopeList `json:"scopes"`
}

type attributeRow struct {
	Key    *string `json:"key"`
	Value  *string `json:"value"`
	Source Source  `json:"source"`
}

// scopeList is `scopes`, a list, or `scopeId`, one string or null for everywhere.
type scopeList struct {
	given  bool // false: the field was not in the answer
	single bool // scopeId: one assignment for each scope
	scopes []string
}

// UnmarshalJSONFrom reads either shape.
func (l *scopeList) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	l.given = true
	if dec.PeekKind() == '[' {
		return json.UnmarshalDecode(dec, &l.scopes)
	}
	l.single = true
	var scope *string
	if err := json.UnmarshalDecode(dec, &scope); err != nil {
		return err
	}
	if scope != nil && *scope != "" {
		l.scopes = []string{*scope}
	}
	return nil
}

// user checks the row and turns it into a User that shares nothing with other rows.
func (r userRow) user() (User, error) {
	switch {
	case r.ID == nil || *r.ID == "":
		return User{}, errors.New("a user without id")
	case r.Email == nil:
		return User{}, errors.New("user " + *r.ID + " has no email")
	case r.RoleAssignments == nil:
		return User{}, errors.New("user " + *r.ID + " has no roleAssignments")
	case r.UserAttributes == nil:
		return User{}, errors.New("user " + *r.ID + " has no userAttributes")
	}
	u := User{
		ID: *r.ID, Email: *r.Email, Name: r.Name, Created: r.CreationTimestamp,
		Attributes: make([]Attribute, 0, len(r.UserAttributes)),
	}
	roles, err := roleAssignments(r.RoleAssignments)
	if err != nil {
		return User{}, errors.New("user " + *r.ID + " has " + err.Error())
	}
	u.Roles = roles
	for _, a := range r.UserAttributes {
		if a.Key == nil || a.Value == nil || a.Source == "" {
			return User{}, errors.New("user " + *r.ID + " has an attribute without key, value or source")
		}
		u.Attributes = append(u.Attributes, Attribute{Key: *a.Key, Value: *a.Value, Source: a.Source})
	}
	return u, nil
}

// roleAssignments joins the scopes of a role that the {role scopeId} shape shows one
// at a time. "Everywhere" stays an assignment of its own: it and a scope are
// different units (V-39).
func roleAssignments(rows []roleRow) ([]RoleAssignment, error) {
	out := make([]RoleAssignment, 0, len(rows))
	joined := map[string]int{} // role -> its place in out, for scopes that came one at a time
	for _, row := range rows {
		if row.RoleID == nil || *row.RoleID == "" || !row.Scopes.given {
			return nil, errors.New("a role assignment without role or scopes")
		}
		scopes := row.Scopes.scopes
		if row.Scopes.single && len(scopes) == 1 {
			if at, ok := joined[*row.RoleID]; ok {
				out[at].Scopes = append(out[at].Scopes, scopes[0])
				continue
			}
			joined[*row.RoleID] = len(out)
		}
		if scopes == nil {
			scopes = []string{}
		}
		out = append(out, RoleAssignment{RoleID: *row.RoleID, Scopes: scopes})
	}
	return out, nil
}
