package scim

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/scimbridge/scimbridge/internal/directory"
)

// createGroup is POST /Groups (RFC 7644 section 3.3).
func (s *Server) createGroup(ctx context.Context, w *write) (*outcome, error) {
	doc, err := s.readResource(w, s.groups)
	if err != nil {
		return nil, err
	}
	show, err := s.projection(w.query, s.groups)
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.budgeted(ctx)
	defer cancel()
	g, err := s.directory.CreateGroup(ctx, w.by, draftOf(doc))
	if err != nil {
		return nil, err
	}
	return ofGroup(http.StatusCreated, s.groups, &g, show), nil
}

// getGroup is GET /Groups/{id}. Members that are not shown are not read.
func (s *Server) getGroup(c *gin.Context) {
	show, err := s.projection(c.Request.URL.RawQuery, s.groups)
	withMembers := err == nil && s.showsMembers(show)
	if withMembers && c.GetHeader("If-None-Match") != "" {
		withMembers = false // perhaps the version is all that is needed
	}
	ctx, cancel := s.budgeted(c.Request.Context())
	defer cancel()
	g, notThere := s.directory.Group(ctx, resourceID(c), withMembers)
	if notThere != nil {
		s.fail(c, named(notThere, s.groups, resourceID(c)))
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
	if g, err = s.withMembers(c.Request.Context(), g, withMembers, show); err != nil {
		s.fail(c, err)
		return
	}
	_ = s.writeGroup(c, http.StatusOK, &g, show)
}

// withMembers is a group with its members read, if they are to be shown and are not
// there yet.
func (s *Server) withMembers(ctx context.Context, g directory.Group, has bool, show *projection) (directory.Group, error) {
	if has || !s.showsMembers(show) {
		return g, nil
	}
	ctx, cancel := s.budgeted(ctx)
	defer cancel()
	full, err := s.directory.Group(ctx, g.ID, true)
	return full, named(err, s.groups, g.ID)
}

// putGroup is PUT /Groups/{id}: name, externalId and the whole list of members (U-19).
func (s *Server) putGroup(ctx context.Context, w *write) (*outcome, error) {
	doc, err := s.readResource(w, s.groups)
	if err != nil {
		return nil, s.unlessNoGroup(ctx, w.id, err)
	}
	show, err := s.projection(w.query, s.groups)
	if err != nil {
		return nil, s.unlessNoGroup(ctx, w.id, err)
	}
	ctx, cancel := s.budgeted(ctx)
	defer cancel()
	g, err := s.directory.ReplaceGroup(ctx, w.by, w.id, w.pre, draftOf(doc))
	if err != nil {
		return nil, named(err, s.groups, w.id)
	}
	return ofGroup(http.StatusOK, s.groups, &g, show), nil
}

// patchGroup is PATCH /Groups/{id}. It answers 204, so that a change in a group of
// 100,000 costs nothing, unless `attributes` asks for more (M-05, M-06).
func (s *Server) patchGroup(ctx context.Context, w *write) (*outcome, error) {
	req, err := s.readPatch(w, s.groups)
	if err != nil {
		return nil, s.unlessNoGroup(ctx, w.id, err)
	}
	show, err := s.projection(w.query, s.groups)
	if err != nil {
		return nil, s.unlessNoGroup(ctx, w.id, err)
	}
	changes, err := req.GroupChanges()
	if err != nil {
		return nil, s.unlessNoGroup(ctx, w.id, err)
	}
	within, cancel := s.budgeted(ctx)
	defer cancel()
	g, err := s.directory.UpdateGroup(within, w.by, w.id, w.pre, changes)
	if err != nil {
		return nil, named(err, s.groups, w.id)
	}
	if !show.only {
		return &outcome{status: http.StatusNoContent, rt: s.groups, id: g.ID, version: g.Version}, nil
	}
	if g, err = s.withMembers(ctx, g, false, show); err != nil {
		return nil, err
	}
	return ofGroup(http.StatusOK, s.groups, &g, show), nil
}

// deleteGroup is DELETE /Groups/{id}.
func (s *Server) deleteGroup(ctx context.Context, w *write) (*outcome, error) {
	ctx, cancel := s.budgeted(ctx)
	defer cancel()
	if err := s.directory.DeleteGroup(ctx, w.by, w.id, w.pre); err != nil {
		return nil, named(err, s.groups, w.id)
	}
	return &outcome{status: http.StatusNoContent, rt: s.groups, id: w.id}, nil
}

// unlessNoGroup is unlessNoUser for groups.
func (s *Server) unlessNoGroup(ctx context.Context, id string, err error) error {
	ctx, cancel := s.budgeted(ctx)
	defer cancel()
	if _, notThere := s.directory.Group(ctx, id, false); notThere != nil {
		return named(notThere, s.groups, id)
	}
	return err
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
