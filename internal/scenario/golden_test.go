package scenario_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/scenario"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

const (
	explorer = "00000000-0000-0000-0000-000000000002"
	viewer   = "00000000-0000-0000-0000-000000000003"
)

func TestNormalise(t *testing.T) {
	users := func(id1, id2, scim, created string, turned bool) []simulator.User {
		roles := []simulator.RoleAssignment{{RoleID: explorer, Scopes: []string{"b", "a"}}, {RoleID: viewer}}
		attributes := []simulator.UserAttribute{{Key: "scim_id", Value: "default/" + scim, Source: "DATABASE"}, {Key: "region", Value: "emea", Source: "JWT"},
			{Key: "manager", Value: scim, Source: "DATABASE"}, {Key: "region", Value: "apac", Source: "DATABASE"}}
		if turned {
			roles[0], roles[1] = roles[1], simulator.RoleAssignment{RoleID: explorer, Scopes: []string{"a", "b"}}
			attributes[0], attributes[3] = attributes[3], attributes[0]
		}
		return []simulator.User{
			{ID: id1, Email: "ann@example.com", Name: "Ann <a>", CreationTimestamp: created, RoleAssignments: roles, UserAttributes: attributes},
			{ID: id2, Email: "ann.old@example.com", Name: "Ann", CreationTimestamp: created, UserAttributes: attributes[:1:1]},
		}
	}
	got := string(scenario.Normalise(users("user_7", "user_2", "6f1c", "2026-11-23T00:00:00Z", false)))
	want := `[
  {
    "id": "w1",
    "email": "ann@example.com",
    "name": "Ann <a>",
    "roles": [
      "EXPLORER at a, b",
      "VIEWER"
    ],
    "attributes": [
      "manager=s1",
      "region=apac",
      "scim_id=default/s1"
    ],
    "jwtAttributes": [
      "region=emea"
    ]
  },
  {
    "id": "w2",
    "email": "ann.old@example.com",
    "name": "Ann",
    "roles": [],
    "attributes": [
      "scim_id=default/s1"
    ]
  }
]
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	again := users("user_1", "user_9", "b2d0", "2027-01-01T00:00:00Z", true)
	again[1].UserAttributes = again[0].UserAttributes[3:]
	if diff := cmp.Diff(want, string(scenario.Normalise(again))); diff != "" {
		t.Errorf("other ids, times and orders make a difference (-want +got):\n%s", diff)
	}
}

func TestRecord(t *testing.T) {
	person := func(email, scimID string, roles ...string) simulator.User {
		u := simulator.User{ID: "user_" + email, Email: email, Name: email, UserAttributes: []simulator.UserAttribute{{Key: "scim_id", Value: "default/" + scimID, Source: "DATABASE"}}}
		for _, role := range roles {
			u.RoleAssignments = append(u.RoleAssignments, simulator.RoleAssignment{RoleID: role})
		}
		return u
	}
	owner := simulator.User{ID: "user_1", Email: "owner", Name: "owner"}
	got := string(scenario.Record([]scenario.Stage{
		{Users: []simulator.User{owner}},
		{After: "1 bob comes", Users: []simulator.User{person("bob", "ff"), owner}},
		{After: "2 a look", Users: []simulator.User{person("bob", "ff"), owner}},
		{After: "3 ann comes, bob gets a role", Users: []simulator.User{person("ann", "00"), person("bob", "ff", viewer), owner}},
		{After: "4 another role", Users: []simulator.User{person("ann", "00"), person("bob", "ff", explorer), owner}},
		{After: "5 both go", Users: []simulator.User{owner}},
	}))
	want := `{
  "changes": [
    {
      "after": "1 bob comes",
      "come": [
        "bob",
        "bob scim_id=default/s1"
      ]
    },
    {
      "after": "3 ann comes, bob gets a role",
      "come": [
        "ann",
        "ann scim_id=default/s2",
        "bob VIEWER"
      ]
    },
    {
      "after": "4 another role",
      "gone": [
        "bob VIEWER"
      ],
      "come": [
        "bob EXPLORER"
      ]
    },
    {
      "after": "5 both go",
      "gone": [
        "ann",
        "ann scim_id=default/s2",
        "bob",
        "bob EXPLORER",
        "bob scim_id=default/s1"
      ]
    }
  ],
  "users": [
    {
      "id": "w1",
      "email": "owner",
      "name": "owner",
      "roles": [],
      "attributes": []
    }
  ]
}
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
