package directory

import (
	"iter"
	"slices"
	"sort"
	"strings"

	"github.com/scimbridge/scimbridge/internal/store"
)

// list is a query on rows R that are shown as V: what Users and Groups have in common.
// It runs in one View, so that the total and the page are of one moment.
type list[R, V any] struct {
	where         *Condition
	match         func(*V) bool
	sort          *Sort
	key           func(*V) (string, bool)
	after         *Position
	offset, limit int

	rows  func(store.Query) iter.Seq2[R, error]
	count func(*Condition) (int, error)
	find  func(id string) (R, error)
	show  func(R) (V, error)
	place func(R) Position      // in an order that the store does
	id    func(R) string        // with which find finds it
	put   func(*V, R, Position) // told of each V of the page
}

func (l *list[R, V]) run() (total int, page []V, err error) {
	switch {
	case l.sort != nil && l.sort.By == "":
		return l.ranked()
	case l.match == nil:
		return l.selected()
	}
	return l.matched()
}

// selected is a page that the store selects.
func (l *list[R, V]) selected() (total int, page []V, err error) {
	if total, err = l.count(l.where); err != nil || l.limit == 0 || l.offset >= total {
		return total, nil, err
	}
	after, more := l.sort.stored(l.after)
	if !more {
		return total, nil, nil
	}
	q := store.Query{Where: l.where, Sort: l.sort.sorted(), After: after, Offset: l.offset, Limit: max(l.limit, 0)}
	for row, err := range l.rows(q) {
		if err != nil {
			return 0, nil, err
		}
		v, err := l.show(row)
		if err != nil {
			return 0, nil, err
		}
		l.put(&v, row, l.place(row))
		page = append(page, v)
	}
	return total, page, nil
}

// matched looks at each candidate, in the order of the store, and keeps no more than the page.
func (l *list[R, V]) matched() (total int, page []V, err error) {
	passed := 0
	for row, err := range l.rows(store.Query{Where: l.where, Sort: l.sort.sorted()}) {
		if err != nil {
			return 0, nil, err
		}
		v, err := l.show(row)
		if err != nil {
			return 0, nil, err
		}
		if !l.match(&v) {
			continue
		}
		total++
		at := l.place(row)
		if l.after != nil && l.sort.Compare(at, *l.after) <= 0 {
			continue
		}
		passed++
		if passed <= l.offset || l.limit >= 0 && len(page) >= l.limit {
			continue
		}
		l.put(&v, row, at)
		page = append(page, v)
	}
	return total, page, nil
}

// ranked looks at each candidate, keeps key and id of those that match (see MostKey),
// sorts these, and reads the page again.
func (l *list[R, V]) ranked() (total int, page []V, err error) {
	var places []Position
	for row, err := range l.rows(store.Query{Where: l.where}) {
		if err != nil {
			return 0, nil, err
		}
		v, err := l.show(row)
		if err != nil {
			return 0, nil, err
		}
		if l.match != nil && !l.match(&v) {
			continue
		}
		total++
		if l.limit == 0 {
			continue
		}
		at := Position{ID: l.id(row)}
		key, ok := l.key(&v)
		at.None = !ok
		if ok {
			at.Key = strings.Clone(key[:min(len(key), MostKey)]) // not the document that it may be part of
		}
		places = append(places, at)
	}
	slices.SortFunc(places, l.sort.Compare)
	if l.after != nil {
		places = places[sort.Search(len(places), func(i int) bool { return l.sort.Compare(places[i], *l.after) > 0 }):]
	}
	places = places[min(l.offset, len(places)):]
	if l.limit >= 0 {
		places = places[:min(l.limit, len(places))]
	}
	for _, at := range places {
		row, err := l.find(at.ID)
		if err != nil {
			return 0, nil, err
		}
		v, err := l.show(row)
		if err != nil {
			return 0, nil, err
		}
		l.put(&v, row, at)
		page = append(page, v)
	}
	return total, page, nil
}
