package scim_test

import (
	"math/rand/v2"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/scim"
)

// modelUser is a user as a plain model of PATCH has him: single values and e-mails. The
// whole of PATCH is held against a model in package patch; here it is what goes through the
// store between two requests.
type modelUser struct {
	single map[string]string
	emails []modelEmail
}

type modelEmail struct{ value, kind string }

func (m modelUser) clone() modelUser {
	next := modelUser{single: map[string]string{}, emails: append([]modelEmail{}, m.emails...)}
	for k, v := range m.single {
		next.single[k] = v
	}
	return next
}

// shown is what a GET shows of the model's attributes.
func (m modelUser) shown() map[string]any {
	out := map[string]any{}
	for k, v := range m.single {
		out[k] = v
	}
	var emails []any
	for _, e := range m.emails {
		emails = append(emails, email(e.value, e.kind))
	}
	if emails != nil {
		out["emails"] = emails
	}
	return out
}

// patchAgainstModel is M-68: lists of random operations, some of which fail, and then the
// whole list must have changed nothing.
func patchAgainstModel(c *client) {
	random := rand.New(rand.NewPCG(68, 1))
	pick := func(words ...string) string { return words[random.IntN(len(words))] }
	u := c.user("ann", "")
	state := modelUser{single: map[string]string{}}
	for range 120 {
		next := state.clone()
		var operations []string
		failed := false
		for range 1 + random.IntN(4) {
			name, value, kind := pick("title", "nickName", "locale"), pick("A", "B", "C"), pick("work", "home")
			address := pick("a", "b", "c") + "@x.test"
			switch random.IntN(8) {
			case 0, 1:
				operations = append(operations, op(pick("add", "replace"), name, scim.JSONOf(value)))
				next.single[name] = value
			case 2:
				operations = append(operations, op("remove", name, ""))
				delete(next.single, name)
			case 3:
				operations = append(operations, op("add", "emails", scim.JSONOf([]any{email(address, kind)})))
				there := false
				for _, e := range next.emails {
					there = there || e == modelEmail{address, kind}
				}
				if !there {
					next.emails = append(next.emails, modelEmail{address, kind})
				}
			case 4:
				operations = append(operations, op("remove", `emails[type eq "`+kind+`"]`, ""))
				kept := next.emails[:0:0]
				for _, e := range next.emails {
					if e.kind != kind {
						kept = append(kept, e)
					}
				}
				next.emails = kept
			case 5:
				operations = append(operations, op("replace", "emails", scim.JSONOf([]any{email(address, kind)})))
				next.emails = []modelEmail{{address, kind}}
			case 6:
				operations = append(operations, bare("replace", scim.JSONOf(map[string]any{name: value, "displayName": value})))
				next.single[name], next.single["displayName"] = value, value
			case 7:
				if random.IntN(3) == 0 {
					operations = append(operations, op("replace", "nope", `"x"`))
					failed = true
				}
			}
		}
		if len(operations) == 0 {
			continue
		}
		before := c.get(u.path).is(200)
		r := c.patch(u.path, operations...)
		after := c.get(u.path).is(200)
		if failed {
			r.refused(400, "invalidPath")
			after.same(before)
			continue
		}
		r.is(200).same(after)
		state = next
		got := map[string]any{}
		for _, name := range []string{"title", "nickName", "locale", "displayName", "emails"} {
			if v := after.at(name); v != nil {
				got[name] = v
			}
		}
		if diff := cmp.Diff(scim.Normal(state.shown()), any(got)); diff != "" {
			c.Fatalf("%v (-model +server)\n%s", operations, diff)
		}
	}
}
