package scim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/gin-gonic/gin"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/scim/body"
)

const (
	bulkURN         = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	bulkResponseURN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
)

// bulkLevels is how deep in a bulk message the data of an operation stand: the message,
// its list, the operation.
const bulkLevels = 3

// bulk is POST /Bulk (RFC 7644 section 3.7). Each operation is done or refused by itself,
// by the function that does it for a request (B-25).
func (s *Server) bulk(c *gin.Context) {
	b, err := s.readBulk(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	written := false
	defer func() { // V-05: not before the whole answer is out, and also when something panics
		for _, op := range b.operations {
			if op.out != nil && op.out.done != nil {
				op.out.done(written && op.err == nil)
			}
		}
	}()
	ctx, cancel := s.budgeted(directory.OneRequest(c.Request.Context()))
	defer cancel()
	b.run(ctx)

	r := s.renderer(c, nil)
	err = s.write(c, http.StatusOK, r, func() {
		r.raw(`{"schemas":["` + bulkResponseURN + `"],"Operations":[`)
		for _, op := range b.operations {
			if op.state == ended {
				r.comma()
				r.json(b.entry(op))
				r.spill()
			}
		}
		r.raw("]}")
	})
	written = err == nil && completely(c)
}

// bulkRun is a bulk request that is carried out.
type bulkRun struct {
	s          *Server
	by         directory.Caller
	request    string // the id of the HTTP request
	base       string
	operations []*operation
	posts      map[string]*operation // those that make something, by bulkId

	failures     int
	failOnErrors int          // after how many it ends; 0: never
	circular     []*operation // made without what they refer to in a circle
}

// readBulk reads a bulk request. What is wrong with one operation is found when it is its
// turn; here is refused what makes nonsense of the whole, before anything is done.
func (s *Server) readBulk(c *gin.Context) (*bulkRun, error) {
	message, err := s.readNested(c, bulkLevels)
	if err != nil {
		return nil, err
	}
	s.dialect.Bulk(message)
	if err := body.Schemas(message, bulkURN); err != nil { // B-02
		return nil, err
	}
	list, _ := member(message, "Operations").([]any)
	switch {
	case len(list) == 0: // B-02, B-23
		return nil, badRequest(scimerrors.ScimTypeInvalidSyntax, "Operations: expected a list with at least one operation")
	case len(list) > s.limits.Operations: // B-20
		return nil, refusal(http.StatusRequestEntityTooLarge, "", "Operations: there are %d operations; one request may have %d", len(list), s.limits.Operations)
	}
	b := &bulkRun{s: s, by: caller(c), request: c.GetString(requestKey), base: s.base(c.Request), posts: map[string]*operation{}}
	if b.failOnErrors, err = failOnErrors(member(message, "failOnErrors")); err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(list))
	for i, v := range list {
		object, ok := v.(map[string]any)
		if !ok {
			return nil, badRequest(scimerrors.ScimTypeInvalidSyntax, "Operations[%d]: expected an object with method, path and data", i)
		}
		op := s.readOperation(object)
		if op.bulkID != "" && seen[op.bulkID] { // B-19
			return nil, invalidValue("Operations[%d]: the bulkId %q is there twice; it names one operation", i, cut(op.bulkID))
		}
		seen[op.bulkID] = true
		op.index = i
		b.operations = append(b.operations, op)
		if op.method == http.MethodPost && op.bulkID != "" {
			b.posts[op.bulkID] = op
		}
	}
	return b, nil
}

// failOnErrors reads the number of failures after which a bulk ends (B-12, B-13).
func failOnErrors(value any) (int, error) {
	if value == nil {
		return 0, nil
	}
	number, _ := value.(json.Number)
	n, err := strconv.Atoi(number.String())
	if errors.Is(err, strconv.ErrRange) && n > 0 {
		err = nil // more than there can be operations
	}
	if err != nil || n < 1 {
		return 0, invalidValue("failOnErrors: expected a whole number from 1")
	}
	return n, nil
}

// run carries the operations out in the order of the request, but for what an operation
// refers to, which comes before it (B-16).
func (b *bulkRun) run(ctx context.Context) {
	for _, op := range b.operations {
		b.carryOut(ctx, op)
		b.closeCircles(ctx)
	}
}

// stopped is whether there were as many failures as the client allows (B-12).
func (b *bulkRun) stopped() bool { return b.failOnErrors > 0 && b.failures >= b.failOnErrors }

func (b *bulkRun) carryOut(ctx context.Context, op *operation) {
	if op.state != waiting || b.stopped() {
		return
	}
	op.state = running
	for _, post := range b.referredTo(op) {
		b.carryOut(ctx, post)
	}
	if op.method != http.MethodPost {
		b.closeCircles(ctx) // nobody refers to op: all that it needs is made by now
	}
	if b.stopped() {
		op.state = waiting
		return
	}
	op.out, op.err = b.do(ctx, op)
	op.state = ended
	if op.err != nil {
		b.failed(ctx, op)
	}
}

