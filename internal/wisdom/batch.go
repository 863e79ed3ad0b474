package wisdom

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/Khan/genqlient/graphql"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// batchOp is the operation name of a request with several root fields.
const batchOp = "batch"

// Mutate sends several mutations in one HTTP request. A refusal of one is not its
// neighbours' failure, for each has a status of its own; one error in errors[] is, where
// the server's result fields are non-null and it takes the whole of data with it: then
// the others are Unanswered (V-16).
func (c *Client) Mutate(ctx context.Context, mutations []Mutation) []error {
	errs := make([]error, len(mutations))
	var fields []field
	for i, m := range mutations {
		f, err := c.field(i, m)
		switch {
		case err != nil:
			errs[i] = err
		case f.op != "":
			fields = append(fields, f)
		}
	}
	switch len(fields) {
	case 0:
	case 1:
		i := fields[0].place
		errs[i] = c.mutate(ctx, mutations[i])
	default:
		for i, failure := range c.batch(ctx, fields) {
			if failure != nil {
				errs[fields[i].place] = failure
			}
		}
	}
	return errs
}

// mutate is the plain operation of one mutation.
func (c *Client) mutate(ctx context.Context, m Mutation) error {
	switch {
	case m.Create != nil:
		return c.CreateUsers(ctx, *m.Create)
	case m.Attributes != nil:
		return c.SetUserAttributes(ctx, m.Attributes.UserID, m.Attributes.Attributes)
	default:
		return c.DeleteUsers(ctx, m.Delete)
	}
}

// field is a mutation as a root field of a document.
type field struct {
	op     string
	place  int            // among the mutations that were asked for; it names alias and variable
	single bool           // it is about one person
	input  jsontext.Value // of deleteUsersFromWorkspace too, for either of its shapes
	ids    []string       // whom deleteUsersFromWorkspace deletes
}

func (f field) alias() string    { return fmt.Sprintf("m%d", f.place) }
func (f field) variable() string { return fmt.Sprintf("i%d", f.place) }

// field encodes a mutation; its op is "" if it is about nobody. What cannot be encoded is
// refused here and does not take its neighbours with it.
func (c *Client) field(place int, m Mutation) (field, error) {
	f := field{place: place}
	var input any
	switch {
	case m.Create != nil && len(m.Create.Emails) > 0:
		f.op, f.single = "createUsers", len(m.Create.Emails) == 1
		input = newCreateUsersInput(*m.Create, c.workspace)
	case m.Attributes != nil:
		f.op, f.single = "setUserAttributes", true
		input = newSetUserAttributesInput(m.Attributes.UserID, m.Attributes.Attributes)
	case m.Create == nil && len(m.Delete) > 0:
		f.op, f.single, f.ids = "deleteUsersFromWorkspace", len(m.Delete) == 1, m.Delete
		input = deleteUsersInput{IDs: m.Delete, WorkspaceID: c.workspace}
	default:
		return f, nil
	}
	var err error
	if f.input, err = json.Marshal(input); err != nil {
		return f, unencodable(f.op, f.single, err)
	}
	return f, nil
}

// batch sends two or more fields and returns what became of each.
func (c *Client) batch(ctx context.Context, fields []field) []*Error {
	ctx, cancel := context.WithTimeout(ctx, c.deadline)
	defer cancel()
	var failures []*Error
	send := func(arguments deleteArguments) error {
		answer := &batchAnswer{fields: fields, failures: make([]*Error, len(fields))}
		document, variables := batchDocument(fields, arguments, c.workspace)
		err := sender{client: c, summary: batchSummary(fields)}.MakeRequest(ctx,
			&graphql.Request{OpName: batchOp, Query: document, Variables: variables}, &graphql.Response{Data: answer})
		if failures = answer.failures; answer.taken {
			return nil
		}
		return err
	}
	var err error
	if slices.ContainsFunc(fields, func(f field) bool { return f.ids != nil }) {
		err = c.told(batchOp, c.shapes.withDelete(ctx, send))
	} else {
		err = send(deleteByArgs)
	}
	if err == nil {
		return failures
	}
	// The request as a whole failed: everybody's failure, each with an Error of his own.
	all := make([]*Error, len(fields))
	for i, f := range fields {
		own := *asError(err)
		own.Op = f.op
		all[i] = &own
	}
	return all
}

