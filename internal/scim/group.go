package scim

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/scimbridge/scimbridge/internal/directory"
)

// createGroup is POST /Groups (RFC 7644 section 3.3).
func (s *Server) createGroup(c *gin.Context) {
	doc, err := s.readResource(c, s.groups)
	if err != nil {
		s.fail(c, err)
		return
	}
	show, err := s.projection(c, s.groups)
	if err != nil {
		s.fail(c, err)
		return
	}
	ctx, cancel := s.budgeted(c)
	defer cancel()
	g, err := s.directory.CreateGroup(ctx, caller(c), draftOf(doc))
	if err != nil {
		s.fail(c, err)
		return
	}
	c.Header("Location", s.location(c.Request, s.groups, g.ID))
	_ = s.writeGroup(c, http.StatusCreated, &g, show)
}

// getGroup is GET /Groups/{id}. Members that are not shown are not read.
func (s *Server) getGroup(c *gin.Context) {
	show, err := s.projection(c, s.groups)
	withMembers := err == nil && s.showsMembers(show)
	if withMembers && c.GetHeader("If-None-Match") != "" {
		withMembers = false // perhaps the version is all that is needed
	}
	ctx, cancel := s.budgeted(c)
	defer cancel()
	g, notThere := s.directory.Group(ctx, resourceID(c), withMembers)
	if notThere != nil {
		s.fail(c, s.named(notThere, s.groups, c))
		return
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	if unchanged(c.Request, g.Version) {
		c.Header("ETag", etag(g.Version))
		c.Status(http.StatusNotModified)
		return
	}
	s.answerGroup(c, g, withMembers, show)
}

// answerGroup answers 200 with a group, whose members are read if they are to be
// shown and are not there yet.
func (s *Server) answerGroup(c *gin.Context, g directory.Group, hasMembers bool, show *projection) {
	if !hasMembers && s.showsMembers(show) {
		ctx, cancel := s.budgeted(c)
		defer cancel()
		var err error
		if g, err = s.directory.Group(ctx, g.ID, true); err != nil {
			s.fail(c, s.named(err, s.groups, c))
			return
		}
	}
	_ = s.writeGroup(c, http.StatusOK, &g, show)
}

// putGroup is PUT /Groups/{id}: name, externalId and the whole list of members (U-19).
func (s *Server) putGroup(c *gin.Context) {
	doc, err := s.readResource(c, s.groups)
	if err != nil {
		s.failGroup(c, err)
		return
	}
	show, err := s.projection(c, s.groups)
	if err != nil {
		s.failGroup(c, err)
		return
	}
	ctx, cancel := s.budgeted(c)
	defer cancel()
	g, err := s.directory.ReplaceGroup(ctx, caller(c), resourceID(c), ifMatch(c.Request), draftOf(doc))
	if err != nil {
		s.fail(c, s.named(err, s.groups, c))
		return
	}
	_ = s.writeGroup(c, http.StatusOK, &g, show)
}

// patchGroup is PATCH /Groups/{id}. It answers 204, so that a change in a group of
// 100,000 costs nothing, unless `attributes` asks for more (M-05, M-06).
func (s *Server) patchGroup(c *gin.Context) {
	req, err := s.readPatch(c, s.groups)
	if err != nil {
		s.failGroup(c, err)
		return
	}
	show, err := s.projection(c, s.groups)
	if err != nil {
		s.failGroup(c, err)
		return
	}
	changes, err := req.GroupChanges()
	if err != nil {
		s.failGroup(c, err)
		return
	}
	ctx, cancel := s.budgeted(c)
	defer cancel()
	g, err := s.directory.UpdateGroup(ctx, caller(c), resourceID(c), ifMatch(c.Request), changes)
	if err != nil {
		s.fail(c, s.named(err, s.groups, c))
		return
	}
	if show.only {
		s.answerGroup(c, g, false, show)
		return
	}
	c.Header("ETag", etag(g.Version))
	c.Status(http.StatusNoContent)
}

// deleteGroup is DELETE /Groups/{id}.
func (s *Server) deleteGroup(c *gin.Context) {
	ctx, cancel := s.budgeted(c)
	defer cancel()
	if err := s.directory.DeleteGroup(ctx, caller(c), resourceID(c), ifMatch(c.Request)); err != nil {
		s.fail(c, s.named(err, s.groups, c))
		return
	}
	c.Status(http.StatusNoContent)
}

// failGroup is failUser for groups.
func (s *Server) failGroup(c *gin.Context, err error) {
	ctx, cancel := s.budgeted(c)
	defer cancel()
	if _, notThere := s.directory.Group(ctx, resourceID(c), false); notThere != nil {
		err = s.named(notThere, s.groups, c)
	}
	s.fail(c, err)
}

func (s *Server) showsMembers(show *projection) bool {
	return show.wants("", s.groups.Schema.Attribute("members"))
}

// draftOf is the group that a checked document describes.
func draftOf(doc map[string]any) directory.GroupDraft {
	draft := directory.GroupDraft{}
	draft.DisplayName, _ = doc["displayName"].(string)
	draft.ExternalID, _ = doc["externalId"].(string)
	members, _ := doc["members"].([]any)
	draft.Members = make([]directory.MemberRef, 0, len(members))
	for _, m := range members {
		member, _ := m.(map[string]any)
		id, _ := member["value"].(string)
		kind, _ := member["type"].(string)
		draft.Members = append(draft.Members, directory.MemberRef{ID: id, Type: kind})
	}
	return draft
}
