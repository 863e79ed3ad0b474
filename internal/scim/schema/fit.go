package schema

// Fit is the canonical form (see [ResourceType.Check]) of a document that is stored,
// whatever its numbers have become on the way through JSON: int64, float64 or json.Number.
//
// The schema may have changed since, a declared attribute may have got another type.
// Values that it would refuse today are in stale, as they were, an extension's under its
// URN: they are nobody's fault who does not write them.
func (rt *ResourceType) Fit(doc map[string]any) (fits, stale map[string]any) {
	fits, stale = make(map[string]any, len(doc)), map[string]any{}
	fit(rt.Schema.Attributes, "", doc, fits, stale)
	fit(rt.Common, "", doc, fits, stale)
	delete(fits, "schemas")
	for _, ext := range rt.Extensions {
		object, _ := doc[ext.ID].(map[string]any)
		in, out := make(map[string]any, len(object)), map[string]any{}
		fit(ext.Attributes, ext.ID+":", object, in, out)
		if len(in) > 0 {
			fits[ext.ID] = in
		}
		if len(out) > 0 {
			stale[ext.ID] = out
		}
	}
	return fits, stale
}

func fit(attrs []*Attribute, prefix string, doc, fits, stale map[string]any) {
	for _, a := range attrs {
		value, there := doc[a.Name]
		if !there {
			continue
		}
		if inv := checkInto(a, prefix, value, true, fits); inv != nil {
			stale[a.Name] = value
		}
	}
}
