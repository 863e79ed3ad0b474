package sqlite

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// queries turns conditions into SQL for one table.
type queries struct {
	table  *table
	fields map[store.Field]field
}

// field is how an attribute is asked for. Exactly one of the columns is set.
type field struct {
	text  string // a column with a string
	sw    bool   // the text's index serves prefixes
	flag  string // a column with a boolean
	time  string // a column with a time
	other string // a condition on another table: takes the tenant and, for the verb, = or IN
}

var userQueries = &queries{table: users, fields: map[store.Field]field{
	store.FieldID:           {text: "id"},
	store.FieldUserName:     {text: "user_name_key", sw: true},
	store.FieldExternalID:   {text: "external_id"},
	store.FieldDisplayName:  {text: "display_name_key", sw: true},
	store.FieldActive:       {flag: "active"},
	store.FieldLastModified: {time: "modified"},
	store.FieldEmail:        {other: "seq IN (SELECT user_seq FROM user_emails WHERE tenant = ? AND email_key %s)"},
	store.FieldGroup: {other: "id IN (SELECT member_id FROM memberships WHERE group_seq IN" +
		" (SELECT seq FROM groups WHERE tenant = ? AND id %s))"},
}}

var groupQueries = &queries{table: groups, fields: map[store.Field]field{
	store.FieldID:           {text: "id"},
	store.FieldExternalID:   {text: "external_id"},
	store.FieldDisplayName:  {text: "display_name_key", sw: true},
	store.FieldLastModified: {time: "modified"},
	store.FieldMember:       {other: "seq IN (SELECT group_seq FROM memberships WHERE tenant = ? AND member_id %s)"},
}}

// clause is a piece of SQL with its arguments.
type clause struct {
	sql  string
	args []any
}

// list selects a page, in the order of seq.
func (q *queries) list(tenant string, page store.Query) (string, []any, error) {
	w, err := q.where(tenant, page.Where)
	if err != nil {
		return "", nil, err
	}
	limit := page.Limit
	if limit <= 0 {
		limit = -1
	}
	return "SELECT " + q.table.columns + " FROM " + q.table.name + " WHERE " + w.sql + " ORDER BY seq LIMIT ? OFFSET ?",
		append(w.args, limit, max(page.Offset, 0)), nil
}

// count counts what list selects without a page.
func (q *queries) count(tenant string, where *store.Condition) (string, []any, error) {
	w, err := q.where(tenant, where)
	return "SELECT COUNT(*) FROM " + q.table.name + " WHERE " + w.sql, w.args, err
}

func (q *queries) where(tenant string, c *store.Condition) (clause, error) {
	own := clause{"tenant = ?", []any{tenant}}
	if c == nil {
		return own, nil
	}
	w, err := q.condition(tenant, c)
	if err != nil {
		return clause{}, err
	}
	return join([]clause{own, w}, " AND "), nil
}

func (q *queries) condition(tenant string, c *store.Condition) (clause, error) {
	if c == nil {
		return clause{}, malformed
	}
	switch [3]bool{len(c.All) > 0, len(c.Any) > 0, c.Field != ""} {
	case [3]bool{true, false, false}:
		return q.every(tenant, c.All, " AND ")
	case [3]bool{false, true, false}:
		return q.every(tenant, gather(c.Any), " OR ")
	case [3]bool{false, false, true}:
		if cl, ok := q.leaf(tenant, c); ok {
			return cl, nil
		}
		return clause{}, fmt.Errorf("%w: %s %s %T of %s", store.ErrCondition, c.Field, c.Cmp, c.Value, q.table.name)
	}
	return clause{}, malformed
}

var malformed = fmt.Errorf("%w: it must have exactly one of All, Any and Field", store.ErrCondition)

func (q *queries) every(tenant string, list []*store.Condition, op string) (clause, error) {
	parts := make([]clause, len(list))
	for i, c := range list {
		var err error
		if parts[i], err = q.condition(tenant, c); err != nil {
			return clause{}, err
		}
	}
	return join(parts, op), nil
}

