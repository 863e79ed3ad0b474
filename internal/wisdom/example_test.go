package wisdom_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"

	"github.com/scimbridge/scimbridge/internal/wisdom"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// A person is invited, seen, and refused a second address that access control blocks.
func ExampleClient() {
	sim, err := simulator.New(simulator.Options{Settings: &simulator.Settings{Block: []string{"blocked.example"}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(sim.Handler())
	defer server.Close()

	client, err := wisdom.New(wisdom.Options{
		URL: server.URL + "/graphql", Workspace: sim.Workspace(), Token: sim.Token(), Exchange: "never",
		OnCall: func(c wisdom.Call) { fmt.Println(c.Summary) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	err = client.CreateUsers(ctx, wisdom.NewUsers{
		Emails:     []string{"alice@example.com"},
		Roles:      []wisdom.RoleAssignment{{RoleID: "00000000-0000-0000-0000-000000000002", Scopes: []string{"domain_1"}}},
		Attributes: []wisdom.KeyValue{{Key: "region", Value: "emea"}},
	})
	if err != nil {
		fmt.Println(err)
	}
	if err := client.ListUsers(ctx, func(wisdom.User) error { return nil }); err != nil {
		fmt.Println(err)
	}
	err = client.CreateUsers(ctx, wisdom.NewUsers{Emails: []string{"alice@blocked.example"}})
	var refusal *wisdom.Error
	if errors.As(err, &refusal) {
		fmt.Println(refusal.Kind, refusal.Code)
	}
	// Output:
	// createUsers alice@example.com roles=[EXPLORER@domain_1] attributes=[region]
	// schemaShape (introspection) -> roleAssignments {roleId scopes}, deleteUsersFromWorkspace (ids, workspaceID)
	// listUsers -> 2 users
	// createUsers alice@blocked.example
	// permanent ERROR
}
