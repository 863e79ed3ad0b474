package simulator

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/wisdom/simulator/graph"
)

// What writeListing writes is what the generated code would.
func TestTheListingIsThatOfTheGeneratedCode(t *testing.T) {
	awkward := "\"quoted\" \\ <b> & \u2028 \x01 é 😀"
	r := start(t, Options{Seed: 40, Users: []User{{
		Email: "odd@example.com", Name: awkward,
		RoleAssignments: []RoleAssignment{role("EXPLORER", awkward)},
		UserAttributes:  []UserAttribute{{awkward, awkward, sourceJWT}},
	}}})
	for name, query := range map[string]string{
		"all":        `{ listUsers { id email name profilePicture creationTimestamp lastActiveSessionTimestamp roleAssignments { roleId scopes } userAttributes { key value source } isScimManaged } }`,
		"some":       `{ listUsers { email } }`,
		"aliases":    `{ all: listUsers { e: email id x: id roleAssignments { r: roleId } } }`,
		"twice":      `{ a: listUsers { id } b: listUsers(workspaceId: "ws_sim") { email } currentUser { id } }`,
		"typename":   `{ __typename listUsers { __typename roleAssignments { __typename roleId } userAttributes { __typename } } }`,
		"fragments":  `fragment u on User { id ...n } fragment n on User { name roleAssignments { scopes } } { listUsers { ...u ... on User { email roleAssignments { roleId } } } }`,
		"directives": `query($no: Boolean = false) { listUsers { id name @include(if: $no) email @skip(if: $no) } }`,
	} {
		t.Run(name, func(t *testing.T) {
			fast := r.must(query, nil)
			settings, exec := r.sim.current()
			slow := executor.New(graph.NewExecutableSchema(graph.Config{Schema: servedSchema(settings), Resolvers: resolvers{r.sim}}))
			r.sim.mu.Lock()
			r.sim.graphql = slow
			r.sim.mu.Unlock()
			want := r.must(query, nil)
			r.sim.mu.Lock()
			r.sim.graphql = exec
			r.sim.mu.Unlock()
			if len(want.Errors) > 0 {
				t.Fatalf("%s", want.Raw)
			}
			var a, b any
			if err := json.Unmarshal([]byte(fast.Raw), &a); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(want.Raw), &b); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(b, a); diff != "" {
				t.Errorf("(-generated +written):\n%s", diff)
			}
		})
	}
}

func TestHTTPOfGraphQL(t *testing.T) {
	r := start(t, Options{})
	for name, c := range map[string]struct {
		body string
		code int
	}{
		"not JSON":           {`{"query":`, 400},
		"no query":           {`{}`, 400},
		"a list":             {`[]`, 400},
		"two objects":        {`{"query":"{ currentUser { id } }"} {}`, 400},
		"empty":              {``, 400},
		"GraphQL's syntax":   {`{"query":"{ listUsers { "}`, 200},
		"no such field":      {`{"query":"{ listPeople { id } }"}`, 200},
		"no such operation":  {`{"query":"query a { currentUser { id } }","operationName":"b"}`, 200},
		"a wrong variable":   {`{"query":"query($ws: ID) { listUsers(workspaceId: $ws) { id } }","variables":{"ws":{}}}`, 200},
		"a missing variable": {`{"query":"query($key: String!) { exchangeAccessToken(accessToken: $key) }"}`, 200},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := r.send(t.Context(), []byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "code", got.HTTP, c.code)
			if len(got.Errors) == 0 || got.Errors[0].Message == "" || !strings.Contains(got.Raw, `"data":null`) {
				t.Errorf("answer = %s", got.Raw)
			}
		})
	}
}

func BenchmarkListing(b *testing.B) {
	sim, err := New(Options{Seed: 100_000})
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(sim.Handler())
	defer server.Close()
	body, _ := json.Marshal(map[string]string{"query": listQuery})
	b.ReportAllocs()
	for b.Loop() {
		req, _ := http.NewRequestWithContext(b.Context(), "POST", server.URL+"/graphql", bytes.NewReader(body))
		req.Header.Set("Authorization", "Bearer "+sim.Token())
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 {
			b.Fatalf("HTTP %d, %v", resp.StatusCode, err)
		}
		b.SetBytes(n)
	}
}
