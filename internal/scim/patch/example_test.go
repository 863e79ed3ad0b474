package patch_test

import (
	"fmt"

	"github.com/scimbridge/scimbridge/internal/scim/body"
	"github.com/scimbridge/scimbridge/internal/scim/patch"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// A PATCH on a user: the document goes in, and the one that it becomes comes out.
func ExampleRequest_Apply() {
	message, _ := body.Decode([]byte(`{
		"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
		"Operations": [
			{"op": "replace", "value": {"active": false}},
			{"op": "remove", "path": "emails[type eq \"home\"]"}
		]}`), body.Limits{})
	req, err := patch.Decode(schema.User(nil), message, patch.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	doc, err := req.Apply(map[string]any{
		"userName": "ann@example.com",
		"emails":   []any{map[string]any{"type": "home", "value": "ann@home.test"}},
	})
	fmt.Println(doc, err)
	// Output: map[active:false userName:ann@example.com] <nil>
}

// A PATCH on a group: steps that need not read its members.
func ExampleRequest_GroupChanges() {
	message, _ := body.Decode([]byte(`{
		"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
		"Operations": [
			{"op": "remove", "path": "members[value eq \"u1\"]"},
			{"op": "add", "path": "members", "value": [{"value": "u2"}]}
		]}`), body.Limits{})
	req, err := patch.Decode(schema.Group(true), message, patch.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	changes, err := req.GroupChanges()
	fmt.Println(changes[0].Remove, changes[1].Add[0].ID, err)
	// Output: [u1] u2 <nil>
}
