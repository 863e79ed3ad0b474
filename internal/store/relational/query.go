package relational

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/scimbridge/scimbridge/internal/store"
)

// queries turns conditions into SQL for one table.
//
// Which index is used is decided here and not by the engine: SQLite, without statistics, likes
// to walk a whole tenant in the order of the list, rather than sort the three users of
// a group. So a condition gives two things: a source, which is a SELECT of row numbers
// from the best index, and a filter for what the source leaves open, in which columns are
// written such that their indexes are not used (Dialect.Unindexed).
type queries struct {
	*resource
	dialect *Dialect
}

// resource is what lists are of.
type resource struct {
	table  *table
	fields map[store.Field]field
}

func (d *Dialect) users() *queries  { return &queries{&userFields, d} }
func (d *Dialect) groups() *queries { return &queries{&groupFields, d} }

// field is how an attribute is asked for. Exactly one of text, flag, time and rows is set.
type field struct {
	text string // a column with a string
	sw   bool   // the text's index serves prefixes
	flag string // a column with a boolean
	time string // a column with a time
	rows string // a SELECT of row numbers: each ? is the tenant, the verb what the value is to be
	few  int    // 1: at most a handful of rows have one value; 2: some; 0: an index is no help
}

var userFields = resource{table: users, fields: map[store.Field]field{
	store.FieldID:           {few: 1, text: "id"},
	store.FieldUserName:     {few: 1, text: "user_name_key", sw: true},
	store.FieldExternalID:   {few: 1, text: "external_id"},
	store.FieldEmail:        {few: 1, rows: "SELECT user_seq FROM user_emails WHERE tenant = ? AND email_key %s"},
	store.FieldDisplayName:  {few: 2, text: "display_name_key", sw: true},
	store.FieldLastModified: {few: 2, time: "modified"},
	store.FieldGroup: {few: 2, rows: "SELECT seq FROM users WHERE tenant = ? AND id IN" +
		" (SELECT member_id FROM memberships WHERE group_seq IN (SELECT seq FROM groups WHERE tenant = ? AND id %s))"},
	store.FieldActive: {flag: "active"},
}}

var groupFields = resource{table: groups, fields: map[store.Field]field{
	store.FieldID:           {few: 1, text: "id"},
	store.FieldExternalID:   {few: 1, text: "external_id"},
	store.FieldDisplayName:  {few: 1, text: "display_name_key", sw: true},
	store.FieldMember:       {few: 2, rows: "SELECT group_seq FROM memberships WHERE tenant = ? AND member_id %s"},
	store.FieldLastModified: {few: 2, time: "modified"},
}}

// Ranks of sources, better ones first: 1 and 2 are those of field.few for equality.
const rankRange = 3

// maxTerms bounds the SELECTs of one source; SQLite takes 500.
const maxTerms = 400

// clause is a piece of SQL with its arguments.
type clause struct {
	sql  string
	args []any
}

// list selects a page.
func (q *queries) list(tenant string, page store.Query) (string, []any, error) {
	w, err := q.where(tenant, page.Where)
	if err != nil {
		return "", nil, err
	}
	o, err := q.order(page, q.indexed(page.Where))
	if err != nil {
		return "", nil, err
	}
	if page.After != nil {
		after, err := o.after(page)
		if err != nil {
			return "", nil, err
		}
		w = join(" AND ", w, after)
	}
	limit := page.Limit
	if limit <= 0 {
		limit = math.MaxInt
	}
	return "SELECT " + q.table.columns + " FROM " + q.table.name + " WHERE " + w.sql + " ORDER BY " + o.terms() + " LIMIT ? OFFSET ?",
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
	filter, err := q.filter(tenant, c)
	if err != nil {
		return clause{}, err
	}
	if c.Field != "" && q.fields[c.Field].rows == "" { // one column: SQLite does what is right
		direct, _ := q.comparison("", c)
		return join(" AND ", own, direct), nil
	}
	from, ok := q.source(tenant, c)
	if !ok {
		return join(" AND ", own, filter), nil
	}
	rows := clause{"seq IN (" + from.sql + ")", from.args}
	if from.exact {
		return rows, nil
	}
	return join(" AND ", rows, filter), nil
}

var errForm = errors.New("it must have exactly one of All, Any and Field")

