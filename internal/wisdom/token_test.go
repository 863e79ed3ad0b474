package wisdom

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const owner = `{"data":{"currentUser":{"id":"u1","email":"o@example.com","name":"","creationTimestamp":"","roleAssignments":[],"userAttributes":[]}}}`

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex // guards t
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// accepts answers owner to one token and 401 to others.
func accepts(token *string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+*token {
			fails(401, `{"errors":[{"message":"Unauthorized"}]}`)(w, r)
			return
		}
		says(owner)(w, r)
	}
}

func gives(token string) http.HandlerFunc {
	raw, err := json.Marshal(map[string]any{"data": map[string]string{"exchangeAccessToken": token}})
	if err != nil {
		panic(err)
	}
	return says(string(raw))
}

func TestExchangeChoosesTheTokenThatGoesOut(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	got, given := jwt("got", now.Add(time.Hour)), jwt("given", now.Add(time.Hour))
	unknownField := says(`{"errors":[{"message":"Cannot query field \"exchangeAccessToken\" on type \"Query\"."}]}`)
	for _, test := range []struct {
		name      string
		exchange  string
		token     string
		answer    http.HandlerFunc
		want      string // the token that goes out, or "" for none
		exchanges int
		logged    string
		kind      Kind
	}{
		{"auto, offered", "auto", "wsk_key", gives(got), got, 1, "exchanged", ""},
		{"auto is the default", "", "wsk_key", gives(got), got, 1, "exchanged", ""},
		{"auto, not offered", "auto", "wsk_key", unknownField, "wsk_key", 1, "directly", ""},
		{"auto, refused", "auto", "wsk_key", says(`{"errors":[{"message":"not an access key"}]}`), "wsk_key", 1, "directly", ""},
		{"auto, refused by 400", "auto", "wsk_key", fails(400, "no"), "wsk_key", 1, "directly", ""},
		{"auto, given a JWT", "auto", given, gives(got), given, 0, "", ""},
		{"auto, no answer says nothing of either", "auto", "wsk_key", fails(503, ""), "", 1, "", Transient},
		{"never", "never", "wsk_key", gives(got), "wsk_key", 0, "", ""},
		{"always", "always", "wsk_key", gives(got), got, 1, "exchanged", ""},
		{"always, given a JWT", "always", given, gives(got), got, 1, "exchanged", ""},
		{"always, refused", "always", "wsk_key", says(`{"errors":[{"message":"the key is revoked"}]}`), "", 1, "", Unauthorized},
		{"always, an empty token is none", "always", "wsk_key", gives(""), "", 1, "", Transient},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			s.on("exchangeAccessToken", test.answer)
			s.on("currentUser", says(owner))
			s.on("schemaShape", says(`{"errors":[{"message":"off"}]}`))
			var log bytes.Buffer
			c := s.client(t, func(o *Options) {
				o.Exchange, o.Token = test.exchange, test.token
				o.Now = func() time.Time { return now }
				o.Log = slog.New(slog.NewTextHandler(&log, nil))
			})
			for range 2 {
				_, err := c.CurrentUser(t.Context())
				if test.want != "" && err != nil {
					t.Fatal(err)
				}
				if test.want == "" {
					if e := failure(t, err); e.Kind != test.kind {
						t.Errorf("kind %q: %v", e.Kind, e)
					}
					break
				}
			}
			exchanges := s.requests("exchangeAccessToken")
			if test.want != "" && len(exchanges) != test.exchanges || len(exchanges) < test.exchanges {
				t.Errorf("%d exchanges, want %d", len(exchanges), test.exchanges)
			}
			for _, r := range exchanges {
				if r.Authorization != "" {
					t.Errorf("the exchange went out with Authorization %q", r.Authorization)
				}
				if r.Variables["accessToken"] != test.token {
					t.Errorf("exchanged %v", r.Variables)
				}
			}
			for _, r := range s.requests("currentUser") {
				if r.Authorization != "Bearer "+test.want {
					t.Errorf("went out with %q", r.Authorization)
				}
			}
			if n := strings.Count(log.String(), "configured token"); test.logged == "" && n != 0 || test.logged != "" && (n != 1 || !strings.Contains(log.String(), test.logged)) {
				t.Errorf("log, want once %q:\n%s", test.logged, &log)
			}
			for _, secret := range []string{test.token, got} {
				if strings.Contains(log.String(), secret) {
					t.Errorf("the log tells the token:\n%s", &log)
				}
			}
		})
	}
}

