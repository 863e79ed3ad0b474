package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// inProcess calls the handler without a socket, as a test in a bubble must.
func inProcess(t *testing.T, sim *Server, query string) reply {
	t.Helper()
	return inProcessAs(t, sim, sim.Token(), query)
}

func inProcessAs(t *testing.T, sim *Server, token, query string) (out reply) {
	t.Helper()
	got, aborted := inProcessCtx(t, t.Context(), sim, token, query)
	if aborted {
		t.Fatal("no answer")
	}
	return got
}

func inProcessCtx(t *testing.T, ctx context.Context, sim *Server, token, query string) (out reply, aborted bool) {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"query": query})
	req := httptest.NewRequestWithContext(ctx, "POST", "/graphql", strings.NewReader(string(body)))
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	defer func() {
		if p := recover(); p != nil {
			if p != any(http.ErrAbortHandler) {
				panic(p)
			}
			aborted = true
		}
	}()
	sim.Handler().ServeHTTP(w, req)
	out = reply{HTTP: w.Code, Header: w.Header(), Raw: w.Body.String()}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Errorf("%v: %s", err, out.Raw)
	}
	return out, false
}

const twoCreates = `mutation {
	u0: createUsers(input: {emails: ["a@example.com"]}) { status { code message } }
	u1: createUsers(input: {emails: ["b@example.com"]}) { status { code message } }
	u2: setUserAttributes(input: {userId: "u1", userAttributes: [{key: "k", value: "v"}]}) { status { code message } }
}`

// faulty is a simulator with one user "u1" and these rules.
func faulty(t *testing.T, rules ...Fault) *rig {
	r := start(t, Options{Users: []User{{ID: "u1", Email: "ada@example.com"}}})
	r.sim.SetFaults(rules...)
	return r
}

func (r *rig) counted(operation string) OperationCalls {
	return r.sim.calls.snapshot().Operations[operation]
}

func TestFaultStatus(t *testing.T) {
	r := faulty(t, Fault{Operation: "createUsers", Kind: "status", Code: "NONE", Message: "no status available", Times: 1})
	got := r.must(twoCreates, nil)
	equal(t, "u0", got.status("u0"), "NONE: no status available")
	equal(t, "u1", got.status("u1"), "NONE: no status available")
	equal(t, "u2 is another operation", got.status("u2"), okDone)
	equal(t, "emails", r.emails(), []string{"ada@example.com"})
	equal(t, "counted", r.counted("createUsers"), OperationCalls{Requests: 1, Fields: 2, Failed: 2})
	equal(t, "the next request", r.must(twoCreates, nil).status("u0"), okDone)

	r.sim.SetFaults(Fault{Operation: "*", Kind: "status"})
	if got := r.create(map[string]any{"emails": []string{"c@example.com"}}); !strings.HasPrefix(got, "ERROR: ") {
		t.Errorf("default code: %s", got)
	}
	if got := r.must(listQuery, nil); len(got.Errors) != 1 {
		t.Errorf("a listing has no status, and so an error: %s", got.Raw)
	}
}

func TestFaultErrors(t *testing.T) {
	r := faulty(t, Fault{Operation: "createUsers", Kind: "errors", Message: "boom"})
	got := r.must(twoCreates, nil)
	if !strings.Contains(got.Raw, `"data":null`) || len(got.Errors) != 2 || got.Errors[0].Message != "boom" ||
		len(got.Errors[0].Locations) != 1 || !slices.Equal(got.Errors[0].Path, []any{"u0"}) {
		t.Errorf("answer = %s", got.Raw)
	}
	equal(t, "emails", r.emails(), []string{"ada@example.com"})
	// The result fields are non-null: one error takes all of data, though the others ran.
	equal(t, "what ran all the same", attributes(r.list()["ada@example.com"]), "k=v")

	r.sim.SetFaults(Fault{Operation: "listUsers", Kind: "errors", Message: "boom"})
	if got := r.must(listQuery, nil); len(got.Errors) != 1 || got.Errors[0].Message != "boom" || !strings.Contains(got.Raw, `"data":null`) {
		t.Errorf("listUsers = %s", got.Raw)
	}
	equal(t, "counted", r.counted("listUsers").Failed, 1)
}

