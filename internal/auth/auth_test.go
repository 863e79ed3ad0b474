package auth_test

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/auth"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/enginetest"
)

// clock is a time that tests move.
type clock struct{ at atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) Advance(d time.Duration) { c.at.Add(int64(d)) }

// bench is a real store on a clock of its own, and a count of the transactions.
type bench struct {
	store.Store
	clock          *clock
	views, updates atomic.Int64
}

func (b *bench) View(ctx context.Context, fn func(store.Tx) error) error {
	b.views.Add(1)
	return b.Store.View(ctx, fn)
}

func (b *bench) Update(ctx context.Context, fn func(store.Tx) error) error {
	b.updates.Add(1)
	return b.Store.Update(ctx, fn)
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{clock: &clock{}}
	b.clock.at.Store(time.Date(2026, 11, 1, 12, 20, 0, 0, time.UTC).UnixNano())
	b.Store = enginetest.Open(t, b.clock.Now)
	return b
}

func (b *bench) create(t *testing.T, tenant, name string, lifetime time.Duration) string {
	t.Helper()
	token, err := auth.Create(t.Context(), b, tenant, name, lifetime)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (b *bench) authenticator(tenant string) *auth.Authenticator {
	return auth.NewAuthenticator(auth.Options{Store: b, Tenant: tenant, Now: b.clock.Now})
}

func request(query string, authorization ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/scim/v2/Users"+query, nil)
	for _, value := range authorization {
		r.Header.Add("Authorization", value)
	}
	return r
}

const realm = `Bearer realm="scim"`

func TestAuthenticate(t *testing.T) {
	b := newBench(t)
	token := b.create(t, "default", "okta", 0)
	other := b.create(t, "emea", "okta", 0)
	expired := b.create(t, "default", "short", time.Minute)
	revoked := b.create(t, "default", "gone", 0)
	if err := auth.Revoke(t.Context(), b, "default", "gone"); err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(time.Minute)

	const (
		invalidToken   = realm + `, error="invalid_token", `
		invalidRequest = realm + `, error="invalid_request", `
	)
	tests := []struct {
		name   string
		header []string
		query  string
		want   string // name of the token
		kind   auth.Kind
		// challenge is how WWW-Authenticate begins; it is the whole of it when it ends in the realm.
		challenge, reason string
	}{
		{name: "a token", header: []string{"Bearer " + token}, want: "okta"},
		{name: "H-14 no credentials", kind: auth.Missing, challenge: realm, reason: "none"},
		{name: "H-14 an empty header", header: []string{""}, kind: auth.Missing, challenge: realm, reason: "none"},
		{name: "H-14 another scheme", header: []string{"Basic b2t0YTpva3Rh"}, kind: auth.Missing, challenge: realm, reason: "other scheme"},
		{name: "H-15 wrong token", header: []string{"Bearer nope"}, kind: auth.InvalidToken, challenge: invalidToken, reason: "unknown"},
		{name: "H-15 token cut short", header: []string{"Bearer " + token[:len(token)-1]}, kind: auth.InvalidToken, challenge: invalidToken, reason: "unknown"},
		{name: "H-15 token in another case", header: []string{"Bearer " + strings.ToUpper(token)}, kind: auth.InvalidToken, challenge: invalidToken, reason: "unknown"},
		{name: "H-15 the hash is no token", header: []string{"Bearer " + hex.EncodeToString(auth.Hash(token))}, kind: auth.InvalidToken, challenge: invalidToken, reason: "unknown"},
		{name: "H-15 expired at this very moment", header: []string{"Bearer " + expired}, kind: auth.InvalidToken, challenge: invalidToken, reason: "expired"},
		{name: "H-15 revoked", header: []string{"Bearer " + revoked}, kind: auth.InvalidToken, challenge: invalidToken, reason: "revoked"},
		{name: "H-15 another tenant's", header: []string{"Bearer " + other}, kind: auth.InvalidToken, challenge: invalidToken, reason: "other tenant"},
		{name: "H-17 Bearer alone", header: []string{"Bearer"}, kind: auth.InvalidRequest, challenge: invalidRequest, reason: "no token"},
		{name: "H-17 Bearer and a blank", header: []string{"Bearer "}, kind: auth.InvalidRequest, challenge: invalidRequest, reason: "no token"},
		{name: "H-17 two headers", header: []string{"Bearer " + token, "Bearer " + token}, kind: auth.InvalidRequest, challenge: invalidRequest, reason: "two headers"},
		{name: "H-17 two tokens", header: []string{"Bearer " + token + ", Bearer " + token}, kind: auth.InvalidRequest, challenge: invalidRequest, reason: "two tokens"},
		{name: "H-17 header and query", header: []string{"Bearer " + token}, query: "?access_token=" + token, kind: auth.InvalidRequest, challenge: invalidRequest, reason: "header and query"},
		{name: "H-17 no scheme, no token", header: []string{"non-token"}, kind: auth.InvalidToken, challenge: invalidToken, reason: "unknown"},
		{name: "H-18 the query alone", query: "?access_token=" + token, kind: auth.Missing, challenge: realm, reason: "none"},
		{name: "H-18 the query may speak of tokens", header: []string{"Bearer " + token}, query: "?filter=title+eq+%22access_token%22", want: "okta"},
		{name: "H-19 scheme in lower case", header: []string{"bearer " + token}, want: "okta"},
		{name: "H-19 scheme in capitals", header: []string{"BEARER " + token}, want: "okta"},
		{name: "several blanks", header: []string{"Bearer   " + token + " "}, want: "okta"},
		{name: "auth-raw a token without a scheme", header: []string{token}, want: "okta"},
		{name: "auth-raw another tenant's", header: []string{other}, kind: auth.InvalidToken, challenge: invalidToken, reason: "other tenant"},
	}
	a := b.authenticator("default")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			name, err := a.Authenticate(t.Context(), request(test.query, test.header...))
			if name != test.want {
				t.Errorf("token %q, want %q", name, test.want)
			}
			if test.kind == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			refusal, ok := errors.AsType[*auth.Error](err)
			if !ok {
				t.Fatalf("error %T %v, want *auth.Error", err, err)
			}
			if refusal.Kind != test.kind || refusal.Reason != test.reason || refusal.Status() != http.StatusUnauthorized {
				t.Errorf("kind %q, reason %q, status %d, want %q, %q, 401", refusal.Kind, refusal.Reason, refusal.Status(), test.kind, test.reason)
			}
			if challenge := refusal.Challenge(); !strings.HasPrefix(challenge, test.challenge) || test.challenge == realm && challenge != realm {
				t.Errorf("challenge %q, want it to begin with %q", challenge, test.challenge)
			}
			if strings.Contains(refusal.Error()+refusal.Challenge(), auth.Prefix) {
				t.Errorf("the error holds a token: %v", refusal)
			}
		})
	}
	t.Run("H-15 expired, revoked, another tenant's and unknown are told alike", func(t *testing.T) {
		told := map[string]bool{}
		for _, token := range []string{expired, revoked, other, "nope"} {
			_, err := a.Authenticate(t.Context(), request("", "Bearer "+token))
			refusal, _ := errors.AsType[*auth.Error](err)
			told[refusal.Challenge()+refusal.Detail] = true
		}
		if len(told) != 1 {
			t.Errorf("%d different answers: %v", len(told), told)
		}
	})
}

