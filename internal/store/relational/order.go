package relational

import (
	"fmt"
	"strings"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

// sortable are the columns that a field of users or groups is sorted by, without the id
// that comes after them. Texts are compared as bytes, which is by code point.
//
// id, userName and meta.lastModified follow an index from any place on; displayName and
// externalId, whose indexes lack those who have none, and meta.created and active are
// sorted anew for each page.
var sortable = map[store.Field]field{
	store.FieldID:           {text: "id"},
	store.FieldUserName:     {text: "user_name_key"},
	store.FieldDisplayName:  {text: "display_name_key"},
	store.FieldExternalID:   {text: "external_id"},
	store.FieldActive:       {flag: "active"},
	store.FieldCreated:      {time: "created"},
	store.FieldLastModified: {time: "modified"},
}

// order is an order of rows.
type order struct {
	columns []string
	value   field // of them, what a Position's Value is of
	down    bool
	sign    string // of seq, where it is compared
}

// order is the order of a query. Where an index gives the rows already the columns are
// written Dialect.Unindexed: SQLite would rather walk the whole tenant in order than sort few.
func (q *queries) order(page store.Query, few bool) (order, error) {
	sign := ""
	if few {
		sign = q.dialect.Unindexed
	}
	if page.Sort == nil { // rows that are looked up by number come in its order
		return order{columns: []string{"seq"}, sign: sign}, nil
	}
	f, ok := sortable[page.Sort.By]
	if _, has := q.fields[page.Sort.By]; !ok || !has && page.Sort.By != store.FieldCreated {
		return order{}, fmt.Errorf("%w: sort by %s of %s", store.ErrCondition, page.Sort.By, q.table.name)
	}
	o := order{value: f, down: page.Sort.Descending}
	column := f.text + f.flag + f.time // one of them is set
	switch page.Sort.By {
	case store.FieldID:
	case store.FieldDisplayName, store.FieldExternalID:
		o.columns = []string{"CASE WHEN " + column + " = '' THEN 1 ELSE 0 END", sign + column}
	default:
		o.columns = []string{sign + column}
	}
	o.columns = append(o.columns, sign+"id")
	return o, nil
}

// terms are what stands behind ORDER BY.
func (o order) terms() string {
	if !o.down {
		return strings.Join(o.columns, ", ")
	}
	return strings.Join(o.columns, " DESC, ") + " DESC"
}

// after is the condition that a row comes after a place.
func (o order) after(page store.Query) (clause, error) {
	compare := " > "
	if o.down {
		compare = " < "
	}
	if page.Sort == nil {
		return clause{o.sign + "seq" + compare + "?", []any{page.After.Seq}}, nil
	}
	var values []any
	switch v := page.After.Value.(type) {
	case string:
		if o.value.text == "" {
			return clause{}, o.mismatch(page)
		}
		if len(o.columns) == 3 {
			values = append(values, v == "")
		}
		if o.value.text != "id" {
			values = append(values, v)
		}
	case bool:
		if o.value.flag == "" {
			return clause{}, o.mismatch(page)
		}
		values = append(values, v)
	case time.Time:
		if o.value.time == "" {
			return clause{}, o.mismatch(page)
		}
		values = append(values, v)
	default:
		return clause{}, o.mismatch(page)
	}
	values = append(values, page.After.ID)
	marks := "?" + strings.Repeat(", ?", len(values)-1)
	return clause{"(" + strings.Join(o.columns, ", ") + ")" + compare + "(" + marks + ")", values}, nil
}

func (o order) mismatch(page store.Query) error {
	return fmt.Errorf("%w: a place in the order of %s with a %T", store.ErrCondition, page.Sort.By, page.After.Value)
}

// indexed reports whether where looks rows up, so that only these are read.
func (q *queries) indexed(c *store.Condition) bool {
	if c == nil {
		return false
	}
	_, ok := q.source("", c)
	return ok
}