// batchDocument builds the document, and the variables that it declares. Root fields of a
// mutation are executed one after another, in its order (GraphQL specification, section 6.2.2).
func batchDocument(fields []field, arguments deleteArguments, workspace string) (string, map[string]any) {
	var declared, selected []string
	variables := map[string]any{}
	for _, f := range fields {
		v := f.variable()
		given := "input: $" + v
		switch {
		case f.op == "createUsers":
			declared = append(declared, "$"+v+": CreateUsersInput!")
			variables[v] = f.input
		case f.op == "setUserAttributes":
			declared = append(declared, "$"+v+": SetUserAttributesInput!")
			variables[v] = f.input
		case arguments == deleteByInput:
			declared = append(declared, "$"+v+": DeleteUsersFromWorkspaceInput!")
			variables[v] = f.input
		default:
			given = "ids: $" + v + ", workspaceID: $workspaceID"
			declared = append(declared, "$"+v+": [ID!]!")
			variables[v] = f.ids
			if _, there := variables["workspaceID"]; !there {
				declared = append(declared, "$workspaceID: ID!")
				variables["workspaceID"] = workspace
			}
		}
		selected = append(selected, "\t"+f.alias()+": "+f.op+"("+given+") {status {code message}}\n")
	}
	return "mutation " + batchOp + "(" + strings.Join(declared, ", ") + ") {\n" + strings.Join(selected, "") + "}\n", variables
}

// batchAnswer takes the answer to a batch apart.
type batchAnswer struct {
	fields   []field
	failures []*Error // of each field, nil for OK
	taken    bool     // failures are set: the answer told of the fields, not of the request
}

// read fills in the failures. What it returns is for the log alone, or, when the answer
// was no answer to this document, everybody's.
func (b *batchAnswer) read(ctx context.Context, body io.Reader) (string, error) {
	answer, err := readAnswer(body)
	if err != nil {
		return "", brokenAnswer(ctx, err)
	}
	var data map[string]jsontext.Value
	if answer.Data.Kind() == '{' {
		if err := json.Unmarshal(answer.Data, &data); err != nil {
			return "", brokenAnswer(ctx, err)
		}
	}
	own, shared := b.blamed(answer.Errors)
	switch {
	case data != nil:
	case len(answer.Errors) == 0:
		return "", brokenAnswer(ctx, errors.New("neither data nor errors"))
	case len(own) == 0 || slices.ContainsFunc(answer.Errors, graphqlError.invalid):
		return "", errorsOf(answer.Errors)
	}
	b.taken = true
	for i, f := range b.fields {
		b.failures[i] = f.failure(data, own[f.alias()], shared, answer.Errors)
	}
	return "", b.summary()
}

// blamed divides errors[] into those of a field, by the first element of the path, and
// those of the request.
func (b *batchAnswer) blamed(list []graphqlError) (own map[string][]graphqlError, shared []graphqlError) {
	own = map[string][]graphqlError{}
	for _, f := range b.fields {
		own[f.alias()] = nil
	}
	for _, g := range list {
		if _, ours := own[g.root()]; ours {
			own[g.root()] = append(own[g.root()], g)
		} else {
			shared = append(shared, g)
		}
	}
	for alias, of := range own {
		if len(of) == 0 {
			delete(own, alias)
		}
	}
	return own, shared
}

// failure is what became of one field: own are the errors of it, shared those of nobody
// in particular, all all of them.
func (f field) failure(data map[string]jsontext.Value, own, shared, all []graphqlError) *Error {
	var e *Error
	answered := outcomeOf(data[f.alias()])
	switch {
	case len(own) > 0:
		e = executed(own)
	case len(shared) > 0:
		e = executed(shared)
	case answered.Code == "" && len(all) > 0:
		e = &Error{Kind: Transient, Unanswered: true, Message: "the failure of another mutation took the answer with it: " + all[0].Message}
	default:
		e = statusOf(answered, f.single)
	}
	if e != nil {
		e.Op = f.op
	}
	return e
}

// outcomeOf reads {status {code message}}; what is missing or something else is no outcome.
func outcomeOf(raw jsontext.Value) outcome {
	var field struct {
		Status outcome `json:"status"`
	}
	if raw == nil || json.Unmarshal(raw, &field) != nil {
		return outcome{}
	}
	return field.Status
}

// summary is the failure of the request as a call, nil if nothing failed: the failure of the
// field that says most, which is one that blames the token, since send asks what it is.
func (b *batchAnswer) summary() error {
	var first *Error
	count := 0
	for _, e := range b.failures {
		if e == nil {
			continue
		}
		count++
		if first == nil || refusesToken(e) && !refusesToken(first) {
			first = e
		}
	}
	if first == nil {
		return nil
	}
	e := *first
	e.Message = fmt.Sprintf("%s: %s (%d of %d failed)", first.Op, first.Message, count, len(b.failures))
	return &e
}
