package scenario_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
)

// TestB17CirclesOverTheBridge: managers and groups in circles, made by one bulk and
// delivered; and a circle that fails, of which nobody is left at WisdomAI.
func TestB17CirclesOverTheBridge(t *testing.T) {
	t.Parallel()
	b := start(t)
	user := func(bulkID, manager string) string {
		return fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":%q,"data":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"%s@example.com",
			"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"D","manager":{"value":"bulkId:%s"}}}}`, bulkID, bulkID, manager)
	}
	group := func(bulkID, name string, members ...string) string {
		for i, m := range members {
			members[i] = fmt.Sprintf(`{"value":"bulkId:%s"}`, m)
		}
		return fmt.Sprintf(`{"method":"POST","path":"/Groups","bulkId":%q,"data":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":%q,"members":[%s]}}`, bulkID, name, strings.Join(members, ","))
	}
	b.bulk(t, "201 201 201 201", group("g", "Circle Team", "h", "ann"), group("h", "Circle Crew", "g", "bob"), user("ann", "bob"), user("bob", "ann"))
	b.Settled(t)
	at := map[string]string{}
	for _, u := range b.Simulator.Users() {
		for _, a := range u.UserAttributes {
			at[u.Email+" "+a.Key] = a.Value
		}
		at[u.Email] = fmt.Sprint(len(u.RoleAssignments))
	}
	id := func(email string) string { return strings.TrimPrefix(at[email+" scim_id"], "default/") }
	if at["ann@example.com manager"] != id("bob@example.com") || at["bob@example.com manager"] != id("ann@example.com") || id("ann@example.com") == "" {
		t.Errorf("managers: %v", at)
	}
	if at["ann@example.com"] != "1" || at["bob@example.com"] != "1" || at["ann@example.com department"] != "D" {
		t.Errorf("roles: %v", at)
	}

	b.bulk(t, "409 409 409 409", group("k", "Circle Shared", "l"), group("l", "Circle TEAM", "k"), user("ann", "eve"), user("eve", "ann"))
	b.Settled(t)
	for _, u := range b.Simulator.Users() {
		if u.Email == "eve@example.com" && len(u.RoleAssignments) > 0 {
			t.Errorf("left at WisdomAI: %+v", u)
		}
	}
	// Nothing is in the way of doing it again, right this time.
	b.bulk(t, "201 201", group("k", "Circle Shared"), strings.Replace(user("eve", "x"), "bulkId:x", id("ann@example.com"), 1))
}

// bulk sends a bulk request and wants these statuses.
func (b *bridge) bulk(t *testing.T, want string, operations ...string) {
	t.Helper()
	body := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[` + strings.Join(operations, ",") + `]}`
	r, err := http.NewRequestWithContext(t.Context(), "POST", b.target.Base+"/Bulk", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+b.target.Token)
	answer, err := b.target.Client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var got struct {
		Operations []struct {
			Status   string         `json:"status"`
			Response map[string]any `json:"response"`
		} `json:"Operations"`
	}
	if err := json.UnmarshalRead(answer.Body, &got); err != nil {
		t.Fatal(err)
	}
	var statuses []string
	for _, o := range got.Operations {
		statuses = append(statuses, o.Status)
	}
	if strings.Join(statuses, " ") != want {
		t.Fatalf("statuses %v, want %s: %+v", statuses, want, got)
	}
}
