package schema

// Ref is an attribute found by Resolve.
type Ref struct {
	// URN is "" for core and common attributes, the extension's URN otherwise.
	URN string
	// Attribute is the top-level attribute; nil when the path names a whole extension.
	Attribute *Attribute
	// Sub is the sub-attribute, or nil.
	Sub *Attribute
}

// Target is the attribute meant: the sub-attribute if the path names one, else the
// attribute; nil for a whole extension.
func (r Ref) Target() *Attribute {
	if r.Sub != nil {
		return r.Sub
	}
	return r.Attribute
}

// String is the path in schema spelling: "emails.value", "urn:...:User:department".
func (r Ref) String() string {
	path := r.URN
	if r.Attribute != nil {
		if path != "" {
			path += ":"
		}
		path += r.Attribute.Name
	}
	if r.Sub != nil {
		path += "." + r.Sub.Name
	}
	return path
}

// Resolve finds the attribute named by urn (may be "", any case, core or
// extension), name and sub ("" if none), all without case. Without a urn only core
// and common attributes are looked at, unless lenient: then a name that exactly one
// extension has is found too (checklist F-41).
//
// A whole extension is found by its URN with no name, and also where a path was cut
// at its last colon: urn "urn:...:2.0", name "User".
func (rt *ResourceType) Resolve(urn, name, sub string, lenient bool) (Ref, bool) {
	switch {
	case urn == "":
		if a := rt.core(name); a != nil {
			return refer("", a, sub)
		}
		if lenient {
			return rt.resolveInExtensions(name, sub)
		}
		return Ref{}, false
	case equalFold(urn, rt.Schema.ID):
		a := rt.core(name)
		if a == nil {
			return Ref{}, false
		}
		return refer("", a, sub)
	}
	if ext := rt.Extension(urn); ext != nil {
		if name == "" && sub == "" {
			return Ref{URN: ext.ID}, true
		}
		a := ext.Attribute(name)
		if a == nil {
			return Ref{}, false
		}
		return refer(ext.ID, a, sub)
	}
	if sub == "" {
		if ext := rt.Extension(urn + ":" + name); ext != nil {
			return Ref{URN: ext.ID}, true
		}
	}
	return Ref{}, false
}

func (rt *ResourceType) core(name string) *Attribute {
	if a := rt.Schema.Attribute(name); a != nil {
		return a
	}
	if i := find(rt.Common, name); i >= 0 {
		return rt.Common[i]
	}
	return nil
}

func (rt *ResourceType) resolveInExtensions(name, sub string) (Ref, bool) {
	var urn string
	var found *Attribute
	for _, ext := range rt.Extensions {
		if a := ext.Attribute(name); a != nil {
			if found != nil {
				return Ref{}, false
			}
			urn, found = ext.ID, a
		}
	}
	if found == nil {
		return Ref{}, false
	}
	return refer(urn, found, sub)
}

func refer(urn string, a *Attribute, sub string) (Ref, bool) {
	r := Ref{URN: urn, Attribute: a}
	if sub != "" {
		if r.Sub = a.Sub(sub); r.Sub == nil {
			return Ref{}, false
		}
	}
	return r, true
}
