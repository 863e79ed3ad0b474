package scim

import (
	"errors"
	"net/url"
	"strconv"
	"strings"

	scimerrors "github.com/elimity-com/scim/errors"
)

// search is what a list asks for (RFC 7644 sections 3.4.2 and 3.4.3).
type search struct {
	filter               string
	hasFilter            bool
	startIndex           int // from 1
	count                int // of resources wanted; already within the limits
	attributes, excluded []string
	sortBy               string // "" if the list is not to be sorted
	descending           bool

	walks    bool   // there is a cursor: the list is asked for by cursor, not by startIndex (RFC 9865)
	cursor   string // "" for the first page
	after    *place // what cursor stands for; set by resume
	root     bool   // of all resource types
	hasStart bool
}

// largest is what startIndex and count are cut to: the largest integer that every
// JSON reader keeps (P-11).
const largest = 1<<53 - 1

// parameters are a URL's query parameters. net/url would silently drop those it
// cannot read, a filter with a bare semicolon for one, and the list would come back
// unfiltered; here whatever cannot be read is refused.
type parameters map[string][]string

// parseQuery reads a raw query: `+` is a blank, `%2B` a plus, quotes and brackets may
// stand as they are (F-50). Parameters that nobody here knows are ignored,
// whatever their form.
func parseQuery(raw string) (parameters, error) {
	p := parameters{}
	for field := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(field, "=")
		name, err := url.QueryUnescape(name)
		if err != nil || !known(name) {
			continue
		}
		value, err = url.QueryUnescape(value)
		if err != nil {
			scimType := scimerrors.ScimTypeInvalidValue
			if name == "filter" {
				scimType = scimerrors.ScimTypeInvalidFilter
			}
			return nil, badRequest(scimType, "The parameter %s is not percent-encoded as a URL must be: %v.", name, err)
		}
		p[name] = append(p[name], value)
	}
	return p, nil
}

func known(name string) bool {
	switch name {
	case "filter", "startIndex", "count", "attributes", "excludedAttributes", "sortBy", "sortOrder", "cursor":
		return true
	}
	return false
}

// search reads the parameters of a list.
func (p parameters) search(l Limits) (search, error) {
	q := search{attributes: p["attributes"], excluded: p["excludedAttributes"], startIndex: 1, count: l.PageSize}
	switch filters := p["filter"]; len(filters) {
	case 0:
	case 1:
		q.filter, q.hasFilter = filters[0], true
	default: // F-62: the IdP acts on what a filter finds, so none may be dropped
		return q, badRequest(scimerrors.ScimTypeInvalidFilter, "The parameter filter is there %d times; one is expected.", len(filters))
	}
	for _, name := range []string{"sortBy", "sortOrder", "cursor"} {
		if n := len(p[name]); n > 1 {
			return q, invalidValue("The parameter %s is there %d times; one is expected.", name, n)
		}
	}
	q.walks, q.hasStart = len(p["cursor"]) > 0, len(p["startIndex"]) > 0
	q.cursor = strings.Join(p["cursor"], "")
	q.sortBy = strings.Join(p["sortBy"], "")
	if err := p.integer("startIndex", &q.startIndex); err != nil {
		return q, err
	}
	if err := p.integer("count", &q.count); err != nil {
		return q, q.countError(err)
	}
	return q, q.finish(strings.Join(p["sortOrder"], ""), l)
}

// countError is K-09: of a cursor walk a count that is no number is invalidCount.
func (q *search) countError(err error) error {
	if !q.walks {
		return err
	}
	return badRequest(invalidCount, "%s", err.Error())
}

// finish checks what only the whole of a search shows, and brings its numbers into their ranges.
func (q *search) finish(sortOrder string, l Limits) error {
	q.limit(l)
	if q.walks && q.hasStart { // K-14
		return invalidValue("The parameters cursor and startIndex exclude each other; one of them is expected.")
	}
	if q.sortBy == "" { // S-11
		return nil
	}
	switch {
	case sortOrder == "", strings.EqualFold(sortOrder, "ascending"):
	case strings.EqualFold(sortOrder, "descending"):
		q.descending = true
	default:
		return invalidValue("sortOrder is %q; ascending or descending is expected.", cut(sortOrder))
	}
	return nil
}

// limit brings startIndex and count into their ranges (P-02, P-05, P-07).
func (q *search) limit(l Limits) {
	q.startIndex = min(max(q.startIndex, 1), largest)
	q.count = min(max(q.count, 0), l.MaxPage)
}

func (p parameters) integer(name string, into *int) error {
	values := p[name]
	if len(values) == 0 {
		return nil
	}
	if len(values) > 1 {
		return invalidValue("The parameter %s is there %d times; one is expected.", name, len(values))
	}
	n, ok := parseInteger(values[0])
	if !ok {
		return invalidValue("The parameter %s is %q; an integer is expected.", name, cut(values[0]))
	}
	*into = n
	return nil
}

// parseInteger reads digits with an optional minus; what is out of range becomes the
// nearest that is in it.
func parseInteger(s string) (int, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	if s == "" || s[0] == '+' || err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	return int(min(max(n, -largest), largest)), true
}

// cut keeps a client's text short enough to stand in an error.
func cut(s string) string { return cutTo(s, 60) }

func cutTo(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
