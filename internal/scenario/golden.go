package scenario

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// Stage is who was at WisdomAI, and with what, after a step.
type Stage struct {
	After string // the step: its number and name
	Users []simulator.User
}

// Record shows, for a golden file, what a scenario did at WisdomAI: after each step what
// came and went, and at the end everybody as Normalise shows him. The first stage is
// what was there before the first step. A scenario that ends with everybody gone
// would otherwise pass with a bridge that never let anybody in.
func Record(stages []Stage) []byte {
	type change struct {
		After string   `json:"after"`
		Gone  []string `json:"gone,omitempty"`
		Come  []string `json:"come,omitempty"`
	}
	names := scimIDs(stages...)
	changes := []change{}
	before := facts(stages[0].Users, names)
	for _, stage := range stages[1:] {
		now := facts(stage.Users, names)
		c := change{After: stage.After, Gone: without(before, now), Come: without(now, before)}
		if len(c.Gone)+len(c.Come) > 0 {
			changes = append(changes, c)
		}
		before = now
	}
	return marshal(struct {
		Changes []change    `json:"changes"`
		Users   []shownUser `json:"users"`
	}{changes, shown(stages[len(stages)-1].Users, names)})
}

// Normalise shows users as JSON that is the same for the same outcome, for golden
// files. A role is "EXPLORER" or "EXPLORER at finance, sales", an attribute "key=value".
//
// Users stay in the order given (the simulator's is by e-mail). In that order their
// WisdomAI ids become w1, w2, ..., and the SCIM ids in scim_id (tenant/id; V-32) s1, s2,
// ..., there and in whatever other value such an id stands; two accounts of one SCIM
// user so show one name. Times are left out, and so is the order of roles, scopes and
// attributes, which says nothing.
func Normalise(users []simulator.User) []byte {
	return marshal(shown(users, scimIDs(Stage{Users: users})))
}

type shownUser struct {
	ID            string   `json:"id"`
	Email         string   `json:"email"`
	Name          string   `json:"name"`
	Roles         []string `json:"roles"`
	Attributes    []string `json:"attributes"`
	JWTAttributes []string `json:"jwtAttributes,omitempty"`
}

func shown(users []simulator.User, names *strings.Replacer) []shownUser {
	out := make([]shownUser, len(users))
	for i, u := range users {
		out[i] = shownUser{ID: fmt.Sprintf("w%d", i+1), Email: u.Email, Name: u.Name, Roles: roles(u)}
		for _, a := range u.UserAttributes {
			list := &out[i].Attributes
			if a.Source == "JWT" {
				list = &out[i].JWTAttributes
			}
			*list = append(*list, a.Key+"="+names.Replace(a.Value))
		}
		slices.Sort(out[i].Attributes)
		slices.Sort(out[i].JWTAttributes)
	}
	return out
}

func roles(u simulator.User) []string {
	out := make([]string, len(u.RoleAssignments))
	for i, r := range u.RoleAssignments {
		out[i] = mapping.RoleName(r.RoleID)
		if len(r.Scopes) > 0 {
			out[i] += " at " + strings.Join(slices.Sorted(slices.Values(r.Scopes)), ", ")
		}
	}
	slices.Sort(out)
	return out
}

// facts is all that can be said of users, one thing a line, in order.
func facts(users []simulator.User, names *strings.Replacer) (out []string) {
	for _, u := range shown(users, names) {
		out = append(out, u.Email)
		for _, fact := range slices.Concat(u.Roles, u.Attributes) {
			out = append(out, u.Email+" "+fact)
		}
		for _, fact := range u.JWTAttributes {
			out = append(out, u.Email+" "+fact+" (JWT)")
		}
	}
	return out
}

// without is what a has and b has not.
func without(a, b []string) (out []string) {
	for _, s := range a {
		if !slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}

// scimIDs names the SCIM ids of users in the order in which they first appear.
func scimIDs(stages ...Stage) *strings.Replacer {
	var seen, pairs []string
	for _, stage := range stages {
		for _, u := range stage.Users {
			for _, a := range u.UserAttributes {
				id := a.Value[strings.LastIndexByte(a.Value, '/')+1:]
				if a.Key != "scim_id" || id == "" || slices.Contains(seen, id) {
					continue
				}
				seen = append(seen, id)
				pairs = append(pairs, id, fmt.Sprintf("s%d", len(seen)))
			}
		}
	}
	return strings.NewReplacer(pairs...)
}

func marshal(v any) []byte {
	text, err := json.Marshal(v, jsontext.WithIndent("  "), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		panic(fmt.Sprintf("scenario: users as JSON: %v", err)) // strings and lists of strings: there is nothing to fail
	}
	return append(text, '\n')
}