func TestFaultsOfFieldsWithoutAStatus(t *testing.T) {
	for _, kind := range []string{"errors", "status", "alias"} {
		for operation, query := range map[string]string{
			"listUsers":           listQuery,
			"currentUser":         `{ currentUser { id } }`,
			"exchangeAccessToken": `{ exchangeAccessToken(accessToken: "key") }`,
			"impersonateUser":     `mutation { impersonateUser(accessToken: "key", userEmail: "owner@wisdom.invalid") }`,
		} {
			r := start(t, Options{Token: "key"})
			if got := r.must(query, nil); len(got.Errors) != 0 {
				t.Fatalf("%s without a fault: %s", operation, got.Raw)
			}
			r.sim.SetFaults(Fault{Operation: operation, Kind: kind, Message: "boom"})
			got := r.must(query, nil)
			if len(got.Errors) != 1 || got.Errors[0].Message != "boom" || !strings.Contains(got.Raw, `"data":null`) {
				t.Errorf("%s of %s: %s", kind, operation, got.Raw)
			}
			equal(t, operation, r.counted(operation), OperationCalls{Requests: 2, Fields: 2, Failed: 1})
		}
	}
}

func TestFaultHTTP(t *testing.T) {
	for name, c := range map[string]struct {
		fault      Fault
		code       int
		retryAfter string
	}{
		"default":         {Fault{}, 503, ""},
		"429 and seconds": {Fault{HTTP: 429, RetryAfter: "7"}, 429, "7"},
		"a Go duration":   {Fault{HTTP: 503, RetryAfter: "2m"}, 503, "120"},
		"an HTTP date":    {Fault{HTTP: 503, RetryAfter: "Wed, 21 Oct 2026 07:28:00 GMT"}, 503, "Wed, 21 Oct 2026 07:28:00 GMT"},
		"500":             {Fault{HTTP: 500}, 500, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.fault.Operation, c.fault.Kind, c.fault.Times = "createUsers", "http", 1
			r := faulty(t, c.fault)
			got, err := r.call(t.Context(), twoCreates, nil)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "code", got.HTTP, c.code)
			equal(t, "Retry-After", got.Header.Get("Retry-After"), c.retryAfter)
			equal(t, "emails", r.emails(), []string{"ada@example.com"})
			equal(t, "no field of the request ran", attributes(r.list()["ada@example.com"]), "")
			equal(t, "counted", r.counted("setUserAttributes"), OperationCalls{Requests: 1, Fields: 1, Failed: 1})
		})
	}
}

func TestFaultResetAndAfter(t *testing.T) {
	for kind, want := range map[string][]string{"reset": {"ada@example.com"}, "after": {"a@example.com", "ada@example.com", "b@example.com"}} {
		t.Run(kind, func(t *testing.T) {
			r := faulty(t, Fault{Operation: "createUsers", Kind: kind, Times: 1})
			got, err := r.call(t.Context(), twoCreates, nil)
			if err == nil {
				t.Fatalf("answered: %s", got.Raw)
			}
			if !strings.Contains(err.Error(), "reset") && !errors.Is(err, io.EOF) {
				t.Errorf("error = %v", err)
			}
			equal(t, "emails", r.emails(), want)
			equal(t, "counted", r.counted("createUsers"), OperationCalls{Requests: 1, Fields: 2, Failed: 2})
		})
	}
}

func TestFaultHang(t *testing.T) {
	for kind, want := range map[string]int{"hang": 1, "after_hang": 3} {
		t.Run(kind+" until the client gives up", func(t *testing.T) {
			r := faulty(t, Fault{Operation: "createUsers", Kind: kind})
			ctx, giveUp := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() {
				_, err := r.call(ctx, twoCreates, nil)
				ended <- err
			}()
			for r.sim.Requests("createUsers") == 0 || len(r.sim.Users())-1 < want {
				time.Sleep(time.Millisecond) // until the server holds it
			}
			giveUp()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("ended with %v", err)
			}
			equal(t, "people", len(r.emails()), want)
		})
		t.Run(kind+" until the server is closed", func(t *testing.T) {
			r := faulty(t, Fault{Operation: "createUsers", Kind: kind})
			ended := make(chan error)
			go func() {
				_, err := r.call(t.Context(), twoCreates, nil)
				ended <- err
			}()
			for r.sim.Requests("createUsers") == 0 || len(r.sim.Users())-1 < want {
				time.Sleep(time.Millisecond)
			}
			r.sim.Close()
			if err := <-ended; err == nil {
				t.Error("answered")
			}
			equal(t, "people", len(r.emails()), want)
		})
	}
}

func TestFaultLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		sim.SetFaults(Fault{Operation: "createUsers", Kind: "latency", Latency: "3s", Times: 2})
		began := time.Now()
		create := `mutation { createUsers(input: {emails: ["a@example.com"]}) { status { code message } } }`
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, aborted := inProcessCtx(t, ctx, sim, sim.Token(), create); !aborted {
			t.Error("answered somebody who had gone")
		}
		equal(t, "effects for who gave up before the effect", len(sim.Log(0)), 0)
		equal(t, "status", inProcess(t, sim, create).status("createUsers"), okDone)
		equal(t, "time", time.Since(began), 5*time.Second)
		equal(t, "effects", len(sim.Log(0)), 1)
		inProcess(t, sim, create)
		equal(t, "twice, and no more", time.Since(began), 5*time.Second)
	})
}

