package directory

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/enginetest"
	"github.com/scimbridge/scimbridge/internal/wisdom"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

// world is a directory with a real store, the real client, and a simulator that speaks real
// GraphQL, in one bubble of virtual time.
type world struct {
	t     *testing.T
	sim   *simulator.Server
	store store.Store
	place *enginetest.Place
	began time.Time // virtual
	o     Options
	dir   *Directory
	stop  func()

	down atomicBool // nothing reaches WisdomAI
	// wrapStore, if set, makes what the directory gets of the store.
	wrapStore func(store.Store) store.Store
	without   string // an address that no listing shows
	log       *bytes.Buffer
	// split, if set, makes several tenants of what would be one, all on its workspace and store.
	split   func(Options) []Options
	tenants map[string]*Directory
	// after is called after every effect at WisdomAI.
	after func(simulator.Effect)
}

type atomicBool struct {
	mu sync.Mutex
	v  bool
}

func (b *atomicBool) set(v bool) { b.mu.Lock(); b.v = v; b.mu.Unlock() }
func (b *atomicBool) get() bool  { b.mu.Lock(); defer b.mu.Unlock(); return b.v }

// rules is the mapping of these tests: an attribute, its filter, and a few groups.
func rules() mapping.Spec {
	return mapping.Spec{
		Email:        []mapping.Source{{Path: "userName"}, {Path: "emails.value"}},
		EmailDomains: []string{"example.com"},
		Attributes:   []mapping.AttributeRule{{Key: "department", Paths: []string{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"}}},
		Extension:    []mapping.ExtensionAttribute{{Name: "region", Type: "string"}},
		Roles: mapping.RolesSpec{
			Privileged: []string{"ADMIN", "SITE_ADMIN", "DATA_ADMIN", "CONNECTION_ADMIN"},
			Groups: []mapping.GroupRule{
				{Group: "Explorers", Role: "EXPLORER"},
				{Group: "Viewers", Role: "VIEWER"},
				{Match: "explorer-(?P<domain>.+)", Role: "EXPLORER", Scopes: []string{"${domain}"}},
			},
		},
	}
}

// inWorld runs a test in a bubble. Time passes only when everything waits.
func inWorld(t *testing.T, test func(*world), configure ...func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, place: enginetest.NewPlace(t), began: time.Now(), log: &bytes.Buffer{}}
		var err error
		w.sim, err = simulator.New(simulator.Options{Token: "key", OnEffect: func(e simulator.Effect) {
			if w.after != nil {
				w.after(e)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		spec := rules()
		compiled, faults := mapping.Compile(spec)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		w.o = Options{Tenant: "default", Workspace: "sim/" + w.sim.Workspace(), Rules: compiled, Rand: func() float64 { return 0.5 },
			Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
		for _, c := range configure {
			c(w)
		}
		w.start()
		defer func() {
			w.stop()
			w.sim.Close()
			if t.Failed() {
				t.Logf("log:\n%s", w.log)
			}
		}()
		test(w)
	})
}

// manyWorlds leaves a test out under the race detector, where a world takes many times as long: one after
// the other they say no more of races than the first.
func manyWorlds(t *testing.T) {
	t.Helper()
	if raced {
		t.Skip("many worlds, one after the other, say nothing of races")
	}
}

// start opens the store and runs the directory; stop ends both, as a process's end does.
func (w *world) start() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var err error
	if w.store, err = w.place.Open(ctx, time.Now); err != nil {
		w.t.Fatal(err)
	}
	client, err := wisdom.New(wisdom.Options{URL: "http://127.0.0.1/graphql", Workspace: w.sim.Workspace(), Token: w.sim.Token(), Exchange: "never",
		HTTPClient: &http.Client{Transport: inProcess{w}}, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	w.o.Store, w.o.WisdomAI = w.store, client
	if w.wrapStore != nil {
		w.o.Store = w.wrapStore(w.store)
	}
	if w.without != "" {
		w.o.WisdomAI = lacking{client, w.without}
	}
	all := []Options{w.o}
	if w.split != nil {
		all = w.split(w.o)
	}
	done := make(chan error)
	w.tenants = map[string]*Directory{}
	for _, o := range all {
		if w.dir, err = New(ctx, o); err != nil {
			w.t.Fatal(err)
		}
		w.tenants[o.Tenant] = w.dir
		go func(d *Directory) { done <- d.Run(ctx) }(w.dir)
	}
	w.stop = func() {
		cancel()
		for range all {
			if err := <-done; err != nil {
				w.t.Error(err)
			}
		}
		if err := w.store.Close(); err != nil {
			w.t.Error(err)
		}
	}
}

// lacking leaves an address out of every listing.
type lacking struct {
	WisdomAI
	email string
}

func (l lacking) ListUsers(ctx context.Context, yield func(wisdom.User) error) error {
	return l.WisdomAI.ListUsers(ctx, func(u wisdom.User) error {
		if u.Email == l.email {
			return nil
		}
		return yield(u)
	})
}

// inProcess carries requests to the simulator without a socket, so that the bubble's clock can move.
type inProcess struct{ w *world }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	trace := httptrace.ContextClientTrace(r.Context())
	if trace != nil && trace.GetConn != nil {
		trace.GetConn("simulator")
	}
	if p.w.down.get() {
		return nil, &netError{}
	}
	if trace != nil && trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if bytes.Contains(body, []byte("listUsers")) {
		time.Sleep(time.Nanosecond) // the bubble's: what a test has done by hand before it waits is in the listing
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := make(chan *http.Response, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
					panic(p)
				}
				answer <- nil
			}
		}()
		rec := httptest.NewRecorder()
		p.w.sim.Handler().ServeHTTP(rec, r)
		answer <- rec.Result()
	}()
	select {
	case res := <-answer:
		if res == nil {
			return nil, io.ErrUnexpectedEOF
		}
		return res, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

type netError struct{}

func (*netError) Error() string { return "dial tcp: connection refused" }

// there is somebody at WisdomAI; nil is nobody.
func (w *world) there(email string) *simulator.User {
	for _, u := range w.sim.Users() {
		if u.Email == email {
			return &u
		}
	}
	return nil
}

// at is what somebody has at WisdomAI, in words: "EXPLORER@[x] department=Sales". Identity
// attributes are left out; JWT ones are marked. "-" is nobody.
func (w *world) at(email string) string {
	if u := w.there(email); u != nil {
		return describe(*u)
	}
	return "-"
}

func describe(u simulator.User) string {
	var words []string
	for _, r := range u.RoleAssignments {
		s := mapping.RoleName(r.RoleID)
		if len(r.Scopes) > 0 {
			s += fmt.Sprint("@", r.Scopes)
		}
		words = append(words, s)
	}
	slices.Sort(words)
	if len(words) == 0 {
		words = []string{"no role"}
	}
	attributes := slices.Clone(u.UserAttributes)
	slices.SortFunc(attributes, func(a, b simulator.UserAttribute) int { return cmp.Compare(a.Key, b.Key) })
	for _, a := range attributes {
		if strings.HasPrefix(a.Key, "scim_") {
			continue
		}
		s := a.Key + "=" + a.Value
		if a.Source == "JWT" {
			s += "(jwt)"
		}
		words = append(words, s)
	}
	return strings.Join(words, " ")
}

func (w *world) wantAt(email, want string) {
	w.t.Helper()
	if got := w.at(email); got != want {
		w.t.Errorf("%s at WisdomAI: %s, want %s", email, got, want)
	}
}

// invite puts somebody at WisdomAI by hand: roles as "EXPLORER" or "EXPLORER@x", attributes as "key=value" or "key=value(jwt)".
func (w *world) invite(email string, what ...string) {
	u := simulator.User{Email: email, Name: "By Hand", RoleAssignments: []simulator.RoleAssignment{}, UserAttributes: []simulator.UserAttribute{}}
	for _, s := range what {
		if key, value, ok := strings.Cut(s, "="); ok {
			a := simulator.UserAttribute{Key: key, Value: value, Source: "DATABASE"}
			if v, jwt := strings.CutSuffix(value, "(jwt)"); jwt {
				a.Value, a.Source = v, "JWT"
			}
			u.UserAttributes = append(u.UserAttributes, a)
			continue
		}
		role, scope, _ := strings.Cut(s, "@")
		id, ok := mapping.RoleID(role)
		if !ok {
			w.t.Fatalf("no role %q", role)
		}
		ra := simulator.RoleAssignment{RoleID: id, Scopes: []string{}}
		if scope != "" {
			ra.Scopes = []string{scope}
		}
		u.RoleAssignments = append(u.RoleAssignments, ra)
	}
	w.sim.PutUsers(u)
	if time.Since(w.began) == 0 { // the first look is being made: whether it shows him is nobody's to say
		w.pass(w.dir.o.Listing.MissMaxAge + time.Second)
	}
}

// person is a document of an active user; pairs are attribute and value.
func person(userName string, pairs ...string) Document {
	doc := Document{"userName": userName, "active": true, "emails": []any{map[string]any{"value": userName, "primary": true}}}
	for i := 0; i < len(pairs); i += 2 {
		switch pairs[i] {
		case "department":
			doc["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"] = map[string]any{"department": pairs[i+1]}
		case "region":
			doc["urn:ietf:params:scim:schemas:extension:wisdomai:2.0:User"] = map[string]any{"region": pairs[i+1]}
		default:
			doc[pairs[i]] = pairs[i+1]
		}
	}
	return doc
}

var okta = Caller{Token: "okta", Request: "r"}

// create is a POST whose 201 is written.
func (w *world) create(doc Document) User {
	w.t.Helper()
	c, err := w.dir.CreateUser(w.t.Context(), okta, doc)
	if err != nil {
		w.t.Fatalf("create %v: %v", doc["userName"], err)
	}
	c.Done(true)
	return c.User
}

// update sets attributes of a user as a PATCH does; a nil value removes.
func (w *world) update(id string, pairs ...any) error {
	_, err := w.dir.UpdateUser(w.t.Context(), okta, id, Precondition{}, func(doc Document) (Document, error) {
		for i := 0; i < len(pairs); i += 2 {
			key := pairs[i].(string)
			if pairs[i+1] == nil {
				delete(doc, key)
			} else if key == "department" {
				doc["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"] = map[string]any{"department": pairs[i+1]}
			} else {
				doc[key] = pairs[i+1]
			}
		}
		return doc, nil
	})
	return err
}

func (w *world) mustUpdate(id string, pairs ...any) {
	w.t.Helper()
	if err := w.update(id, pairs...); err != nil {
		w.t.Fatalf("update %s %v: %v", id, pairs, err)
	}
}

// group makes a group with members.
func (w *world) group(name string, members ...string) Group {
	w.t.Helper()
	g, err := w.dir.CreateGroup(w.t.Context(), okta, GroupDraft{DisplayName: name, Members: refs(members...)})
	if err != nil {
		w.t.Fatalf("group %s: %v", name, err)
	}
	return g
}

func refs(ids ...string) []MemberRef {
	var out []MemberRef
	for _, id := range ids {
		out = append(out, MemberRef{ID: id})
	}
	return out
}

func (w *world) patch(group string, changes ...GroupChange) {
	w.t.Helper()
	if _, err := w.dir.UpdateGroup(w.t.Context(), okta, group, Precondition{}, changes); err != nil {
		w.t.Fatalf("patch group: %v", err)
	}
}

// lookup is the equality filter an IdP sends before it creates.
func (w *world) lookup(userName string) []User {
	w.t.Helper()
	where := &Condition{Field: store.FieldUserName, Cmp: store.Eq, Value: FoldName(userName)}
	_, page, err := w.dir.Users(w.t.Context(), UserQuery{Where: where, Limit: 10, UserNames: []string{userName}})
	if err != nil {
		w.t.Fatalf("lookup %s: %v", userName, err)
	}
	return page
}

// account is the stored account of an address.
func (w *world) account(email string) *account {
	w.t.Helper()
	var a *account
	err := w.store.View(w.t.Context(), func(tx store.Tx) error {
		row, err := tx.AccountByEmail(w.o.Workspace, email)
		if err == nil {
			a, err = decodeAccount(row)
		}
		return err
	})
	if err != nil {
		w.t.Fatalf("account %s: %v", email, err)
	}
	return a
}

// pass lets virtual time pass and everything come to rest.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	d = w.seldom(d, 2*time.Minute, time.Minute)        // polling each second of days is all that such a test would do
	if enginetest.Chosen(w.t) == enginetest.Postgres { // a poll is some ten transactions, over a socket
		d = w.seldom(d, 21*time.Second, 20*time.Second)
		d = w.seldom(d, 6*time.Second, 5*time.Second)
	}
	time.Sleep(d)
	synctest.Wait()
}

// seldom lets all but the last of a time pass with that long between two polls; it returns what is left of it.
func (w *world) seldom(d, last, between time.Duration) time.Duration {
	if d <= last {
		return d
	}
	was := map[*Directory]int64{}
	for _, t := range w.tenants {
		was[t] = t.polls.Swap(int64(between))
	}
	time.Sleep(d - last)
	for t, polls := range was {
		t.polls.Store(polls)
	}
	return last
}

// calls counts mutations since the simulator began, by root field.
func (w *world) calls() int {
	return w.sim.Requests("createUsers") + w.sim.Requests("setUserAttributes") + w.sim.Requests("deleteUsersFromWorkspace")
}

func wantRefused(t *testing.T, err error, kind ErrorKind, words ...string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Kind != kind {
		t.Fatalf("error = %v, want one of kind %q", err, kind)
	}
	for _, word := range words {
		if !strings.Contains(e.Error(), word) {
			t.Errorf("error %q does not name %q", e, word)
		}
	}
}

// holds are the tenant's open holds.
func (w *world) holds() []*store.Hold {
	w.t.Helper()
	var out []*store.Hold
	err := w.store.View(w.t.Context(), func(tx store.Tx) error {
		var err error
		out, err = tx.Holds("default")
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// requireRegion makes region a required attribute.
func (w *world) requireRegion() {
	spec := rules()
	spec.Attributes = append(spec.Attributes, mapping.AttributeRule{Key: "region",
		Paths: []string{"urn:ietf:params:scim:schemas:extension:wisdomai:2.0:User:region"}, Required: true})
	compiled, faults := mapping.Compile(spec)
	if len(faults) > 0 {
		w.t.Fatal(faults)
	}
	w.o.Rules = compiled
}