func TestRevocationIsHonouredWithinASecond(t *testing.T) {
	b := newBench(t)
	token := b.create(t, "default", "okta", 0)
	a := b.authenticator("default")
	ask := func() error {
		_, err := a.Authenticate(t.Context(), request("", "Bearer "+token))
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	if err := auth.Revoke(t.Context(), b, "default", "okta"); err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(time.Second)
	if err := ask(); err == nil {
		t.Error("a second after its revocation the token is taken")
	}
}

func TestReplacedTokenIsHonouredWithinASecond(t *testing.T) {
	b := newBench(t)
	old := b.create(t, "default", "okta", 0)
	a := b.authenticator("default")
	if _, err := a.Authenticate(t.Context(), request("", old)); err != nil {
		t.Fatal(err)
	}
	if err := auth.Revoke(t.Context(), b, "default", "okta"); err != nil {
		t.Fatal(err)
	}
	next := b.create(t, "default", "okta", 0)
	b.clock.Advance(time.Second)
	if _, err := a.Authenticate(t.Context(), request("", old)); err == nil {
		t.Error("the token that was replaced is taken")
	}
	if name, err := a.Authenticate(t.Context(), request("", next)); name != "okta" || err != nil {
		t.Errorf("the new token: %q, %v", name, err)
	}
}

// TestExpiryNeedsNoLookUp: a token that is remembered expires on time all the same.
func TestExpiryNeedsNoLookUp(t *testing.T) {
	b := newBench(t)
	token := b.create(t, "default", "okta", 100*time.Millisecond)
	a := b.authenticator("default")
	if _, err := a.Authenticate(t.Context(), request("", token)); err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(100 * time.Millisecond)
	if _, err := a.Authenticate(t.Context(), request("", token)); err == nil {
		t.Error("an expired token is taken")
	}
}

// TestStoreIsAskedSeldom: a burst of requests costs one look-up and, once an hour, one write.
func TestStoreIsAskedSeldom(t *testing.T) {
	b := newBench(t)
	token := b.create(t, "default", "okta", 0)
	a := b.authenticator("default")
	b.views.Store(0)
	b.updates.Store(0)
	burst := func() {
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				for range 20 {
					if _, err := a.Authenticate(t.Context(), request("", "Bearer "+token)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
	burst()
	if views, updates := b.views.Load(), b.updates.Load(); views > 16 || updates < 1 || updates > 16 {
		t.Errorf("%d look-ups and %d writes for 320 requests at once", views, updates)
	}
	before := b.updates.Load()
	b.clock.Advance(30 * time.Minute)
	burst()
	if n := b.updates.Load() - before; n != 0 {
		t.Errorf("%d writes in the same hour", n)
	}
	b.clock.Advance(time.Hour)
	if _, err := a.Authenticate(t.Context(), request("", token)); err != nil {
		t.Fatal(err)
	}
	tokens, err := auth.List(t.Context(), b, "default")
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2026, 11, 1, 13, 0, 0, 0, time.UTC); !tokens[0].LastUsed.Equal(want) {
		t.Errorf("last used %v, want the hour %v", tokens[0].LastUsed, want)
	}
}

// TestOurFaultIsNever401: a store that cannot be asked is 503 without a challenge.
func TestOurFaultIsNever401(t *testing.T) {
	b := newBench(t)
	token := b.create(t, "default", "okta", 0)
	a := b.authenticator("default")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := a.Authenticate(t.Context(), request("", "Bearer "+token))
	refusal, ok := errors.AsType[*auth.Error](err)
	if !ok || refusal.Kind != auth.Unavailable || refusal.Status() != http.StatusServiceUnavailable || refusal.Challenge() != "" {
		t.Errorf("got %v, want Unavailable, 503, no challenge", err)
	}
}

func TestCommands(t *testing.T) {
	b := newBench(t)
	start := b.clock.Now()
	token := b.create(t, "default", "okta", 90*24*time.Hour)
	if !strings.HasPrefix(token, auth.Prefix) || len(token) != len(auth.Prefix)+43 {
		t.Errorf("token %q, want %s and 43 characters of base64url", token, auth.Prefix)
	}
	b.create(t, "emea", "okta", 0)

	nameErr := func(err error) auth.NameErrorKind {
		if e, ok := errors.AsType[*auth.NameError](err); ok {
			return e.Kind
		}
		return ""
	}
	t.Run("a taken name is refused, with what to do", func(t *testing.T) {
		_, err := auth.Create(t.Context(), b, "default", "okta", 0)
		if nameErr(err) != auth.Taken || !strings.Contains(err.Error(), "scimbridge token revoke --tenant default --name okta") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a name that is none is refused", func(t *testing.T) {
		for _, name := range []string{"", " ", "a b", "-x", "ä", strings.Repeat("x", 64), "x\n"} {
			if _, err := auth.Create(t.Context(), b, "default", name, 0); nameErr(err) != auth.BadName {
				t.Errorf("%q: got %v", name, err)
			}
		}
	})
	t.Run("a lifetime that has passed is refused", func(t *testing.T) {
		if _, err := auth.Create(t.Context(), b, "default", "past", -time.Hour); err == nil {
			t.Error("created")
		}
	})
	t.Run("an unknown name cannot be revoked", func(t *testing.T) {
		if err := auth.Revoke(t.Context(), b, "default", "entra"); nameErr(err) != auth.Unknown || !strings.Contains(err.Error(), "token list") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("revoking twice keeps the first time", func(t *testing.T) {
		b.clock.Advance(time.Hour)
		for range 2 {
			if err := auth.Revoke(t.Context(), b, "default", "okta"); err != nil {
				t.Fatal(err)
			}
			b.clock.Advance(time.Hour)
		}
		tokens, err := auth.List(t.Context(), b, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range tokens {
			token.Hash = nil
		}
		want := []*store.Token{
			{Tenant: "default", Name: "okta", Created: start, Expires: start.Add(90 * 24 * time.Hour), Revoked: start.Add(time.Hour)},
			{Tenant: "emea", Name: "okta", Created: start},
		}
		if diff := cmp.Diff(want, tokens); diff != "" {
			t.Errorf("tokens (-want +got):\n%s", diff)
		}
	})
	t.Run("a revoked name may be used again", func(t *testing.T) {
		b.create(t, "default", "okta", 0)
		tokens, err := auth.List(t.Context(), b, "default")
		if err != nil || len(tokens) != 1 || !tokens[0].Revoked.IsZero() {
			t.Errorf("tokens %v, %v, want the new one alone", tokens, err)
		}
	})
	t.Run("H-22 the store and the events hold no token", func(t *testing.T) {
		token := b.create(t, "default", "canary", 0)
		err := b.View(t.Context(), func(tx store.Tx) error {
			row, err := tx.Token("default", "canary")
			if err != nil {
				return err
			}
			if strings.Contains(string(row.Hash), token) || len(row.Hash) != 32 {
				t.Error("the store keeps something else than the hash")
			}
			events, err := tx.Events("", 0, 100)
			var kinds []string
			for _, e := range events {
				kinds = append(kinds, e.Tenant+" "+e.Kind)
				if strings.Contains(string(e.Detail), token) {
					t.Errorf("event %s holds the token", e.Kind)
				}
			}
			want := []string{"default token.create", "emea token.create", "default token.revoke", "default token.create", "default token.create"}
			if diff := cmp.Diff(want, kinds); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestTokensDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		seen[auth.New()] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d different tokens of 1000", len(seen))
	}
}
