package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/mail"
	"slices"
	"strings"
)

// User is a user in the shape of GET/PUT /control/users: as GraphQL spells him.
type User struct {
	ID                         string           `json:"id"`
	Email                      string           `json:"email"`
	Name                       string           `json:"name"`
	CreationTimestamp          string           `json:"creationTimestamp,omitempty"` // RFC 3339
	LastActiveSessionTimestamp *string          `json:"lastActiveSessionTimestamp,omitempty"`
	RoleAssignments            []RoleAssignment `json:"roleAssignments"`
	UserAttributes             []UserAttribute  `json:"userAttributes"`
}

// RoleAssignment is a role with the ids it is limited to; no scopes: everywhere.
type RoleAssignment struct {
	RoleID string   `json:"roleId"`
	Scopes []string `json:"scopes"`
}

// UserAttribute is a key with its value. A key may stand in both sources
// (docs.wisdom.ai, "User Attributes").
type UserAttribute struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Source string `json:"source"` // DATABASE (the default of what is put by hand) | JWT
}

const (
	sourceDatabase = "DATABASE"
	sourceJWT      = "JWT"
)

// ReadUsers reads a list of users in the shape of /control/users, for a seed file.
func ReadUsers(r io.Reader) ([]User, error) {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	var users []User
	if err := d.Decode(&users); err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("users: something follows the list")
	}
	return users, nil
}

// fold is the form in which addresses are compared: WisdomAI matches without case.
func fold(email string) string { return strings.ToLower(email) }

// addressable says whether an invitation could be sent there.
func addressable(email string) bool {
	a, err := mail.ParseAddress(email)
	return err == nil && a.Address == email && a.Name == ""
}

// check refuses what no WisdomAI could hold. That a role id exists is not asked: an
// administrator's seed may have ids that came later.
func (u User) check() error {
	if !addressable(u.Email) {
		return fmt.Errorf("user %q: email is not an address", u.Email)
	}
	for _, r := range u.RoleAssignments {
		if r.RoleID == "" {
			return fmt.Errorf("user %q: a role assignment without roleId", u.Email)
		}
	}
	for _, a := range u.UserAttributes {
		if a.Key == "" {
			return fmt.Errorf("user %q: an attribute without key", u.Email)
		}
		if a.Source != "" && a.Source != sourceDatabase && a.Source != sourceJWT {
			return fmt.Errorf("user %q: attribute %q: source is DATABASE or JWT, not %q", u.Email, a.Key, a.Source)
		}
	}
	return nil
}

// normal gives every list and every source its value, so that nothing is null on the wire.
func (u User) normal() User {
	u = u.clone()
	if u.RoleAssignments == nil {
		u.RoleAssignments = []RoleAssignment{}
	}
	for i := range u.RoleAssignments {
		if u.RoleAssignments[i].Scopes == nil {
			u.RoleAssignments[i].Scopes = []string{}
		}
	}
	if u.UserAttributes == nil {
		u.UserAttributes = []UserAttribute{}
	}
	for i := range u.UserAttributes {
		if u.UserAttributes[i].Source == "" {
			u.UserAttributes[i].Source = sourceDatabase
		}
	}
	if u.Name == "" {
		// Somebody invited and never seen has no name yet; WisdomAI has no field to give one.
		u.Name = u.Email
	}
	return u
}

func (u User) clone() User {
	if u.LastActiveSessionTimestamp != nil {
		t := *u.LastActiveSessionTimestamp
		u.LastActiveSessionTimestamp = &t
	}
	u.RoleAssignments = slices.Clone(u.RoleAssignments)
	for i := range u.RoleAssignments {
		u.RoleAssignments[i].Scopes = slices.Clone(u.RoleAssignments[i].Scopes)
	}
	u.UserAttributes = slices.Clone(u.UserAttributes)
	return u
}

// copy is clone for somebody who may not be there.
func (u *User) copy() *User {
	if u == nil {
		return nil
	}
	c := u.clone()
	return &c
}

func (u *User) has(role string) bool {
	return slices.ContainsFunc(u.RoleAssignments, func(r RoleAssignment) bool { return r.RoleID == role })
}

// from returns the attributes of one source.
func (u *User) from(source string) []UserAttribute {
	out := []UserAttribute{}
	for _, a := range u.UserAttributes {
		if a.Source == source {
			out = append(out, a)
		}
	}
	return out
}
