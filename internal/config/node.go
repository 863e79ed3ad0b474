package config

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

type kind int

const (
	null kind = iota // nothing, or YAML's null: the key counts as left out
	scalar
	list
	table
)

func (k kind) String() string {
	return [...]string{null: "nothing", scalar: "a single value", list: "a list", table: "a table of keys"}[k]
}

// node is a YAML value with the place it stands at. It is this package's own tree, and
// not the parser's, because values from the environment and shorthands are put
// into it before it is decoded.
type node struct {
	kind     kind
	text     string // of a scalar, as written
	entries  []entry
	items    []*node
	line     int
	column   int
	variable string // environment variable it came from
}

type entry struct {
	key          string
	line, column int
	value        *node
}

func (n *node) entry(key string) *node {
	if n == nil {
		return nil
	}
	for i := range n.entries {
		if n.entries[i].key == key {
			return n.entries[i].value
		}
	}
	return nil
}

// maxNodes bounds what aliases may multiply a file to; a file with a thousand rules
// has some ten thousand values.
const maxNodes = 200_000

// reader makes a tree of a parsed YAML file.
type reader struct {
	anchors map[string]*node
	nodes   int
	faults  []Fault
}

// parse reads one YAML document. What cannot be read is in the faults; the tree
// holds the rest, and is nil after a syntax error.
func parse(source []byte) (*node, []Fault) {
	file, err := parser.ParseBytes(source, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, []Fault{syntaxFault(err)}
	}
	r := &reader{anchors: map[string]*node{}}
	root := &node{kind: null, line: 1, column: 1}
	seen := false
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if seen {
			r.fault(doc.Body.GetToken(), "", "a second YAML document; expected one")
			break
		}
		seen = true
		root = r.node(doc.Body, "")
	}
	return root, r.faults
}

func syntaxFault(err error) Fault {
	f := Fault{Line: 1, Column: 1, Message: "is not YAML"}
	if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
		f.Message = "is not YAML: " + syntax.Message // without the excerpt: it could show a secret
		if syntax.Token != nil && syntax.Token.Position != nil {
			f.Line, f.Column = syntax.Token.Position.Line, syntax.Token.Position.Column
		}
	}
	return f
}

func (r *reader) fault(at *token.Token, path, format string, args ...any) {
	r.faults = append(r.faults, Fault{
		Line: at.Position.Line, Column: at.Position.Column, Path: path, Message: fmt.Sprintf(format, args...),
	})
}

func (r *reader) node(n ast.Node, path string) *node {
	r.nodes++
	if n == nil {
		return &node{kind: null}
	}
	tok := n.GetToken()
	out := &node{line: tok.Position.Line, column: tok.Position.Column}
	switch n := n.(type) {
	case *ast.NullNode:
		return out
	case *ast.MappingNode:
		out.kind = table
		if !n.IsFlowStyle && len(n.Values) > 0 {
			first := n.Values[0].Key.GetToken().Position
			out.line, out.column = first.Line, first.Column
		}
		for _, pair := range n.Values {
			r.pair(out, pair, path)
		}
	case *ast.MappingValueNode:
		out.kind = table
		r.pair(out, n, path)
	case *ast.SequenceNode:
		out.kind = list
		for i, item := range n.Values {
			out.items = append(out.items, r.node(item, fmt.Sprintf("%s[%d]", path, i)))
		}
	case *ast.AnchorNode:
		value := r.node(n.Value, path)
		r.anchors[n.Name.GetToken().Value] = value
		return value
	case *ast.AliasNode:
		name := n.Value.GetToken().Value
		value, ok := r.anchors[name]
		if !ok {
			r.fault(tok, path, "*%s names no anchor that stands before it", name)
			return out
		}
		return r.copy(value, tok, path)
	case *ast.LiteralNode:
		out.kind, out.text = scalar, n.Value.Value
	case *ast.StringNode:
		out.kind, out.text = scalar, n.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		out.kind, out.text = scalar, tok.Value
	default:
		r.fault(tok, path, "YAML tags, merge keys and the like are not understood here; write the value itself")
	}
	return out
}

func (r *reader) pair(into *node, pair *ast.MappingValueNode, path string) {
	key := pair.Key.GetToken()
	if _, plain := pair.Key.(ast.ScalarNode); !plain || pair.Key.IsMergeKey() {
		r.fault(key, path, "merge keys and keys that are no text are not understood here; write the keys out")
		return
	}
	path = join(path, key.Value)
	for _, e := range into.entries {
		if e.key == key.Value {
			r.fault(key, path, "stands here twice; the first is on line %d", e.line)
			return
		}
	}
	value := r.node(pair.Value, path)
	if value.line == 0 {
		value.line, value.column = key.Position.Line, key.Position.Column
	}
	into.entries = append(into.entries, entry{key.Value, key.Position.Line, key.Position.Column, value})
}

// copy gives an alias a tree of its own, so that an override from the environment
// changes one tenant and not all that share an anchor.
func (r *reader) copy(n *node, at *token.Token, path string) *node {
	if r.nodes++; r.nodes > maxNodes {
		if r.nodes == maxNodes+1 {
			r.fault(at, path, "aliases make this file larger than %d values", maxNodes)
		}
		return &node{kind: null, line: n.line, column: n.column}
	}
	out := *n
	out.entries, out.items = nil, nil
	for _, e := range n.entries {
		e.value = r.copy(e.value, at, path)
		out.entries = append(out.entries, e)
	}
	for _, item := range n.items {
		out.items = append(out.items, r.copy(item, at, path))
	}
	return &out
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
