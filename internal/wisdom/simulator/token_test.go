package simulator

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const exchangeQuery = `query($key: String!) { exchangeAccessToken(accessToken: $key) }`

func (r *rig) exchange(key string) string {
	r.t.Helper()
	var token string
	got := r.as("").must(exchangeQuery, map[string]any{"key": key})
	if err := json.Unmarshal(got.Data["exchangeAccessToken"], &token); err != nil {
		r.t.Fatalf("%v: %s", err, got.Raw)
	}
	return token
}

func TestTokensThatAreNone(t *testing.T) {
	r := start(t, Options{})
	jwt := r.exchange(r.sim.Token())
	parts := strings.Split(jwt, ".")
	forged := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"user_000001","exp":99999999999,"epoch":0}`))
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	for name, token := range map[string]string{
		"missing":           "",
		"unknown":           "wsk_unknown",
		"changed key":       r.sim.Token() + "x",
		"no signature":      parts[0] + "." + parts[1] + ".",
		"other claims":      parts[0] + "." + forged + "." + parts[2],
		"no algorithm":      unsigned + "." + forged + ".",
		"half a JWT":        parts[0] + "." + parts[1],
		"dots":              "...",
		"signature of none": parts[0] + "." + parts[1] + "." + parts[2] + "x",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := r.as(token).call(t.Context(), listQuery, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got.HTTP != 401 || len(got.Errors) != 1 || got.Data != nil {
				t.Errorf("HTTP %d: %s", got.HTTP, got.Raw)
			}
		})
	}
	calls := r.sim.calls.snapshot().Operations["listUsers"]
	equal(t, "calls", calls, OperationCalls{Requests: 9, Fields: 9, Failed: 9})
}

func TestAnExchangedTokenIsAJWTThatIsGoodUntilExp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, err := New(Options{Settings: &Settings{TokenLifetime: "10m"}})
		if err != nil {
			t.Fatal(err)
		}
		var jwt string
		got := inProcessAs(t, sim, "", `{ exchangeAccessToken(accessToken: "`+sim.Token()+`") }`)
		if err := json.Unmarshal(got.Data["exchangeAccessToken"], &jwt); err != nil {
			t.Fatalf("%v: %s", err, got.Raw)
		}
		parts := strings.Split(jwt, ".")
		if len(parts) != 3 {
			t.Fatalf("not a JWT: %s", jwt)
		}
		var header struct{ Alg, Typ string }
		var claims struct{ Exp, Iat int64 }
		for i, v := range []any{&header, &claims} {
			raw, err := base64.RawURLEncoding.DecodeString(parts[i])
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(raw, v); err != nil {
				t.Fatal(err)
			}
		}
		equal(t, "header", header.Alg+" "+header.Typ, "HS256 JWT")
		equal(t, "iat", claims.Iat, time.Now().Unix())
		equal(t, "exp", claims.Exp, time.Now().Add(10*time.Minute).Unix())

		equal(t, "at once", inProcessAs(t, sim, jwt, `{ currentUser { email } }`).HTTP, 200)
		time.Sleep(10*time.Minute - time.Second)
		equal(t, "a second before exp", inProcessAs(t, sim, jwt, `{ currentUser { email } }`).HTTP, 200)
		time.Sleep(time.Second)
		equal(t, "at exp", inProcessAs(t, sim, jwt, `{ currentUser { email } }`).HTTP, 401)
		equal(t, "the key itself", inProcessAs(t, sim, sim.Token(), `{ currentUser { email } }`).HTTP, 200)
	})
}

func TestExchangeOfWhatIsNoKey(t *testing.T) {
	r := start(t, Options{})
	for name, key := range map[string]string{"unknown": "wsk_x", "a JWT": r.exchange(r.sim.Token())} {
		got := r.as("").must(exchangeQuery, map[string]any{"key": key})
		if len(got.Errors) != 1 || !strings.Contains(got.Errors[0].Message, "unauthorized") || !strings.Contains(got.Raw, `"data":null`) {
			t.Errorf("%s: %s", name, got.Raw)
		}
	}
	mixed, err := r.as("").call(t.Context(), `{ exchangeAccessToken(accessToken: "`+r.sim.Token()+`") listUsers { id } }`, nil)
	if err != nil || mixed.HTTP != 401 {
		t.Errorf("a public field opens another one: HTTP %d %v", mixed.HTTP, err)
	}
}

// Of the built-in roles only ADMIN has iam:write and iam:delete.
func TestPermissionsByRole(t *testing.T) {
	readers := map[string]bool{"ADMIN": true, "SITE_ADMIN": true, "DATA_ADMIN": true, "CONNECTION_ADMIN": true, "CREATOR": true, "EXPLORER": true}
	for _, name := range builtinRoles {
		t.Run(name, func(t *testing.T) {
			r := start(t, Options{Users: []User{{ID: "u1", Email: "ada@example.com"}}})
			var made struct{ Token string }
			equal(t, "HTTP", r.control("POST", "tokens", `{"role":"`+name+`"}`, &made), 200)
			for kind, token := range map[string]string{"key": made.Token, "JWT": r.exchange(made.Token)} {
				as := r.as(token)
				listing := as.must(listQuery, nil)
				equal(t, kind+" reads", len(listing.Errors) == 0, readers[name])
				if !readers[name] && !strings.Contains(listing.Errors[0].Message, "iam:read") {
					t.Errorf("listUsers: %s", listing.Raw)
				}
				if name == "ADMIN" {
					continue
				}
				equal(t, kind+" creates", as.create(map[string]any{"emails": []string{"b@example.com"}}), "ERROR: permission denied: createUsers needs iam:write")
				equal(t, kind+" sets", as.setAttributes("u1", "k", "v"), "ERROR: permission denied: setUserAttributes needs iam:write")
				equal(t, kind+" deletes", as.delete("u1"), "ERROR: permission denied: deleteUsersFromWorkspace needs iam:delete")
			}
			if name == "ADMIN" {
				as := r.as(made.Token)
				equal(t, "creates", as.create(map[string]any{"emails": []string{"b@example.com"}}), okDone)
				equal(t, "sets", as.setAttributes("u1", "k", "v"), okDone)
				equal(t, "deletes", as.delete("u1"), okDone)
				return
			}
			equal(t, "emails", r.emails(), []string{"ada@example.com"})
			equal(t, "attributes", attributes(r.list()["ada@example.com"]), "")
			equal(t, "current user", r.as(made.Token).must(`{ currentUser { email roleAssignments { roleId } } }`, nil).Raw,
				`{"data":{"currentUser":{"email":"`+strings.ToLower(name)+`@wisdom.invalid","roleAssignments":[{"roleId":"`+roleID(name)+`"}]}}}`)
		})
	}
}

func TestImpersonationSpeaksForAUserWithTheRolesHeHasNow(t *testing.T) {
	r := start(t, Options{Users: []User{{ID: "u1", Email: "ada@example.com", RoleAssignments: []RoleAssignment{role("ADMIN")}}}})
	const query = `mutation($key: String!, $email: String!) { impersonateUser(accessToken: $key, userEmail: $email, attributes: [{key: "k", value: "v"}]) }`
	ask := func(key, email string) reply {
		return r.as("").must(query, map[string]any{"key": key, "email": email})
	}
	var jwt string
	if err := json.Unmarshal(ask(r.sim.Token(), "ADA@example.com").Data["impersonateUser"], &jwt); err != nil {
		t.Fatal(err)
	}
	ada := r.as(jwt)
	equal(t, "an administrator", ada.create(map[string]any{"emails": []string{"b@example.com"}}), okDone)
	r.sim.PutUsers(User{Email: "ada@example.com", RoleAssignments: []RoleAssignment{role("VIEWER")}})
	equal(t, "no longer", ada.create(map[string]any{"emails": []string{"b@example.com"}}), "ERROR: permission denied: createUsers needs iam:write")
	if got := ask(jwt, "b@example.com"); len(got.Errors) != 1 {
		t.Errorf("a viewer impersonates: %s", got.Raw)
	}
	if got := ask(r.sim.Token(), "nobody@example.com"); len(got.Errors) != 1 {
		t.Errorf("nobody impersonated: %s", got.Raw)
	}
	if got := ask("wsk_x", "ada@example.com"); len(got.Errors) != 1 {
		t.Errorf("impersonated without a token: %s", got.Raw)
	}
	r.sim.RemoveUsers("ada@example.com")
	gone, err := ada.call(t.Context(), listQuery, nil)
	if err != nil || gone.HTTP != 401 {
		t.Errorf("of a user who was deleted: HTTP %d, %v", gone.HTTP, err)
	}
}
