package simulator

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Settings are the points on which the documentation disagrees or is silent. An empty
// field has its default, the first value named beside it.
type Settings struct {
	// EmptyRoles: what `roleAssignments: []` does to a user that exists. `ignored`
	// answers OK and leaves his roles as they are.
	EmptyRoles string `json:"empty_roles"` // clears | ignored
	// Delete is the shape of deleteUsersFromWorkspace: (ids:, workspaceID:) or (input:).
	Delete string `json:"delete"` // args | input
	// Roles is the shape of a role assignment: {roleId scopes} or {role scopeId}.
	Roles string `json:"roles"` // roleId | role
	// ExistingAttributes: what createUsers' userAttributes do to a user that exists.
	ExistingAttributes string `json:"existing_attributes"` // ignore | replace | merge
	// ListingLag is a Go duration: the listing shows the state of that long ago.
	ListingLag string `json:"listing_lag"` // 0s
	// Allow and Block are Email Access Control: domains and addresses. Block wins; an
	// empty Allow allows everybody.
	Allow []string `json:"allow"`
	Block []string `json:"block"`
	// UserGroups, if any, are the only ids that userGroupIds may name. With none every
	// id counts as that of a group that exists.
	UserGroups []string `json:"user_groups,omitempty"`
	// TokenLifetime is a Go duration: how long an exchanged JWT is good for.
	TokenLifetime string `json:"token_lifetime,omitempty"` // 1h
}

// defaultLifetime is the one lifetime that is documented, that of impersonation tokens.
const defaultLifetime = "1h"

// Set sets one setting by its JSON name, as the KEY=VALUE of a flag does; lists are
// separated by commas. It validates what it sets.
func (s *Settings) Set(key, value string) error {
	list := func() []string {
		out := []string{}
		for v := range strings.SplitSeq(value, ",") {
			if v = strings.TrimSpace(v); v != "" {
				out = append(out, v)
			}
		}
		return out
	}
	next := *s
	switch key {
	case "empty_roles":
		next.EmptyRoles = value
	case "delete":
		next.Delete = value
	case "roles":
		next.Roles = value
	case "existing_attributes":
		next.ExistingAttributes = value
	case "listing_lag":
		next.ListingLag = value
	case "allow":
		next.Allow = list()
	case "block":
		next.Block = list()
	case "user_groups":
		next.UserGroups = list()
	case "token_lifetime":
		next.TokenLifetime = value
	default:
		return fmt.Errorf("simulator setting %q: there is no such setting", key)
	}
	if _, err := next.normal(); err != nil {
		return err
	}
	*s = next
	return nil
}

// normal returns the settings with defaults in place of what is empty, or says which
// value cannot be.
func (s Settings) normal() (Settings, error) {
	for _, c := range []struct {
		key    string
		value  *string
		values []string // the first is the default
	}{
		{"empty_roles", &s.EmptyRoles, []string{"clears", "ignored"}},
		{"delete", &s.Delete, []string{"args", "input"}},
		{"roles", &s.Roles, []string{"roleId", "role"}},
		{"existing_attributes", &s.ExistingAttributes, []string{"ignore", "replace", "merge"}},
	} {
		if *c.value == "" {
			*c.value = c.values[0]
		}
		if !slices.Contains(c.values, *c.value) {
			return s, fmt.Errorf("simulator setting %s: %q is not one of %s", c.key, *c.value, strings.Join(c.values, ", "))
		}
	}
	if s.ListingLag == "" {
		s.ListingLag = "0s"
	}
	if d, err := time.ParseDuration(s.ListingLag); err != nil || d < 0 {
		return s, fmt.Errorf("simulator setting listing_lag: %q is not a duration such as 30s", s.ListingLag)
	}
	if d, err := time.ParseDuration(s.TokenLifetime); s.TokenLifetime != "" && (err != nil || d <= 0) {
		return s, fmt.Errorf("simulator setting token_lifetime: %q is not a duration such as 1h", s.TokenLifetime)
	}
	s.Allow = append([]string{}, s.Allow...)
	s.Block = append([]string{}, s.Block...)
	s.UserGroups = slices.Clone(s.UserGroups)
	return s, nil
}

// duration reads a setting that normal has found to be one.
func duration(value, otherwise string) time.Duration {
	if value == "" {
		value = otherwise
	}
	d, _ := time.ParseDuration(value)
	return d
}

func (s Settings) listingLag() time.Duration { return duration(s.ListingLag, "0s") }

func (s Settings) tokenLifetime() time.Duration { return duration(s.TokenLifetime, defaultLifetime) }

// refusal says why Email Access Control refuses an invitation, or "" if it does not.
// The address is left out: of a shared call one does not learn which was meant, and
// an address must not be mistaken for a reason. No text is documented; these are
// words that a refusal is expected to have.
func (s Settings) refusal(email string) string {
	email = fold(email)
	_, domain, _ := strings.Cut(email, "@")
	listed := func(list []string) bool {
		return slices.ContainsFunc(list, func(entry string) bool {
			entry = fold(entry)
			return entry == email || strings.TrimPrefix(entry, "@") == domain
		})
	}
	switch {
	case listed(s.Block):
		return "the invitation was blocked by Email Access Control"
	case len(s.Allow) > 0 && !listed(s.Allow):
		return "the invitation is not allowed: the address is not on the allow list of Email Access Control"
	default:
		return ""
	}
}