// An effect that is late comes whether or not the client has given up, and not after
// Close; a bubble ends only when no goroutine is left.
func TestFaultLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		sim.SetFaults(Fault{Operation: "createUsers", Kind: "late", Latency: "1m"})
		create := func(email string) {
			t.Helper()
			ctx, giveUp := context.WithCancel(t.Context())
			defer giveUp()
			if _, aborted := inProcessCtx(t, ctx, sim, sim.Token(), `mutation { createUsers(input: {emails: ["`+email+`"]}) { status { code } } }`); !aborted {
				t.Error("answered")
			}
		}
		began := time.Now()
		create("a@example.com")
		time.Sleep(time.Minute - time.Second)
		equal(t, "effects before", len(sim.Log(0)), 0)
		time.Sleep(time.Second)
		synctest.Wait()
		log := sim.Log(0)
		if len(log) != 1 || log[0].Target != "a@example.com" || log[0].Time.Sub(began) != time.Minute {
			t.Fatalf("effects after = %+v", log)
		}
		create("b@example.com")
		sim.Close()
		sim.Close()
		create("c@example.com")
		time.Sleep(time.Hour)
		equal(t, "effects after Close", len(sim.Log(0)), 1)
	})
}

func TestFaultNoEffect(t *testing.T) {
	r := faulty(t, Fault{Operation: "*", Kind: "noeffect"})
	got := r.must(twoCreates, nil)
	equal(t, "answers", []string{got.status("u0"), got.status("u1"), got.status("u2")}, []string{okDone, okDone, okDone})
	equal(t, "delete", r.delete("u1"), okDone)
	equal(t, "emails", r.emails(), []string{"ada@example.com"})
	equal(t, "log", len(r.sim.Log(0)), 0)
	equal(t, "counted", r.counted("createUsers").Failed, 0)
}

func TestFaultAlias(t *testing.T) {
	r := faulty(t, Fault{Operation: "createUsers", Kind: "alias", Alias: 1, Code: "NOT_FOUND", Message: "only this one", Times: 1})
	equal(t, "a request without such a field", r.create(map[string]any{"emails": []string{"c@example.com"}}), okDone)
	got := r.must(twoCreates, nil)
	equal(t, "answers", []string{got.status("u0"), got.status("u1"), got.status("u2")}, []string{okDone, "NOT_FOUND: only this one", okDone})
	equal(t, "emails", r.emails(), []string{"a@example.com", "ada@example.com", "c@example.com"})
	equal(t, "counted", r.counted("createUsers"), OperationCalls{Requests: 2, Fields: 3, Failed: 1})
}

func TestFaultExpire(t *testing.T) {
	r := faulty(t)
	old := r.as(r.exchange(r.sim.Token()))
	r.sim.SetFaults(Fault{Operation: "createUsers", Kind: "expire", Times: 1})
	got, err := old.call(t.Context(), twoCreates, nil)
	if err != nil || got.HTTP != 401 {
		t.Errorf("HTTP %d, %v", got.HTTP, err)
	}
	equal(t, "emails", r.emails(), []string{"ada@example.com"})
	if got, err = old.call(t.Context(), listQuery, nil); err != nil || got.HTTP != 401 {
		t.Errorf("the old JWT: HTTP %d, %v", got.HTTP, err)
	}
	equal(t, "a new one", r.as(r.exchange(r.sim.Token())).must(twoCreates, nil).status("u0"), okDone)
}

func TestFaultsOfTheListing(t *testing.T) {
	shown := func(r *rig) int { return len(r.list()) }
	for name, c := range map[string]struct {
		fault Fault
		want  int // of 10 invented people and the owner
	}{
		"empty":             {Fault{Kind: "empty"}, 0},
		"truncate":          {Fault{Kind: "truncate"}, 5},
		"truncate to tenth": {Fault{Kind: "truncate", Keep: 0.1}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			for _, operation := range []string{"listUsers", "*"} {
				r := start(t, Options{Seed: 10})
				c.fault.Operation, c.fault.Times = operation, 1
				r.sim.SetFaults(c.fault)
				equal(t, "not a fault of other calls", r.create(map[string]any{"emails": []string{ownerEmail}}), okDone)
				equal(t, "shown", shown(r), c.want)
				equal(t, "the next", shown(r), 11)
				equal(t, "counted", r.counted("listUsers"), OperationCalls{Requests: 2, Fields: 2})
			}
		})
	}
	t.Run("stale", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sim, err := New(Options{})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			sim.PutUsers(User{Email: "a@example.com"})
			time.Sleep(time.Minute)
			sim.SetFaults(Fault{Operation: "listUsers", Kind: "stale", Age: "90s", Times: 1})
			equal(t, "as of then", strings.Contains(inProcess(t, sim, listQuery).Raw, "a@example.com"), false)
			equal(t, "as of now", strings.Contains(inProcess(t, sim, listQuery).Raw, "a@example.com"), true)
		})
	})
}

