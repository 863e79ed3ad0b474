package scim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

const (
	core   = schema.UserURN
	ent    = schema.EnterpriseURN
	wisdom = schema.WisdomURN
)

// browser is what these tests call with: http.DefaultTransport is shared with every httptest
// server of the process, whose Close closes the connections that others are about to use.
var browser = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}

// suite is a SCIM server over HTTP with a directory in memory, and a client of it.
type suite struct {
	t         *testing.T
	directory *fake
	url       string // of the tenant's base
	log       *lines
	requests  chan RequestInfo
}

// lines is a log that tests read.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

const token = "t0ken"

// refusedToken is what package auth answers to a token that it does not know.
type refusedToken struct{ status int }

func (refusedToken) Error() string     { return "revoked by root yesterday" }
func (r refusedToken) Status() int     { return r.status }
func (refusedToken) Challenge() string { return `Bearer realm="scimbridge", error="invalid_token"` }

func authenticate(_ context.Context, r *http.Request) (directory.Caller, error) {
	switch r.Header.Get("Authorization") {
	case "Bearer " + token:
		return directory.Caller{Token: "okta"}, nil
	case "Bearer broken":
		return directory.Caller{}, errors.New("the store is locked: secret DSN")
	case "Bearer unavailable":
		return directory.Caller{}, refusedToken{http.StatusServiceUnavailable}
	case "Bearer a, Bearer b":
		return directory.Caller{}, refusedToken{http.StatusBadRequest}
	case "Bearer read-only":
		return directory.Caller{}, refusedToken{http.StatusForbidden}
	}
	return directory.Caller{}, refusedToken{http.StatusUnauthorized}
}

func serve(t *testing.T, change ...func(*Options)) *suite {
	t.Helper()
	s := &suite{t: t, directory: newFake(), log: &lines{}, requests: make(chan RequestInfo, 10_000)}
	o := Options{
		Directory: s.directory, Authenticate: authenticate, DiscoveryNeedsAuth: true, UniqueGroupNames: true,
		Extension: []schema.Declared{{Name: "region", Type: schema.String}, {Name: "customerIds", Type: schema.String, MultiValued: true}, {Name: "level", Type: schema.Integer}},
		Log:       slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnRequest: func(r RequestInfo) { s.requests <- r },
	}
	for _, f := range change {
		f(&o)
	}
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	s.url = server.URL + "/scim/v2"
	return s
}

// reply is an answer. Its status and body are kept as they came.
type reply struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	text   string
}

// do sends a request. headers are "Name: value"; an Authorization that is not given is the token.
func (s *suite) do(method, path, body string, headers ...string) reply {
	s.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequest(method, s.url+path, reader)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if value == "" {
			r.Header.Del(name)
			continue
		}
		r.Header.Set(name, value)
	}
	answer, err := browser.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return reply{s.t, method + " " + path, answer.StatusCode, answer.Header, string(text)}
}

func (s *suite) get(path string, headers ...string) reply {
	s.t.Helper()
	return s.do("GET", path, "", headers...)
}

// is wants a status.
func (r reply) is(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s: status %d, want %d\n%s", r.what, r.status, status, r.text)
	}
	if r.text != "" && status != http.StatusNoContent {
		if got := r.header.Get("Content-Type"); got != "application/scim+json" {
			r.t.Errorf("%s: Content-Type %q", r.what, got)
		}
	}
	return r
}

// refused wants an Error body (Z-01 to Z-04) and gives its detail.
func (r reply) refused(status int, scimType string) string {
	r.t.Helper()
	r.is(status)
	var got struct {
		Schemas  []string
		Status   string
		ScimType string
		Detail   string
	}
	if err := json.Unmarshal([]byte(r.text), &got); err != nil {
		r.t.Fatalf("%s: %v in %q", r.what, err, r.text)
	}
	if want := []string{"urn:ietf:params:scim:api:messages:2.0:Error"}; !cmp.Equal(got.Schemas, want) {
		r.t.Errorf("%s: schemas %v", r.what, got.Schemas)
	}
	if got.Status != strconv.Itoa(status) || got.ScimType != scimType || got.Detail == "" {
		r.t.Errorf("%s: error %+v; want status %d, scimType %q and a detail", r.what, got, status, scimType)
	}
	if len(got.Detail) > 2100 {
		r.t.Errorf("%s: the detail repeats the request: %d bytes", r.what, len(got.Detail))
	}
	return got.Detail
}

