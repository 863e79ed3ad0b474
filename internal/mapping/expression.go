package mapping

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/ext"
)

// costLimit ends an expression that does too much (V-42). One unit is about one step
// (a comparison, a character group of a string search); a few milliseconds' worth. A
// look through the names of 10,000 groups costs some 50,000.
const costLimit = 1_000_000

// environment compiles the expressions of one tenant; what they see and may call is in
// the package's documentation.
type environment struct {
	cel        *cel.Env
	vocabulary *vocabulary
}

func newEnvironment(vocabulary *vocabulary) (*environment, error) {
	env, err := cel.NewEnv(
		cel.OptionalTypes(),
		cel.EnableIdentifierEscapeSyntax(), // wisdomai.`cost-center`
		ext.Strings(),
		func(e *cel.Env) (*cel.Env, error) {
			return cel.CustomTypeProvider(newProvider(e.CELTypeProvider(), vocabulary))(e)
		},
		cel.Variable("user", cel.ObjectType(userType)),
		cel.Variable("wisdomai", cel.ObjectType(wisdomType)),
		cel.Variable("groups", cel.ListType(cel.ObjectType(groupType))),
	)
	if err != nil {
		return nil, fmt.Errorf("prepare expressions: %w", err)
	}
	return &environment{cel: env, vocabulary: vocabulary}, nil
}

// resultKind says what an expression may give.
type resultKind int

const (
	simpleResult resultKind = iota // text, boolean, number, or a list of them
	textResult                     // text
)

// expression is a compiled CEL expression.
type expression struct {
	source      string
	program     cel.Program
	reads       []string // the attributes it names, as an IdP knows them
	readsGroups bool
}

// compile checks an expression; the error says all that is wrong with it.
func (e *environment) compile(source string, want resultKind) (*expression, error) {
	checked, issues := e.cel.Compile(source)
	if issues.Err() != nil {
		var faults []string
		for _, issue := range issues.Errors() {
			message := strings.TrimSuffix(issue.Message, " (in container '')")
			faults = append(faults, fmt.Sprintf("%s (line %d, column %d of the expression)",
				message, issue.Location.Line(), issue.Location.Column()+1))
		}
		return nil, errors.New(strings.Join(faults, "; "))
	}
	if out := checked.OutputType(); !gives(out, want) {
		if want == textResult {
			return nil, fmt.Errorf("the expression gives %s; expected string", out)
		}
		return nil, fmt.Errorf("the expression gives %s; expected a string, a boolean, a number or a list of them", out)
	}
	program, err := e.cel.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(costLimit))
	if err != nil {
		return nil, err
	}
	x := &expression{source: source, program: program}
	ast.PreOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(node ast.Expr) { x.note(node, e.vocabulary) }))
	slices.Sort(x.reads)
	x.reads = slices.Compact(x.reads)
	return x, nil
}

// gives reports whether a type is one of those wanted, or may turn out to be.
func gives(t *cel.Type, want resultKind) bool {
	switch t.Kind() {
	case types.StringKind, types.DynKind:
		return true
	case types.OpaqueKind: // optional values
		return t.TypeName() == types.OptionalType.TypeName() && gives(t.Parameters()[0], want)
	case types.BoolKind, types.IntKind, types.UintKind, types.DoubleKind:
		return want == simpleResult
	case types.ListKind:
		return want == simpleResult && gives(t.Parameters()[0], want) && t.Parameters()[0].Kind() != types.ListKind
	}
	return false
}

// note records what one node of the expression reads: groups, user.NAME, user.?NAME,
// wisdomai.NAME. (A variable of a macro that is called groups counts too: reading
// more than is read is harmless.)
func (x *expression) note(node ast.Expr, vocabulary *vocabulary) {
	var operand ast.Expr
	name := ""
	switch node.Kind() {
	case ast.IdentKind:
		if strings.TrimPrefix(node.AsIdent(), ".") == "groups" {
			x.readsGroups = true
			x.reads = append(x.reads, "groups")
		}
		return
	case ast.SelectKind:
		operand, name = node.AsSelect().Operand(), node.AsSelect().FieldName()
	case ast.CallKind:
		args := node.AsCall().Args()
		if node.AsCall().FunctionName() != operators.OptSelect || len(args) != 2 || args[1].Kind() != ast.LiteralKind {
			return
		}
		operand, name = args[0], fmt.Sprint(args[1].AsLiteral().Value())
	}
	if operand == nil || operand.Kind() != ast.IdentKind {
		return
	}
	switch strings.TrimPrefix(operand.AsIdent(), ".") {
	case "user":
		if find(vocabulary.core, name) == nil {
			name = enterpriseURN + ":" + name
		}
		x.reads = append(x.reads, name)
	case "wisdomai":
		x.reads = append(x.reads, wisdomURN+":"+name)
	}
}

// attributes are those an administrator of the IdP may have to mend.
func (x *expression) attributes() string { return strings.Join(x.reads, ", ") }

// found is what a path or an expression gave.
type found struct {
	values []any
	list   bool
}

// eval evaluates the expression. A failure is a Problem and no value (V-42).
func (x *expression) eval(in *input) (found, *Problem) {
	out, _, err := x.program.Eval(in)
	if err == nil {
		var f found
		if f, err = simple(out); err == nil {
			return f, nil
		}
	}
	p := &Problem{Kind: Expression, Attribute: x.attributes(), Detail: err.Error()}
	var unreadable *valueError
	if errors.As(err, &unreadable) {
		p.Detail = unreadable.Error()
	}
	return found{}, p
}

// simple turns a result into simple values; null and an optional without value are
// no value.
func simple(v ref.Val) (found, error) {
	switch v := v.(type) {
	case types.String:
		return found{values: []any{string(v)}}, nil
	case types.Bool:
		return found{values: []any{bool(v)}}, nil
	case types.Int:
		return found{values: []any{int64(v)}}, nil
	case types.Uint:
		return found{values: []any{uint64(v)}}, nil
	case types.Double:
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return found{}, fmt.Errorf("the expression gave %v, which is no number", float64(v))
		}
		return found{values: []any{float64(v)}}, nil
	case types.Null:
		return found{}, nil
	case *types.Optional:
		if !v.HasValue() {
			return found{}, nil
		}
		return simple(v.GetValue())
	case traits.Lister:
		all := found{list: true}
		for it := v.Iterator(); it.HasNext() == types.True; {
			element, err := simple(it.Next())
			if err != nil {
				return found{}, err
			}
			if element.list {
				return found{}, errors.New("the expression gave a list of lists")
			}
			all.values = append(all.values, element.values...)
		}
		return all, nil
	}
	return found{}, fmt.Errorf("the expression gave a value of type %s; expected a string, a boolean, a number or a list of them", v.Type())
}

// input is what rules are applied to; it is the activation of expressions too.
type input struct {
	user       map[string]any
	extension  map[string]any // the WisdomAI extension of user
	groups     []Group
	celGroups  []any // groups as expressions see them; made when first asked for
	groupsMade bool
}

// ResolveName and Parent are [cel.Activation].
func (in *input) ResolveName(name string) (any, bool) {
	switch name {
	case "user":
		return in.user, true
	case "wisdomai":
		return in.extension, true
	case "groups":
		if !in.groupsMade {
			in.groupsMade = true
			in.celGroups = make([]any, 0, len(in.groups))
			for _, g := range in.groups {
				in.celGroups = append(in.celGroups,
					map[string]any{"id": g.ID, "displayName": g.DisplayName, "externalId": g.ExternalID})
			}
		}
		return in.celGroups, true
	}
	return nil, false
}

func (in *input) Parent() cel.Activation { return nil }
