package wisdom

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Level says how bad a Finding is.
type Level string

// The levels of a Finding: LevelError keeps the bridge from working, LevelWarning may.
const (
	LevelOK      Level = "ok"
	LevelWarning Level = "warning"
	LevelError   Level = "error"
)

// Finding is one thing that Probe looked at.
type Finding struct {
	Level  Level
	What   string // what was looked at: "token"
	Detail string // what was found
	Fix    string // what to do about it; "" where there is nothing to do
}

// Report is what Probe found, in the order in which it looked. What could not be looked at
// because something before it failed is not in it.
type Report struct {
	Findings []Finding
	Owner    User // whose token it is; zero if that was not found out
	Users    int  // how many users the workspace has; 0 if that was not found out
}

// Worst is the level of the worst finding.
func (r Report) Worst() Level {
	worst := LevelOK
	for _, f := range r.Findings {
		if f.Level == LevelError {
			return LevelError
		}
		if f.Level == LevelWarning {
			worst = LevelWarning
		}
	}
	return worst
}

func (r *Report) ok(what, detail string) {
	r.Findings = append(r.Findings, Finding{Level: LevelOK, What: what, Detail: detail})
}

func (r *Report) warn(what, detail, fix string) {
	r.Findings = append(r.Findings, Finding{LevelWarning, what, detail, fix})
}

func (r *Report) fail(what, detail, fix string) {
	r.Findings = append(r.Findings, Finding{LevelError, what, detail, fix})
}

// Probe looks whether this WisdomAI can be worked with, without changing anything at it: address,
// token, schema, workspace, permissions. What is wrong is a Finding; the error is only that
// ctx ended before the report was whole.
func (c *Client) Probe(ctx context.Context) (Report, error) {
	var r Report
	for _, step := range []func(context.Context, *Report) bool{
		c.probeAddress, c.probeToken, c.probeSchema, c.probeOwner, c.probeWorkspace,
	} {
		goOn := step(ctx, &r)
		if err := ctx.Err(); err != nil {
			return r, fmt.Errorf("wisdom: probe: %w", err)
		}
		if !goOn {
			break
		}
	}
	return r, nil
}

const fixAddress = "wisdom.url must be the GraphQL endpoint: https://ACCOUNT.wisdom.ai/graphql, or https://ACCOUNT.askwisdom.ai/graphql"

// probeAddress asks anything of the address, without the token: whatever answers in
// GraphQL, be it with a refusal, is there.
func (c *Client) probeAddress(ctx context.Context, r *Report) bool {
	const what = "address"
	target, err := url.Parse(c.url)
	if err != nil {
		r.fail(what, err.Error(), fixAddress)
		return false
	}
	if target.Scheme == "http" && !loopback(target.Hostname()) {
		r.fail("encryption", "the token would travel in the clear to "+target.Host, "use https in wisdom.url")
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, c.deadline)
	defer cancel()
	req := &request{op: "__typename", anonymous: true, summary: "(is anybody there?)", body: []byte(`{"query":"{__typename}"}`)}
	req.read = func(ctx context.Context, body io.Reader) (string, error) {
		var answer map[string]any
		if err := json.UnmarshalRead(io.LimitReader(body, answerLimit), &answer); err != nil {
			return "", brokenAnswer(ctx, err)
		}
		if answer["data"] == nil && answer["errors"] == nil {
			return "", brokenAnswer(ctx, errors.New("neither data nor errors"))
		}
		return "", nil
	}
	err = c.send(ctx, req)
	var e *Error
	if errors.As(err, &e) {
		switch {
		case e.HTTPStatus == 0:
			r.fail(what, c.url+" does not answer: "+e.Message, unreachable(e, target.Hostname()))
			return false
		case e.HTTPStatus/100 == 2 || e.HTTPStatus/100 == 3 || e.HTTPStatus == http.StatusNotFound || e.HTTPStatus == http.StatusMethodNotAllowed:
			r.fail(what, fmt.Sprintf("%s answers, but not as GraphQL: HTTP %d: %s", c.url, e.HTTPStatus, e.Message), fixAddress)
			return false
		case e.HTTPStatus >= 500 || e.HTTPStatus == http.StatusTooManyRequests:
			r.fail(what, fmt.Sprintf("%s is in trouble: HTTP %d: %s", c.url, e.HTTPStatus, e.Message), "try again later")
			return false
		}
	}
	r.ok(what, c.url+" answers")
	if req.tls != nil {
		r.ok("encryption", tls.VersionName(req.tls.Version)+", the certificate is valid for "+target.Hostname())
	}
	return true
}

