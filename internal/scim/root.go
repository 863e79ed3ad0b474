package scim

import (
	"context"
	"slices"

	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/gin-gonic/gin"
	"github.com/scimbridge/scimbridge/internal/directory"
)

// mostMerged is how far into a sorted list of all types startIndex and count may reach:
// both types' resources up to there are read, and merged. The first page and a cursor
// have no such bound.
const mostMerged = 10_000

// resource is a user or a group.
type resource struct {
	user  *directory.User
	group *directory.Group
}

func (r resource) place() place {
	if r.group != nil {
		return place{r.group.Position, true}
	}
	return place{r.user.Position, false}
}

// everything is a search for resources of all types.
type everything struct {
	search search
	users  directory.UserQuery
	groups directory.GroupQuery
}

// queryAll answers a search for users and groups (RFC 7644 section 3.4.2.1): users
// first, then groups, or sorted as one list. An attribute that a type does not have is
// one without value there (F-43).
func (s *Server) queryAll(c *gin.Context, q search) {
	q.root = true
	showUsers, err := project(s.users, q.attributes, q.excluded, !s.strict)
	if err != nil {
		s.fail(c, err)
		return
	}
	showGroups, err := project(s.groups, q.attributes, q.excluded, !s.strict)
	if err == nil {
		err = s.resume("/", &q)
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	all := everything{search: q}
	if all.users, err = s.userQuery(c.Request, q, showUsers); err == nil {
		all.groups, err = s.groupQuery(c.Request, q, showGroups)
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	ctx, cancel := s.budgeted(c)
	defer cancel()
	read := s.inTurn
	if q.sortBy != "" {
		read = s.merged
	}
	total, page, err := read(ctx, all)
	if err != nil {
		s.fail(c, err)
		return
	}
	a := listAnswer{total: total}
	if q.walks && len(page) > q.count {
		page = page[:q.count]
		a.next = s.cursors.seal(q.list("/"), page[len(page)-1].place())
	}
	a.shown = len(page)
	r := s.renderer(c, nil)
	s.writeList(c, r, q, a, func(i int) {
		if g := page[i].group; g != nil {
			r.show = showGroups
			r.group(g)
			return
		}
		r.show = showUsers
		r.user(page[i].user)
	})
}

// inTurn reads a page of the users, and then of the groups.
func (s *Server) inTurn(ctx context.Context, all everything) (total int, page []resource, err error) {
	wanted := all.users.Limit
	if after := all.search.after; after != nil && after.group { // the users were all shown
		all.users.After, all.users.Limit = nil, 0
	} else {
		all.groups.After = nil
	}
	nUsers, users, err := s.directory.Users(ctx, all.users)
	if err != nil {
		return 0, nil, err
	}
	all.groups.Offset = max(0, all.groups.Offset-nUsers)
	all.groups.Limit = wanted - len(users)
	nGroups, groups, err := s.directory.Groups(ctx, all.groups)
	return nUsers + nGroups, join(users, groups), err
}

// merged reads as much of both as the page may take, and merges it.
func (s *Server) merged(ctx context.Context, all everything) (total int, page []resource, err error) {
	offset, wanted := all.users.Offset, all.users.Limit
	if wanted > 0 {
		if offset > 0 && offset > mostMerged-wanted {
			return 0, nil, badRequest(scimerrors.ScimTypeTooMany,
				"A sorted list of all types can be read up to its resource %d by startIndex; use a cursor, or ask for one type.", mostMerged)
		}
		all.users.Limit, all.groups.Limit = offset+wanted, offset+wanted
	}
	all.users.Offset, all.groups.Offset = 0, 0
	nUsers, users, err := s.directory.Users(ctx, all.users)
	if err != nil {
		return 0, nil, err
	}
	nGroups, groups, err := s.directory.Groups(ctx, all.groups)
	if err != nil {
		return 0, nil, err
	}
	page = join(users, groups)
	slices.SortStableFunc(page, func(a, b resource) int { return all.users.Sort.Compare(a.place().Position, b.place().Position) })
	page = page[min(offset, len(page)):]
	return nUsers + nGroups, page[:min(wanted, len(page))], nil
}

func join(users []directory.User, groups []directory.Group) []resource {
	page := make([]resource, 0, len(users)+len(groups))
	for i := range users {
		page = append(page, resource{user: &users[i]})
	}
	for i := range groups {
		page = append(page, resource{group: &groups[i]})
	}
	return page
}
