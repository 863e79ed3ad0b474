package scim

import (
	"maps"

	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// userDocument is a user as filters see him: what a GET would show (F-59), what is
// returned on request included.
func (r *renderer) userDocument(u *directory.User) map[string]any {
	doc := make(map[string]any, len(u.Document)+4)
	maps.Copy(doc, u.Document)
	schemas := []any{r.users.Schema.ID}
	for _, ext := range r.users.Extensions {
		if doc[ext.ID] != nil {
			schemas = append(schemas, ext.ID)
		}
	}
	doc["id"], doc["schemas"] = u.ID, schemas
	doc["meta"] = r.metaOf(r.users, identity{u.ID, u.Version, u.Created, u.Modified})
	if len(u.Groups) > 0 {
		groups := make([]any, len(u.Groups))
		for i, g := range u.Groups {
			groups[i] = r.groupRef(g)
		}
		doc["groups"] = groups
	}
	if delivery := deliveryOf(u); delivery != nil {
		values, _ := doc[schema.WisdomURN].(map[string]any)
		extension := make(map[string]any, len(values)+1)
		maps.Copy(extension, values)
		extension["delivery"] = delivery
		doc[schema.WisdomURN] = extension
	}
	return doc
}

// groupDocument is a group as filters see it.
func (r *renderer) groupDocument(g *directory.Group) map[string]any {
	doc := map[string]any{
		"id": g.ID, "schemas": []any{r.groups.Schema.ID}, "displayName": g.DisplayName,
		"meta": r.metaOf(r.groups, identity{g.ID, g.Version, g.Created, g.Modified}),
	}
	if g.ExternalID != "" {
		doc["externalId"] = g.ExternalID
	}
	if len(g.Members) > 0 {
		members := make([]any, len(g.Members))
		for i := range g.Members {
			members[i] = r.memberValue(&g.Members[i])
		}
		doc["members"] = members
	}
	return doc
}

func (r *renderer) memberValue(m *directory.Member) map[string]any {
	value := map[string]any{"value": m.ID, "$ref": r.locationOf(r.memberType(m), m.ID), "type": m.Type}
	if m.Display != "" {
		value["display"] = m.Display
	}
	return value
}
