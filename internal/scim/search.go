package scim

import (
	"encoding/json"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/scimbridge/scimbridge/internal/scim/body"
)

const searchURN = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"

// searchUsers is POST /Users/.search (RFC 7644 section 3.4.3): a list whose parameters
// are in the body. Parameters in the URL do not count.
func (s *Server) searchUsers(c *gin.Context) { s.search(c, s.queryUsers) }

// searchGroups is POST /Groups/.search.
func (s *Server) searchGroups(c *gin.Context) { s.search(c, s.queryGroups) }

// searchAll is POST /.search: a search for users and groups.
func (s *Server) searchAll(c *gin.Context) { s.search(c, s.queryAll) }

func (s *Server) search(c *gin.Context, answer func(*gin.Context, search)) {
	q, err := s.readSearch(c)
	if err != nil {
		s.fail(c, err)
		return
	}
	answer(c, q)
}

func (s *Server) readSearch(c *gin.Context) (search, error) {
	q := search{startIndex: 1, count: s.limits.PageSize}
	message, err := s.readMessage(c)
	if err != nil {
		return q, err
	}
	if err := s.checkSearchSchemas(message); err != nil {
		return q, err
	}
	var sortOrder string
	var count any
	for key, value := range message {
		if value == nil {
			continue
		}
		switch {
		case strings.EqualFold(key, "filter"):
			q.filter, err = searchText("filter", value)
			q.hasFilter = true
		case strings.EqualFold(key, "sortBy"):
			q.sortBy, err = searchText("sortBy", value)
		case strings.EqualFold(key, "sortOrder"):
			sortOrder, err = searchText("sortOrder", value)
		case strings.EqualFold(key, "cursor"): // K-15
			q.cursor, err = searchText("cursor", value)
			q.walks = true
		case strings.EqualFold(key, "startIndex"):
			q.startIndex, err = s.searchInteger("startIndex", value)
			q.hasStart = true
		case strings.EqualFold(key, "count"):
			count = value
		case strings.EqualFold(key, "attributes"):
			q.attributes, err = searchNames("attributes", value)
		case strings.EqualFold(key, "excludedAttributes"):
			q.excluded, err = searchNames("excludedAttributes", value)
		}
		if err != nil {
			return q, err
		}
	}
	if count != nil {
		if q.count, err = s.searchInteger("count", count); err != nil {
			return q, q.countError(err)
		}
	}
	return q, q.finish(sortOrder, s.limits)
}

// checkSearchSchemas wants the message's URN; a lenient server takes a message
// that says nothing about its schema.
func (s *Server) checkSearchSchemas(message map[string]any) error {
	if !s.strict && len(message) > 0 {
		said := false
		for key, value := range message {
			said = said || strings.EqualFold(key, "schemas") && value != nil
		}
		if !said {
			return nil
		}
	}
	return body.Schemas(message, searchURN)
}

// searchInteger reads a number, or its digits as text unless strict.
func (s *Server) searchInteger(name string, value any) (int, error) {
	digits := ""
	switch v := value.(type) {
	case json.Number:
		digits = v.String()
	case string:
		if !s.strict {
			digits = v
		}
	}
	n, ok := parseInteger(digits)
	if !ok {
		return 0, invalidValue("%s: an integer is expected", name)
	}
	return n, nil
}

func searchText(name string, value any) (string, error) {
	text, ok := value.(string)
	if !ok {
		return "", invalidValue("%s: a string is expected", name)
	}
	return text, nil
}

func searchNames(name string, value any) ([]string, error) {
	list, ok := value.([]any)
	names := make([]string, len(list))
	for i, v := range list {
		var text bool
		names[i], text = v.(string)
		ok = ok && text
	}
	if !ok {
		return nil, invalidValue("%s: a list of attribute names is expected", name)
	}
	return names, nil
}
