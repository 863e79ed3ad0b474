package wisdom_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/wisdom"
	"github.com/scimbridge/scimbridge/internal/wisdom/simulator"
)

func decode(t *testing.T, r io.Reader, into any) {
	t.Helper()
	if err := json.NewDecoder(r).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// lines is a report as `level what`, and the words that tests look for.
func lines(r wisdom.Report) (lines []string, words string) {
	for _, f := range r.Findings {
		lines = append(lines, string(f.Level)+" "+f.What)
		words += f.Detail + " | " + f.Fix + "\n"
	}
	return lines, words
}

func TestProbeSaysWhatToFix(t *testing.T) {
	for _, test := range []struct {
		name     string
		settings simulator.Settings
		change   func(*testing.T, *world) func(*wisdom.Options)
		want     []string
		say      []string
	}{
		{"all is well", simulator.Settings{}, nil,
			[]string{"ok address", "ok exchange", "ok schema", "ok token", "ok permissions", "ok workspace"},
			[]string{"exchanged for a JWT, valid until 2026-11-23T", "owner@wisdom.invalid is ADMIN", "{roleId scopes}", "(ids, workspaceID)", "has 3 users"}},
		{"the other shapes", simulator.Settings{Delete: "input", Roles: "role"}, nil,
			[]string{"ok address", "ok exchange", "ok schema", "ok token", "ok permissions", "ok workspace"},
			[]string{"{role scopeId}", "(input {ids workspaceID})"}},
		{"exchange: never", simulator.Settings{}, func(*testing.T, *world) func(*wisdom.Options) {
			return func(o *wisdom.Options) { o.Exchange = "never" }
		},
			[]string{"ok address", "ok exchange", "ok schema", "ok token", "ok permissions", "ok workspace"},
			[]string{"used directly"}},
		{"a wrong key", simulator.Settings{}, func(*testing.T, *world) func(*wisdom.Options) {
			return func(o *wisdom.Options) { o.Token = "wsk_wrong" }
		},
			[]string{"ok address", "ok exchange", "error token"},
			[]string{"refuses the token", "make a new API key"}},
		{"a wrong key that has to be exchanged", simulator.Settings{}, func(*testing.T, *world) func(*wisdom.Options) {
			return func(o *wisdom.Options) { o.Token, o.Exchange = "wsk_wrong", "always" }
		},
			[]string{"ok address", "error exchange"},
			[]string{"cannot be exchanged"}},
		{"a wrong workspace", simulator.Settings{}, func(*testing.T, *world) func(*wisdom.Options) {
			return func(o *wisdom.Options) { o.Workspace = "ws_elsewhere" }
		},
			[]string{"ok address", "ok exchange", "ok schema", "ok token", "ok permissions", "error workspace"},
			[]string{"listUsers of ws_elsewhere is refused", "look at wisdom.workspace"}},
		{"a wrong path", simulator.Settings{}, func(_ *testing.T, w *world) func(*wisdom.Options) {
			return func(o *wisdom.Options) { o.URL = w.url + "/v1" }
		},
			[]string{"error address"},
			[]string{"HTTP 404", "must be the GraphQL endpoint"}},
		{"an empty listing", simulator.Settings{}, func(_ *testing.T, w *world) func(*wisdom.Options) {
			w.SetFaults(simulator.Fault{Operation: "listUsers", Kind: "empty"})
			return func(*wisdom.Options) {}
		},
			[]string{"ok address", "ok exchange", "ok schema", "ok token", "ok permissions", "error workspace"},
			[]string{"has no users"}},
		{"WisdomAI is down", simulator.Settings{}, func(_ *testing.T, w *world) func(*wisdom.Options) {
			w.SetFaults(simulator.Fault{Operation: "*", Kind: "http", HTTP: 503})
			return func(*wisdom.Options) {}
		},
			[]string{"error address"},
			[]string{"is in trouble: HTTP 503"}},
		{"a JWT that nobody can renew", simulator.Settings{}, func(t *testing.T, w *world) func(*wisdom.Options) {
			return func(o *wisdom.Options) { o.Token = w.jwt(t) }
		},
			[]string{"ok address", "warning exchange", "ok schema", "ok token", "ok permissions", "ok workspace"},
			[]string{"is a JWT, used as it is, and ends at 2026-11-23T", "configure an API key"}},
		{"a JWT that has ended", simulator.Settings{}, func(t *testing.T, w *world) func(*wisdom.Options) {
			token := w.jwt(t)
			w.clock.move(48 * time.Hour)
			return func(o *wisdom.Options) { o.Token = token }
		},
			[]string{"ok address", "error exchange"},
			[]string{"expired at 2026-11-23T"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.settings)
			if test.change != nil {
				w.client = w.newClient(t, test.change(t, w))
			}
			r, err := w.client.Probe(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got, words := lines(r)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, words)
			}
			for _, say := range test.say {
				if !strings.Contains(words, say) {
					t.Errorf("does not say %q:\n%s", say, words)
				}
			}
			worst := wisdom.LevelOK
			for _, line := range test.want {
				if level, _, _ := strings.Cut(line, " "); level != "ok" {
					worst = wisdom.Level(level)
				}
			}
			if r.Worst() != worst {
				t.Errorf("worst %s, want %s", r.Worst(), worst)
			}
			for _, f := range r.Findings {
				if f.Level != wisdom.LevelOK && f.Fix == "" {
					t.Errorf("%s: nothing is said to fix it", f.What)
				}
				if strings.Contains(f.Detail+f.Fix, w.Token()) {
					t.Errorf("%s tells the token", f.What)
				}
			}
			if effects := w.Log(0); len(effects) != 0 {
				t.Errorf("the probe changed something: %v", effects)
			}
		})
	}
}

