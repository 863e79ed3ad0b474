package simulator

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Fault is one rule of GET/PUT /control/faults. A request is met by the first rule
// that fits one of its root fields, and by that one alone; the rule then holds for
// all of the request's fields that it fits.
type Fault struct {
	Operation   string  `json:"operation"`             // GraphQL root field name, or "*"
	Kind        string  `json:"kind"`                  // one of the kinds below
	Probability float64 `json:"probability,omitempty"` // 0 means 1
	Times       int     `json:"times,omitempty"`       // requests; 0 means always
	Latency     string  `json:"latency,omitempty"`     // Go duration
	Code        string  `json:"code,omitempty"`        // of status and alias: ERROR (default), NOT_FOUND, NONE
	Message     string  `json:"message,omitempty"`
	HTTP        int     `json:"http,omitempty"`        // of http: status code; default 503
	RetryAfter  string  `json:"retry_after,omitempty"` // of http: the header's value, or a Go duration
	Alias       int     `json:"alias,omitempty"`       // of alias: the root field's place in the request, from 0
	Keep        float64 `json:"keep,omitempty"`        // of truncate: the share that is shown; 0 means 0.5
	Age         string  `json:"age,omitempty"`         // of stale: Go duration
	// Target, an e-mail or id, narrows the rule to fields that name it: whom WisdomAI cannot
	// digest, whomever he shares a request with.
	Target string `json:"target,omitempty"`
}

// The kinds of faults.
const (
	faultLatency   = "latency"    // waits before the effect
	faultStatus    = "status"     // a status code, no effect
	faultErrors    = "errors"     // errors[], no effect
	faultHTTP      = "http"       // an HTTP error, no effect
	faultReset     = "reset"      // the connection is reset, no effect
	faultHang      = "hang"       // no answer until the client gives up, no effect
	faultAfter     = "after"      // effect, then the connection is reset
	faultAfterHang = "after_hang" // effect, then no answer
	faultLate      = "late"       // the connection is reset; the effect comes latency later
	faultNoEffect  = "noeffect"   // OK without effect
	faultAlias     = "alias"      // as status, for one field of a request
	faultExpire    = "expire"     // 401, and every JWT there is has expired
	faultEmpty     = "empty"      // the listing shows nobody
	faultTruncate  = "truncate"   // the listing shows some, as if they were all
	faultStale     = "stale"      // the listing shows the state of age ago
)

// Validate says what is wrong with a rule.
func (f Fault) Validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("fault %s for %s: "+format, append([]any{f.Kind, f.Operation}, args...)...)
	}
	kinds := []string{faultLatency, faultStatus, faultErrors, faultHTTP, faultReset, faultHang, faultAfter, faultAfterHang,
		faultLate, faultNoEffect, faultAlias, faultExpire, faultEmpty, faultTruncate, faultStale}
	switch {
	case f.Operation == "":
		return bad("operation is missing: a root field such as createUsers, or *")
	case !slices.Contains(kinds, f.Kind):
		return bad("kind is one of %v", kinds)
	case f.Probability < 0 || f.Probability > 1:
		return bad("probability is between 0 and 1")
	case f.Times < 0 || f.Alias < 0:
		return bad("times and alias are not negative")
	case f.Keep < 0 || f.Keep > 1:
		return bad("keep is between 0 and 1")
	case f.HTTP != 0 && (f.HTTP < 400 || f.HTTP > 599):
		return bad("http is a status from 400 to 599")
	case f.Code != "" && f.Code != "ERROR" && f.Code != "NOT_FOUND" && f.Code != "NONE":
		return bad("code is ERROR, NOT_FOUND or NONE")
	}
	for key, value := range map[string]string{"latency": f.Latency, "age": f.Age} {
		needed := key == "latency" && (f.Kind == faultLatency || f.Kind == faultLate) || key == "age" && f.Kind == faultStale
		if d, err := time.ParseDuration(value); (needed || value != "") && (err != nil || d < 0) {
			return bad("%s: %q is not a duration such as 2s", key, value)
		}
	}
	return nil
}

// fits says whether a rule is about a field of a request.
func (f *Fault) fits(field rootField) bool {
	if f == nil || f.Operation != "*" && f.Operation != field.operation {
		return false
	}
	if f.Target != "" && !field.about(f.Target) {
		return false
	}
	switch f.Kind {
	case faultEmpty, faultTruncate, faultStale:
		return field.operation == "listUsers"
	case faultNoEffect:
		return field.mutation
	case faultStatus, faultErrors:
		return !field.meta()
	case faultAlias:
		return !field.meta() && field.place == f.Alias
	default:
		return true
	}
}

// retryAfter is the value of the header: seconds, if it was given as a Go duration.
func (f *Fault) retryAfter() string {
	if d, err := time.ParseDuration(f.RetryAfter); err == nil {
		return strconv.Itoa(int(d.Round(time.Second) / time.Second))
	}
	return f.RetryAfter
}

func (f *Fault) status() int {
	if f.HTTP == 0 {
		return http.StatusServiceUnavailable
	}
	return f.HTTP
}

func (f *Fault) message() string {
	if f.Message == "" {
		return "the service is temporarily unavailable"
	}
	return f.Message
}

// faults are the rules in force.
type faults struct {
	mu    sync.Mutex // guards the fields below
	rules []Fault
	left  []int      // times left of each rule; -1: always
	dice  *rand.Rand // the same throws every time, so that a run can be repeated
}

func newFaults() *faults { return &faults{dice: rand.New(rand.NewPCG(1, 2))} }

func (f *faults) set(rules []Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules, f.left = slices.Clone(rules), make([]int, len(rules))
	for i, r := range rules {
		f.left[i] = -1
		if r.Times > 0 {
			f.left[i] = r.Times
		}
	}
}

// list returns the rules as they were set, those that are used up included.
func (f *faults) list() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Fault{}, f.rules...)
}

// next returns the rule that meets a request with these root fields, or nil.
func (f *faults) next(fields []rootField) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.rules {
		rule := f.rules[i]
		if f.left[i] == 0 || !slices.ContainsFunc(fields, rule.fits) {
			continue
		}
		if rule.Probability > 0 && f.dice.Float64() >= rule.Probability {
			continue
		}
		if f.left[i] > 0 {
			f.left[i]--
		}
		return &rule
	}
	return nil
}
