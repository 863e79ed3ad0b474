package wisdom

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// server answers over HTTP with what a test wrote by hand, which is how an answer can be
// wrong in ways that a real GraphQL server's cannot.
type server struct {
	*httptest.Server
	mu       sync.Mutex // guards the two below
	answers  map[string][]http.HandlerFunc
	received []received
}

type received struct {
	Op            string         `json:"operationName"`
	Query         string         `json:"query"`
	Variables     map[string]any `json:"variables"`
	Authorization string         `json:"-"`
}

// newServer answers schemaShape with a validation error, which leaves the client with the
// reference shape, unless a test says otherwise.
func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{answers: map[string][]http.HandlerFunc{}}
	s.on("schemaShape", says(`{"errors":[{"message":"introspection is off"}],"data":null}`))
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

// on sets the answers to an operation, in order; the last one is repeated.
func (s *server) on(op string, answers ...http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[op] = answers
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var got received
	if err := json.Unmarshal(body, &got); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	got.Authorization = r.Header.Get("Authorization")
	s.mu.Lock()
	s.received = append(s.received, got)
	answers := s.answers[got.Op]
	if len(answers) > 1 {
		s.answers[got.Op] = answers[1:]
	}
	s.mu.Unlock()
	if len(answers) == 0 {
		fmt.Fprintf(w, `{"errors":[{"message":"the test has no answer to %s"}],"data":null}`, got.Op)
		return
	}
	answers[0](w, r)
}

// requests returns what was received for an operation.
func (s *server) requests(op string) []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []received
	for _, r := range s.received {
		if r.Op == op {
			out = append(out, r)
		}
	}
	return out
}

// client returns a Client of this server; exchange is off unless a test asks for it.
func (s *server) client(t testing.TB, change ...func(*Options)) *Client {
	t.Helper()
	o := Options{URL: s.URL + "/graphql", Workspace: "ws_1", Token: "wsk_secret_key", Exchange: "never"}
	for _, f := range change {
		f(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

// says answers 200 with a body.
func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }
}

// fails answers with a status, header lines "name", "value", ..., and a body.
func fails(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// resets closes the connection without an answer, as a peer that died does.
func resets(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// cuts sends a part of a longer body and closes the connection.
func cuts(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		fmt.Fprintf(rw, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body)+1000, body)
		rw.Flush()
	}
}

// hangs answers nothing until the client goes away.
func hangs(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// status is the answer of a mutation.
func status(op, code, message string) http.HandlerFunc {
	raw, err := json.Marshal(map[string]any{"data": map[string]any{op: map[string]any{
		"status": map[string]string{"code": code, "message": message},
	}}})
	if err != nil {
		panic(err)
	}
	return says(string(raw))
}

// jwt makes a token with the form of a JWT.
func jwt(name string, expires time.Time) string {
	part := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	claims := map[string]any{"sub": name}
	if !expires.IsZero() {
		claims["exp"] = expires.Unix()
	}
	return part(map[string]string{"alg": "HS256"}) + "." + part(claims) + ".c2ln"
}
