package scim

import (
	"fmt"
	"strings"
	"testing"

	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// TestNumbersThroughTheStore: a document goes through JSON between two requests, and its
// numbers come back as float64 or, where the directory keeps their text, as json.Number.
// What is shown is what was sent, and what changes nothing changes nothing (U-14, M-15).
func TestNumbersThroughTheStore(t *testing.T) {
	const most = `"level":7,"ratio":0.1,"ports":[443,8080],"rates":[1.5,-0.25]`
	for _, tt := range []struct {
		name, numbers string
		exact         bool
	}{
		{"float64", most, false},
		{"float64, the largest it keeps", `"level":-9007199254740991,"ratio":1e+21,"ports":[9007199254740991],"rates":[1e-7]`, false},
		{"json.Number", most, true},
		{"json.Number, of 64 bits", `"level":9223372036854775807,"ratio":1e+21,"ports":[-9223372036854775808,9007199254740993],"rates":[5e-324]`, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, func(o *Options) {
				o.Extension = []schema.Declared{
					{Name: "level", Type: schema.Integer}, {Name: "ratio", Type: schema.Decimal},
					{Name: "ports", Type: schema.Integer, MultiValued: true}, {Name: "rates", Type: schema.Decimal, MultiValued: true},
				}
			})
			s.directory.exact = tt.exact
			id := s.user("ann@suite.example", `"`+wisdom+`":{`+tt.numbers+`}`)
			before := s.get("/Users/" + id).is(200)
			if !strings.Contains(before.text, `{`+tt.numbers+`}`) {
				t.Errorf("sent %s, shown %s", tt.numbers, before.text)
			}
			same := func(what string, r reply) {
				t.Helper()
				if r.is(200).text != before.text {
					t.Errorf("%s: answered\n%s\nwas\n%s", what, r.text, before.text)
				}
			}
			same("U-14 PUT of what was shown", s.do("PUT", "/Users/"+id, before.text))
			for _, op := range []string{"add", "replace"} {
				same("M-15 "+op+" of the extension", s.do("PATCH", "/Users/"+id, patchBody(`{"op":"`+op+`","path":"`+wisdom+`","value":{`+tt.numbers+`}}`)))
				for field := range strings.SplitSeq(tt.numbers, `,"`) {
					name, value, _ := strings.Cut(strings.TrimPrefix(field, `"`), `":`)
					same("M-15 "+op+" "+field, s.do("PATCH", "/Users/"+id, patchBody(`{"op":"`+op+`","path":"`+wisdom+`:`+name+`","value":`+value+`}`)))
				}
			}
			ports := before.at(wisdom, "ports").([]any)
			first, _, _ := strings.Cut(tt.numbers[strings.Index(tt.numbers, `"ports":[`)+len(`"ports":[`):], "]")
			first, _, _ = strings.Cut(first, ",")
			s.get(filtered("/Users", fmt.Sprintf("%s:ports eq %s", wisdom, first))).is(200).wants(1, "totalResults")
			r := s.do("PATCH", "/Users/"+id, patchBody(`{"op":"remove","path":"`+wisdom+`:ports","value":[`+first+`]}`)).is(200)
			if left, _ := r.at(wisdom, "ports").([]any); len(left) != len(ports)-1 {
				t.Errorf("M-32 of %v remain %v", ports, left)
			}
			s.do("PATCH", "/Users/"+id, patchBody(`{"op":"replace","value":{"active":false}}`)).is(200).wants(false, "active")
		})
	}
}

// TestV02ADeclaredAttributeOfAnotherType: values that were stored when the configuration
// declared another type do not stand in the way of a deactivation, and are not lost by it.
func TestV02ADeclaredAttributeOfAnotherType(t *testing.T) {
	s := serve(t)
	id := s.user("ann@suite.example", `"`+wisdom+`":{"region":"emea"}`)
	s.directory.users[0].Document[wisdom].(map[string]any)["level"] = "high"
	s.directory.users[0].Document[wisdom].(map[string]any)["customerIds"] = "c-1"
	s.do("PATCH", "/Users/"+id, patchBody(`{"op":"replace","value":{"active":false}}`)).is(200).
		wants(false, "active").wants(map[string]any{"region": "emea", "level": "high", "customerIds": "c-1"}, wisdom)
	s.do("PATCH", "/Users/"+id, patchBody(`{"op":"replace","path":"`+wisdom+`:level","value":7}`)).is(200).
		wants(map[string]any{"region": "emea", "level": 7, "customerIds": "c-1"}, wisdom)
	s.do("PATCH", "/Users/"+id, patchBody(`{"op":"remove","path":"`+wisdom+`:customerIds"}`)).is(200).
		wants(map[string]any{"region": "emea", "level": 7}, wisdom)
	s.do("PATCH", "/Users/"+id, patchBody(`{"op":"remove","path":"`+wisdom+`"}`)).is(200).wants(nil, wisdom)
}
