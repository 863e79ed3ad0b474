package patch

import (
	"strings"

	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/scimbridge/scimbridge/internal/directory"
)

// GroupChanges is what a request that was decoded for the Group type does to a group,
// as steps that need not read it (see directory.GroupChange). Members are named by their ids; whether they exist and
// are of the type given is the directory's to say.
//
// Consecutive steps that add members are one change, and so are those that remove
// some, so a PATCH with a thousand operations is one statement.
func (r *Request) GroupChanges() ([]directory.GroupChange, error) {
	g := groupChanges{opts: &r.opts}
	for i := range r.steps {
		s := &r.steps[i]
		switch s.ref.Attribute.Name {
		case "displayName": // required: a step never takes it away
			name := s.value.(string)
			g.list = append(g.list, directory.GroupChange{SetDisplayName: &name})
		case "externalId":
			id, _ := s.value.(string)
			g.list = append(g.list, directory.GroupChange{SetExternalID: &id})
		case "members":
			if err := g.members(s); err != nil {
				return nil, err
			}
		}
	}
	return g.list, nil
}

type groupChanges struct {
	list []directory.GroupChange
	opts *Options
}

func (g *groupChanges) members(s *step) error {
	switch {
	case s.ref.Sub != nil || s.filter != nil && s.do != remove:
		return g.one(s)
	case s.filter != nil:
		if id, ok := byID(s); ok {
			g.remove(id)
		} else {
			g.list = append(g.list, directory.GroupChange{RemoveMatching: matching(s)})
		}
		return nil
	case s.do == remove && !s.listed:
		g.list = append(g.list, directory.GroupChange{ReplaceMembers: &[]directory.MemberRef{}})
		return nil
	}
	refs, err := memberRefs(s)
	switch {
	case err != nil:
		return err
	case s.do == add:
		g.add(refs...)
	case s.do == replace:
		g.list = append(g.list, directory.GroupChange{ReplaceMembers: &refs})
	default:
		for _, ref := range refs {
			g.remove(ref.ID)
		}
	}
	return nil
}

// one takes a step that would change members in place. They cannot be changed (M-47):
// RFC 7643 section 4.2 makes what names a member immutable, and what else is shown of
// it follows the member himself (G-18). What is left is to name one member by his id,
// which makes him a member where paths create what they do not find.
func (g *groupChanges) one(s *step) error {
	if s.ref.Sub != nil && s.ref.Sub.Name == "display" {
		return nil
	}
	id, named := byID(s)
	given := s.partial()
	if s.do == remove || !named || !g.opts.FilterCreates || given["value"] != nil && given["value"] != id {
		return s.refuse(scimerrors.ScimTypeMutability, "a member cannot be changed; remove it and add another")
	}
	if s.ref.Sub != nil && s.ref.Sub.Name != "value" {
		return s.refuse(scimerrors.ScimTypeMutability, "members.%s is immutable", s.ref.Sub.Name)
	}
	kind, err := memberType(s, given)
	if err != nil {
		return err
	}
	g.opts.use("filter-creates")
	g.add(directory.MemberRef{ID: id, Type: kind})
	return nil
}

func (g *groupChanges) add(refs ...directory.MemberRef) {
	if len(refs) == 0 {
		return
	}
	if n := len(g.list) - 1; n >= 0 && g.list[n].Add != nil {
		g.list[n].Add = append(g.list[n].Add, refs...)
		return
	}
	g.list = append(g.list, directory.GroupChange{Add: refs})
}

func (g *groupChanges) remove(id string) {
	if n := len(g.list) - 1; n >= 0 && g.list[n].Remove != nil {
		g.list[n].Remove = append(g.list[n].Remove, id)
		return
	}
	g.list = append(g.list, directory.GroupChange{Remove: []string{id}})
}

// byID is the id of the one member that a step's filter names: members[value eq "x"].
func byID(s *step) (string, bool) {
	if s.filter == nil {
		return "", false
	}
	eq, ok := s.filter.Eq()
	id, isText := eq["value"].(string)
	return id, ok && isText && len(eq) == 1
}

// matching is a step's filter on members as the directory shows them.
func matching(s *step) func(directory.Member) bool {
	f := s.filter
	return func(m directory.Member) bool {
		return f.Match(map[string]any{"value": m.ID, "type": m.Type, "display": m.Display})
	}
}

// memberRefs are the members of a step's list, each once (G-05).
func memberRefs(s *step) ([]directory.MemberRef, error) {
	values := s.value.([]any)
	refs := make([]directory.MemberRef, 0, len(values))
	at := make(map[string]int, len(values))
	for _, v := range values {
		member := v.(map[string]any)
		id, _ := member["value"].(string)
		kind, _ := member["type"].(string)
		i, twice := at[id]
		switch {
		case !twice:
			at[id] = len(refs)
			refs = append(refs, directory.MemberRef{ID: id, Type: kind})
		case refs[i].Type == "":
			refs[i].Type = kind
		case kind != "" && kind != refs[i].Type:
			return nil, s.refuse(scimerrors.ScimTypeInvalidValue, "members: %q is there both as User and as Group", id)
		}
	}
	return refs, nil
}

// memberType is the type given of a member, "" if none is.
func memberType(s *step, member map[string]any) (string, error) {
	kind, _ := member["type"].(string)
	for _, known := range []string{"", "User", "Group"} {
		if strings.EqualFold(kind, known) {
			return known, nil
		}
	}
	return "", s.refuse(scimerrors.ScimTypeInvalidValue, `members.type: expected "User" or "Group"`)
}
