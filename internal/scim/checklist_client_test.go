package scim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/bridgetest"
	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/scim"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// wire is what these tests call with: http.DefaultTransport is shared with every httptest
// server of the process, whose Close closes the connections that others are about to use.
var wire = http.DefaultTransport.(*http.Transport).Clone()

const (
	core   = schema.UserURN
	ent    = schema.EnterpriseURN
	wisdom = schema.WisdomURN

	errorURN  = "urn:ietf:params:scim:api:messages:2.0:Error"
	listURN   = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	searchURN = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
	patchURN  = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
)

// declared is the product's own extension in the checklist's tenant.
var declared = []schema.Declared{
	{Name: "region", Type: schema.String},
	{Name: "customerIds", Type: schema.String, MultiValued: true},
	{Name: "level", Type: schema.Integer},
	{Name: "ratio", Type: schema.Decimal},
	{Name: "betaAccess", Type: schema.Boolean},
	{Name: "hired", Type: schema.DateTime},
	{Name: "site", Type: schema.Reference},
	{Name: "cost_center-2", Type: schema.String},
}

// rules are the checklist's tenant: a userName that is no address stands for one, as the
// paragraph "UserNames" says. What an address cannot hold is escaped as hexadecimal.
func rules() mapping.Spec {
	spec := mapping.Spec{
		Email: []mapping.Source{{CEL: "user.userName.matches('^[A-Za-z0-9._%+\\'-]+(@[A-Za-z0-9.-]+)?$') ?" +
			" (user.userName.contains('@') ? user.userName : user.userName + '@suite.example') :" +
			" 'x' + '%x'.format([user.userName]) + '@suite.example'"}},
		EmailDomains: []string{"*", "!wisdom.invalid"}, // the simulator's own administrator stays out of sight
	}
	for _, d := range declared {
		spec.Extension = append(spec.Extension, mapping.ExtensionAttribute{
			Name: d.Name, Type: string(d.Type), MultiValued: d.MultiValued, Key: "test_" + strings.ReplaceAll(d.Name, "-", "_")})
	}
	return spec
}

// world is a bridge with two SCIM servers over it: a strict one and one that takes what IdPs send.
type world struct {
	*bridgetest.Bridge
	strict, lenient string // base URLs
}

// newWorld starts a world, which ends with the test.
func newWorld(t *testing.T, o bridgetest.Options) *world {
	t.Helper()
	o.Rules = rules()
	w := &world{Bridge: bridgetest.Start(t, o)}
	w.strict, w.lenient = w.serve(t, func(o *scim.Options) { o.Strict = true }), w.serve(t, func(*scim.Options) {})
	return w
}

// serve starts one more SCIM server over the same directory, and gives its base URL.
func (w *world) serve(t *testing.T, change func(*scim.Options)) string {
	t.Helper()
	server := httptest.NewServer(w.handler(t, change))
	t.Cleanup(server.Close)
	return server.URL + "/scim/v2"
}

// handler is what serve serves.
func (w *world) handler(t *testing.T, change func(*scim.Options)) http.Handler {
	t.Helper()
	o := scim.Options{
		Directory: scim.Over(w.Directory), Authenticate: w.Authenticate, DiscoveryNeedsAuth: true,
		Extension: declared, UniqueGroupNames: true, CursorKey: w.CursorKey, Log: w.Log,
	}
	change(&o)
	handler, err := scim.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return scim.Mounts(map[string]http.Handler{"/scim/v2": handler})
}

// client is a row's way to its world: in strict mode, unless lenient was asked for.
type client struct {
	*testing.T
	w    *world
	id   string // the row's
	base string
	*shared
}

// shared is what the rows of all sections share, made when the first of them asks.
type shared struct {
	crowd  func() crowd
	line   func() crowd // of 95
	people func() people
	lineup func() lineup
	mixed  func() mixed
}

// lenient is the same client on the server that takes what IdPs send.
func (c *client) lenient() *client { return &client{c.T, c.w, c.id, c.w.lenient, c.shared} }

// fresh is a client of a world that nobody else uses, for rows that count or list everything.
func (c *client) fresh(options ...bridgetest.Options) *client {
	c.Helper()
	o := bridgetest.Options{}
	if len(options) > 0 {
		o = options[0]
	}
	w := newWorld(c.T, o)
	return &client{c.T, w, c.id, w.strict, c.shared}
}

// limited is a client of another server over the same directory, strict but for the change.
func (c *client) limited(change func(*scim.Options)) *client {
	c.Helper()
	return &client{c.T, c.w, c.id, c.w.serve(c.T, func(o *scim.Options) {
		o.Strict = true
		change(o)
	}), c.shared}
}

