package wisdom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// three is one mutation of each operation.
func three() []Mutation {
	return []Mutation{
		{Create: &NewUsers{Emails: []string{"a@example.com"}, Roles: []RoleAssignment{}}},
		{Attributes: &UserAttributes{UserID: "u2", Attributes: []KeyValue{{"region", "emea"}}}},
		{Delete: []string{"u3", "u4"}},
	}
}

const ok = `{"status":{"code":"OK","message":""}}`

// fate is what a caller decides by, of one mutation; the zero value is OK.
type fate struct {
	Op         string
	Kind       Kind
	Unanswered bool
	Again      bool
}

func fates(t *testing.T, errs []error) []fate {
	t.Helper()
	out := make([]fate, len(errs))
	for i, err := range errs {
		if err != nil {
			e := failure(t, err)
			out[i] = fate{e.Op, e.Kind, e.Unanswered, e.Again}
		}
	}
	return out
}

func TestV18ABatchOnTheWire(t *testing.T) {
	for _, test := range []struct {
		name, deleteArgs, document, variables string
	}{
		{"deletes by arguments", "ids workspaceID",
			"mutation batch($i0: CreateUsersInput!, $i1: SetUserAttributesInput!, $i2: [ID!]!, $workspaceID: ID!) {\n" +
				"\tm0: createUsers(input: $i0) {status {code message}}\n" +
				"\tm1: setUserAttributes(input: $i1) {status {code message}}\n" +
				"\tm2: deleteUsersFromWorkspace(ids: $i2, workspaceID: $workspaceID) {status {code message}}\n}\n",
			`{"i0":{"emails":["a@example.com"],"workspaceID":"ws_1","roleAssignments":[]},
			  "i1":{"userId":"u2","userAttributes":[{"key":"region","value":"emea"}]},
			  "i2":["u3","u4"],"workspaceID":"ws_1"}`},
		{"deletes by input", "input",
			"mutation batch($i0: CreateUsersInput!, $i1: SetUserAttributesInput!, $i2: DeleteUsersFromWorkspaceInput!) {\n" +
				"\tm0: createUsers(input: $i0) {status {code message}}\n" +
				"\tm1: setUserAttributes(input: $i1) {status {code message}}\n" +
				"\tm2: deleteUsersFromWorkspace(input: $i2) {status {code message}}\n}\n",
			`{"i0":{"emails":["a@example.com"],"workspaceID":"ws_1","roleAssignments":[]},
			  "i1":{"userId":"u2","userAttributes":[{"key":"region","value":"emea"}]},
			  "i2":{"ids":["u3","u4"],"workspaceID":"ws_1"}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			s.on("schemaShape", schemaAnswer("roleId scopes", test.deleteArgs))
			s.on("batch", says(`{"data":{"m0":`+ok+`,"m1":`+ok+`,"m2":`+ok+`}}`))
			var calls []Call
			c := s.client(t, func(o *Options) { o.OnCall = func(c Call) { calls = append(calls, c) } })
			if diff := cmp.Diff(make([]fate, 3), fates(t, c.Mutate(t.Context(), three()))); diff != "" {
				t.Error(diff)
			}
			wantVariables(t, s, "batch", test.variables)
			if diff := cmp.Diff(test.document, s.requests("batch")[0].Query); diff != "" {
				t.Errorf("document (-want +got):\n%s", diff)
			}
			last := calls[len(calls)-1]
			if last.Op != "batch" || last.Summary != "batch createUsers x1, setUserAttributes x1, deleteUsersFromWorkspace x1" || last.Err != nil {
				t.Errorf("call %+v", last)
			}
		})
	}
}

func TestOneMutationIsThePlainOperation(t *testing.T) {
	for i, op := range []string{"createUsers", "setUserAttributes", "deleteUsersFromWorkspace"} {
		s := newServer(t)
		s.on(op, status(op, "OK", ""), status(op, "ERROR", "no"))
		c := s.client(t)
		// Those about nobody are no calls, and leave the other alone.
		mutations := []Mutation{{Create: &NewUsers{}}, three()[i], {Delete: []string{}}}
		if diff := cmp.Diff(make([]fate, 3), fates(t, c.Mutate(t.Context(), mutations))); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]fate{{}, {op, Transient, false, false}, {}}, fates(t, c.Mutate(t.Context(), mutations))); diff != "" {
			t.Error(diff)
		}
		if n := len(s.requests(op)); n != 2 || len(s.requests("batch")) != 0 {
			t.Errorf("%s: %d plain requests, %d batches", op, n, len(s.requests("batch")))
		}
	}
	s := newServer(t)
	if errs := s.client(t).Mutate(t.Context(), []Mutation{{Delete: nil}}); len(errs) != 1 || errs[0] != nil || len(s.received) != 0 {
		t.Errorf("errors %v, requests %v", errs, s.received)
	}
}

func TestV16WhatTheAnswerToABatchMeans(t *testing.T) {
	a, b, c := "createUsers", "setUserAttributes", "deleteUsersFromWorkspace"
	unanswered := []fate{{a, Transient, true, false}, {b, Transient, true, false}, {c, Transient, true, false}}
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   []fate
	}{
		{"each its own status", says(`{"data":{
			"m0":{"status":{"code":"ERROR","message":"this address is blocked"}},"m1":{"status":{"code":"NOT_FOUND","message":"who?"}},"m2":` + ok + `}}`),
			[]fate{{a, Permanent, false, false}, {b, NotFound, false, false}, {}}},
		{"V-20: several ids are not one person", says(`{"data":{"m0":` + ok + `,"m1":{"status":{"code":"ERROR","message":"not allowed"}},
			"m2":{"status":{"code":"ERROR","message":"not allowed"}}}}`),
			[]fate{{}, {b, Permanent, false, false}, {c, Transient, false, false}}},
		{"NONE", says(`{"data":{"m0":{"status":{"code":"NONE","message":""}},"m1":` + ok + `,"m2":` + ok + `}}`),
			[]fate{{a, Transient, true, false}, {}, {}}},
		{"an answer is missing", says(`{"data":{"m2":` + ok + `,"m0":` + ok + `}}`), []fate{{}, {b, Transient, true, false}, {}}},
		{"an answer is something else", says(`{"data":{"m0":` + ok + `,"m1":"OK","m2":{"status":"OK"}}}`),
			[]fate{{}, {b, Transient, true, false}, {c, Transient, true, false}}},
		{"an answer to what nobody asked", says(`{"data":{"m0":` + ok + `,"m1":` + ok + `,"m2":` + ok + `,"m3":null}}`), make([]fate, 3)},
		{"an error with data for the others", says(`{"data":{"m0":` + ok + `,"m1":null,"m2":` + ok + `},"errors":[{"message":"boom","path":["m1","status"]}]}`),
			[]fate{{}, {b, Transient, true, false}, {}}},
		{"an error of the tenant with data for the others", says(`{"data":{"m0":` + ok + `,"m1":null,"m2":` + ok + `},"errors":[{"message":"permission denied","path":["m1"]}]}`),
			[]fate{{}, {b, Unauthorized, true, false}, {}}},
		{"an error beside its own OK", says(`{"data":{"m0":` + ok + `,"m1":` + ok + `,"m2":` + ok + `},"errors":[{"message":"half of it","path":["m0"]}]}`),
			[]fate{{a, Transient, true, false}, {}, {}}},
		{"an error of nobody in particular", says(`{"data":{"m0":` + ok + `,"m1":` + ok + `,"m2":` + ok + `},"errors":[{"message":"half of it"}]}`), unanswered},
		{"an error that took data with it", says(`{"data":null,"errors":[{"message":"permission denied","path":["m1"]}]}`),
			[]fate{{a, Transient, true, false}, {b, Unauthorized, true, false}, {c, Transient, true, false}}},
		{"an error in words of a validation, of a field that ran", says(`{"data":null,"errors":[{"message":"Validation error: region","path":["m1"]}]}`), unanswered},
		{"an error of the request", says(`{"data":null,"errors":[{"message":"internal system error"}]}`), unanswered},
		{"an error of the request that is the tenant's", says(`{"errors":[{"message":"permission denied"}]}`),
			[]fate{{a, Unauthorized, true, false}, {b, Unauthorized, true, false}, {c, Unauthorized, true, false}}},
		{"an invalid document was not executed", says(`{"errors":[{"message":"Unknown type \"SetUserAttributesInput\"."}]}`),
			[]fate{{a, Transient, false, false}, {b, Transient, false, false}, {c, Transient, false, false}}},
		{"an invalid document with paths (Hot Chocolate)", says(`{"errors":[{"message":"The field ` + "`setUserAttributes` does not exist on the type `Mutation`" + `.","path":["m1"]}]}`),
			[]fate{{a, Transient, false, false}, {b, Transient, false, false}, {c, Transient, false, false}}},
		{"neither data nor errors", says(`{"data":null}`), unanswered},
		{"an answer that is cut", cuts(`{"data":{"m0":` + ok), unanswered},
		{"no answer", resets, unanswered},
		{"no answer of a gateway", fails(502, "<html>"), unanswered},
		{"turned away", fails(429, "", "Retry-After", "7"), []fate{{a, Transient, false, false}, {b, Transient, false, false}, {c, Transient, false, false}}},
		{"refused", fails(401, ""), []fate{{a, Unauthorized, false, false}, {b, Unauthorized, false, false}, {c, Unauthorized, false, false}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			s.on("schemaShape", schemaAnswer("roleId scopes", "ids workspaceID"))
			s.on("batch", test.answer)
			var told error
			client := s.client(t, func(o *Options) { o.OnCall = func(c Call) { told = c.Err } })
			errs := client.Mutate(t.Context(), three())
			if diff := cmp.Diff(test.want, fates(t, errs)); diff != "" {
				t.Errorf("%v (-want +got):\n%s", errs, diff)
			}
			if (told != nil) != (cmp.Diff(make([]fate, 3), test.want) != "") {
				t.Errorf("the call was told as %v", told)
			}
			requests := 1
			if strings.Contains(test.name, "invalid document") {
				requests = 2 // in the other shape of deleteUsersFromWorkspace
			}
			if n := len(s.requests("batch")); n != requests {
				t.Errorf("V-12: sent %d times", n)
			}
		})
	}
}

func TestFailuresOfABatchAreTheirOwners(t *testing.T) {
	s := newServer(t)
	s.on("batch", fails(503, "down for wsk_secret_key", "Retry-After", "7"),
		says(`{"data":{"m0":{"status":{"code":"ERROR","message":"bad key wsk_secret_key"}},"m1":`+ok+`}}`))
	c := s.client(t)
	errs := c.Mutate(t.Context(), three()[:2])
	first, second := failure(t, errs[0]), failure(t, errs[1])
	if first == second {
		t.Error("two mutations share an Error")
	}
	if first.HTTPStatus != 503 || second.RetryAfter != 7*time.Second || second.Message != "down for [token]" {
		t.Errorf("%#v", second)
	}
	errs = c.Mutate(t.Context(), three()[:2])
	if e := failure(t, errs[0]); e.HTTPStatus != 200 || e.Error() != "createUsers: WisdomAI answered ERROR: bad key [token]" {
		t.Errorf("%#v", e)
	}
}

func TestBothShapesOfDeleteInABatch(t *testing.T) {
	for _, shape := range []string{"(ids: $i2", "(input: $i2)"} {
		t.Run(shape, func(t *testing.T) {
			s := newServer(t) // without introspection
			s.on("batch", refuses(shape, says(`{"data":{"m0":`+ok+`,"m1":{"status":{"code":"NOT_FOUND","message":""}},"m2":`+ok+`}}`), s, "batch"))
			c := s.client(t)
			for range 2 {
				if diff := cmp.Diff([]fate{{}, {"setUserAttributes", NotFound, false, false}, {}}, fates(t, c.Mutate(t.Context(), three()))); diff != "" {
					t.Error(diff)
				}
			}
			want := 2
			if shape == "(input: $i2)" {
				want = 3 // the first was refused
			}
			if n := len(s.requests("batch")); n != want {
				t.Errorf("%d requests, want %d", n, want)
			}
		})
	}
}

func TestV12ABatchWhoseTokenWasRenewedIsComputedAnew(t *testing.T) {
	expired := `{"status":{"code":"ERROR","message":"token expired"}}`
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   []fate
	}{
		{"401", fails(401, "token expired"), []fate{{"createUsers", Transient, false, true}, {"setUserAttributes", Transient, false, true}}},
		{"a field alone", says(`{"data":{"m0":` + ok + `,"m1":` + expired + `}}`), []fate{{}, {"setUserAttributes", Transient, false, true}}},
		{"a field beside another failure", says(`{"data":{"m0":{"status":{"code":"ERROR","message":"is blocked"}},"m1":` + expired + `}}`),
			[]fate{{"createUsers", Permanent, false, false}, {"setUserAttributes", Transient, false, true}}},
		{"an error of a field, which may have run", says(`{"data":{"m0":` + ok + `,"m1":null},"errors":[{"message":"token expired","path":["m1"]}]}`),
			[]fate{{}, {"setUserAttributes", Transient, true, false}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			s.on("exchangeAccessToken", says(`{"data":{"exchangeAccessToken":"one"}}`), says(`{"data":{"exchangeAccessToken":"two"}}`))
			s.on("batch", says(`{"data":{"m0":`+ok+`,"m1":`+ok+`}}`), test.answer)
			c := s.client(t, func(o *Options) { o.Exchange = "always" })
			if diff := cmp.Diff(make([]fate, 2), fates(t, c.Mutate(t.Context(), three()[:2]))); diff != "" {
				t.Fatal(diff)
			}
			if diff := cmp.Diff(test.want, fates(t, c.Mutate(t.Context(), three()[:2]))); diff != "" {
				t.Error(diff)
			}
			if n := len(s.requests("batch")); n != 2 {
				t.Errorf("sent %d times", n-1)
			}
			if n := len(s.requests("exchangeAccessToken")); n != 2 {
				t.Errorf("%d exchanges", n)
			}
		})
	}
}

func TestV20WhatCannotBeEncodedIsNotItsNeighboursFailure(t *testing.T) {
	s := newServer(t)
	s.on("createUsers", status("createUsers", "OK", ""))
	s.on("batch", says(`{"data":{"m0":`+ok+`,"m2":`+ok+`}}`))
	bad, good := Mutation{Create: &NewUsers{Emails: []string{"\xff@example.com"}}}, three()[0]
	c := s.client(t)
	if diff := cmp.Diff([]fate{{}, {"createUsers", Permanent, false, false}, {}}, fates(t, c.Mutate(t.Context(), []Mutation{good, bad, good}))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]fate{{"createUsers", Permanent, false, false}, {}}, fates(t, c.Mutate(t.Context(), []Mutation{bad, good}))); diff != "" {
		t.Error(diff)
	}
}

func TestABatchIsNotSentWithoutATokenOrTime(t *testing.T) {
	t.Run("no token", func(t *testing.T) {
		s := newServer(t)
		s.on("exchangeAccessToken", resets)
		errs := s.client(t, func(o *Options) { o.Exchange = "always" }).Mutate(t.Context(), three())
		want := []fate{{"createUsers", Transient, false, false}, {"setUserAttributes", Transient, false, false}, {"deleteUsersFromWorkspace", Transient, false, false}}
		if diff := cmp.Diff(want, fates(t, errs)); diff != "" || len(s.requests("batch")) != 0 {
			t.Errorf("%v (-want +got):\n%s", errs, diff)
		}
		if !strings.HasPrefix(errs[2].Error(), "deleteUsersFromWorkspace: ") {
			t.Errorf("error %v", errs[2])
		}
	})
	t.Run("a deadline", func(t *testing.T) {
		s := newServer(t)
		s.on("batch", hangs)
		errs := s.client(t, func(o *Options) { o.Deadline = 50 * time.Millisecond }).Mutate(t.Context(), three()[:2])
		want := []fate{{"createUsers", Transient, true, false}, {"setUserAttributes", Transient, true, false}}
		if diff := cmp.Diff(want, fates(t, errs)); diff != "" || !errors.Is(errs[1], context.DeadlineExceeded) {
			t.Errorf("%v (-want +got):\n%s", errs, diff)
		}
	})
}

// many is a batch of n createUsers.
func many(n int) []Mutation {
	out := make([]Mutation, n)
	for i := range out {
		out[i].Create = &NewUsers{Emails: []string{fmt.Sprintf("p%d@example.com", i)}, Roles: []RoleAssignment{{RoleID: "00000000-0000-0000-0000-000000000003"}}}
	}
	return out
}

func TestABatchSaysHowManyFailed(t *testing.T) {
	s := newServer(t)
	data := map[string]any{}
	for i := range 50 {
		code := "OK"
		if i%20 == 7 {
			code = "ERROR"
		}
		data[fmt.Sprintf("m%d", i)] = map[string]any{"status": map[string]string{"code": code, "message": "is blocked"}}
	}
	raw, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		t.Fatal(err)
	}
	s.on("batch", says(string(raw)))
	var call Call
	c := s.client(t, func(o *Options) { o.OnCall = func(c Call) { call = c } })
	for i, err := range c.Mutate(t.Context(), many(50)) {
		if (err != nil) != (i%20 == 7) {
			t.Errorf("mutation %d: %v", i, err)
		}
	}
	if call.Summary != "batch createUsers x50" || call.Err == nil ||
		call.Err.Error() != "batch: WisdomAI answered ERROR: createUsers: is blocked (3 of 50 failed)" {
		t.Errorf("%+v", call)
	}
}
