package scenario

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// answerLimit is more than any answer to these scenarios has: a server that never
// stops is a failure, not the end of the test's memory.
const answerLimit = 64 << 20

// outgoing is a request ready to be sent, with its body for the report.
type outgoing struct {
	*http.Request
	body string
}

// answer is what came back, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// build fills the references in and makes the request. headers are the scenario's.
func (r Request) build(ctx context.Context, headers map[string]*string, base string, refs references) (*outgoing, error) {
	path, err := refs.fill(r.Path, inPath)
	if err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	query, err := refs.fill(r.Query, inQuery)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	text := string(r.Body)
	if r.RawBody != nil {
		text = *r.RawBody
	}
	if text, err = refs.fill(text, inString); err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	var body io.Reader
	if r.Body != nil || r.RawBody != nil {
		body = strings.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, base, body)
	if err != nil {
		return nil, err
	}
	// Opaque is sent as it stands, where URL.Path would be cleaned of what a client
	// ought to have encoded.
	req.URL = &url.URL{Scheme: req.URL.Scheme, Host: req.URL.Host, Opaque: req.URL.EscapedPath() + path, RawQuery: query}
	if strings.HasPrefix(req.URL.Opaque, "//") {
		return nil, fmt.Errorf("path %s cannot be sent as it stands to %s, a base URL without a path", path, base)
	}
	token := "Bearer {{token}}"
	for _, set := range []map[string]*string{{"Authorization": &token}, headers, r.Headers} {
		if err := setHeaders(req.Header, set, refs); err != nil {
			return nil, err
		}
	}
	return &outgoing{req, text}, nil
}

func setHeaders(h http.Header, set map[string]*string, refs references) error {
	for name, value := range set {
		if value == nil {
			// The key stays, without a value: else net/http would put its own User-Agent there.
			h[http.CanonicalHeaderKey(name)] = nil
			continue
		}
		filled, err := refs.fill(*value, inHeader)
		if err != nil {
			return fmt.Errorf("header %s: %w", name, err)
		}
		h.Set(name, filled)
	}
	return nil
}

func (o *outgoing) send(client *http.Client) (*answer, error) {
	res, err := client.Do(o.Request)
	var failed *url.Error
	if errors.As(err, &failed) {
		return nil, failed.Err // the URL is in the report already, as it was sent
	}
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, answerLimit+1))
	if err != nil {
		return nil, fmt.Errorf("status %d, then: %w", res.StatusCode, err)
	}
	if len(body) > answerLimit {
		return nil, fmt.Errorf("status %d and a body of more than %d bytes", res.StatusCode, answerLimit)
	}
	return &answer{res.StatusCode, res.Header, body}, nil
}

// String is the request as a person reads it.
func (o *outgoing) String() string {
	return message(o.Method+" "+o.URL.Scheme+"://"+o.URL.Host+o.URL.RequestURI(), o.Header, o.body)
}

// String is the answer as a person reads it.
func (a *answer) String() string {
	return message(fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), a.header, string(a.body))
}

// shownBody is how much of a body a report shows.
const shownBody = 8 << 10

func message(line string, header http.Header, body string) string {
	var b strings.Builder
	fmt.Fprintln(&b, line)
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	if len(body) > shownBody {
		body = fmt.Sprintf("%s... and %d bytes more", strings.ToValidUTF8(body[:shownBody], ""), len(body)-shownBody)
	}
	if body != "" {
		fmt.Fprintf(&b, "\n%s\n", body)
	}
	return b.String()
}