func TestFaultRules(t *testing.T) {
	t.Run("the first that fits wins, and a rule used up makes room", func(t *testing.T) {
		r := faulty(t,
			Fault{Operation: "listUsers", Kind: "status", Message: "not this"},
			Fault{Operation: "createUsers", Kind: "status", Message: "first", Times: 2},
			Fault{Operation: "*", Kind: "status", Message: "then"})
		for _, want := range []string{"first", "first", "then", "then"} {
			equal(t, "status", r.create(map[string]any{"emails": []string{"a@example.com"}}), "ERROR: "+want)
		}
		equal(t, "another operation", r.setAttributes("u1"), "ERROR: then")
		r.sim.SetFaults()
		equal(t, "none", r.create(map[string]any{"emails": []string{"a@example.com"}}), okDone)
	})
	t.Run("probability", func(t *testing.T) {
		run := func() (failed int) {
			r := faulty(t, Fault{Operation: "createUsers", Kind: "status", Probability: 0.3})
			for range 100 {
				if r.create(map[string]any{"emails": []string{"a@example.com"}}) != okDone {
					failed++
				}
			}
			return failed
		}
		first := run()
		if first < 10 || first > 50 {
			t.Errorf("%d of 100 failed", first)
		}
		equal(t, "a second run", run(), first)
	})
	t.Run("what cannot be is refused", func(t *testing.T) {
		for _, f := range []Fault{
			{Kind: "status"}, {Operation: "*"}, {Operation: "*", Kind: "slow"}, {Operation: "*", Kind: "latency"}, {Operation: "*", Kind: "late", Latency: "soon"},
			{Operation: "*", Kind: "stale"}, {Operation: "*", Kind: "http", HTTP: 200}, {Operation: "*", Kind: "status", Code: "OK"},
			{Operation: "*", Kind: "status", Probability: 2}, {Operation: "*", Kind: "status", Times: -1}, {Operation: "*", Kind: "truncate", Keep: 1.5},
		} {
			if f.Validate() == nil {
				t.Errorf("%+v was accepted", f)
			}
		}
	})
}

func TestAFaultFollowsWhomItIsAbout(t *testing.T) {
	const batch = `mutation { a: createUsers(input: {emails: ["x@example.com", "y@example.com"]}) { status { code } }
		b: createUsers(input: {emails: "Poison@example.com"}) { status { code } }
		c: setUserAttributes(input: {userId: "u1", userAttributes: []}) { status { code } }
		d: deleteUsersFromWorkspace(ids: ["u2"], workspaceID: "ws_sim") { status { code } } }`
	for _, test := range []struct {
		target string
		failed string // path of the error
	}{
		{"poison@example.com", "b"}, {"y@example.com", "a"}, {"u1", "c"}, {"u2", "d"}, {"u3", ""},
	} {
		r := faulty(t, Fault{Operation: "*", Kind: "errors", Target: test.target})
		out := inProcess(t, r.sim, batch)
		if got := strings.Contains(out.Raw, `"path":["`+test.failed+`"]`); got != (test.failed != "") {
			t.Errorf("%s: %s", test.target, out.Raw)
		}
	}
	t.Run("by variables", func(t *testing.T) {
		r := faulty(t, Fault{Operation: "createUsers", Kind: "http", HTTP: 500, Target: "poison@example.com"})
		for email, want := range map[string]int{"poison@example.com": 500, "ann@example.com": 200} {
			body, err := json.Marshal(map[string]any{"query": `mutation($i: CreateUsersInput!) { createUsers(input: $i) { status { code } } }`,
				"variables": map[string]any{"i": map[string]any{"emails": []string{email}}}})
			if err != nil {
				t.Fatal(err)
			}
			req := httptest.NewRequestWithContext(t.Context(), "POST", "/graphql", strings.NewReader(string(body)))
			req.Header.Set("Authorization", "Bearer "+r.sim.Token())
			w := httptest.NewRecorder()
			if r.sim.Handler().ServeHTTP(w, req); w.Code != want {
				t.Errorf("%s: HTTP %d, want %d", email, w.Code, want)
			}
		}
	})
}
