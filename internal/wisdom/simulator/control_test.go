package simulator

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestControlUsers(t *testing.T) {
	const ada = `{"id":"u1","email":"Ada@example.com","name":"Ada","creationTimestamp":"2026-02-01T00:00:00Z","lastActiveSessionTimestamp":"2026-02-02T00:00:00Z",` +
		`"roleAssignments":[{"roleId":"00000000-0000-0000-0000-000000000003","scopes":["d1"]}],"userAttributes":[{"key":"team","value":"x","source":"JWT"}]}`
	emails := func(users []User) string {
		out := []string{}
		for _, u := range users {
			out = append(out, u.Email)
		}
		return strings.Join(out, " ")
	}
	r := start(t, Options{Users: []User{{Email: "old@example.com"}}})
	owner := r.list()[ownerEmail]
	var users []User

	t.Run("PUT replaces them all and keeps the owner", func(t *testing.T) {
		equal(t, "HTTP", r.control("PUT", "users", `[{"email":"zoe@example.com"},`+ada+`]`, &users), 200)
		equal(t, "answer, sorted by e-mail", emails(users), "Ada@example.com owner@wisdom.invalid zoe@example.com")
		var want User
		if err := json.Unmarshal([]byte(ada), &want); err != nil {
			t.Fatal(err)
		}
		equal(t, "as given", users[0], want)
		if users[2].ID == "" || users[2].CreationTimestamp == "" || users[2].RoleAssignments == nil || users[2].UserAttributes == nil {
			t.Errorf("not completed: %+v", users[2])
		}
		equal(t, "owner", r.list()[ownerEmail], owner)
	})
	t.Run("GET shows them as GraphQL spells them, and PUT takes them back", func(t *testing.T) {
		var raw []map[string]any
		equal(t, "HTTP", r.control("GET", "users", "", &raw), 200)
		for _, key := range []string{"id", "email", "name", "roleAssignments", "userAttributes"} {
			if _, ok := raw[2][key]; !ok {
				t.Errorf("%s is missing: %v", key, raw[2])
			}
		}
		var before, after []User
		r.control("GET", "users", "", &before)
		body, _ := json.Marshal(before)
		logged := len(r.sim.Log(0))
		equal(t, "HTTP", r.control("PUT", "users", string(body), &after), 200)
		equal(t, "back and forth", after, before)
		equal(t, "effects of no difference", len(r.sim.Log(0)), logged)
	})
	t.Run("PUT is whole: what is left out is not kept", func(t *testing.T) {
		equal(t, "HTTP", r.control("PUT", "users", `[{"email":"ada@example.com"}]`, &users), 200)
		equal(t, "answer", emails(users), "ada@example.com owner@wisdom.invalid")
		equal(t, "ada", roles(users[0])+attributes(users[0]), "")
		equal(t, "id", users[0].ID, "u1")
	})
	t.Run("PUT can hand an id on", func(t *testing.T) {
		equal(t, "HTTP", r.control("PUT", "users", `[{"email":"ben@example.com","id":"u1"},{"email":"ada@example.com"}]`, &users), 200)
		equal(t, "ben", users[1].ID, "u1")
		if users[0].ID == "u1" || users[0].ID == "" {
			t.Errorf("ada = %+v", users[0])
		}
	})
	t.Run("POST upserts some and leaves what it does not name", func(t *testing.T) {
		r.control("PUT", "users", `[`+ada+`]`, nil)
		equal(t, "HTTP", r.control("POST", "users", `[{"email":"ADA@example.com","roleAssignments":[]},{"email":"ben@example.com","name":"Ben"}]`, &users), 200)
		equal(t, "answer", emails(users), "Ada@example.com ben@example.com owner@wisdom.invalid")
		equal(t, "ada", users[0].ID+" "+users[0].Name+" "+roles(users[0])+" "+attributes(users[0]), "u1 Ada  JWT:team=x")
	})
	t.Run("DELETE removes some, and never the owner", func(t *testing.T) {
		equal(t, "HTTP", r.control("DELETE", "users", `["ADA@example.com","owner@wisdom.invalid","nobody@example.com"]`, &users), 200)
		equal(t, "answer", emails(users), "ben@example.com owner@wisdom.invalid")
	})
	t.Run("the owner stays an administrator, whatever is put", func(t *testing.T) {
		r.control("PUT", "users", `[{"email":"owner@wisdom.invalid","name":"Boss","roleAssignments":[]}]`, &users)
		equal(t, "owner", users[0].ID+" "+users[0].Name+" "+roles(users[0]), owner.ID+" Boss ADMIN")
		r.control("PUT", "users", `[]`, &users)
		equal(t, "nobody else", emails(users), "owner@wisdom.invalid")
	})
	t.Run("what cannot be is refused, and nothing is done", func(t *testing.T) {
		r.control("PUT", "users", `[`+ada+`]`, nil)
		for name, body := range map[string]string{
			"no list":           `{"email":"b@example.com"}`,
			"broken":            `[{"email":"b@example.com"`,
			"two values":        `[] []`,
			"unknown key":       `[{"email":"b@example.com","roles":[]}]`,
			"no address":        `[{"email":"c@example.com"},{"name":"B"}]`,
			"twice":             `[{"email":"b@example.com"},{"email":"B@example.com"}]`,
			"another's id":      `[{"email":"b@example.com","id":"` + owner.ID + `"}]`,
			"the owner's other": `[{"email":"owner@wisdom.invalid","id":"u7"}]`,
		} {
			for _, method := range []string{"PUT", "POST"} {
				var refused struct{ Error string }
				if code := r.control(method, "users", body, &refused); code != 400 || refused.Error == "" {
					t.Errorf("%s %s: HTTP %d %q", method, name, code, refused.Error)
				}
			}
		}
		if code := r.control("POST", "users", `[{"email":"ada@example.com","id":"u2"}]`, nil); code != 400 {
			t.Errorf("POST of another id: HTTP %d", code)
		}
		equal(t, "emails", r.emails(), []string{"Ada@example.com"})
	})
}

