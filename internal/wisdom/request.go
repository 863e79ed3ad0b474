package wisdom

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/go-json-experiment/json"
)

// errorBodyLimit bounds what is read of an answer that is not 2xx.
const errorBodyLimit = 64 << 10

// request is one GraphQL operation on its way.
type request struct {
	op        string
	mutation  bool   // never repeated (V-12)
	anonymous bool   // without Authorization
	summary   string // what Call.Summary says of it
	body      []byte
	// read takes in the body of a 2xx answer; result ends the summary: "5 users".
	// Its error is an *Error, or the caller's own wrapped in stopped.
	read func(ctx context.Context, body io.Reader) (result string, err error)
	// handedOn is set by read once a part of the answer was given to the caller: such a
	// request is not repeated.
	handedOn bool
	// failures are what read found to have become of the root fields of a batch, nil for OK. Where it
	// set any, its own error is a summary of them; where it set none, its error is everybody's.
	failures []*Error
	tls      *tls.ConnectionState // set by an answer over TLS
}

// stopped carries the error with which a caller's yield ended a listing.
type stopped struct{ err error }

func (s stopped) Error() string { return s.err.Error() }

// send carries a request out with a valid token: a query once more after a lost
// connection or a refused token; a mutation never (V-12).
func (c *Client) send(ctx context.Context, r *request) error {
	if r.anonymous {
		return c.attempts(ctx, r, "")
	}
	held, err := c.tokens.get(ctx)
	if err != nil {
		return c.unsent(r, err)
	}
	err = c.attempts(ctx, r, held.value)
	if !refusesToken(err) {
		var e *Error
		if !errors.As(err, &e) || e.HTTPStatus != 0 {
			c.tokens.prove(held)
		}
		return err
	}
	fresh, renewErr := c.tokens.renew(ctx, held)
	switch {
	case renewErr != nil:
		for i, failure := range r.failures {
			if failure != nil && refusesToken(failure) {
				r.failures[i] = unrenewed(failure, renewErr)
			}
		}
		return unrenewed(err, renewErr)
	case fresh.value == held.value:
		return err
	case r.mutation:
		for i, failure := range r.failures {
			if failure != nil && refusesToken(failure) {
				r.failures[i] = again(failure)
			}
		}
		return again(asError(err))
	case r.handedOn:
		return err
	}
	err = c.attempts(ctx, r, fresh.value)
	if err == nil {
		c.tokens.prove(fresh)
	}
	return err
}

// again is the refusal of a token that has been replaced.
func again(refusal *Error) *Error {
	e := *refusal
	e.Kind, e.Again = Transient, !e.Unanswered
	e.Message += " (the token has been renewed since)"
	return &e
}

// unsent is a failure to get a token, told as the failure of the request that wanted it.
func (c *Client) unsent(r *request, err error) error {
	e := *asError(err)
	e.Message = e.Op + ": " + e.Message
	e.Op = r.op
	e.Unanswered = false
	e.Err = errors.Join(errNoToken, e.Err)
	return &e
}

// unrenewed is a refused token that could not be replaced. If that was for want of an
// answer, the token may be good again in a moment.
func unrenewed(refusal, renewal error) *Error {
	e := *asError(refusal)
	why := asError(renewal)
	e.Message += "; renewing the token failed: " + why.Message
	e.Kind = why.Kind
	if e.Kind != Transient {
		e.Kind = Unauthorized
	}
	e.RetryAfter = max(e.RetryAfter, why.RetryAfter)
	return &e
}

// asError is err as the *Error that every failure of send but a stopped listing is.
func asError(err error) *Error {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Kind: Transient, Message: err.Error(), Err: err}
	}
	return e
}

// refusesToken says whether a fresh token may help.
func refusesToken(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Kind != Unauthorized {
		return false
	}
	return e.HTTPStatus == http.StatusUnauthorized || blamesToken(e.Message)
}

// attempts is attempt, and for a query once more if the connection was lost before
// anything was answered.
func (c *Client) attempts(ctx context.Context, r *request, token string) error {
	err := c.attempt(ctx, r, token)
	var e *Error
	if r.mutation || ctx.Err() != nil || !errors.As(err, &e) || e.HTTPStatus != 0 {
		return err
	}
	return c.attempt(ctx, r, token)
}

// attempt is one HTTP request. Its failure has an Op, no secret in its message, and, if it
// was answered, its HTTP status.
func (c *Client) attempt(ctx context.Context, r *request, token string) error {
	began := c.now()
	result, err := c.roundTrip(ctx, r, token)
	var e *Error
	if errors.As(err, &e) {
		e.Op = r.op
		e.Unanswered = e.Unanswered && r.mutation
		e.Message = plain(e.Message, c.tokens.key, token)
	}
	for _, failure := range r.failures {
		if failure != nil {
			failure.Message = plain(failure.Message, c.tokens.key, token)
		}
	}
	if c.onCall != nil {
		summary := r.op
		if r.summary != "" {
			summary += " " + r.summary
		}
		if result != "" {
			summary += " -> " + result
		}
		var stop stopped
		told := err
		if errors.As(err, &stop) {
			told = stop.err
		}
		c.onCall(Call{Op: r.op, Summary: summary, Duration: c.now().Sub(began), Err: told})
	}
	return err
}

func (c *Client) roundTrip(ctx context.Context, r *request, token string) (result string, err error) {
	if ctx.Err() != nil {
		return "", transportError(ctx, ctx.Err(), false)
	}
	// Without word from the transport (one in memory does not trace) a request that
	// failed counts as sent. A connection that is dialled anew proves that nothing
	// went over the one before.
	var sent atomic.Bool
	sent.Store(true)
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { sent.Store(false) },
		WroteHeaders: func() { sent.Store(true) },
	})
	req, err := http.NewRequestWithContext(traced, http.MethodPost, c.url, bytes.NewReader(r.body))
	if err != nil {
		return "", transportError(ctx, err, false)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "scimbridge")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return "", transportError(ctx, err, sent.Load())
	}
	defer res.Body.Close()
	r.tls = res.TLS
	if res.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(res.Body, errorBodyLimit))
		var a struct {
			Errors []graphqlError `json:"errors"`
		}
		if json.Unmarshal(text, &a) != nil {
			a.Errors = nil
		}
		return "", httpError(res, a.Errors, string(text), c.now())
	}
	result, err = r.read(ctx, res.Body)
	var e *Error
	if errors.As(err, &e) {
		e.HTTPStatus = res.StatusCode
	}
	for _, failure := range r.failures {
		if failure != nil {
			failure.HTTPStatus = res.StatusCode
		}
	}
	return result, err
}
