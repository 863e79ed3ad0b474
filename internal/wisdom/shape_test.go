package wisdom

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// refuses answers as a server does whose schema lacks what the document names, unless the
// document has the word that it wants.
func refuses(unless string, otherwise http.HandlerFunc, s *server, op string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		requests := s.requests(op)
		if strings.Contains(requests[len(requests)-1].Query, unless) {
			otherwise(w, r)
			return
		}
		fails(422, `{"errors":[{"message":"not this way","extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}],"data":null}`)(w, r)
	}
}

// schemaAnswer is an answer to schemaShape that says no more than the shape.
func schemaAnswer(roleFields, deleteArgs string) http.HandlerFunc {
	fields := func(names string) string {
		var out []string
		for _, name := range strings.Fields(names) {
			out = append(out, fmt.Sprintf(`{"name":%q,"args":[],"defaultValue":null,"type":{"kind":"SCALAR"}}`, name))
		}
		return "[" + strings.Join(out, ",") + "]"
	}
	return says(`{"data":{"__schema":{"queryType":{"fields":` + fields("listUsers") + `,"inputFields":null},` +
		`"mutationType":{"fields":[{"name":"deleteUsersFromWorkspace","args":` + fields(deleteArgs) + `}],"inputFields":null}},` +
		`"RoleAssignment":{"fields":` + fields(roleFields) + `,"inputFields":null}}}`)
}

const staleRow = `{"id":"u1","email":"a@example.com","name":"","creationTimestamp":"","roleAssignments":[` +
	`{"roleId":"EXPLORER","scopes":"d1"},{"roleId":"VIEWER","scopes":null},{"roleId":"EXPLORER","scopes":"d2"},{"roleId":"EXPLORER","scopes":""}],"userAttributes":[]}`

func TestBothShapesOfRoleAssignments(t *testing.T) {
	want := []User{{
		ID: "u1", Email: "a@example.com", Attributes: []Attribute{},
		// What one role has in scopes is one assignment; everywhere is a unit of its own (V-39).
		Roles: []RoleAssignment{{"EXPLORER", []string{"d1", "d2"}}, {"VIEWER", []string{}}, {"EXPLORER", []string{}}},
	}}
	for _, test := range []struct {
		name   string
		schema http.HandlerFunc
		asked  int // listUsers requests for two listings
		source string
	}{
		{"by introspection", schemaAnswer("role scopeId", "ids workspaceID"), 2, "introspection"},
		{"by a validation error", says(`{"errors":[{"message":"introspection is off"}]}`), 3, "a validation error"},
		{"by a validation error where introspection is forbidden", fails(403, "no"), 3, "a validation error"},
		{"by a validation error after introspection was wrong", schemaAnswer("roleId scopes", "ids workspaceID"), 3, "a validation error"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			s.on("schemaShape", test.schema)
			s.on("listUsers", refuses("roleId: role", says(`{"data":{"listUsers":[`+staleRow+`]}}`), s, "listUsers"))
			s.on("currentUser", says(`{"data":{"currentUser":`+staleRow+`}}`))
			var log bytes.Buffer
			c := s.client(t, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
			for range 2 {
				got, err := list(t, c)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
			u, err := c.CurrentUser(t.Context())
			if diff := cmp.Diff(want[0], u); err != nil || diff != "" {
				t.Errorf("currentUser: error %v (-want +got):\n%s", err, diff)
			}
			if n := len(s.requests("listUsers")); n != test.asked {
				t.Errorf("listUsers was asked %d times, want %d", n, test.asked)
			}
			if n := len(s.requests("schemaShape")); n != 1 {
				t.Errorf("the schema was asked for %d times", n)
			}
			if want := `roleAssignments="{role scopeId}"`; !strings.Contains(log.String(), want) || !strings.Contains(log.String(), test.source) {
				t.Errorf("the log does not say %s and %s:\n%s", want, test.source, &log)
			}
		})
	}
}

func TestBothShapesOfDelete(t *testing.T) {
	args, input := `{"ids":["u1","u2"],"workspaceID":"ws_1"}`, `{"input":{"ids":["u1","u2"],"workspaceID":"ws_1"}}`
	for _, test := range []struct {
		name   string
		schema http.HandlerFunc
		has    string // what the server's document has
		want   string
		asked  int
	}{
		{"arguments, by introspection", schemaAnswer("roleId scopes", "ids workspaceID"), "(ids: $ids", args, 1},
		{"input, by introspection", schemaAnswer("roleId scopes", "input"), "(input: $input)", input, 1},
		{"arguments, without introspection", says(`{"errors":[{"message":"off"}]}`), "(ids: $ids", args, 1},
		{"input, by a validation error", says(`{"errors":[{"message":"off"}]}`), "(input: $input)", input, 2},
		{"arguments, by a validation error", schemaAnswer("roleId scopes", "input"), "(ids: $ids", args, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			s.on("schemaShape", test.schema)
			s.on("deleteUsersFromWorkspace", refuses(test.has, status("deleteUsersFromWorkspace", "OK", ""), s, "deleteUsersFromWorkspace"))
			c := s.client(t)
			if err := c.DeleteUsers(t.Context(), []string{"u1", "u2"}); err != nil {
				t.Fatal(err)
			}
			requests := s.requests("deleteUsersFromWorkspace")
			if len(requests) != test.asked {
				t.Errorf("%d requests, want %d", len(requests), test.asked)
			}
			s.mu.Lock()
			s.received = requests[len(requests)-1:]
			s.mu.Unlock()
			wantVariables(t, s, "deleteUsersFromWorkspace", test.want)
			if err := c.DeleteUsers(t.Context(), []string{"u3"}); err != nil {
				t.Fatal(err)
			}
			if n := len(s.requests("deleteUsersFromWorkspace")); n != 2 {
				t.Errorf("the second time took %d requests", n-1)
			}
		})
	}
}