// name makes a name the row's own: rows share a world.
func (c *client) name(plain string) string { return plain + "-" + strings.ToLower(c.id) }

// reply is an answer. Its status and body are kept as they came.
type reply struct {
	c      *client
	what   string
	status int
	header http.Header
	text   string
}

// do sends a request. headers are "Name: value", an empty value takes the header away.
func (c *client) do(method, path, body string, headers ...string) reply {
	c.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequest(method, c.base+path, reader)
	if err != nil {
		c.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.w.Token)
	if body != "" {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if value == "" {
			r.Header.Del(strings.TrimSuffix(name, ":"))
			continue
		}
		r.Header.Set(name, value)
	}
	return c.send(r)
}

// send sends a request as it is.
func (c *client) send(r *http.Request) reply {
	c.Helper()
	answer, err := wire.RoundTrip(r) // no redirects
	if err != nil {
		c.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		c.Fatal(err)
	}
	what := r.Method + " " + strings.TrimPrefix(r.URL.String(), c.base)
	return reply{c, what[:min(len(what), 300)], answer.StatusCode, answer.Header, string(text)}
}

func (c *client) get(path string, headers ...string) reply {
	c.Helper()
	return c.do("GET", path, "", headers...)
}

// post creates a resource below an endpoint.
func (c *client) post(endpoint, body string, headers ...string) reply {
	c.Helper()
	return c.do("POST", endpoint, body, headers...)
}

func (c *client) put(path, body string, headers ...string) reply {
	c.Helper()
	return c.do("PUT", path, body, headers...)
}

// patch sends the operations in one PatchOp.
func (c *client) patch(path string, operations ...string) reply {
	c.Helper()
	return c.do("PATCH", path, scim.PatchBody(operations...))
}

// resource is one that a row has made.
type resource struct{ id, path, name string }

// user makes a user; more is JSON members beside userName.
func (c *client) user(name, more string) resource {
	c.Helper()
	id := c.post("/Users", c.userBody(name, more)).is(201).id()
	return resource{id, "/Users/" + id, c.name(name)}
}

// userBody is a User whose name is the row's own.
func (c *client) userBody(name, more string) string { return scim.UserBody(c.name(name), more) }

// group makes a group.
func (c *client) group(name string, members ...resource) resource {
	c.Helper()
	id := c.post("/Groups", c.groupBody(name, members...)).is(201).id()
	return resource{id, "/Groups/" + id, c.name(name)}
}

// groupBody is a Group whose name is the row's own.
func (c *client) groupBody(name string, members ...resource) string {
	ids := make([]string, len(members))
	for i, m := range members {
		ids[i] = m.id
	}
	return scim.GroupBody(c.name(name), ids...)
}

// filter lists what a filter finds at an endpoint.
func (c *client) filter(endpoint, filter string, more ...string) reply {
	c.Helper()
	return c.get(scim.Filtered(endpoint, filter, more...))
}

// finds wants a filter to find exactly these resources, in any order.
func (c *client) finds(endpoint, filter string, want ...resource) {
	c.Helper()
	got := c.filter(endpoint, filter).is(200).wants(len(want), "totalResults").ids()
	ids := []string{}
	for _, r := range want {
		ids = append(ids, r.id)
	}
	slices.Sort(got)
	slices.Sort(ids)
	if diff := cmp.Diff(ids, got); diff != "" {
		c.Errorf("%s?filter=%s (-want +got)\n%s", endpoint, filter, diff)
	}
}

// unchanged sends a request that must be refused, and wants the resource to be what it was,
// byte for byte.
func (c *client) unchanged(r resource, method, path, body string, status int, scimType string, headers ...string) reply {
	c.Helper()
	before := c.get(r.path).is(200).text
	refused := c.do(method, path, body, headers...).refused(status, scimType)
	if after := c.get(r.path).is(200).text; after != before {
		c.Errorf("%s %s %s: the resource changed from\n%s\nto\n%s", method, path, body, before, after)
	}
	return refused
}

// patchFails is unchanged for operations.
func (c *client) patchFails(r resource, status int, scimType string, operations ...string) {
	c.Helper()
	c.unchanged(r, "PATCH", r.path, scim.PatchBody(operations...), status, scimType)
}