// leaf is a comparison, if an index serves it.
func (q *queries) leaf(tenant string, c *store.Condition) (clause, bool) {
	f := q.fields[c.Field]
	switch v := c.Value.(type) {
	case string:
		switch {
		case c.Cmp == store.Sw && f.sw:
			return prefix(f.text, v), true
		case c.Cmp == store.Eq && f.text != "":
			return equal(f.text, v), true
		case c.Cmp == store.Eq && f.other != "" && v == "":
			return never, true
		case c.Cmp == store.Eq && f.other != "":
			return clause{fmt.Sprintf(f.other, "= ?"), []any{tenant, v}}, true
		}
	case anyOf:
		list := inList(v)
		switch {
		case f.text != "":
			return clause{f.text + " " + list.sql + " AND " + f.text + " <> ''", list.args}, true
		case f.other != "":
			return clause{fmt.Sprintf(f.other, list.sql), slices.Concat([]any{tenant}, list.args)}, true
		}
	case bool:
		return clause{f.flag + " = ?", []any{v}}, c.Cmp == store.Eq && f.flag != ""
	case time.Time:
		if f.time != "" {
			return compare(f.time, c.Cmp, v)
		}
	}
	return clause{}, false
}

// anyOf is the value of a leaf that gather made.
type anyOf []string

// gather makes one leaf of those that compare one field with strings for equality, so
// that a long "id eq a or id eq b or ..." is a list to look up.
func gather(list []*store.Condition) []*store.Condition {
	values := make(map[store.Field]anyOf)
	for _, c := range list {
		if v, ok := equalsText(c); ok {
			values[c.Field] = append(values[c.Field], v)
		}
	}
	var out []*store.Condition
	for _, c := range list {
		_, ok := equalsText(c)
		switch {
		case !ok || len(values[c.Field]) == 1:
			out = append(out, c)
		case values[c.Field] != nil: // the first of its field
			out = append(out, &store.Condition{Field: c.Field, Cmp: store.Eq, Value: values[c.Field]})
			delete(values, c.Field)
		}
	}
	return out
}

// equalsText says whether c compares a field with a string for equality, and with which.
func equalsText(c *store.Condition) (string, bool) {
	if c == nil || c.Field == "" || len(c.All)+len(c.Any) > 0 || c.Cmp != store.Eq {
		return "", false
	}
	v, ok := c.Value.(string)
	return v, ok
}

// inList is a list of strings as one argument: the statement is the same for any length.
// "" is left out: nothing is equal to it.
func inList(values anyOf) clause {
	values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
	list, _ := json.Marshal(values) // strings always can
	return clause{"IN (SELECT value FROM json_each(?))", []any{string(list)}}
}

// never matches nothing.
var never = clause{"FALSE", nil}

// equal also says that the text is not empty: that is what tells SQLite that a partial
// index will do.
func equal(column, v string) clause {
	if v == "" {
		return never
	}
	return clause{column + " = ? AND " + column + " <> ''", []any{v}}
}

// prefix is a range of the index: from the prefix up to the first text that is
// greater than all that begin with it. Texts are compared as bytes.
func prefix(column, v string) clause {
	end := []byte(v)
	for len(end) > 0 && end[len(end)-1] == 0xff {
		end = end[:len(end)-1]
	}
	if len(end) == 0 {
		return clause{column + " >= ? AND " + column + " <> ''", []any{v}}
	}
	end[len(end)-1]++
	return clause{column + " >= ? AND " + column + " < ? AND " + column + " <> ''", []any{v, string(end)}}
}

// compare compares a stored time, which is whole microseconds, with one that may be finer.
func compare(column string, op store.Cmp, v time.Time) (clause, bool) {
	floor := v.UnixMicro()
	ceil := floor
	if time.UnixMicro(floor).Before(v) {
		ceil++
	}
	switch op {
	case store.Eq:
		if floor != ceil {
			return never, true
		}
		return clause{column + " = ?", []any{floor}}, true
	case store.Gt:
		return clause{column + " > ?", []any{floor}}, true
	case store.Ge:
		return clause{column + " >= ?", []any{ceil}}, true
	case store.Lt:
		return clause{column + " < ?", []any{ceil}}, true
	case store.Le:
		return clause{column + " <= ?", []any{floor}}, true
	}
	return clause{}, false
}

// join nests by halves, so that a long list does not exceed the depth that SQLite
// allows. It needs at least one part.
func join(parts []clause, op string) clause {
	if len(parts) == 1 {
		return parts[0]
	}
	half := len(parts) / 2
	left, right := join(parts[:half], op), join(parts[half:], op)
	return clause{"(" + left.sql + ")" + op + "(" + right.sql + ")", slices.Concat(left.args, right.args)}
}