func (b *bulkRun) failed(ctx context.Context, op *operation) {
	b.failures++
	b.s.logFault(ctx, b.request, op.method, "/Bulk", asScimError(op.err).Status, op.err)
	if op.write != nil {
		b.s.reportRefusedDeactivation(ctx, op.write, op.err)
	}
}

// do is one operation, once what it refers to was done or has failed.
func (b *bulkRun) do(ctx context.Context, op *operation) (*outcome, error) {
	if op.fault != nil {
		return nil, op.fault
	}
	made, err := b.resolve(op)
	if err != nil {
		return nil, err
	}
	op.id = made.id(op.id)
	data := op.data
	if object, ok := op.data.(map[string]any); ok {
		data, _ = made.value("", object)
		if made.open {
			b.circular = append(b.circular, op)
		}
	}
	op.write = b.write(op.method, op.id, data)
	op.write.pre, op.write.query = op.pre, op.query
	return b.guarded(ctx, op.do, op.write)
}

func (b *bulkRun) write(method, id string, data any) *write {
	return &write{
		request: b.request, method: method, by: b.by, id: id,
		message: func() (map[string]any, error) {
			object, ok := data.(map[string]any)
			if !ok {
				return nil, badRequest(scimerrors.ScimTypeInvalidSyntax, "data: expected an object, the body of the %s", method)
			}
			return object, nil
		},
	}
}

// guarded makes of a panic the failure of one operation, as it would be that of one request (Z-19).
func (b *bulkRun) guarded(ctx context.Context, do writer, w *write) (out *outcome, err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if aborted, ok := p.(error); ok && errors.Is(aborted, http.ErrAbortHandler) {
			panic(p)
		}
		b.s.logPanic(ctx, b.request, w.method, "/Bulk", p)
		out, err = nil, fmt.Errorf("panic: %v", p)
	}()
	return do(ctx, w)
}

// closeCircles gives what was made without its references in a circle the rest, now that
// the whole circle is there (RFC 7644 section 3.7.1, B-17). It is replaced by itself: a PUT
// with the same data judges and does all that is left to do. Where that fails, because
// another in the circle did, it is taken back and has failed too (B-18).
func (b *bulkRun) closeCircles(ctx context.Context) {
	circular := b.circular
	b.circular = nil
	for _, op := range circular {
		if op.err != nil {
			continue
		}
		made, err := b.resolve(op)
		if err == nil {
			data, _ := made.value("", op.data)
			w := b.write(http.MethodPut, op.out.id, data)
			w.query = op.query
			var out *outcome
			if out, err = b.guarded(ctx, op.replace, w); err == nil {
				op.out.version = out.version
				continue
			}
		}
		op.err = err
		if !recorded(err) {
			b.takeBack(ctx, op)
		}
		b.failed(ctx, op)
	}
}

// recorded is whether a write that is answered with this error is committed all the same (V-37).
func recorded(err error) bool {
	refused, ok := errors.AsType[*directory.Error](err)
	return ok && refused.Recorded
}

// takeBack deletes what an operation made that has failed after all. Somebody who was
// there before, at WisdomAI or from a POST whose answer was lost, stays: to delete him
// would take more than was given. A repeated POST takes him up (V-05).
func (b *bulkRun) takeBack(ctx context.Context, op *operation) {
	if op.out.rt == b.s.users && op.out.version != 1 {
		return
	}
	if _, err := b.guarded(ctx, op.remove, b.write(http.MethodDelete, op.out.id, nil)); err != nil {
		b.s.logFault(ctx, b.request, http.MethodDelete, "/Bulk", http.StatusInternalServerError, fmt.Errorf("taking back what a failed operation made: %w", err))
	}
}

// entry is what the answer says of an operation (RFC 7644 section 3.7.3).
func (b *bulkRun) entry(op *operation) map[string]any {
	entry := map[string]any{}
	if op.method != "" {
		entry["method"] = op.method
	}
	if op.bulkID != "" {
		entry["bulkId"] = op.bulkID
	}
	if op.err != nil {
		e := asScimError(op.err)
		entry["status"], entry["response"] = strconv.Itoa(e.Status), e
		if _, unknown := reference(op.id); op.rt != nil && op.id != "" && !unknown {
			entry["location"] = b.base + op.rt.Endpoint + "/" + url.PathEscape(op.id)
		}
		return entry
	}
	entry["status"], entry["location"] = strconv.Itoa(op.out.status), b.base+op.out.rt.Endpoint+"/"+url.PathEscape(op.out.id)
	if op.out.version != 0 {
		entry["version"] = etag(op.out.version)
	}
	return entry
}
