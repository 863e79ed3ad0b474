package directory

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/scimbridge/scimbridge/internal/store"
)

// contested are the keys that the IdP sets through the extension's list and that somebody else
// has set at WisdomAI to another value: not ours, and not to be overwritten unless
// attribute_keys.take_over lists them (V-41). Keys are compared without case: whether WisdomAI
// tells Region from region is not documented, and a row filter may hang on it.
func (a *account) contested(w desired) []string {
	if len(w.Free) == 0 || w.State != present {
		return nil
	}
	theirs := map[string]string{} // by folded key
	if gb := a.memory.GiveBack; gb != nil {
		for k, v := range gb.Attributes {
			theirs[strings.ToLower(k)] = v
		}
	}
	for _, held := range []map[string]string{a.actual.JWT, a.actual.Database} {
		for k, v := range held {
			theirs[strings.ToLower(k)] = v
		}
	}
	var keys []string
	for _, k := range w.Free {
		if v, held := theirs[strings.ToLower(k)]; held && v != w.Attributes[k] && !a.owned.hasKey(k) {
			keys = append(keys, k)
		}
	}
	return keys
}

// leaveContested keeps in a set to send what others hold, instead of what is contested.
func (a *account) leaveContested(attributes map[string]string) {
	for _, k := range a.contested(a.desired) {
		delete(attributes, k)
		if gb := a.memory.GiveBack; gb != nil {
			if v, held := gb.Attributes[k]; held {
				attributes[k] = v
			}
		}
		if v, held := a.actual.Database[k]; held {
			attributes[k] = v
		}
	}
}

// ownFree owns the list's keys that are about to be sent, or are there as desired: those of
// the rules are owned as soon as they are asked for (V-11), but of these it shows only now
// whose they are.
func (a *account) ownFree() {
	if a.desired.State != present {
		return
	}
	left := a.contested(a.desired)
	ours := map[string]string{}
	for _, k := range a.desired.Free {
		if !slices.Contains(left, k) {
			ours[k] = ""
		}
	}
	if len(ours) > 0 {
		a.owned = a.owned.plus(nil, ours)
	}
}

// asked are the attributes that are owned as soon as they are asked for.
func (w desired) asked() map[string]string {
	if len(w.Free) == 0 {
		return w.Attributes
	}
	asked := maps.Clone(w.Attributes)
	for _, k := range w.Free {
		delete(asked, k)
	}
	return asked
}

// refuseContested refuses a write that would set what somebody else has set, judged on the last
// believed look. What a later one shows is not sent, and the account is failed.
func (d *Directory) refuseContested(a *account, w desired) error {
	keys := a.contested(w)
	if len(keys) == 0 {
		return nil
	}
	return &Error{Kind: Invalid, Attribute: freeAttributes, Detail: contestedText(keys)}
}

const freeAttributes = "urn:ietf:params:scim:schemas:extension:wisdomai:2.0:User:attributes"

func contestedText(keys []string) string {
	return fmt.Sprintf("WisdomAI holds a value for the key %s that somebody else has set; it is not overwritten unless attribute_keys.take_over lists the key",
		strings.Join(keys, ", "))
}

// settleFailed marks an account that has nothing left to be sent as failed where something could
// not be sent at all: the mapping could not give it (V-42), or it is contested (V-41).
func (d *Directory) settleFailed(tx store.Tx, a *account) {
	why := a.desired.Problem
	if keys := a.contested(a.desired); len(keys) > 0 {
		if why == "" {
			why = contestedText(keys)
		}
		if !a.memory.Partial {
			d.event(tx, Caller{}, "attributes.contested", a.UserID, a.Email, map[string]any{"keys": keys})
		}
	}
	a.Failed, a.LastError, a.memory.Partial = 0, why, why != ""
	if a.memory.Partial {
		a.Failed = a.Version
	}
}
