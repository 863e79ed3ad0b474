package scim

import (
	"time"

	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// renderer writes resources of one answer.
type renderer struct {
	*encoder
	base   string // the tenant's absolute base URL
	users  *schema.ResourceType
	groups *schema.ResourceType
	show   *projection
}

// identity is what every resource has (RFC 7643 section 3.1).
type identity struct {
	id                string
	version           int64
	created, modified time.Time
}

func (r *renderer) locationOf(rt *schema.ResourceType, id string) string {
	return r.base + rt.Endpoint + "/" + id
}

// user writes a User.
func (r *renderer) user(u *directory.User) {
	// Extensions come first, aside: `schemas` names those that have content in this
	// very answer.
	var urns []string
	r.spare = r.spare[:0]
	r.buf, r.spare = r.spare, r.buf
	for _, ext := range r.users.Extensions {
		if r.extension(ext, u) {
			urns = append(urns, ext.ID)
		}
	}
	r.buf, r.spare = r.spare, r.buf

	r.raw("{")
	r.schemas(r.users, urns)
	r.common(r.users, identity{u.ID, u.Version, u.Created, u.Modified}, u.Document["externalId"])
	for _, a := range r.users.Schema.Attributes {
		if a.Name == "groups" {
			r.groupsOf(a, u.Groups)
			continue
		}
		r.attribute(a, r.show.of("", a), u.Document[a.Name])
	}
	if len(r.spare) > 0 {
		r.comma()
		r.buf = append(r.buf, r.spare...)
	}
	r.meta(r.users, identity{u.ID, u.Version, u.Created, u.Modified})
	r.raw("}")
}

// extension writes the object under an extension's URN, and reports whether there is one.
func (r *renderer) extension(ext *schema.Schema, u *directory.User) bool {
	values, _ := u.Document[ext.ID].(map[string]any)
	before := len(r.buf)
	r.key(ext.ID)
	r.raw("{")
	empty := len(r.buf)
	for _, a := range ext.Attributes {
		value := values[a.Name]
		if ext.ID == schema.WisdomURN && a.Name == "delivery" {
			value = deliveryOf(u)
		}
		r.attribute(a, r.show.of(ext.ID, a), value)
	}
	if len(r.buf) == empty {
		r.buf = r.buf[:before]
		return false
	}
	r.raw("}")
	return true
}

// deliveryOf is the extension's read-only `delivery`.
func deliveryOf(u *directory.User) any {
	if u.Delivery.State == "" {
		return nil
	}
	d := map[string]any{"state": string(u.Delivery.State)}
	if !u.Delivery.Since.IsZero() {
		d["since"] = formatTime(u.Delivery.Since)
	}
	if u.Delivery.Detail != "" {
		d["detail"] = u.Delivery.Detail
	}
	return d
}

// groupsOf writes a user's groups: the direct ones (G-02).
func (r *renderer) groupsOf(a *schema.Attribute, groups []directory.GroupRef) {
	sel := r.show.of("", a)
	if !sel.show || len(groups) == 0 {
		return
	}
	before := len(r.buf)
	r.key(a.Name)
	if !r.list(len(groups), func(i int) bool { return r.value(a, sel, r.groupRef(groups[i])) }) {
		r.buf = r.buf[:before]
	}
}

func (r *renderer) groupRef(g directory.GroupRef) map[string]any {
	return map[string]any{"value": g.ID, "$ref": r.locationOf(r.groups, g.ID), "display": g.DisplayName, "type": "direct"}
}

// group writes a Group. Its members go out as they are written: there may be 100,000.
func (r *renderer) group(g *directory.Group) {
	r.raw("{")
	r.schemas(r.groups, nil)
	r.common(r.groups, identity{g.ID, g.Version, g.Created, g.Modified}, g.ExternalID)
	for _, a := range r.groups.Schema.Attributes {
		switch a.Name {
		case "displayName":
			r.attribute(a, r.show.of("", a), g.DisplayName)
		case "members":
			r.members(a, g.Members)
		}
	}
	r.meta(r.groups, identity{g.ID, g.Version, g.Created, g.Modified})
	r.raw("}")
}

func (r *renderer) members(a *schema.Attribute, members []directory.Member) {
	sel := r.show.of("", a)
	if !sel.show || len(members) == 0 {
		return
	}
	var value, ref, kind, display bool
	for _, sub := range a.SubAttributes {
		shown := sel.shows(sub)
		switch sub.Name {
		case "value":
			value = shown
		case "$ref":
			ref = shown
		case "type":
			kind = shown
		case "display":
			display = shown
		}
	}
	if !value && !ref && !kind && !display {
		return
	}
	r.key(a.Name)
	r.raw("[")
	for i := range members {
		r.comma()
		r.member(&members[i], value, ref, kind, display)
		r.spill()
	}
	r.raw("]")
}

func (r *renderer) member(m *directory.Member, value, ref, kind, display bool) {
	r.raw("{")
	if value {
		r.key("value")
		r.string(m.ID)
	}
	if ref {
		r.key("$ref")
		r.string(r.locationOf(r.memberType(m), m.ID))
	}
	if kind {
		r.key("type")
		r.string(m.Type)
	}
	if display && m.Display != "" {
		r.key("display")
		r.string(m.Display)
	}
	r.raw("}")
}

func (r *renderer) memberType(m *directory.Member) *schema.ResourceType {
	if m.Type == r.groups.Name {
		return r.groups
	}
	return r.users
}

// schemas names the schemas with content in the answer; they are returned always.
func (r *renderer) schemas(rt *schema.ResourceType, extensions []string) {
	r.key("schemas")
	r.raw("[")
	r.string(rt.Schema.ID)
	for _, urn := range extensions {
		r.comma()
		r.string(urn)
	}
	r.raw("]")
}

// common writes id and externalId; meta comes last.
func (r *renderer) common(rt *schema.ResourceType, of identity, externalID any) {
	for _, a := range rt.Common {
		switch a.Name {
		case "id":
			r.key(a.Name)
			r.string(of.id)
		case "externalId":
			if externalID != "" {
				r.attribute(a, r.show.of("", a), externalID)
			}
		}
	}
}

func (r *renderer) meta(rt *schema.ResourceType, of identity) {
	for _, a := range rt.Common {
		if sel := r.show.of("", a); a.Name == "meta" && sel.show {
			r.attribute(a, sel, r.metaOf(rt, of))
		}
	}
}

func (r *renderer) metaOf(rt *schema.ResourceType, of identity) map[string]any {
	return map[string]any{
		"resourceType": rt.Name,
		"created":      formatTime(of.created),
		"lastModified": formatTime(of.modified),
		"location":     r.locationOf(rt, of.id),
		"version":      etag(of.version),
	}
}
