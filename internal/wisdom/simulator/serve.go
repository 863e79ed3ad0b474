package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// maxBody bounds a GraphQL request: far more than any batch has.
const maxBody = 64 << 20

// rootField is one root field of a request.
type rootField struct {
	operation string // its name, as the schema spells it
	alias     string // the key of its answer; the name if it has no alias
	place     int    // among the root fields of the request, from 0
	mutation  bool
	arguments func() map[string]any // as the request gives them, variables put in
}

// about says whether the field names somebody, by e-mail or id.
func (f rootField) about(who string) bool {
	arguments := f.arguments()
	if input, ok := arguments["input"].(map[string]any); ok {
		arguments = input
	}
	for _, key := range []string{"emails", "userId", "ids"} {
		switch value := arguments[key].(type) {
		case string: // GraphQL takes one value for a list of one
			if strings.EqualFold(value, who) {
				return true
			}
		case []any:
			if slices.ContainsFunc(value, func(v any) bool { s, ok := v.(string); return ok && strings.EqualFold(s, who) }) {
				return true
			}
		}
	}
	return false
}

// meta says whether the field is about the schema: __schema, __type, __typename.
func (f rootField) meta() bool { return strings.HasPrefix(f.operation, "__") }

// public says whether the field needs no Authorization header ("GraphQL API").
func (f rootField) public() bool {
	return f.operation == "exchangeAccessToken" || f.operation == "impersonateUser" || f.operation == "__typename"
}

// call is one GraphQL request on its way through the resolvers.
type call struct {
	who      principal
	settings Settings
	fault    *Fault // the rule that met the request, or nil
	fields   []rootField

	mu      sync.Mutex      // guards refused, as the fields of a query run beside each other
	refused map[string]bool // by alias: answered with a status other than OK
}

type callKey struct{}

func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

// faultFor returns the fault that holds for the root field with this alias; its Kind
// is "" if none does.
func (c *call) faultFor(alias string) Fault {
	for _, f := range c.fields {
		if f.alias == alias && c.fault.fits(f) {
			return *c.fault
		}
	}
	return Fault{}
}

func (c *call) refuse(alias string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused[alias] = true
}

// serveGraphQL is POST /graphql. A failure of GraphQL is HTTP 200 with errors[]
// (docs.wisdom.ai, "Error Handling"); 401 is a bad or missing token, 400 a body that
// is no GraphQL request.
func (s *Server) serveGraphQL(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	s.calls.arrived(len(body))
	var params graphql.RawParams
	if err == nil {
		params, err = decodeParams(body)
	}
	c := &call{refused: map[string]bool{}}
	settings, exec := s.current()
	c.settings = settings
	who, unauthorized := s.authenticate(r.Header.Get("Authorization"))
	c.who = who

	ctx := context.WithValue(graphql.StartOperationTrace(r.Context()), callKey{}, c)
	var op *graphql.OperationContext
	var invalid gqlerror.List
	if err == nil {
		if op, invalid = exec.CreateOperationContext(ctx, &params); invalid == nil {
			c.fields = rootFields(op)
			s.calls.asked(c.fields)
		}
	}
	switch {
	case unauthorized != nil && !allPublic(c.fields):
		s.fail(w, http.StatusUnauthorized, unauthorized.Error(), c.fields)
		return
	case err != nil:
		s.fail(w, http.StatusBadRequest, err.Error(), nil)
		return
	case invalid != nil:
		s.respond(w, exec.DispatchError(graphql.WithOperationContext(ctx, op), invalid))
		return
	}
	nameForCode(op.Operation.SelectionSet)
	run := func(ctx context.Context) *graphql.Response {
		handle, ctx := exec.DispatchOperation(ctx, op)
		return handle(ctx)
	}
	c.fault = s.faults.next(c.fields)
	s.serveCall(ctx, w, c, run)
}

