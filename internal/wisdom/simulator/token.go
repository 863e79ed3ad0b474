package simulator

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"
)

// principal is whom a token speaks for: a user, with whatever roles he has at that
// moment, or, for a token of POST /control/tokens, nobody with one fixed role.
type principal struct {
	userID string
	role   string // a role's name; "" for a user
}

var (
	errTokenMissing = errors.New("unauthorized: the Authorization header has no bearer token")
	errTokenBad     = errors.New("unauthorized: the access token is not valid")
	errTokenExpired = errors.New("unauthorized: the access token has expired")
)

// tokens are the keys of the API and the JWTs made from them.
type tokens struct {
	now    func() time.Time
	owner  string // the owner's API key
	secret []byte // signs the JWTs

	mu    sync.RWMutex      // guards the two below
	roles map[string]string // API key -> role, of POST /control/tokens
	epoch int               // JWTs of an earlier one have expired, whatever their exp
}

func newTokens(now func() time.Time, owner string) *tokens {
	if owner == "" {
		owner = newKey()
	}
	return &tokens{now: now, owner: owner, secret: []byte(rand.Text()), roles: map[string]string{}}
}

// newKey makes a random API key.
func newKey() string { return "wsk_" + rand.Text() }

// forRole makes an API key with a role's permissions.
func (t *tokens) forRole(role string) string {
	key := newKey()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.roles[key] = role
	return key
}

// expire ends every JWT there is. API keys stay, as there is no way to renew one.
func (t *tokens) expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.epoch++
}

// key returns whom an API key speaks for.
func (t *tokens) key(key string, ownerID string) (principal, error) {
	if hmac.Equal([]byte(key), []byte(t.owner)) {
		return principal{userID: ownerID}, nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	role, ok := t.roles[key]
	if !ok {
		return principal{}, errTokenBad
	}
	return principal{role: role}, nil
}

// claims are what a JWT says (RFC 7519).
type claims struct {
	Subject  string            `json:"sub,omitempty"`
	Role     string            `json:"role,omitempty"`
	Issued   int64             `json:"iat"`
	Expires  int64             `json:"exp"`
	ID       string            `json:"jti"`
	Epoch    int               `json:"epoch"`
	Claims   map[string]string `json:"attributes,omitempty"` // of impersonateUser
	Audience string            `json:"aud"`
}

// jwtHeader is that of every JWT made here: HS256 (RFC 7518, 3.2), whatever a token claims.
var jwtHeader = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`))

// issue makes a JWT for somebody that is good for the lifetime.
func (t *tokens) issue(p principal, audience string, lifetime time.Duration, attributes map[string]string) string {
	t.mu.RLock()
	epoch := t.epoch
	t.mu.RUnlock()
	now := t.now()
	body, err := json.Marshal(claims{
		Subject: p.userID, Role: p.role, Audience: audience, Issued: now.Unix(), Expires: now.Add(lifetime).Unix(),
		ID: rand.Text(), Epoch: epoch, Claims: attributes,
	})
	if err != nil {
		panic(err) // strings and numbers: cannot fail
	}
	signed := jwtHeader + "." + base64.RawURLEncoding.EncodeToString(body)
	return signed + "." + t.sign(signed)
}

func (t *tokens) sign(signed string) string {
	mac := hmac.New(sha256.New, t.secret)
	mac.Write([]byte(signed))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// verify returns whom a JWT speaks for, if it is ours and its time has not come.
func (t *tokens) verify(token string) (principal, error) {
	i := strings.LastIndexByte(token, '.')
	signed, signature := token[:i], token[i+1:]
	header, body, ok := strings.Cut(signed, ".")
	if !ok || header != jwtHeader || !hmac.Equal([]byte(signature), []byte(t.sign(signed))) {
		return principal{}, errTokenBad
	}
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return principal{}, errTokenBad
	}
	var c claims
	if err := json.Unmarshal(raw, &c); err != nil {
		return principal{}, errTokenBad
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if c.Epoch != t.epoch || t.now().Unix() >= c.Expires {
		return principal{}, errTokenExpired
	}
	return principal{userID: c.Subject, role: c.Role}, nil
}

// authenticate returns whom an Authorization header speaks for.
func (s *Server) authenticate(header string) (principal, error) {
	scheme, token, _ := strings.Cut(header, " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return principal{}, errTokenMissing
	}
	p, err := s.tokens.key(token, s.people.owner()) // first, as a key that was given may look like anything
	if err != nil && strings.Contains(token, ".") {
		p, err = s.tokens.verify(token)
	}
	if err != nil {
		return principal{}, err
	}
	if p.role == "" && s.people.get(p.userID) == nil {
		return principal{}, errTokenBad // its user was deleted
	}
	return p, nil
}

// may says whether somebody has a permission now.
func (s *Server) may(p principal, want permission) bool {
	if p.role != "" {
		return grants(p.role, want)
	}
	u := s.people.get(p.userID)
	if u == nil {
		return false
	}
	for _, r := range u.RoleAssignments {
		if grants(roleName(r.RoleID), want) {
			return true
		}
	}
	return false
}
