package wisdom

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// alice is a mutation about one person.
func alice() NewUsers { return NewUsers{Emails: []string{"alice@example.com"}} }

// failure is err as an *Error.
func failure(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, not an *Error", err)
	}
	return e
}

func TestV16LostAfterSendingIsUnanswered(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
	}{
		{"reset before the answer", resets},
		{"cut in the middle of the answer", cuts(`{"data":{"createUsers":{"status":{"code":"OK"`)},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			s.on("createUsers", test.answer)
			e := failure(t, s.client(t).CreateUsers(t.Context(), alice()))
			if e.Kind != Transient || !e.Unanswered {
				t.Errorf("kind %q, unanswered %t", e.Kind, e.Unanswered)
			}
			if n := len(s.requests("createUsers")); n != 1 {
				t.Errorf("V-12: the mutation was sent %d times", n)
			}
		})
	}
}

func TestV16NeverSentIsNotUnanswered(t *testing.T) {
	t.Run("nobody listens", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := listener.Addr().String()
		listener.Close()
		c, err := New(Options{URL: "http://" + address, Workspace: "w", Token: "key1", Exchange: "never"})
		if err != nil {
			t.Fatal(err)
		}
		e := failure(t, c.CreateUsers(t.Context(), alice()))
		if e.Kind != Transient || e.Unanswered || e.HTTPStatus != 0 {
			t.Errorf("kind %q, unanswered %t, HTTP %d", e.Kind, e.Unanswered, e.HTTPStatus)
		}
	})
	t.Run("the certificate is not trusted", func(t *testing.T) {
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		defer s.Close()
		c, err := New(Options{URL: s.URL, Workspace: "w", Token: "key1", Exchange: "never"})
		if err != nil {
			t.Fatal(err)
		}
		if e := failure(t, c.CreateUsers(t.Context(), alice())); e.Kind != Transient || e.Unanswered {
			t.Errorf("kind %q, unanswered %t", e.Kind, e.Unanswered)
		}
	})
	t.Run("the context was over before", func(t *testing.T) {
		s := newServer(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		e := failure(t, s.client(t).CreateUsers(ctx, alice()))
		if e.Unanswered || !errors.Is(e, context.Canceled) || len(s.requests("createUsers")) != 0 {
			t.Errorf("unanswered %t, error %v", e.Unanswered, e)
		}
	})
	t.Run("no token could be got", func(t *testing.T) {
		s := newServer(t)
		s.on("exchangeAccessToken", resets)
		c := s.client(t, func(o *Options) { o.Exchange = "always" })
		e := failure(t, c.CreateUsers(t.Context(), alice()))
		if e.Unanswered || e.Kind != Transient || e.Op != "createUsers" || len(s.requests("createUsers")) != 0 {
			t.Errorf("unanswered %t, error %v", e.Unanswered, e)
		}
	})
}

// memory is a transport without a network, which does not trace what it does.
type memory func(*http.Request) (*http.Response, error)

func (m memory) RoundTrip(r *http.Request) (*http.Response, error) { return m(r) }

func TestV16WithoutWordFromTheTransportAFailureIsUnanswered(t *testing.T) {
	c, err := New(Options{URL: "http://wisdom.test", Workspace: "w", Token: "key1", Exchange: "never",
		HTTPClient: &http.Client{Transport: memory(func(*http.Request) (*http.Response, error) { return nil, errors.New("gone") })}})
	if err != nil {
		t.Fatal(err)
	}
	if e := failure(t, c.CreateUsers(t.Context(), alice())); !e.Unanswered {
		t.Error("counts as never sent")
	}
}

