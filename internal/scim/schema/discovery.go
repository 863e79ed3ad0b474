package schema

// Document is the schema as a resource of /Schemas (RFC 7643 section 7), ready for
// encoding/json, without `schemas` and `meta` (erratum 8417): these need to know
// where the server lives. The map is the caller's own; the attributes in it are shared.
func (s *Schema) Document() map[string]any {
	return map[string]any{
		"id":          s.ID,
		"name":        s.Name,
		"description": s.Description,
		"attributes":  s.Attributes,
	}
}

// Document is the resource type as a resource of /ResourceTypes (RFC 7643 section 6),
// without `schemas` and `meta`. No extension is required of a document.
func (rt *ResourceType) Document() map[string]any {
	doc := map[string]any{
		"id":          rt.ID,
		"name":        rt.Name,
		"endpoint":    rt.Endpoint,
		"description": rt.Description,
		"schema":      rt.Schema.ID,
	}
	if len(rt.Extensions) > 0 {
		extensions := make([]any, len(rt.Extensions))
		for i, ext := range rt.Extensions {
			extensions[i] = map[string]any{"schema": ext.ID, "required": false}
		}
		doc["schemaExtensions"] = extensions
	}
	return doc
}
