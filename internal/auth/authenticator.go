package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// Options configures an Authenticator. Store and Tenant are needed.
type Options struct {
	Store  Store
	Tenant string
	Now    func() time.Time // nil is time.Now
	Log    *slog.Logger     // hears of a last use that could not be noted; nil is nobody
}

// cacheFor is how long a token that was found is not looked up again. Half of the
// second within which a revocation must be honoured.
const cacheFor = 500 * time.Millisecond

// Authenticator checks the bearer tokens of one tenant. Safe for concurrent use.
type Authenticator struct {
	store  Store
	tenant string
	now    func() time.Time
	log    *slog.Logger

	// mu guards known: the tokens found lately, by hash. Only tokens that exist get
	// in, so there are never more than the store has.
	mu    sync.RWMutex
	known map[[sha256.Size]byte]found
}

type found struct {
	row *store.Token
	at  time.Time
}

// NewAuthenticator returns an Authenticator of one tenant.
func NewAuthenticator(o Options) *Authenticator {
	a := &Authenticator{store: o.Store, tenant: o.Tenant, now: o.Now, log: o.Log, known: map[[sha256.Size]byte]found{}}
	if a.now == nil {
		a.now = time.Now
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	return a
}

// Authenticate returns the name of the token that r carries. It reads nothing but
// the headers and the query (H-20). Errors are *Error.
func (a *Authenticator) Authenticate(ctx context.Context, r *http.Request) (name string, err error) {
	token, refusal := credentials(r)
	if refusal != nil {
		return "", refusal
	}
	hash := sha256.Sum256([]byte(token))
	row, err := a.lookup(ctx, hash)
	if err != nil {
		return "", &Error{Kind: Unavailable, Detail: "credentials cannot be checked at the moment", Reason: "store", Err: err}
	}
	now := a.now()
	reason, known := "", ""
	switch {
	case row == nil || subtle.ConstantTimeCompare(row.Hash, hash[:]) != 1:
		reason = "unknown"
	case row.Tenant != a.tenant:
		reason = "other tenant"
	case !row.Revoked.IsZero():
		reason, known = "revoked", row.Name
	case !row.Expires.IsZero() && !now.Before(row.Expires):
		reason, known = "expired", row.Name
	}
	if reason != "" {
		return "", &Error{Kind: InvalidToken, Detail: "the token is wrong, expired or revoked", Reason: reason, Token: known}
	}
	a.noteUse(ctx, row, hash, now)
	return row.Name, nil
}

// credentials takes the token from the Authorization header, the only place it is
// taken from (RFC 6750 section 2.1). The scheme's case does not matter (RFC 9110
// section 11.1). A value without a scheme is taken for a token ([auth-raw]: Okta
// sends its header value as it was typed in).
func credentials(r *http.Request) (token string, refusal *Error) {
	values := r.Header.Values("Authorization")
	if len(values) > 1 {
		return "", &Error{Kind: InvalidRequest, Detail: "there is more than one Authorization header", Reason: "two headers"}
	}
	value := ""
	if len(values) == 1 {
		value = strings.Trim(values[0], " \t")
	}
	if value == "" {
		return "", &Error{Kind: Missing, Detail: "a bearer token is needed in the Authorization header", Reason: "none"}
	}
	scheme, rest, spaced := strings.Cut(value, " ")
	rest = strings.TrimLeft(rest, " ")
	switch {
	case !spaced && strings.EqualFold(scheme, "Bearer"):
		return "", &Error{Kind: InvalidRequest, Detail: "there is no token after Bearer", Reason: "no token"}
	case !spaced:
		token = value
	case !strings.EqualFold(scheme, "Bearer"):
		return "", &Error{Kind: Missing, Detail: "only the Bearer scheme is known in the Authorization header", Reason: "other scheme"}
	default:
		token = rest
	}
	if strings.ContainsAny(token, " \t,") {
		return "", &Error{Kind: InvalidRequest, Detail: "there is more than one token in the Authorization header", Reason: "two tokens"}
	}
	if inQuery(r.URL) {
		return "", &Error{Kind: InvalidRequest, Detail: "there is a token in the query beside the Authorization header", Reason: "header and query"}
	}
	return token, nil
}

func inQuery(u *url.URL) bool {
	return strings.Contains(u.RawQuery, "access_token") && u.Query().Has("access_token")
}

// lookup finds a token by its hash, nil if there is none.
func (a *Authenticator) lookup(ctx context.Context, hash [sha256.Size]byte) (*store.Token, error) {
	a.mu.RLock()
	f, ok := a.known[hash]
	a.mu.RUnlock()
	now := a.now()
	if age := now.Sub(f.at); ok && age >= 0 && age < cacheFor {
		return f.row, nil
	}
	var row *store.Token
	err := a.store.View(ctx, func(tx store.Tx) (err error) {
		row, err = tx.TokenByHash(hash[:])
		return err
	})
	notFound := errors.Is(err, store.ErrNotFound)
	if err != nil && !notFound {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if notFound {
		delete(a.known, hash)
		return nil, nil
	}
	a.known[hash] = found{row: row, at: now} // its age counts from before the reading
	return row, nil
}

// noteUse writes the hour in which a token was last used, once an hour. That it
// cannot is no reason to turn the caller away: it is tried again when the token is
// next looked up.
func (a *Authenticator) noteUse(ctx context.Context, row *store.Token, hash [sha256.Size]byte, now time.Time) {
	hour := now.UTC().Truncate(time.Hour)
	if !row.LastUsed.Before(hour) {
		return
	}
	used := *row
	used.LastUsed = hour
	a.mu.Lock()
	f, ok := a.known[hash]
	mine := ok && f.row == row // else another request is noting it already
	if mine {
		a.known[hash] = found{row: &used, at: f.at}
	}
	a.mu.Unlock()
	if !mine {
		return
	}
	err := a.store.Update(context.WithoutCancel(ctx), func(tx store.Tx) error {
		current, err := tx.TokenByHash(hash[:])
		if err != nil {
			return err
		}
		if !current.LastUsed.Before(hour) {
			return nil
		}
		current.LastUsed = hour
		return tx.PutToken(current)
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		a.log.WarnContext(ctx, "the last use of a token was not noted", "tenant", row.Tenant, "token", row.Name, "error", err)
	}
}