// filter is a condition on the columns of a row.
func (q *queries) filter(tenant string, c *store.Condition) (clause, error) {
	if c == nil {
		return clause{}, fmt.Errorf("%w: %w", store.ErrCondition, errForm)
	}
	switch [3]bool{len(c.All) > 0, len(c.Any) > 0, c.Field != ""} {
	case [3]bool{true, false, false}:
		return q.filters(tenant, c.All, " AND ")
	case [3]bool{false, true, false}:
		return q.filters(tenant, c.Any, " OR ")
	case [3]bool{false, false, true}:
		if cl, ok := q.comparison(q.dialect.Unindexed, c); ok {
			return cl, nil
		}
		if rows, ok := q.rows(tenant, c.Field, c.Cmp, c.Value); ok {
			return clause{q.dialect.Unindexed + "seq IN (" + rows.sql + ")", rows.args}, nil
		}
		return clause{}, fmt.Errorf("%w: %s %s %T of %s", store.ErrCondition, c.Field, c.Cmp, c.Value, q.table.name)
	}
	return clause{}, fmt.Errorf("%w: %w", store.ErrCondition, errForm)
}

func (q *queries) filters(tenant string, list []*store.Condition, op string) (clause, error) {
	parts := make([]clause, len(list))
	for i, c := range list {
		var err error
		if parts[i], err = q.filter(tenant, c); err != nil {
			return clause{}, err
		}
	}
	return join(op, parts...), nil
}

// comparison compares a column with a value, if the field is one and its index can.
func (q *queries) comparison(sign string, c *store.Condition) (clause, bool) {
	f := q.fields[c.Field]
	switch v := c.Value.(type) {
	case string:
		switch {
		case c.Cmp == store.Eq && f.text != "":
			return equal(sign, f.text, v), true
		case c.Cmp == store.Sw && f.sw:
			return prefix(sign, f.text, v), true
		}
	case bool:
		return clause{sign + f.flag + " = ?", []any{v}}, c.Cmp == store.Eq && f.flag != ""
	case time.Time:
		if f.time != "" {
			return compareTime(sign+f.time, c.Cmp, v)
		}
	}
	return clause{}, false
}

// rows selects the row numbers that a field of another table gives.
func (q *queries) rows(tenant string, name store.Field, op store.Cmp, value any) (clause, bool) {
	f := q.fields[name]
	if f.rows == "" || op != store.Eq {
		return clause{}, false
	}
	tenants := slices.Repeat([]any{tenant}, strings.Count(f.rows, "?"))
	switch v := value.(type) {
	case string:
		if v == "" {
			return q.none(), true
		}
		return clause{fmt.Sprintf(f.rows, "= ?"), append(tenants, v)}, true
	case anyOf:
		in := q.inList(v)
		return clause{fmt.Sprintf(f.rows, in.sql), append(tenants, in.args...)}, true
	}
	return clause{}, false
}

// source is a SELECT of row numbers among which are all that meet a condition.
type source struct {
	clause
	rank  int  // how few they are likely to be, see rankRange
	terms int  // SELECTs in it
	exact bool // they are those that meet it, no more
}

// source finds the best index for a condition that filter has found well formed.
func (q *queries) source(tenant string, c *store.Condition) (source, bool) {
	switch {
	case len(c.All) > 0:
		return q.best(tenant, c.All)
	case len(c.Any) > 0:
		return q.union(tenant, c.Any)
	}
	f := q.fields[c.Field]
	if f.few == 0 {
		return source{}, false
	}
	s := source{rank: f.few, terms: 1, exact: true}
	if c.Cmp != store.Eq {
		s.rank = rankRange
	}
	var ok bool
	if s.clause, ok = q.rows(tenant, c.Field, c.Cmp, c.Value); ok {
		return s, true
	}
	where, _ := q.comparison("", c)
	s.clause = q.own(tenant, where)
	return s, true
}

// best takes the one source of several that must all be met.
func (q *queries) best(tenant string, list []*store.Condition) (best source, found bool) {
	for _, c := range list {
		if s, ok := q.source(tenant, c); ok && (!found || s.rank < best.rank) {
			best, found = s, true
		}
	}
	best.exact = best.exact && len(list) == 1
	return best, found
}