// unreachable says what to do about a request that got no answer.
func unreachable(e *Error, host string) string {
	var (
		dns       *net.DNSError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
	)
	switch {
	case errors.As(e.Err, &dns):
		return "there is no host " + host + ": look at the ACCOUNT part of wisdom.url, and at this machine's DNS"
	case errors.As(e.Err, &authority):
		return "the certificate's authority is not trusted here: install it in the system's store (SSL_CERT_FILE), if a proxy of yours stands between"
	case errors.As(e.Err, &hostname), errors.As(e.Err, &invalid):
		return "the certificate is not valid for this address: look at wisdom.url, and at this machine's clock"
	case errors.As(e.Err, &record):
		return "this port does not speak TLS: look at wisdom.url"
	case errors.Is(e.Err, context.DeadlineExceeded):
		return "look at the firewall and at the proxy settings (HTTPS_PROXY)"
	}
	return "look at wisdom.url, the firewall and the proxy settings (HTTPS_PROXY)"
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// probeToken says how the configured token is used, and until when.
func (c *Client) probeToken(ctx context.Context, r *Report) bool {
	const what = "exchange"
	ctx, cancel := context.WithTimeout(ctx, c.deadline)
	defer cancel()
	held, err := c.tokens.get(ctx)
	if err != nil {
		r.fail(what, "the token cannot be exchanged for a JWT: "+asError(err).Message,
			"look whether the API key has expired or been revoked (WisdomAI, API Keys); `exchange: auto` uses it directly where the server does not exchange")
		return false
	}
	switch {
	case held.exchanged && held.expires.IsZero():
		r.ok(what, "the API key is exchanged for a token of unknown lifetime, renewed when it is refused")
	case held.exchanged:
		r.ok(what, "the API key is exchanged for a JWT, valid until "+held.expires.UTC().Format(time.RFC3339)+" and renewed before")
	case c.tokens.keyIsJWT && !held.expires.IsZero() && !held.expires.After(c.now()):
		r.fail(what, "the configured token is a JWT that expired at "+held.expires.UTC().Format(time.RFC3339), "configure an API key instead: a JWT cannot be renewed")
		return false
	case c.tokens.keyIsJWT && !held.expires.IsZero():
		r.warn(what, "the configured token is a JWT, used as it is, and ends at "+held.expires.UTC().Format(time.RFC3339), "configure an API key instead: a JWT cannot be renewed")
	default:
		r.ok(what, "the configured token is used directly")
	}
	return true
}

// probeSchema compares the server's schema with what this client sends and reads, and
// remembers the shape that it finds.
func (c *Client) probeSchema(ctx context.Context, r *Report) bool {
	const what = "schema"
	ctx, cancel := context.WithTimeout(ctx, c.deadline)
	defer cancel()
	schema, err := c.introspect(ctx)
	if err != nil {
		e := asError(err)
		if e.HTTPStatus == http.StatusUnauthorized {
			return true // probeOwner says so, in its own words
		}
		r.warn(what, "the server does not show its schema ("+e.Message+"), so differences cannot be found beforehand",
			"none is needed: the shape is found out by trying; look at the log when an operation fails")
		return true
	}
	found := shapeOf(schema)
	c.shapes.remember(func(now *shape) { *now = found }, "introspection")
	differences := compare(schema, found, c.tokens.mode)
	r.Findings = append(r.Findings, differences...)
	if len(differences) == 0 {
		r.ok(what, "has all that is needed; roleAssignments "+found.roles.String()+", deleteUsersFromWorkspace "+string(found.deletes))
	}
	return true
}

// probeOwner says whose token it is and what he may do. iam:write and iam:delete cannot be tried
// without effect; of the built-in roles only ADMIN has them ("RBAC for Users").
func (c *Client) probeOwner(ctx context.Context, r *Report) bool {
	owner, err := c.CurrentUser(ctx)
	if err != nil {
		e := asError(err)
		if e.Kind == Unauthorized {
			r.fail("token", "WisdomAI refuses the token: "+e.Message, "make a new API key as an ADMIN (WisdomAI, API Keys: one expires after 30 days by default) and put it where wisdom.token points")
			return false
		}
		r.fail("token", "the owner of the token could not be asked for: "+e.Message, "see the findings on the schema, or try again later")
		return true
	}
	r.Owner = owner
	r.ok("token", "is valid and belongs to "+owner.Email)
	var names []string
	admin, scoped := false, false
	for _, role := range owner.Roles {
		names = append(names, roleName(role.RoleID))
		if role.RoleID == adminRole || strings.EqualFold(role.RoleID, roleName(adminRole)) {
			admin = true
			scoped = len(role.Scopes) > 0
		}
	}
	switch {
	case admin && !scoped:
		r.ok("permissions", owner.Email+" is ADMIN, which has iam:read, iam:write and iam:delete; the last two are not tried, since that would change something")
	case admin:
		r.warn("permissions", owner.Email+" is ADMIN for some scopes only, so iam:write and iam:delete may be refused", "use the API key of somebody who is ADMIN without scopes")
	default:
		r.warn("permissions", fmt.Sprintf("%s is not ADMIN (roles: %s); of the built-in roles only ADMIN has iam:write and iam:delete", owner.Email, strings.Join(names, ", ")),
			"use the API key of an ADMIN: without iam:write nobody can be created or changed, without iam:delete nobody removed")
	}
	return true
}

// probeWorkspace lists the workspace's users, which needs iam:read.
func (c *Client) probeWorkspace(ctx context.Context, r *Report) bool {
	const what = "workspace"
	users, sawOwner := 0, false
	err := c.ListUsers(ctx, func(u User) error {
		users++
		sawOwner = sawOwner || u.ID == r.Owner.ID
		return nil
	})
	if err != nil {
		e := asError(err)
		if e.Kind == Unauthorized {
			r.fail(what, "listUsers of "+c.workspace+" is refused: "+e.Message, "look at wisdom.workspace, and whether the token's owner has iam:read there")
		} else {
			r.fail(what, "listUsers of "+c.workspace+" failed: "+e.Message, "look at wisdom.workspace and at the findings on the schema, or try again later")
		}
		return true
	}
	r.Users = users
	switch {
	case users == 0:
		r.fail(what, c.workspace+" has no users, but every instance has an administrator", "look at wisdom.workspace")
	case r.Owner.ID != "" && !sawOwner:
		r.warn(what, fmt.Sprintf("%s has %s, and the token's owner %s is not among them", c.workspace, counted(users), r.Owner.Email), "look at wisdom.workspace")
	default:
		r.ok(what, fmt.Sprintf("%s can be listed and has %s", c.workspace, counted(users)))
	}
	return true
}