// patchKeeps wants operations to succeed without changing a thing.
func (c *client) patchKeeps(r resource, operations ...string) {
	c.Helper()
	before := c.get(r.path).is(200).text
	if got := c.patch(r.path, operations...); got.status != 200 && got.status != 204 {
		c.Errorf("%s %v: status %d\n%s", got.what, operations, got.status, got.text)
	}
	if after := c.get(r.path).is(200).text; after != before {
		c.Errorf("PATCH %s %v: the resource changed from\n%s\nto\n%s", r.path, operations, before, after)
	}
}

// atOnce runs n functions at the same time and counts the statuses that they give.
func atOnce(n int, send func(i int) reply) map[int]int {
	var wg sync.WaitGroup
	statuses := make([]int, n)
	for i := range n {
		wg.Go(func() { statuses[i] = send(i).status })
	}
	wg.Wait()
	count := map[int]int{}
	for _, s := range statuses {
		count[s]++
	}
	return count
}

// is wants a status, and of an answer with a body the media type of SCIM.
func (r reply) is(status int) reply {
	r.c.Helper()
	if r.status != status {
		r.c.Fatalf("%s: status %d, want %d\n%.2000s", r.what, r.status, status, r.text)
	}
	if got := r.header.Get("Content-Type"); r.text != "" && got != "application/scim+json" {
		r.c.Errorf("%s: Content-Type %q", r.what, got)
	}
	return r
}

// refused wants an Error body (Z-01 to Z-04).
func (r reply) refused(status int, scimType string) reply {
	r.c.Helper()
	r.is(status)
	got := struct {
		Schemas                  []string
		Status, ScimType, Detail string
	}{}
	if err := json.Unmarshal([]byte(r.text), &got); err != nil {
		r.c.Fatalf("%s: %v in %q", r.what, err, r.text)
	}
	if !slices.Equal(got.Schemas, []string{errorURN}) || got.Status != strconv.Itoa(status) || got.ScimType != scimType || got.Detail == "" {
		r.c.Errorf("%s: error %+v; want status %d, scimType %q and a detail", r.what, got, status, scimType)
	}
	return r
}

// says wants words in the detail of an Error.
func (r reply) says(words ...string) reply {
	r.c.Helper()
	detail, _ := r.at("detail").(string)
	for _, w := range words {
		if !strings.Contains(detail, w) {
			r.c.Errorf("%s: the detail %q does not say %q", r.what, detail, w)
		}
	}
	return r
}

// at is the value under keys and list indexes, nil if there is none.
func (r reply) at(path ...any) any {
	r.c.Helper()
	var v any
	if err := json.Unmarshal([]byte(r.text), &v); err != nil {
		r.c.Fatalf("%s: %v in %q", r.what, err, r.text)
	}
	return scim.Dig(v, path...)
}

// wants compares the value under path.
func (r reply) wants(want any, path ...any) reply {
	r.c.Helper()
	if diff := cmp.Diff(scim.Normal(want), r.at(path...)); diff != "" {
		r.c.Errorf("%s: %v (-want +got)\n%s", r.what, path, diff)
	}
	return r
}

// keys are the names of the members of the object under path, sorted.
func (r reply) keys(path ...any) []string {
	r.c.Helper()
	object, _ := r.at(path...).(map[string]any)
	keys := []string{}
	for k := range object {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// shows wants exactly these members of the answer's object.
func (r reply) shows(keys ...string) reply {
	r.c.Helper()
	slices.Sort(keys)
	if diff := cmp.Diff(keys, r.keys()); diff != "" {
		r.c.Errorf("%s: the answer has other members (-want +got)\n%s", r.what, diff)
	}
	return r
}

// same wants two answers to have the same body.
func (r reply) same(other reply) {
	r.c.Helper()
	if diff := cmp.Diff(r.text, other.text); diff != "" {
		r.c.Errorf("%s (-) and %s (+) differ:\n%s", r.what, other.what, diff)
	}
}

// list is the list under path, empty if there is none.
func (r reply) list(path ...any) []any {
	r.c.Helper()
	list, _ := r.at(path...).([]any)
	return list
}

// ids are the ids of a list's resources, in order.
func (r reply) ids() []string {
	r.c.Helper()
	ids := []string{}
	for _, one := range r.list("Resources") {
		id, _ := scim.Dig(one, "id").(string)
		ids = append(ids, id)
	}
	return ids
}

func (r reply) id() string {
	r.c.Helper()
	return r.string("id")
}

// string is the text under path, which has to be there.
func (r reply) string(path ...any) string {
	r.c.Helper()
	s, _ := r.at(path...).(string)
	if s == "" {
		r.c.Fatalf("%s: no %v in %s", r.what, path, r.text)
	}
	return s
}
