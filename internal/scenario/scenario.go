// Package scenario replays what identity providers send to a SCIM server, as
// testdata/idp holds it, over real HTTP, and says what of the answers is not as it
// should be. The format is that of testdata/idp/README.md, key for key.
//
// It is for tests. It knows nothing of the server under test but its base URL and a
// token, and nothing of SCIM beyond what a scenario spells out. What came of a
// scenario at WisdomAI is made comparable by [Record] and [Normalise].
//
// Where a thing is: reading files in load.go, requests in request.go, references
// to captured values in reference.go, expectations in expect.go, parts of an answer in
// match.go, what is at WisdomAI in golden.go.
package scenario

import (
	"context"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"
)

// Scenario is a sequence of requests that depend on each other. Its fields are the
// keys of the file.
type Scenario struct {
	// File names the scenario: the path below the folder given to Load, without its
	// extension, as in "okta/02-create-user".
	File string `json:"-"`

	IdP      string             `json:"idp"`
	Dialect  string             `json:"dialect"`
	Name     string             `json:"scenario"`
	About    string             `json:"about"`
	Evidence string             `json:"evidence"`
	Headers  map[string]*string `json:"headers"` // sent with every step
	Steps    []Step             `json:"steps"`
}

// Step is one request and what its answer must be.
type Step struct {
	Name    string   `json:"name"`
	Check   bool     `json:"check"` // no client sends it: it looks whether the step before had its effect
	Quirks  []string `json:"quirks"`
	Request Request  `json:"request"`
	Expect  Expect   `json:"expect"`
}

// Request is what is sent. References stand in it as they were written.
type Request struct {
	Method  string             `json:"method"`
	Path    string             `json:"path"`    // appended to the base URL as it stands
	Query   string             `json:"query"`   // encoded already, as that client encodes it
	Headers map[string]*string `json:"headers"` // on top of the scenario's; nil takes a header away
	Body    jsontext.Value     `json:"body"`    // nil: none
	RawBody *string            `json:"rawBody"` // text that need not be JSON; nil: none
}

// Expect is what an answer must be; all that is given must hold.
type Expect struct {
	Status     []int             `json:"status"` // the allowed ones
	BodyHas    jsontext.Value    `json:"bodyHas"`
	BodyHasNot []jsontext.Value  `json:"bodyHasNot"`
	BodyLacks  []string          `json:"bodyLacks"`
	BodyCount  map[string]int    `json:"bodyCount"`
	BodyType   map[string]string `json:"bodyType"`
	HeaderHas  map[string]string `json:"headerHas"`
	Capture    map[string]string `json:"capture"`
}

// Target is the server under test.
type Target struct {
	Base   string       // SCIM base URL without a slash at its end: {{base}}
	Token  string       // a valid bearer token: {{token}}
	Client *http.Client // nil: the default one. Redirects are never followed: one is an answer like any other
	// After, if set, is called after each step that was answered as expected.
	After func(number int, step Step)
}

// Run sends the steps in order and stops at the first whose answer is not as
// expected; nil means that there was none. A *Failure is an error, but assign it to
// one only after comparing it with nil.
func (s *Scenario) Run(ctx context.Context, t Target) *Failure {
	var client http.Client
	if t.Client != nil {
		client = *t.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	refs := references{"base": t.Base, "token": t.Token}
	for i, step := range s.Steps {
		f := &Failure{Scenario: s.File, Step: i + 1, Name: step.Name, secret: t.Token}
		sent, err := step.Request.build(ctx, s.Headers, t.Base, refs)
		if err != nil {
			f.Sent, f.Wrong = step.Request.Method+" "+step.Request.Path, []string{err.Error()}
			return f
		}
		f.Sent = sent.String()
		got, err := sent.send(&client)
		if err != nil {
			f.Got, f.Wrong = "no answer: "+err.Error(), []string{"expected " + statuses(step.Expect.Status) + ", got no answer"}
			return f
		}
		f.Got = got.String()
		if f.Wrong = step.Expect.judge(got, refs); len(f.Wrong) > 0 {
			return f
		}
		if t.After != nil {
			t.After(i+1, step)
		}
	}
	return nil
}
