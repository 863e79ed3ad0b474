package wisdom

import (
	"context"
	"errors"
	"io"

	"github.com/Khan/genqlient/graphql"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// answerLimit bounds every answer but the listing's: the largest, of schemaShape, is
// some 20 kB.
const answerLimit = 4 << 20

// sender is the graphql.Client that the generated operations are called with: one
// value for one operation, which says what genqlient cannot know of it.
type sender struct {
	client    *Client
	anonymous bool
	single    bool // the mutation is about one person
	summary   string
	// document replaces the generated one: the other shape of the same operation.
	document string
	// describe, if set, checks what came back and says it in a word, for the summary.
	describe func(data any) (string, error)
}

// MakeRequest sends req and decodes the answer into resp.Data. Whatever is not a whole
// and successful answer is an *Error.
func (s sender) MakeRequest(ctx context.Context, req *graphql.Request, resp *graphql.Response) error {
	if s.document != "" {
		req.Query = s.document
	}
	body, err := json.Marshal(req)
	if err != nil {
		return unencodable(req.OpName, s.single, err)
	}
	_, mutation := resp.Data.(effect)
	r := &request{
		op: req.OpName, mutation: mutation, anonymous: s.anonymous, summary: s.summary, body: body,
		read: func(ctx context.Context, body io.Reader) (string, error) {
			return s.read(ctx, body, resp.Data)
		},
	}
	if fields, ok := resp.Data.(*batchAnswer); ok {
		r.mutation = true
		r.read = fields.read
		r.failures = fields.failures
	}
	return s.client.send(ctx, r)
}

// unencodable is the failure of an address or value that is not UTF-8: no repeat will change it.
func unencodable(op string, single bool, err error) *Error {
	e := &Error{Op: op, Kind: Transient, Message: plain(err.Error()), Err: errors.Join(errNotEncoded, err)}
	if single {
		e.Kind = Permanent
	}
	return e
}

// effect is the data of a mutation.
type effect interface{ outcome() outcome }

func (r *createUsersResponse) outcome() outcome       { return r.CreateUsers.Status }
func (r *setUserAttributesResponse) outcome() outcome { return r.SetUserAttributes.Status }
func (r *deleteUsersFromWorkspaceResponse) outcome() outcome {
	return r.DeleteUsersFromWorkspace.Status
}

// answer is what every operation but listUsers is answered with (GraphQL specification,
// section 7.1).
type answer struct {
	Data   jsontext.Value `json:"data"`
	Errors []graphqlError `json:"errors"`
}

func readAnswer(body io.Reader) (answer, error) {
	var a answer
	raw, err := io.ReadAll(io.LimitReader(body, answerLimit))
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(raw, &a)
}

func (s sender) read(ctx context.Context, body io.Reader, data any) (string, error) {
	answer, err := readAnswer(body)
	if err != nil {
		return "", brokenAnswer(ctx, err)
	}
	if len(answer.Errors) > 0 {
		return "", errorsOf(answer.Errors)
	}
	if answer.Data.Kind() != '{' {
		return "", brokenAnswer(ctx, errors.New("neither data nor errors"))
	}
	if err := json.Unmarshal(answer.Data, data); err != nil {
		return "", brokenAnswer(ctx, err)
	}
	if e, ok := data.(effect); ok {
		if failure := statusOf(e.outcome(), s.single); failure != nil {
			return "", failure
		}
	}
	if s.describe == nil {
		return "", nil
	}
	word, err := s.describe(data)
	if err != nil {
		return "", brokenAnswer(ctx, err)
	}
	return word, nil
}

// deleteUsersByInput is deleteUsersFromWorkspace in the lifecycle guide's shape, for
// which nothing can be generated.
func deleteUsersByInput(ctx context.Context, s sender, input deleteUsersInput) error {
	return s.MakeRequest(ctx, &graphql.Request{
		OpName: "deleteUsersFromWorkspace",
		Query:  deleteByInputOperation,
		Variables: struct {
			Input deleteUsersInput `json:"input"`
		}{input},
	}, &graphql.Response{Data: &deleteUsersFromWorkspaceResponse{}})
}
