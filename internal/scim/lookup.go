package scim

import (
	"net/http"

	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/scim/filter"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// cachedShapes is how many filters' shapes are kept; an identity provider sends a dozen.
const cachedShapes = 256

// userQuery is what a search asks of the directory: what an index answers, and the
// filter itself where that is not all of it.
func (s *Server) userQuery(r *http.Request, q search, show *projection) (directory.UserQuery, error) {
	query := directory.UserQuery{
		Offset: q.startIndex - 1, Limit: q.wanted(), After: q.position(),
		WithGroups:   show.wants("", s.users.Schema.Attribute("groups")),
		WithDelivery: s.showsDelivery(show),
	}
	seen := &renderer{base: s.base(r), users: s.users, groups: s.groups}
	order, err := s.sorting(q, s.users)
	if err != nil {
		return query, err
	}
	if order != nil {
		query.Sort = &order.Sort
		query.Key = func(u *directory.User) (string, bool) { return order.key(u.Document) }
		if order.ofServer() {
			query.Key = func(u *directory.User) (string, bool) { return order.key(seen.userDocument(u)) }
		}
		query.WithGroups = query.WithGroups || order.reads("", "groups")
		query.WithDelivery = query.WithDelivery || order.reads(schema.WisdomURN, "delivery")
	}
	f, err := s.parseFilter(q, s.users)
	if f == nil || err != nil {
		return query, err
	}
	index, exact := f.Split()
	query.Where = condition(index)
	query.UserNames, query.Emails = f.Lookup()
	if !exact {
		query.WithGroups = query.WithGroups || f.Reads("", "groups")
		query.WithDelivery = query.WithDelivery || f.Reads(schema.WisdomURN, "delivery")
		query.Match = func(u *directory.User) bool { return f.Match(seen.userDocument(u)) }
	}
	return query, nil
}

// groupQuery is userQuery for groups. Members are read where they are shown, or where
// a filter looks at them that no index answers.
func (s *Server) groupQuery(r *http.Request, q search, show *projection) (directory.GroupQuery, error) {
	query := directory.GroupQuery{Offset: q.startIndex - 1, Limit: q.wanted(), After: q.position(), WithMembers: s.showsMembers(show)}
	seen := &renderer{base: s.base(r), users: s.users, groups: s.groups}
	order, err := s.sorting(q, s.groups)
	if err != nil {
		return query, err
	}
	if order != nil {
		query.Sort = &order.Sort
		query.Key = func(g *directory.Group) (string, bool) { return order.key(seen.groupDocument(g)) }
		query.WithMembers = query.WithMembers || order.reads("", "members")
	}
	f, err := s.parseFilter(q, s.groups)
	if f == nil || err != nil {
		return query, err
	}
	index, exact := f.Split()
	query.Where = condition(index)
	if !exact {
		query.WithMembers = query.WithMembers || f.Reads("", "members")
		query.Match = func(g *directory.Group) bool { return f.Match(seen.groupDocument(g)) }
	}
	return query, nil
}

// parseFilter reads a search's filter; nil if there is none.
func (s *Server) parseFilter(q search, rt *schema.ResourceType) (*filter.Filter, error) {
	if !q.hasFilter {
		return nil, nil
	}
	options := s.filters
	options.AbsentUnknown = q.root // F-43
	f, err := filter.Parse(q.filter, rt, options)
	if err != nil {
		return nil, badRequest(err.ScimType, "filter: %s", err.Error())
	}
	return f, nil
}

// condition is the indexed part of a filter in the directory's words, which are the
// filter's: attribute paths and operators of SCIM.
func condition(index *filter.Index) *directory.Condition {
	if index == nil {
		return nil
	}
	c := &directory.Condition{Field: directory.Field(index.Field), Cmp: directory.Cmp(index.Op), Value: index.Value}
	for _, i := range index.All {
		c.All = append(c.All, condition(i))
	}
	for _, i := range index.Any {
		c.Any = append(c.Any, condition(i))
	}
	return c
}
