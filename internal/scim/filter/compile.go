package filter

import (
	"slices"
	"strings"

	scimerrors "github.com/elimity-com/scim/errors"
	parser "github.com/scim2/filter-parser/v2"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// compiler makes a plan of the tokens of a text whose shape is not known yet.
type compiler struct {
	text   string
	rt     *schema.ResourceType
	opts   Options
	tokens []token
	plan   *plan
}

func newCompiler(text string, rt *schema.ResourceType, opts Options, tokens []token) *compiler {
	return &compiler{text: text, rt: rt, opts: opts, tokens: tokens, plan: new(plan)}
}

func (c *compiler) filter() (*plan, *Error) {
	root, err := c.expression(c.tokens, nil)
	if err != nil {
		return nil, err
	}
	c.plan.root = root
	return c.plan, nil
}

// expression reads tokens as a filter: of the document, or of the values of scope.
func (c *compiler) expression(tokens []token, scope *schema.Ref) (*node, *Error) {
	expr, err := parser.ParseFilter(structure(tokens))
	if err != nil {
		return nil, invalidFilter(tokens[0].start, "the filter does not follow the grammar of RFC 7644")
	}
	atoms := atoms{tokens}
	return c.convert(expr, &atoms, scope)
}

// structure is the text of tokens as the parser needs to see it: operands and
// literals are placeholders, and what is in brackets is read by itself.
func structure(tokens []token) []byte {
	out := make([]byte, 0, 8*len(tokens))
	rest := atoms{tokens}
	for len(rest.tokens) > 0 {
		switch t := rest.tokens[0]; t.kind {
		case pathToken:
			a := rest.next()
			switch {
			case a.op == nil:
				out = append(out, "a[a pr]"...)
			case a.op.op == pr:
				out = append(out, "a pr"...)
			default:
				out = append(append(append(out, "a "...), a.op.op.String()...), " 0"...)
			}
			continue
		case openToken:
			out = append(out, '(')
		case closeToken:
			out = append(out, ')')
		case notToken:
			out = append(out, "not "...)
		case andToken:
			out = append(out, " and "...)
		case orToken:
			out = append(out, " or "...)
		}
		rest.tokens = rest.tokens[1:]
	}
	return out
}

// atom is an operand with what belongs to it: path, path[inside], path[inside].sub op
// literal. What is not there is nil.
type atom struct {
	path             token
	inside           []token
	sub, op, literal *token
}

// atoms takes the operands off a list of tokens, in the order of the text, which is
// also that of the parser's tree.
type atoms struct{ tokens []token }

func (as *atoms) next() atom {
	i := slices.IndexFunc(as.tokens, func(t token) bool { return t.kind == pathToken })
	rest := as.tokens[i:]
	a := atom{path: rest[0]}
	rest = rest[1:]
	if len(rest) > 0 && rest[0].kind == openBracket {
		end := slices.IndexFunc(rest, func(t token) bool { return t.kind == closeBracket })
		a.inside, rest = rest[1:end], rest[end+1:]
	}
	take := func(kind tokenKind) *token {
		if len(rest) == 0 || rest[0].kind != kind {
			return nil
		}
		t := &rest[0]
		rest = rest[1:]
		return t
	}
	a.sub = take(subToken)
	a.op = take(operatorToken)
	a.literal = take(literalToken)
	as.tokens = rest
	return a
}

func (c *compiler) convert(expr parser.Expression, as *atoms, scope *schema.Ref) (*node, *Error) {
	switch e := expr.(type) {
	case *parser.LogicalExpression:
		kind := allOf
		if e.Operator == parser.OR {
			kind = anyOf
		}
		left, err := c.convert(e.Left, as, scope)
		if err != nil {
			return nil, err
		}
		right, err := c.convert(e.Right, as, scope)
		if err != nil {
			return nil, err
		}
		// The parser makes a chain a tree that leans to the left; one node is enough.
		if left.kind == kind && len(left.kids) > 0 {
			left.kids = append(left.kids, right)
			return left, nil
		}
		return &node{kind: kind, kids: []*node{left, right}}, nil
	case *parser.NotExpression:
		kid, err := c.convert(e.Expression, as, scope)
		if err != nil {
			return nil, err
		}
		return &node{kind: notOf, kids: []*node{kid}}, nil
	}
	// *parser.AttributeExpression or *parser.ValuePath
	a := as.next()
	if scope != nil {
		return c.termInside(a, a.path, scope)
	}
	ref, known, err := c.resolve(a.path)
	if err != nil {
		return nil, err
	}
	if !known {
		return c.absent(a), nil
	}
	c.plan.reads = append(c.plan.reads, ref)
	if a.inside == nil {
		return c.term(a, node{urn: ref.URN, attr: ref.Attribute, sub: ref.Sub}, ref)
	}
	return c.valuePath(a, ref)
}

// resolve finds the attribute that a token names. known is false if the type lacks it
// and that is to be no error.
func (c *compiler) resolve(t token) (ref schema.Ref, known bool, _ *Error) {
	word := c.text[t.start:t.end]
	path, err := parser.ParseAttrPath([]byte(c.withColon(word)))
	if err != nil {
		return schema.Ref{}, false, invalidFilter(t.start, "%s is not an attribute path", quote(word))
	}
	ref, ok := c.rt.Resolve(path.URI(), path.AttributeName, path.SubAttributeName(), !c.opts.Strict)
	if ok {
		return ref, true, nil
	}
	if c.opts.AbsentUnknown {
		return schema.Ref{}, false, nil
	}
	if path.URIPrefix == nil {
		for _, ext := range c.rt.Extensions {
			if ext.Attribute(path.AttributeName) != nil {
				return schema.Ref{}, false, invalidFilter(t.start, "%s needs its schema: %s:%s", quote(word), ext.ID, word)
			}
		}
	}
	return schema.Ref{}, false, invalidFilter(t.start, "a %s has no attribute %s", c.rt.Name, quote(word))
}

// withColon puts a colon for the dot that Entra's oldest jobs write between an
// schema's URN and the attribute.
func (c *compiler) withColon(word string) string {
	if c.opts.Strict {
		return word
	}
	schemas := append([]*schema.Schema{c.rt.Schema}, c.rt.Extensions...)
	for _, s := range schemas {
		if n := len(s.ID); len(word) > n && word[n] == '.' && strings.EqualFold(word[:n], s.ID) {
			return word[:n] + ":" + word[n+1:]
		}
	}
	return word
}

// absent is a term on an attribute that has no value in any resource of this type.
func (c *compiler) absent(a atom) *node {
	for _, t := range a.inside {
		if t.kind == literalToken {
			c.plan.terms = append(c.plan.terms, nil)
		}
	}
	if a.literal != nil {
		c.plan.terms = append(c.plan.terms, nil)
	}
	if a.inside == nil && a.op != nil {
		isNull := a.literal != nil && a.literal.literal == nullLiteral
		if a.op.op == ne && !isNull || a.op.op == eq && isNull {
			return always()
		}
	}
	return never()
}

// valuePath is attribute[filter], and attribute[filter].sub op literal.
func (c *compiler) valuePath(a atom, ref schema.Ref) (*node, *Error) {
	if err := c.bracketable(ref, a.path.start); err != nil {
		return nil, err
	}
	inside, err := c.expression(a.inside, &ref)
	if err != nil {
		return nil, err
	}
	if a.op != nil {
		sub, err := c.termInside(a, *a.sub, &ref)
		if err != nil {
			return nil, err
		}
		inside = &node{kind: allOf, kids: []*node{inside, sub}}
	}
	return &node{kind: some, kids: []*node{inside}, urn: ref.URN, attr: ref.Attribute}, nil
}

// bracketable says whether values of an attribute can be filtered (F-33): a complex
// one's, and leniently those of a simple list, whose only sub-attribute is `value`.
func (c *compiler) bracketable(ref schema.Ref, position int) *Error {
	a := ref.Attribute
	switch {
	case a == nil || ref.Sub != nil:
	case a.Returned == schema.Never:
		return invalidFilter(position, "%s cannot be filtered", ref)
	case a.Type == schema.Complex, a.MultiValued && !c.opts.Strict:
		return nil
	}
	return invalidFilter(position, "%s is not complex, so no brackets can follow it", ref)
}

// termInside is a comparison on the values of scope: of the sub-attribute that name
// names, or of the values of a simple list themselves.
func (c *compiler) termInside(a atom, name token, scope *schema.Ref) (*node, *Error) {
	word := c.text[name.start:name.end]
	if scope.Attribute.Type != schema.Complex {
		if !strings.EqualFold(word, "value") {
			return nil, invalidFilter(name.start, "%s has no sub-attributes; a value of it is called value here, found %s", scope, quote(word))
		}
		return c.term(a, node{self: true}, *scope)
	}
	ref := schema.Ref{URN: scope.URN, Attribute: scope.Attribute, Sub: scope.Attribute.Sub(word)}
	if ref.Sub == nil {
		return nil, invalidFilter(name.start, "%s has no sub-attribute %s", scope, quote(word))
	}
	return c.term(a, node{attr: ref.Sub}, ref)
}

// term completes a comparison whose place is known. ref is what the client named.
func (c *compiler) term(a atom, n node, ref schema.Ref) (*node, *Error) {
	n.kind, n.op = aTerm, a.op.op
	if ref.Attribute != nil && (ref.Attribute.Returned == schema.Never || ref.Target().Returned == schema.Never) {
		return nil, invalidFilter(a.path.start, "%s cannot be filtered", ref) // F-57: it would leak
	}
	if n.op == pr {
		return &n, nil
	}
	if a.literal.literal == nullLiteral { // F-20, F-21
		c.plan.terms = append(c.plan.terms, nil)
		n.op = pr
		switch a.op.op {
		case eq:
			return &node{kind: notOf, kids: []*node{&n}}, nil
		case ne:
			return &n, nil
		}
		return nil, invalidFilter(a.op.start, "null can be compared with eq and ne only, not %s", a.op.op)
	}

	target := ref.Target()
	if target == nil {
		return nil, invalidFilter(a.path.start, "%s is a schema; it has no value to compare", ref)
	}
	if target.Type == schema.Complex {
		// A list means its `value` (F-30). So does manager, leniently: Entra asks
		// `manager eq "id"`.
		value := target.Sub("value")
		if value == nil || !target.MultiValued && c.opts.Strict {
			return nil, invalidFilter(a.path.start, "%s is complex; compare one of its sub-attributes", ref)
		}
		n.sub, target, ref.Sub = value, value, value
	}
	if err := c.comparable(a, target, ref); err != nil {
		return nil, err
	}
	n.target = target
	n.field = fieldOf(ref)
	n.literal = len(c.plan.terms)
	c.plan.terms = append(c.plan.terms, &n)
	return &n, nil
}

// comparable checks operator and literal against the attribute's type (RFC 7644
// tables 3 and 9).
func (c *compiler) comparable(a atom, target *schema.Attribute, ref schema.Ref) *Error {
	op, kind := a.op.op, a.literal.literal
	ordering := op == gt || op == ge || op == lt || op == le
	substring := op == co || op == sw || op == ew
	var allowed bool
	want := stringLiteral
	switch target.Type {
	case schema.Boolean:
		allowed, want = !ordering && !substring, booleanLiteral
		if kind == stringLiteral && !c.opts.Strict { // "True"; bind looks at the text
			want = stringLiteral
		}
	case schema.Integer, schema.Decimal:
		allowed, want = !substring, numberLiteral
	case schema.DateTime:
		allowed = !substring
	case schema.Binary:
		allowed = !ordering
	default:
		allowed = true
	}
	if !allowed {
		return invalidFilter(a.op.start, "%s cannot be compared with %s: its type is %s", ref, op, target.Type)
	}
	if kind != want {
		return invalidFilter(a.literal.start, "%s is compared with %s, found %s", ref, want, quote(c.text[a.literal.start:a.literal.end]))
	}
	return nil
}

func (k literalKind) String() string {
	switch k {
	case stringLiteral:
		return "a string in double quotes"
	case numberLiteral:
		return "a number"
	case booleanLiteral:
		return "true or false"
	}
	return "null"
}

// asPath makes an error about the attribute of a path, not about what is in its brackets.
func asPath(err *Error) *Error {
	err.ScimType = scimerrors.ScimTypeInvalidPath
	return err
}