func TestControlCalls(t *testing.T) {
	r := start(t, Options{})
	var body []byte
	send := func(query string) reply {
		body, _ = json.Marshal(map[string]any{"query": query})
		got, err := r.send(t.Context(), body)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	var in, out int64
	for _, query := range []string{
		`{ listUsers { id } }`,
		`mutation { a: createUsers(input: {emails: ["a@example.com"]}) { status { code } } b: createUsers(input: {emails: []}) { status { code } } }`,
		`{ nothing }`,
	} {
		got := send(query)
		in, out = in+int64(len(body)), out+int64(len(got.Raw))
	}
	var raw map[string]any
	equal(t, "HTTP", r.control("GET", "calls", "", &raw), 200)
	equal(t, "calls", raw, map[string]any{
		"requests": 3.0, "bytes_in": float64(in), "bytes_out": float64(out),
		"operations": map[string]any{
			"listUsers":   map[string]any{"requests": 1.0, "fields": 1.0, "failed": 0.0},
			"createUsers": map[string]any{"requests": 1.0, "fields": 2.0, "failed": 1.0},
		},
	})
	equal(t, "Requests", r.sim.Requests("createUsers"), 1)
	equal(t, "HTTP", r.control("DELETE", "calls", "", nil), 200)
	raw = nil
	r.control("GET", "calls", "", &raw)
	equal(t, "zero", raw, map[string]any{"requests": 0.0, "bytes_in": 0.0, "bytes_out": 0.0, "operations": map[string]any{}})
}

func TestControlLogHasTheEffectsInOrder(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var told []Effect
	r := start(t, Options{Now: func() time.Time { return at }, OnEffect: func(e Effect) { told = append(told, e) },
		Users: []User{{ID: "u1", Email: "ada@example.com", RoleAssignments: []RoleAssignment{role("VIEWER")}}}})
	var log []Effect
	equal(t, "HTTP", r.control("GET", "log", "", &log), 200)
	if len(log) != 0 || log == nil {
		t.Errorf("what was seeded is logged, or null: %v", log)
	}
	r.create(map[string]any{"emails": []string{"ADA@example.com", "ben@example.com"}, "roleAssignments": []any{role("EXPLORER")}})
	r.setAttributes("u1", "team", "x")
	r.create(map[string]any{"emails": []string{"ADA@example.com"}})
	r.control("POST", "users", `[{"email":"ben@example.com","name":"Ben"}]`, nil)
	r.delete("u1")
	r.control("DELETE", "users", `["ben@example.com"]`, nil)
	r.create(map[string]any{"emails": []string{"nobody"}})

	equal(t, "HTTP", r.control("GET", "log?after=0", "", &log), 200)
	type row struct{ Operation, Target, Before, After string }
	state := func(u *User) string {
		if u == nil {
			return "-"
		}
		return strings.TrimSpace(roles(*u) + " " + attributes(*u))
	}
	var rows []row
	for i, e := range log {
		rows = append(rows, row{e.Operation, e.Target, state(e.Before), state(e.After)})
		if e.Seq != int64(i+1) || !e.Time.Equal(at) {
			t.Errorf("entry %d: %+v", i, e)
		}
	}
	equal(t, "log", rows, []row{
		{"createUsers", "ADA@example.com", "VIEWER", "EXPLORER"},
		{"createUsers", "ben@example.com", "-", "EXPLORER"},
		{"setUserAttributes", "u1", "EXPLORER", "EXPLORER team=x"},
		{"createUsers", "ADA@example.com", "EXPLORER team=x", "EXPLORER team=x"},
		{"POST /control/users", "ben@example.com", "EXPLORER", "EXPLORER"},
		{"deleteUsersFromWorkspace", "u1", "EXPLORER team=x", "-"},
		{"DELETE /control/users", "ben@example.com", "EXPLORER", "-"},
	})
	equal(t, "OnEffect", told, r.sim.Log(0))
	var rest []Effect
	r.control("GET", "log?after=5", "", &rest)
	equal(t, "after=5", rest, log[5:])
	r.control("GET", "log?after=99", "", &rest)
	equal(t, "after the end", len(rest), 0)
	equal(t, "after=x", r.control("GET", "log?after=x", "", nil), 400)

	r.sim.Log(0)[0].Before.RoleAssignments[0].RoleID = "changed"
	r.sim.Users()[0].RoleAssignments[0].RoleID = "changed"
	if body, _ := json.Marshal([]any{r.sim.Log(0), r.sim.Users()}); strings.Contains(string(body), "changed") {
		t.Error("Log or Users hand out the state itself")
	}
}

func TestControlSettings(t *testing.T) {
	r := start(t, Options{})
	var raw map[string]any
	defaults := map[string]any{"empty_roles": "clears", "delete": "args", "roles": "roleId", "existing_attributes": "ignore",
		"listing_lag": "0s", "allow": []any{}, "block": []any{}}
	equal(t, "HTTP", r.control("GET", "settings", "", &raw), 200)
	equal(t, "defaults", raw, defaults)

	raw = nil
	equal(t, "HTTP", r.control("PUT", "settings", `{"delete":"input","block":["example.org"]}`, &raw), 200)
	raw = nil
	equal(t, "HTTP", r.control("PUT", "settings", `{"roles":"role"}`, &raw), 200)
	defaults["delete"], defaults["roles"], defaults["block"] = "input", "role", []any{"example.org"}
	equal(t, "a key left out keeps its value", raw, defaults)
	if got := r.must(deleteQuery, map[string]any{"ids": []string{"u1"}, "ws": "ws_sim"}); len(got.Errors) == 0 {
		t.Errorf("the served shape did not change: %s", got.Raw)
	}
	for _, body := range []string{`{"delete":"both"}`, `{"remove":"args"}`, `{"listing_lag":"soon"}`, `[]`, ``} {
		if code := r.control("PUT", "settings", body, nil); code != 400 {
			t.Errorf("PUT %s: HTTP %d", body, code)
		}
	}
	raw = nil
	r.control("GET", "settings", "", &raw)
	equal(t, "after refusals", raw, defaults)
}

func TestControlTokens(t *testing.T) {
	r := start(t, Options{})
	var one, two struct{ Role, Token string }
	equal(t, "HTTP", r.control("POST", "tokens", `{"role":"EXPLORER"}`, &one), 200)
	r.control("POST", "tokens", `{"role":"EXPLORER"}`, &two)
	if one.Token == two.Token || one.Token == "" || one.Role != "EXPLORER" {
		t.Errorf("tokens %+v, %+v", one, two)
	}
	equal(t, "nobody is added", r.emails(), []string{})
	for _, body := range []string{`{"role":"BUILDER"}`, `{}`, `{"name":"EXPLORER"}`} {
		equal(t, body, r.control("POST", "tokens", body, nil), 400)
	}
}

func TestControlFaults(t *testing.T) {
	r := start(t, Options{})
	const every = `[
		{"operation":"createUsers","kind":"latency","latency":"0s","times":1,"probability":1},
		{"operation":"createUsers","kind":"status","code":"ERROR","message":"m","times":1},
		{"operation":"createUsers","kind":"errors","times":1}, {"operation":"createUsers","kind":"http","http":429,"retry_after":"3","times":1},
		{"operation":"x","kind":"reset"}, {"operation":"x","kind":"hang"}, {"operation":"x","kind":"after"}, {"operation":"x","kind":"after_hang"},
		{"operation":"x","kind":"late","latency":"1s"}, {"operation":"x","kind":"noeffect"}, {"operation":"x","kind":"alias","alias":2},
		{"operation":"x","kind":"expire"}, {"operation":"x","kind":"empty"}, {"operation":"x","kind":"truncate","keep":0.5},
		{"operation":"x","kind":"stale","age":"1m"}]`
	var put, got any
	if code := r.control("PUT", "faults", every, &put); code != 200 {
		t.Fatalf("HTTP %d: %v", code, put)
	}
	equal(t, "HTTP", r.control("GET", "faults", "", &got), 200)
	var want any
	if err := json.Unmarshal([]byte(every), &want); err != nil {
		t.Fatal(err)
	}
	equal(t, "rules", got, want)
	in := map[string]any{"emails": []string{"a@example.com"}}
	equal(t, "the first rule", r.create(in), okDone)
	equal(t, "the second", r.create(in), "ERROR: m")
	equal(t, "refused", r.control("PUT", "faults", `[{"operation":"*","kind":"status"},{"operation":"*","kind":"slow"}]`, nil), 400)
	if got := r.create(in); !strings.HasPrefix(got, "errors: ") {
		t.Errorf("the third, as the refusal changed nothing: %s", got)
	}
	equal(t, "HTTP", r.control("DELETE", "faults", "", nil), 200)
	equal(t, "none", r.create(in), okDone)
	got = nil
	r.control("GET", "faults", "", &got)
	equal(t, "an empty list", got, any([]any{}))
}

func TestPathsAndMethodsThatAreNot(t *testing.T) {
	r := start(t, Options{})
	for path, want := range map[string]int{"nothing": 404, "calls/x": 404} {
		equal(t, path, r.control("GET", path, "", nil), want)
	}
	equal(t, "PATCH", r.control("PATCH", "users", "", nil), 405)
	equal(t, "GET /graphql", r.control("GET", "../graphql", "", nil), 405)
}

func TestReadUsers(t *testing.T) {
	users, err := ReadUsers(strings.NewReader(`[{"email":"a@example.com","roleAssignments":[{"roleId":"1","scopes":[]}]}]`))
	if err != nil || len(users) != 1 || users[0].RoleAssignments[0].RoleID != "1" {
		t.Errorf("%+v, %v", users, err)
	}
	for _, text := range []string{``, `{}`, `[] x`, `[{"mail":"a@example.com"}]`} {
		if _, err := ReadUsers(strings.NewReader(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}