// serveCall carries a valid request out, with what its fault does to the transport;
// what a fault does to a field is done by the field's resolver.
func (s *Server) serveCall(ctx context.Context, w http.ResponseWriter, c *call, run func(context.Context) *graphql.Response) {
	var fault Fault
	if c.fault != nil {
		fault = *c.fault
	}
	switch fault.Kind {
	case faultLatency:
		if !s.sleep(ctx, duration(fault.Latency, "0s")) {
			s.drop(w, c)
			return
		}
	case faultHTTP:
		if fault.RetryAfter != "" {
			w.Header().Set("Retry-After", fault.retryAfter())
		}
		s.fail(w, fault.status(), fault.message(), c.fields)
		return
	case faultExpire:
		s.tokens.expire()
		s.fail(w, http.StatusUnauthorized, errTokenExpired.Error(), c.fields)
		return
	case faultReset:
		s.drop(w, c)
		return
	case faultHang:
		s.hang(ctx)
		s.drop(w, c)
		return
	case faultAfter:
		run(ctx)
		s.drop(w, c)
		return
	case faultAfterHang:
		run(ctx)
		s.hang(ctx)
		s.drop(w, c)
		return
	case faultLate:
		// The client's giving up is not the end of it: that is the point.
		detached := context.WithoutCancel(ctx)
		s.late.after(duration(fault.Latency, "0s"), func() { run(detached) })
		s.drop(w, c)
		return
	}
	response := run(ctx)
	if response == nil { // the client has gone
		s.drop(w, c)
		return
	}
	s.calls.failed(c.failures(response.Errors))
	s.respond(w, response)
}

// failures returns the fields that have no answer, or one other than OK.
func (c *call) failures(errs gqlerror.List) []rootField {
	c.mu.Lock()
	defer c.mu.Unlock()
	failed := map[string]bool{}
	for alias := range c.refused {
		failed[alias] = true
	}
	for _, e := range errs {
		if len(e.Path) > 0 {
			failed[fmt.Sprint(e.Path[0])] = true
		}
	}
	var fields []rootField
	for _, f := range c.fields {
		if failed[f.alias] {
			fields = append(fields, f)
		}
	}
	return fields
}

// respond writes a GraphQL answer: HTTP 200, whatever is in it, and a listing's data
// as they are, without another copy.
func (s *Server) respond(w http.ResponseWriter, response *graphql.Response) {
	var head bytes.Buffer
	head.WriteByte('{')
	if len(response.Errors) > 0 {
		errs, err := json.Marshal(response.Errors)
		if err != nil {
			panic(err) // messages, paths and places: cannot fail
		}
		head.WriteString(`"errors":`)
		head.Write(errs)
		head.WriteByte(',')
	}
	head.WriteString(`"data":`)
	data := []byte(response.Data)
	if data == nil {
		data = []byte("null")
	}
	s.calls.answered(head.Len() + len(data) + 1)
	w.Header().Set("Content-Type", "application/json")
	for _, part := range [][]byte{head.Bytes(), data, []byte("}")} {
		if _, err := w.Write(part); err != nil {
			return // the client has gone
		}
	}
}

// fail writes an answer that is not GraphQL's, and counts these fields as failed.
func (s *Server) fail(w http.ResponseWriter, status int, message string, fields []rootField) {
	s.calls.failed(fields)
	body, err := json.Marshal(graphql.Response{Errors: gqlerror.List{{Message: message}}})
	if err != nil {
		panic(err) // a message: cannot fail
	}
	s.calls.answered(len(body))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone is no failure of ours
}

// hang waits until the client has given up or the server is closed.
func (s *Server) hang(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-s.late.closed:
	}
}

// drop ends the request without an answer, with a TCP reset where there is TCP.
func (s *Server) drop(w http.ResponseWriter, c *call) {
	s.calls.failed(c.fields)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // net/http's own word for an answer cut short
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // at worst the end is a FIN
	}
	_ = conn.Close()
}

// decodeParams reads the body of a request (graphql.org, "Serving over HTTP").
func decodeParams(body []byte) (graphql.RawParams, error) {
	var params graphql.RawParams
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&params); err != nil {
		return params, fmt.Errorf("malformed request: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return params, errors.New("malformed request: something follows the JSON object")
	}
	if params.Query == "" {
		return params, errors.New("malformed request: query is missing")
	}
	return params, nil
}

// rootFields returns the root fields of a valid operation, in the order of the document.
func rootFields(op *graphql.OperationContext) []rootField {
	root, mutation := "Query", op.Operation.Operation == ast.Mutation
	if mutation {
		root = "Mutation"
	}
	var fields []rootField
	for i, f := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{root}) {
		fields = append(fields, rootField{operation: f.Name, alias: f.Alias, place: i, mutation: mutation,
			arguments: func() map[string]any { return f.ArgumentMap(op.Variables) }})
	}
	return fields
}

func allPublic(fields []rootField) bool {
	for _, f := range fields {
		if !f.public() {
			return false
		}
	}
	return len(fields) > 0
}