// union adds the sources of several of which one must be met; there is none if one has none.
// Comparisons of one field with several texts ("id eq a or id eq b or ...") are one list
// to look up.
func (q *queries) union(tenant string, list []*store.Condition) (source, bool) {
	all := source{rank: 1, exact: true}
	var selects []string
	add := func(s source) {
		all.rank, all.terms, all.exact = max(all.rank, s.rank), all.terms+s.terms, all.exact && s.exact
		selects = append(selects, s.sql)
		all.args = append(all.args, s.args...)
	}
	texts := make(map[store.Field]anyOf)
	var names []store.Field // of texts, in order: equal conditions should be equal statements
	for _, c := range list {
		if v, ok := c.Value.(string); ok && c.Cmp == store.Eq {
			if texts[c.Field] == nil {
				names = append(names, c.Field)
			}
			texts[c.Field] = append(texts[c.Field], v)
			continue
		}
		s, ok := q.source(tenant, c)
		if !ok {
			return source{}, false
		}
		add(s)
	}
	for _, name := range names {
		f := q.fields[name]
		rows, ok := q.rows(tenant, name, store.Eq, texts[name])
		if !ok {
			in := q.inList(texts[name])
			rows = q.own(tenant, clause{f.text + " " + in.sql + " AND " + f.text + " <> ''", in.args})
		}
		add(source{clause: rows, rank: f.few, terms: 1, exact: true})
	}
	all.sql = strings.Join(selects, " UNION ALL ")
	return all, all.terms <= maxTerms
}

// own selects from the table itself.
func (q *queries) own(tenant string, where clause) clause {
	w := join(" AND ", clause{"tenant = ?", []any{tenant}}, where)
	return clause{"SELECT seq FROM " + q.table.name + " WHERE " + w.sql, w.args}
}

// none selects nothing.
func (q *queries) none() clause {
	return clause{"SELECT seq FROM " + q.table.name + " WHERE FALSE", nil}
}

// anyOf is a list of texts of which one is to be equal.
type anyOf []string

// inList is a list as one argument: the statement is the same for any length. "" is
// left out: nothing is equal to it.
func (q *queries) inList(texts anyOf) clause {
	texts = slices.DeleteFunc(slices.Clone(texts), func(v string) bool { return v == "" })
	return clause{q.dialect.In, []any{q.dialect.List(texts)}}
}

// equal also says that the text is not empty: that is what tells SQLite that a partial
// index will do.
func equal(sign, column, v string) clause {
	if v == "" {
		return clause{"FALSE", nil}
	}
	return clause{sign + column + " = ? AND " + sign + column + " <> ''", []any{v}}
}

// prefix is a range of the index: from the prefix up to the first text that is
// greater than all that begin with it. Texts are compared as bytes.
func prefix(sign, column, v string) clause {
	if !utf8.ValidString(v) { // no text begins with it, and not every engine has it in the order of bytes
		return clause{"FALSE", nil}
	}
	from := clause{sign + column + " >= ? AND " + sign + column + " <> ''", []any{v}}
	if end := beyond(v); end != "" {
		return join(" AND ", from, clause{sign + column + " < ?", []any{end}})
	}
	return from
}

// beyond is the first text that is greater than all that begin with a prefix, "" if there is none. It is
// text too: an engine may take nothing else.
func beyond(prefix string) string {
	for prefix != "" {
		last, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		switch {
		case last == 0xd7ff: // what follows are halves of UTF-16
			return prefix + "\ue000"
		case last < utf8.MaxRune:
			return prefix + string(last+1)
		}
	}
	return ""
}

// compareTime compares a stored time, which is whole microseconds, with one that may be finer.
func compareTime(column string, op store.Cmp, v time.Time) (clause, bool) {
	floor := v.UnixMicro()
	ceil := floor
	if time.UnixMicro(floor).Before(v) {
		ceil++
	}
	switch op {
	case store.Eq:
		if floor != ceil {
			return clause{"FALSE", nil}, true
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
func join(op string, parts ...clause) clause {
	if len(parts) == 1 {
		return parts[0]
	}
	half := len(parts) / 2
	left, right := join(op, parts[:half]...), join(op, parts[half:]...)
	return clause{"(" + left.sql + ")" + op + "(" + right.sql + ")", slices.Concat(left.args, right.args)}
}