func TestDeadlineAndCancellation(t *testing.T) {
	t.Run("every call has a deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, err := New(Options{URL: "http://wisdom.test", Workspace: "w", Token: "key1", Exchange: "never",
				HTTPClient: &http.Client{Transport: memory(func(r *http.Request) (*http.Response, error) {
					<-r.Context().Done()
					return nil, r.Context().Err()
				})}})
			if err != nil {
				t.Fatal(err)
			}
			c.shapes.remember(func(*shape) {}, "the test")
			ctx := t.Context()
			for _, test := range []struct {
				op         string
				deadline   time.Duration
				unanswered bool
				call       func() error
			}{
				{"createUsers", 30 * time.Second, true, func() error { return c.CreateUsers(ctx, alice()) }},
				{"setUserAttributes", 30 * time.Second, true, func() error { return c.SetUserAttributes(ctx, "u1", nil) }},
				{"deleteUsersFromWorkspace", 30 * time.Second, true, func() error { return c.DeleteUsers(ctx, []string{"u1"}) }},
				{"currentUser", 30 * time.Second, false, func() error { _, err := c.CurrentUser(ctx); return err }},
				{"listUsers", 5 * time.Minute, false, func() error { return c.ListUsers(ctx, func(User) error { return nil }) }},
			} {
				began := time.Now()
				e := failure(t, test.call())
				if took := time.Since(began); took != test.deadline {
					t.Errorf("%s took %s, want %s", test.op, took, test.deadline)
				}
				if e.Op != test.op || e.Kind != Transient || e.Unanswered != test.unanswered || !errors.Is(e, context.DeadlineExceeded) {
					t.Errorf("%s: %#v", test.op, e)
				}
			}
		})
	})
	t.Run("an exchange or introspection that hangs ends with the call", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, err := New(Options{URL: "http://wisdom.test", Workspace: "w", Token: "key1", Deadline: 10 * time.Second,
				HTTPClient: &http.Client{Transport: memory(func(r *http.Request) (*http.Response, error) {
					<-r.Context().Done()
					return nil, r.Context().Err()
				})}})
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			e := failure(t, c.DeleteUsers(t.Context(), []string{"u1"}))
			if took := time.Since(began); took != 10*time.Second || e.Unanswered || e.Op != "deleteUsersFromWorkspace" {
				t.Errorf("took %s: %#v", took, e)
			}
		})
	})
	t.Run("the caller's end is the call's", func(t *testing.T) {
		s := newServer(t)
		ctx, cancel := context.WithCancel(t.Context())
		s.on("createUsers", func(w http.ResponseWriter, r *http.Request) { cancel(); hangs(w, r) })
		e := failure(t, s.client(t).CreateUsers(ctx, alice()))
		if !e.Unanswered || !errors.Is(e, context.Canceled) || e.Message != "cancelled before the answer" {
			t.Errorf("%#v", e)
		}
	})
}

func TestV12AQueryIsRepeatedOnceAfterALostConnection(t *testing.T) {
	owner := says(`{"data":{"currentUser":{"id":"u1","email":"o@example.com","name":"","creationTimestamp":"","roleAssignments":[],"userAttributes":[]}}}`)
	t.Run("once lost", func(t *testing.T) {
		s := newServer(t)
		s.on("currentUser", resets, owner)
		u, err := s.client(t).CurrentUser(t.Context())
		if err != nil || u.ID != "u1" {
			t.Errorf("user %v, error %v", u, err)
		}
	})
	t.Run("twice lost", func(t *testing.T) {
		s := newServer(t)
		s.on("currentUser", resets, resets, owner)
		_, err := s.client(t).CurrentUser(t.Context())
		if failure(t, err).Kind != Transient || len(s.requests("currentUser")) != 2 {
			t.Errorf("%d requests, error %v", len(s.requests("currentUser")), err)
		}
	})
	t.Run("a mutation is not repeated", func(t *testing.T) {
		s := newServer(t)
		s.on("setUserAttributes", resets, resets)
		err := s.client(t).SetUserAttributes(t.Context(), "u1", nil)
		if !failure(t, err).Unanswered || len(s.requests("setUserAttributes")) != 1 {
			t.Errorf("%d requests, error %v", len(s.requests("setUserAttributes")), err)
		}
	})
	t.Run("an answer, even a bad one, is not repeated", func(t *testing.T) {
		s := newServer(t)
		s.on("currentUser", fails(502, ""), owner)
		_, err := s.client(t).CurrentUser(t.Context())
		if failure(t, err).HTTPStatus != 502 || len(s.requests("currentUser")) != 1 {
			t.Errorf("%d requests, error %v", len(s.requests("currentUser")), err)
		}
	})
}