// json is the body as decoded JSON.
func (r reply) json() map[string]any {
	r.t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(r.text), &v); err != nil {
		r.t.Fatalf("%s: %v in %q", r.what, err, r.text)
	}
	return v
}

// at is the value under keys and list indexes, nil if there is none.
func (r reply) at(path ...any) any {
	r.t.Helper()
	return dig(r.json(), path...)
}

func dig(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := v.(map[string]any)
			v = object[step]
		case int:
			list, _ := v.([]any)
			if step >= len(list) {
				return nil
			}
			v = list[step]
		}
	}
	return v
}

// wants compares the value under path.
func (r reply) wants(want any, path ...any) reply {
	r.t.Helper()
	if diff := cmp.Diff(normal(want), r.at(path...)); diff != "" {
		r.t.Errorf("%s: %v (-want +got)\n%s", r.what, path, diff)
	}
	return r
}

func jsonOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// normal is a Go value as JSON would give it.
func normal(v any) any {
	var out any
	if err := json.Unmarshal([]byte(jsonOf(v)), &out); err != nil {
		panic(err)
	}
	return out
}

func (r reply) id() string {
	r.t.Helper()
	id, _ := r.at("id").(string)
	if id == "" {
		r.t.Fatalf("%s: no id in %s", r.what, r.text)
	}
	return id
}

// userBody is a User; more is JSON members that follow userName.
func userBody(userName, more string) string {
	if more != "" {
		more = "," + more
	}
	return `{"schemas":["` + core + `"],"userName":"` + userName + `"` + more + `}`
}

func groupBody(name string, members ...string) string {
	list := make([]string, len(members))
	for i, m := range members {
		list[i] = `{"value":"` + m + `"}`
	}
	return `{"schemas":["` + schema.GroupURN + `"],"displayName":"` + name + `","members":[` + strings.Join(list, ",") + `]}`
}

// groupWith is a Group with members as they are to be sent.
func groupWith(members string) string {
	return `{"schemas":["` + schema.GroupURN + `"],"displayName":"New","members":` + members + `}`
}

func patchBody(operations ...string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + strings.Join(operations, ",") + `]}`
}

func (s *suite) user(userName, more string) string {
	s.t.Helper()
	return s.do("POST", "/Users", userBody(userName, more)).is(201).id()
}

func (s *suite) group(name string, members ...string) string {
	s.t.Helper()
	return s.do("POST", "/Groups", groupBody(name, members...)).is(201).id()
}

// unchanged sends a request that must be refused and wants the resource to be what it
// was, byte for byte.
func (s *suite) unchanged(resource, method, path, body string, status int, scimType string, headers ...string) string {
	s.t.Helper()
	before := s.get(resource).is(200).text
	detail := s.do(method, path, body, headers...).refused(status, scimType)
	if after := s.get(resource).is(200).text; after != before {
		s.t.Errorf("%s %s %s: the resource changed from\n%s\nto\n%s", method, path, body, before, after)
	}
	return detail
}

// filtered is a list's path with a filter, encoded.
func filtered(endpoint, filter string, more ...string) string {
	return endpoint + "?" + strings.Join(append([]string{"filter=" + url.QueryEscape(filter)}, more...), "&")
}

// ids are the values of a list's resources' ids, in order.
func (r reply) ids() []string {
	r.t.Helper()
	ids := []string{}
	list, _ := r.at("Resources").([]any)
	for _, resource := range list {
		id, _ := dig(resource, "id").(string)
		ids = append(ids, id)
	}
	return ids
}