func TestADocumentThatFitsNoShapeIsTheFirstError(t *testing.T) {
	s := newServer(t)
	s.on("deleteUsersFromWorkspace", says(`{"errors":[{"message":"Cannot query field \"deleteUsersFromWorkspace\" on type \"Mutation\"."}]}`),
		says(`{"errors":[{"message":"Unknown type \"DeleteUsersFromWorkspaceInput\"."}]}`))
	e := failure(t, s.client(t).DeleteUsers(t.Context(), []string{"u1"}))
	if e.Kind != Transient || e.Unanswered || !strings.Contains(e.Message, "Cannot query field") {
		t.Errorf("%#v", e)
	}
}

func TestAFailedIntrospectionIsNoAnswer(t *testing.T) {
	s := newServer(t)
	s.on("schemaShape", fails(500, ""), schemaAnswer("roleId scopes", "input"))
	s.on("deleteUsersFromWorkspace", refuses("(input: $input)", status("deleteUsersFromWorkspace", "OK", ""), s, "deleteUsersFromWorkspace"))
	s.on("listUsers", says(`{"data":{"listUsers":[]}}`))
	c := s.client(t)
	if _, err := list(t, c); err != nil { // goes on with the reference shape
		t.Fatal(err)
	}
	if err := c.DeleteUsers(t.Context(), []string{"u1"}); err != nil {
		t.Fatal(err)
	}
	if n := len(s.requests("deleteUsersFromWorkspace")); n != 1 {
		t.Errorf("%d requests: the schema was not asked for again", n)
	}
}

func TestTheSchemaIsAskedForOnceByMany(t *testing.T) {
	s := newServer(t)
	s.on("schemaShape", schemaAnswer("roleId scopes", "ids workspaceID"))
	s.on("listUsers", says(`{"data":{"listUsers":[]}}`))
	c := s.client(t)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if err := c.ListUsers(t.Context(), func(User) error { return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(s.requests("schemaShape")); n != 1 {
		t.Errorf("asked %d times", n)
	}
}