// jwt exchanges the owner's key as a person would by hand.
func (w *world) jwt(t *testing.T) string {
	t.Helper()
	res, err := http.Post(w.url, "application/json", strings.NewReader(`{"query":"{exchangeAccessToken(accessToken:\"`+w.Token()+`\")}"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out struct {
		Data struct{ ExchangeAccessToken string }
	}
	decode(t, res.Body, &out)
	return out.Data.ExchangeAccessToken
}

func TestProbeWarnsOfAnOwnerWithoutAdmin(t *testing.T) {
	for _, test := range []struct {
		name  string
		roles string
		level wisdom.Level
		say   string
	}{
		{"an explorer", `[{"roleId":"` + explorer + `","scopes":[]}]`, wisdom.LevelWarning, "is not ADMIN (roles: EXPLORER)"},
		{"an admin of a scope", `[{"roleId":"` + admin + `","scopes":["d1"]}]`, wisdom.LevelWarning, "ADMIN for some scopes only"},
		{"an admin", `[{"roleId":"` + admin + `","scopes":[]}]`, wisdom.LevelOK, "is ADMIN"},
	} {
		t.Run(test.name, func(t *testing.T) {
			owner := `{"id":"u1","email":"o@example.com","name":"","creationTimestamp":"","roleAssignments":` + test.roles + `,"userAttributes":[]}`
			r := probe(t, httptest.NewServer, answers{"currentUser": `{"data":{"currentUser":` + owner + `}}`, "listUsers": `{"data":{"listUsers":[` + owner + `]}}`})
			for _, f := range r.Findings {
				if f.What == "permissions" {
					if f.Level != test.level || !strings.Contains(f.Detail, test.say) {
						t.Errorf("%+v", f)
					}
					return
				}
			}
			t.Errorf("nothing about permissions: %+v", r.Findings)
		})
	}
}

func TestProbeWarnsOfAnOwnerWhoIsNotListed(t *testing.T) {
	owner := `{"id":"u1","email":"o@example.com","name":"","creationTimestamp":"","roleAssignments":[],"userAttributes":[]}`
	r := probe(t, httptest.NewServer, answers{
		"currentUser": `{"data":{"currentUser":` + owner + `}}`,
		"listUsers":   `{"data":{"listUsers":[` + strings.Replace(owner, "u1", "u2", 1) + `]}}`,
	})
	last := r.Findings[len(r.Findings)-1]
	if last.Level != wisdom.LevelWarning || !strings.Contains(last.Detail, "ws_1 has 1 user, and the token's owner o@example.com is not among") {
		t.Errorf("%+v", last)
	}
}

// answers are bodies by operation; __typename is answered in any case.
type answers map[string]string

func probe(t *testing.T, start func(http.Handler) *httptest.Server, by answers) wisdom.Report {
	t.Helper()
	server := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct{ OperationName string }
		json.NewDecoder(r.Body).Decode(&request)
		switch body, ok := by[request.OperationName]; {
		case ok:
			io.WriteString(w, body)
		case request.OperationName == "":
			io.WriteString(w, `{"data":{"__typename":"Query"}}`)
		default:
			io.WriteString(w, `{"errors":[{"message":"not offered"}],"data":null}`)
		}
	}))
	t.Cleanup(server.Close)
	c, err := wisdom.New(wisdom.Options{URL: server.URL + "/graphql", Workspace: "ws_1", Token: "wsk_key", HTTPClient: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestProbeNamesEveryDifferenceOfTheSchema takes one thing at a time out of the
// simulator's own schema, or adds a demand to it.
func TestProbeNamesEveryDifferenceOfTheSchema(t *testing.T) {
	w := newWorld(t, simulator.Settings{})
	whole := w.introspection(t)
	for _, test := range []struct {
		name  string
		from  string
		to    string
		level wisdom.Level
		say   string
	}{
		{"as it is", "", "", wisdom.LevelOK, "has all that is needed"},
		{"a field", `"name":"email"`, `"name":"mail"`, wisdom.LevelError, "no field User.email"},
		{"the fields of roles", `"name":"roleId"`, `"name":"id"`, wisdom.LevelError, "no field RoleAssignment.roleId"},
		{"an input field", `"name":"emails"`, `"name":"addresses"`, wisdom.LevelError, "no field CreateUsersInput.emails"},
		{"an input field of a setting", `"name":"userGroupIds"`, `"name":"groups"`, wisdom.LevelWarning, "no field CreateUsersInput.userGroupIds"},
		{"a mutation", `"name":"setUserAttributes"`, `"name":"setAttributes"`, wisdom.LevelError, "no mutation setUserAttributes"},
		{"a query", `"name":"listUsers"`, `"name":"users"`, wisdom.LevelError, "no query listUsers"},
		{"an argument", `"name":"workspaceId"`, `"name":"workspace"`, wisdom.LevelError, "no argument workspaceId of query listUsers"},
		{"the exchange", `"name":"exchangeAccessToken"`, `"name":"exchange"`, wisdom.LevelWarning, "no query exchangeAccessToken"},
		{"a type", `"UserAttribute":{`, `"Other":{`, wisdom.LevelError, "no type UserAttribute"},
		{"a new demand", `"inputFields":[{"name":"emails"`, `"inputFields":[{"name":"seat","defaultValue":null,"type":{"kind":"NON_NULL"}},{"name":"emails"`, wisdom.LevelError, "demands CreateUsersInput.seat"},
		{"a new choice with a default", `"inputFields":[{"name":"emails"`, `"inputFields":[{"name":"seat","defaultValue":"1","type":{"kind":"NON_NULL"}},{"name":"emails"`, wisdom.LevelOK, "has all that is needed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.from != "" && !strings.Contains(whole, test.from) {
				t.Fatalf("the schema has no %s", test.from)
			}
			r := probe(t, httptest.NewServer, answers{"schemaShape": strings.ReplaceAll(whole, test.from, test.to)})
			for _, f := range r.Findings {
				if f.What == "schema" && f.Level == test.level && strings.Contains(f.Detail, test.say) {
					return
				}
			}
			t.Errorf("no %s that says %q: %+v", test.level, test.say, r.Findings)
		})
	}
	t.Run("introspection refused", func(t *testing.T) {
		got, words := lines(probe(t, httptest.NewServer, nil))
		if !strings.Contains(strings.Join(got, "\n"), "warning schema") || !strings.Contains(words, "does not show its schema") {
			t.Errorf("%v\n%s", got, words)
		}
	})
}

// introspection is the simulator's answer to the client's question.
func (w *world) introspection(t *testing.T) string {
	t.Helper()
	recorded := ""
	proxy := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		body, err := io.ReadAll(in.Body)
		if err != nil {
			return
		}
		request := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(string(body)))
		request.Header = in.Header
		answer := httptest.NewRecorder()
		w.Handler().ServeHTTP(answer, request)
		if strings.Contains(string(body), `"schemaShape"`) {
			recorded = answer.Body.String()
		}
		out.WriteHeader(answer.Code)
		io.WriteString(out, answer.Body.String())
	}))
	defer proxy.Close()
	c := w.newClient(t, func(o *wisdom.Options) { o.URL = proxy.URL + "/graphql" })
	if _, err := c.CurrentUser(t.Context()); err != nil {
		t.Fatal(err)
	}
	if recorded == "" {
		t.Fatal("the client did not ask")
	}
	return recorded
}

func TestProbeOfAnAddressThatIsNotThere(t *testing.T) {
	quiet := func(h http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		return s
	}
	t.Run("over TLS", func(t *testing.T) {
		got, words := lines(probe(t, quiet, nil))
		if len(got) < 2 || got[1] != "ok encryption" || !strings.Contains(words, "TLS 1.3") {
			t.Errorf("%v\n%s", got, words)
		}
	})
	for _, test := range []struct {
		name string
		url  func(*testing.T) string
		what string
		say  string
	}{
		{"an unknown authority", func(t *testing.T) string {
			s := quiet(http.NotFoundHandler())
			t.Cleanup(s.Close)
			return s.URL
		}, "address", "authority is not trusted"},
		{"no TLS there", func(t *testing.T) string {
			s := httptest.NewServer(http.NotFoundHandler())
			t.Cleanup(s.Close)
			return strings.Replace(s.URL, "http:", "https:", 1)
		}, "address", "does not"},
		{"nobody listens", func(*testing.T) string { return "http://127.0.0.1:1/graphql" }, "address", "look at wisdom.url"},
		{"in the clear", func(*testing.T) string { return "http://acme.wisdom.ai/graphql" }, "encryption", "use https"},
		{"a page", func(t *testing.T) string {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>welcome") }))
			t.Cleanup(s.Close)
			return s.URL
		}, "address", "not as GraphQL"},
		{"a redirect", func(t *testing.T) string {
			s := httptest.NewServer(http.RedirectHandler("/graphql", http.StatusMovedPermanently))
			t.Cleanup(s.Close)
			return s.URL
		}, "address", "redirects to /graphql"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := wisdom.New(wisdom.Options{URL: test.url(t), Workspace: "ws_1", Token: "wsk_key"})
			if err != nil {
				t.Fatal(err)
			}
			r, err := c.Probe(t.Context())
			if err != nil || len(r.Findings) != 1 {
				t.Fatalf("error %v, findings %+v", err, r.Findings)
			}
			if f := r.Findings[0]; f.Level != wisdom.LevelError || f.What != test.what || !strings.Contains(f.Detail+f.Fix, test.say) {
				t.Errorf("%+v", f)
			}
		})
	}
}

// refusing is a transport on which every request fails with the same error.
type refusing struct{ err error }

func (r refusing) RoundTrip(*http.Request) (*http.Response, error) { return nil, r.err }

func TestProbeSaysWhereToLookForALostConnection(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		say  string
	}{
		{"DNS", &net.DNSError{Err: "no such host", Name: "acme.wisdom.ai"}, "there is no host acme.wisdom.ai"},
		{"the certificate's name", x509.HostnameError{Certificate: &x509.Certificate{}, Host: "acme.wisdom.ai"}, "not valid for this address"},
		{"the certificate's time", x509.CertificateInvalidError{Reason: x509.Expired}, "this machine's clock"},
		{"a firewall", context.DeadlineExceeded, "look at the firewall"},
		{"anything else", errors.New("gone"), "look at wisdom.url"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := wisdom.New(wisdom.Options{URL: "https://acme.wisdom.ai/graphql", Workspace: "ws_1", Token: "wsk_key",
				HTTPClient: &http.Client{Transport: refusing{test.err}}})
			if err != nil {
				t.Fatal(err)
			}
			r, err := c.Probe(t.Context())
			if err != nil || len(r.Findings) != 1 || r.Findings[0].Level != wisdom.LevelError || !strings.Contains(r.Findings[0].Fix, test.say) {
				t.Errorf("error %v, report %+v", err, r)
			}
		})
	}
}

func TestProbeEndsWithItsContext(t *testing.T) {
	w := newWorld(t, simulator.Settings{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.client.Probe(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