func TestAJWTIsRenewedBeforeItExpires(t *testing.T) {
	c := &clock{t: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	first, second := jwt("first", c.t.Add(time.Hour)), jwt("second", c.t.Add(2*time.Hour))
	s := newServer(t)
	s.on("exchangeAccessToken", gives(first), gives(second))
	s.on("currentUser", says(owner))
	client := s.client(t, func(o *Options) { o.Exchange, o.Now = "auto", c.now })
	for _, step := range []struct {
		after time.Duration
		want  string
	}{
		{0, first},
		{59*time.Minute - time.Second, first}, // a second before the last minute
		{time.Second, second},
		{time.Hour, second}, // at 1:59: a second renewal is due
	} {
		c.move(step.after)
		if step.want == second && step.after == time.Hour {
			s.on("exchangeAccessToken", fails(503, ""))
		}
		if _, err := client.CurrentUser(t.Context()); err != nil {
			t.Fatal(err)
		}
		requests := s.requests("currentUser")
		if got := requests[len(requests)-1].Authorization; got != "Bearer "+step.want {
			t.Errorf("after %s: the wrong token went out", step.after)
		}
	}
	// The renewal failed, the old one goes on while it lasts, without an exchange for each call.
	before := len(s.requests("exchangeAccessToken"))
	if _, err := client.CurrentUser(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(s.requests("exchangeAccessToken")) - before; n != 0 {
		t.Errorf("%d exchanges a moment after one failed", n)
	}
	c.move(time.Minute)
	if _, err := client.CurrentUser(t.Context()); failure(t, err).Kind != Transient {
		t.Errorf("an expired JWT was used: %v", err)
	}
}

func TestARefusedTokenIsRenewedOnce(t *testing.T) {
	setUp := func(t *testing.T) (s *server, c *Client, good *string) {
		s = newServer(t)
		now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
		first, second := jwt("first", now.Add(time.Hour)), jwt("second", now.Add(time.Hour))
		s.on("exchangeAccessToken", gives(first), gives(second))
		good = new(string)
		*good = first
		s.on("currentUser", accepts(good))
		c = s.client(t, func(o *Options) { o.Exchange, o.Now = "auto", func() time.Time { return now } })
		if _, err := c.CurrentUser(t.Context()); err != nil {
			t.Fatal(err)
		}
		*good = second
		return s, c, good
	}
	t.Run("a query is repeated with the new one", func(t *testing.T) {
		s, c, _ := setUp(t)
		if _, err := c.CurrentUser(t.Context()); err != nil {
			t.Error(err)
		}
		if n := len(s.requests("exchangeAccessToken")); n != 2 {
			t.Errorf("%d exchanges", n)
		}
	})
	t.Run("V-12: a mutation is not, but the caller may at once", func(t *testing.T) {
		s, c, _ := setUp(t)
		s.on("createUsers", fails(401, ""), status("createUsers", "OK", ""))
		e := failure(t, c.CreateUsers(t.Context(), alice()))
		if e.Kind != Transient || !e.Again || e.Unanswered || e.HTTPStatus != 401 {
			t.Errorf("%#v", e)
		}
		if n := len(s.requests("createUsers")); n != 1 {
			t.Errorf("sent %d times", n)
		}
		if err := c.CreateUsers(t.Context(), alice()); err != nil {
			t.Error(err)
		}
	})
	t.Run("a new one that is refused too is the end", func(t *testing.T) {
		s, c, good := setUp(t)
		*good = "none"
		for range 2 {
			_, err := c.CurrentUser(t.Context())
			if e := failure(t, err); e.Kind != Unauthorized || e.HTTPStatus != 401 {
				t.Errorf("%#v", e)
			}
		}
		if n := len(s.requests("exchangeAccessToken")); n != 2 {
			t.Errorf("%d exchanges", n)
		}
		s.on("createUsers", fails(401, ""))
		if e := failure(t, c.CreateUsers(t.Context(), alice())); e.Kind != Unauthorized || e.Again {
			t.Errorf("%#v", e)
		}
	})
	t.Run("a renewal without answer says nothing of the token", func(t *testing.T) {
		s, c, _ := setUp(t)
		s.on("exchangeAccessToken", fails(503, "", "Retry-After", "9"))
		_, err := c.CurrentUser(t.Context())
		if e := failure(t, err); e.Kind != Transient || e.RetryAfter != 9*time.Second {
			t.Errorf("%#v", e)
		}
	})
	t.Run("a refusal in errors[] is one too", func(t *testing.T) {
		s, c, _ := setUp(t)
		expired := says(`{"errors":[{"message":"unauthorized: the access token has expired"}],"data":null}`)
		s.on("currentUser", expired, says(owner))
		if _, err := c.CurrentUser(t.Context()); err != nil {
			t.Error(err)
		}
		if n := len(s.requests("exchangeAccessToken")); n != 2 {
			t.Errorf("%d exchanges", n)
		}
		// Of a mutation it leaves open what was carried out (V-16): no call to hurry.
		s.on("createUsers", expired)
		if e := failure(t, c.CreateUsers(t.Context(), alice())); !e.Unanswered || e.Again {
			t.Errorf("%#v", e)
		}
	})
	t.Run("a permission is no matter of the token", func(t *testing.T) {
		s, c, _ := setUp(t)
		s.on("createUsers", status("createUsers", "ERROR", "permission denied: the token lacks iam:write"))
		if e := failure(t, c.CreateUsers(t.Context(), alice())); e.Kind != Unauthorized || e.Again {
			t.Errorf("%#v", e)
		}
		if n := len(s.requests("exchangeAccessToken")); n != 1 {
			t.Errorf("%d exchanges", n)
		}
	})
	t.Run("one exchange for many that were refused together", func(t *testing.T) {
		s, c, _ := setUp(t)
		const callers = 16
		var refused sync.WaitGroup // holds every 401 back until all are due
		refused.Add(callers)
		good := jwt("second", time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC))
		s.on("currentUser", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer "+good {
				refused.Done()
				refused.Wait()
			}
			accepts(&good)(w, r)
		})
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				if _, err := c.CurrentUser(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := len(s.requests("exchangeAccessToken")); n != 2 {
			t.Errorf("%d exchanges, want the first and one more", n)
		}
	})
}

func TestARefusedKeyThatCannotBeExchangedIsUnauthorized(t *testing.T) {
	for _, exchange := range []string{"never", "auto"} {
		s := newServer(t)
		s.on("exchangeAccessToken", fails(400, "no such key"))
		s.on("currentUser", fails(401, ""))
		_, err := s.client(t, func(o *Options) { o.Exchange = exchange }).CurrentUser(t.Context())
		if e := failure(t, err); e.Kind != Unauthorized || e.HTTPStatus != 401 {
			t.Errorf("%s: %#v", exchange, e)
		}
		if n := len(s.requests("currentUser")); n != 1 {
			t.Errorf("%s: asked %d times", exchange, n)
		}
	}
}

func TestWhatIsAJWT(t *testing.T) {
	for token, want := range map[string]bool{
		jwt("x", time.Time{}):     true,
		"wsk_key":                 false,
		"a.b.c":                   false,
		"e30.e30.sig":             false, // {} has no alg
		"eyJhbGciOiJub25lIn0.e30": false,
	} {
		if got := isJWT(token); got != want {
			t.Errorf("%q: %t", token, got)
		}
	}
	if _, ok := expiry(jwt("x", time.Time{})); ok {
		t.Error("a JWT without exp has an expiry")
	}
}
