package body

import (
	"strconv"
	"strings"
)

// quote shows a key or a URN in an error, cut to a length that fits one.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		return strconv.Quote(strings.ToValidUTF8(s[:most], "")) + " (cut)"
	}
	return strconv.Quote(s)
}

// names are the keys of one object, compared without the case of ASCII letters.
type names struct {
	few  []string          // as they were sent, while there are few
	many map[string]string // lower case -> as it was sent
}

// fewNames is up to where comparing with every name is cheaper than a map of
// lower-case copies; a User has some ten keys.
const fewNames = 16

// add remembers a key, or gives the one that it repeats.
func (n *names) add(key string) (other string, twice bool) {
	if n.many == nil {
		for _, other := range n.few {
			if len(other) == len(key) && lower(other) == lower(key) {
				return other, true
			}
		}
		if len(n.few) < fewNames {
			n.few = append(n.few, key)
			return "", false
		}
		n.many = make(map[string]string, 4*fewNames)
		for _, k := range n.few {
			n.many[lower(k)] = k
		}
	}
	if other, twice := n.many[lower(key)]; twice {
		return other, true
	}
	n.many[lower(key)] = key
	return "", false
}

// lower folds ASCII only, as names are compared everywhere: the Kelvin sign is no k.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
