package wisdom

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/singleflight"
)

// The ways of Options.Exchange.
const (
	exchangeAuto   = "auto"
	exchangeAlways = "always"
	exchangeNever  = "never"
)

const (
	// renewEarly is how long before exp a JWT is renewed: more than any call's deadline
	// takes by default, so that no call leaves with a token that ends under way. Of a
	// short-lived JWT it is a tenth of the lifetime.
	renewEarly = time.Minute
	// retryExchange is how long a failed or declined exchange is not tried again while
	// there is another token to use.
	retryExchange = time.Minute
)

// bearer is a token that goes into Authorization.
type bearer struct {
	value     string
	exchanged bool      // a JWT got for the key; else the configured token itself
	expires   time.Time // zero: not known
	renewAt   time.Time // zero: not before it is refused
	tried     time.Time // when an exchange was last tried
	proved    bool      // WisdomAI has accepted it at least once
}

// tokens is the source of bearers: the configured token used directly, or a JWT that it
// is exchanged for ("API Keys", "GraphQL API"). It is safe for concurrent use.
type tokens struct {
	key      string
	mode     string
	keyIsJWT bool
	exchange func(context.Context) (string, error)
	deadline time.Duration // of one exchange
	now      func() time.Time
	log      *slog.Logger
	// flight lets one exchange run at a time. It outlives the caller that began it, since others
	// wait for it too, and ends at its deadline at the latest.
	flight singleflight.Group
	mu     sync.Mutex // guards held
	held   bearer     // the last bearer; its value is "" before the first
}

// direct is whether the configured token is used as it is, whatever happens.
func (t *tokens) direct() bool {
	return t.mode == exchangeNever || t.mode == exchangeAuto && t.keyIsJWT
}

func (t *tokens) current() bearer {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.held
}

// get returns the bearer to use now, after an exchange if one is due.
func (t *tokens) get(ctx context.Context) (bearer, error) {
	if t.direct() {
		return t.itself(), nil
	}
	held := t.current()
	now := t.now()
	if held.value != "" && (held.renewAt.IsZero() || now.Before(held.renewAt)) {
		return held, nil
	}
	if held.value != "" && now.Before(held.tried.Add(retryExchange)) && now.Before(held.expires) {
		return held, nil // renewal failed a moment ago, and the old one still holds
	}
	fresh, err := t.replace(ctx, held)
	if err != nil && held.value != "" && now.Before(held.expires) {
		return held, nil
	}
	return fresh, err
}

// renew returns another bearer than the refused one, or the refused one itself if there is
// no other to be had. Of many callers that were refused, one exchanges.
func (t *tokens) renew(ctx context.Context, refused bearer) (bearer, error) {
	if t.direct() {
		return refused, nil
	}
	held := t.current()
	if held.value != refused.value {
		return held, nil
	}
	if (!held.exchanged || !held.proved) && t.now().Before(held.tried.Add(retryExchange)) {
		// A new token that was never accepted is no better for being newer.
		return refused, nil
	}
	return t.replace(ctx, held)
}

// prove notes that WisdomAI accepted a bearer.
func (t *tokens) prove(accepted bearer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held.value == accepted.value {
		t.held.proved = true
	}
}

// replace exchanges the key for a bearer other than old, in one flight for all callers.
func (t *tokens) replace(ctx context.Context, old bearer) (bearer, error) {
	done := t.flight.DoChan("", func() (any, error) {
		if held := t.current(); held.value != old.value {
			return held, nil // an earlier flight did it
		}
		flight, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.deadline)
		defer cancel()
		return t.obtain(flight, old)
	})
	select {
	case r := <-done:
		if r.Err != nil {
			return bearer{}, r.Err
		}
		return r.Val.(bearer), nil
	case <-ctx.Done():
		return bearer{}, &Error{Op: "exchangeAccessToken", Kind: Transient, Message: ended(ctx.Err()), Err: ctx.Err()}
	}
}

// obtain exchanges the key. In mode auto a server that answers but does not exchange leaves
// the key itself; one that does not answer leaves the error, since it says nothing of either.
func (t *tokens) obtain(ctx context.Context, old bearer) (bearer, error) {
	now := t.now()
	value, err := t.exchange(ctx)
	if err != nil {
		if t.mode != exchangeAuto || !declined(err) {
			t.mu.Lock()
			t.held.tried = now
			t.mu.Unlock()
			if declined(err) {
				refused := *asError(err)
				refused.Kind = Unauthorized
				return bearer{}, &refused
			}
			return bearer{}, err
		}
		own := t.itself()
		own.tried = now
		if old.value != own.value {
			t.log.Info("wisdom: using the configured token directly", "reason", asError(err).Message)
		}
		t.set(own)
		return own, nil
	}
	fresh := bearer{value: value, exchanged: true, tried: now}
	if exp, ok := expiry(value); ok && exp.After(now) {
		fresh.expires = exp
		fresh.renewAt = exp.Add(-min(renewEarly, exp.Sub(now)/10))
	}
	if !old.exchanged {
		t.log.Info("wisdom: using a JWT exchanged for the configured token", "expires", fresh.expires)
	}
	t.set(fresh)
	return fresh, nil
}

func (t *tokens) set(b bearer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held = b
}

// itself is the configured token.
func (t *tokens) itself() bearer {
	b := bearer{value: t.key}
	b.expires, _ = expiry(t.key)
	return b
}

// declined is whether the server answered, with a refusal of its own: not with trouble, and
// not with something that is no answer.
func declined(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Err != nil && !errors.Is(e.Err, errInvalidDocument) {
		return false
	}
	switch status := e.HTTPStatus; status {
	case 0, http.StatusNotFound, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	default:
		return status < 500
	}
}

// isJWT is whether a token has the form of a signed JWT (RFC 7519, section 3). No
// signature is checked: that is WisdomAI's business.
func isJWT(token string) bool {
	var header struct {
		Alg string `json:"alg"`
	}
	return jwtPart(token, 0, &header) && header.Alg != ""
}

// expiry reads exp of a JWT (RFC 7519, section 4.1.4).
func expiry(token string) (time.Time, bool) {
	var claims struct {
		Exp *float64 `json:"exp"`
	}
	if !jwtPart(token, 1, &claims) || claims.Exp == nil || *claims.Exp <= 0 || *claims.Exp > math.MaxInt32*1000.0 {
		return time.Time{}, false
	}
	return time.Unix(int64(*claims.Exp), 0), true
}

func jwtPart(token string, part int, into any) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[part], "="))
	return err == nil && json.Unmarshal(raw, into) == nil
}
