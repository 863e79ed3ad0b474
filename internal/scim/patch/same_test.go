package patch

import (
	"fmt"
	"testing"

	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// TestH13LongLists: twenty thousand values in one operation are a matter of moments.
// Compared each with each they would hold up every other write for minutes.
func TestH13LongLists(t *testing.T) {
	rt := users()
	const n = 20_000
	for _, tt := range []struct {
		urn, name string
		value     func(i string) any
	}{
		{"", "emails", func(i string) any { return map[string]any{"value": i, "type": "work"} }},
		{"", "addresses", func(i string) any { return map[string]any{"streetAddress": i, "type": "work"} }},
		{schema.WisdomURN, "customerIds", func(i string) any { return i }},
		{schema.WisdomURN, "attributes", func(i string) any { return map[string]any{"key": i, "value": "x"} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			values := make([]any, n)
			for i := range values {
				values[i] = tt.value(fmt.Sprint(i))
			}
			path := schema.Ref{URN: tt.urn, Attribute: &schema.Attribute{Name: tt.name}}.String()
			doc := map[string]any{"userName": "ann"}
			for _, step := range []struct {
				op   string
				want int
			}{{"add", n}, {"add", n}, {"remove", 0}} { // the second changes nothing (M-15)
				req, err := Decode(rt, map[string]any{"schemas": []any{URN}, "Operations": []any{map[string]any{"op": step.op, "path": path, "value": values}}}, lenient)
				if err != nil {
					t.Fatal(err)
				}
				if doc, err = req.Apply(doc); err != nil {
					t.Fatal(err)
				}
				home := doc
				if tt.urn != "" {
					home, _ = doc[tt.urn].(map[string]any)
				}
				if list, _ := home[tt.name].([]any); len(list) != step.want {
					t.Errorf("after %s %d values are there, want %d", step.op, len(list), step.want)
				}
			}
		})
	}
}
