package filter

import (
	"strings"
	"time"

	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// Field is an attribute that an index answers.
type Field string

const (
	UserName     Field = "userName"          // eq, sw; Value folded by Options.Fold
	ExternalID   Field = "externalId"        // eq; Value exact
	ID           Field = "id"                // eq; Value exact
	Email        Field = "emails.value"      // eq; Value folded
	DisplayName  Field = "displayName"       // eq, sw; Value folded
	Active       Field = "active"            // eq; Value a bool
	Member       Field = "members.value"     // eq; Value exact
	GroupOf      Field = "groups.value"      // eq; Value exact
	LastModified Field = "meta.lastModified" // eq, gt, ge, lt, le; Value a time.Time
)

// Op is a comparison that an index serves.
type Op string

const (
	Eq Op = "eq"
	Sw Op = "sw"
	Gt Op = "gt"
	Ge Op = "ge"
	Lt Op = "lt"
	Le Op = "le"
)

// Index is the part of a filter that indexes answer: exactly one of All, Any and Field is set.
type Index struct {
	All, Any []*Index
	Field    Field
	Op       Op
	Value    any // string, bool or time.Time, as the field says
}

// Split gives the part that an index answers; nil is everything. Whatever matches the
// filter is in it. If exact, the index alone is the answer, as long as it folds as
// Options.Fold does; otherwise Match decides on each of its candidates.
func (f *Filter) Split() (index *Index, exact bool) { return f.index(f.plan.root) }

func (f *Filter) index(n *node) (*Index, bool) {
	switch n.kind {
	case allOf:
		return f.indexAll(n)
	case anyOf:
		return f.indexAny(n)
	case some:
		index, exact := f.index(n.kids[0])
		// Two terms in brackets ask for one value that fulfils both; an index finds
		// a resource with a value for each.
		return index, exact && !(n.attr.MultiValued && hasAll(index))
	case aTerm:
		if index := f.indexTerm(n); index != nil {
			return index, true
		}
	}
	return nil, false
}

func (f *Filter) indexAll(n *node) (*Index, bool) {
	var all []*Index
	exact := true
	for _, kid := range n.kids {
		index, whole := f.index(kid)
		exact = exact && whole
		if index != nil {
			all = append(all, index)
		}
	}
	switch len(all) {
	case 0:
		return nil, exact
	case 1:
		return all[0], exact
	}
	return &Index{All: all}, exact
}

func (f *Filter) indexAny(n *node) (*Index, bool) {
	if len(n.kids) == 0 {
		return nil, false // nothing matches; there is no index that says so
	}
	union := &Index{Any: make([]*Index, len(n.kids))}
	exact := true
	for i, kid := range n.kids {
		index, whole := f.index(kid)
		if index == nil {
			return nil, false
		}
		exact = exact && whole
		union.Any[i] = index
	}
	return union, exact
}

func hasAll(index *Index) bool {
	if index == nil {
		return false
	}
	for _, kid := range index.Any {
		if hasAll(kid) {
			return true
		}
	}
	return len(index.All) > 0
}

func (f *Filter) indexTerm(n *node) *Index {
	if n.field == "" || n.op == pr {
		return nil
	}
	op := Op(n.op.String())
	l := &f.literals[n.literal]
	switch n.field {
	case LastModified:
		switch op {
		case Eq, Gt, Ge, Lt, Le:
			return &Index{Field: n.field, Op: op, Value: l.value.(time.Time)}
		}
		return nil
	case Active:
		if op == Eq {
			return &Index{Field: n.field, Op: op, Value: l.value.(bool)}
		}
		return nil
	case UserName, DisplayName:
		if op != Eq && op != Sw {
			return nil
		}
	default:
		if op != Eq {
			return nil
		}
	}
	// An empty string is in no index: a resource without the attribute has none there.
	if strings.TrimSpace(l.key) == "" {
		return nil
	}
	return &Index{Field: n.field, Op: op, Value: l.key}
}

// fieldOf is the index that knows the values of an attribute; "" if none does.
func fieldOf(ref schema.Ref) Field {
	if ref.URN != "" || ref.Attribute == nil {
		return ""
	}
	switch name := ref.Attribute.Name; {
	case ref.Sub == nil:
		switch f := Field(name); f {
		case UserName, ExternalID, ID, DisplayName, Active:
			return f
		}
	case ref.Sub.Name == "value":
		switch name {
		case "emails":
			return Email
		case "members":
			return Member
		case "groups":
			return GroupOf
		}
	case name == "meta" && ref.Sub.Name == "lastModified":
		return LastModified
	}
	return ""
}

// Lookup gives the literals, as the client wrote them, of `userName eq` and of
// `emails.value eq` (also in brackets) where nothing can match without them: the terms of
// the filter itself or of its outermost and. A client that finds nothing for them may
// create the person.
func (f *Filter) Lookup() (userNames, emails []string) {
	var visit func(n *node)
	visit = func(n *node) {
		switch {
		case n.kind == allOf, n.kind == some:
			for _, kid := range n.kids {
				visit(kid)
			}
		case n.kind != aTerm || n.op != eq:
		case n.field == UserName:
			userNames = append(userNames, f.literals[n.literal].raw)
		case n.field == Email:
			emails = append(emails, f.literals[n.literal].raw)
		}
	}
	visit(f.plan.root)
	return userNames, emails
}
