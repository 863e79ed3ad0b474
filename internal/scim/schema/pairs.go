package schema

// pairs finds values of a list that are there already (C-24): the same text in a
// simple list, the same (type, value) pair in a complex one that has both
// sub-attributes (RFC 7643 section 2.4). Other complex lists, addresses and the
// extension's key/value list, are left as they are.
type pairs struct {
	on    bool
	index map[pair]int // place in the list; nil while the list is short
}

type pair struct{ kind, value any }

// shortList is how long a list may be for comparing each value with all before it
// to be cheaper than a map.
const shortList = 8

func newPairs(a *Attribute, n int) pairs {
	p := pairs{on: a.Type != Complex || a.Sub("type") != nil && a.Sub("value") != nil}
	if p.on && n > shortList {
		p.index = make(map[pair]int, n)
	}
	return p
}

// has reports whether v is in list already, and otherwise takes it that the caller
// appends it. Where v says more than the one that is there, that is kept.
func (p *pairs) has(v any, list []any) bool {
	if !p.on {
		return false
	}
	key, ok := pairOf(v)
	if !ok {
		return false
	}
	if p.index != nil {
		i, found := p.index[key]
		if !found {
			p.index[key] = len(list)
			return false
		}
		merge(list[i], v)
		return true
	}
	for _, other := range list {
		if k, ok := pairOf(other); ok && k == key {
			merge(other, v)
			return true
		}
	}
	return false
}

// pairOf is what makes a canonical value the same as another; false if nothing does.
func pairOf(v any) (pair, bool) {
	object, ok := v.(map[string]any)
	if !ok {
		return pair{value: v}, true
	}
	value, ok := object["value"]
	return pair{object["type"], value}, ok
}

// merge keeps of a duplicate what the first one does not say; a primary one stays primary.
func merge(first, duplicate any) {
	into, ok := first.(map[string]any)
	if !ok {
		return
	}
	for name, v := range duplicate.(map[string]any) {
		if _, there := into[name]; !there || name == "primary" && v == true {
			into[name] = v
		}
	}
}
