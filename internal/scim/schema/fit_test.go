package schema

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFit(t *testing.T) {
	stored := map[string]any{
		"userName": "ann", "active": true, "schemas": []any{"x"}, "nope": 1.0,
		"emails": []any{map[string]any{"value": "a@x.test", "primary": true}},
		WisdomURN: map[string]any{
			"seats": json.Number("9007199254740993"), "ratio": json.Number("1e+21"), // as numbers come out of JSON
			"region": 7.0, "customerIds": "c-1", // of other types than they are declared with
		},
		EnterpriseURN: map[string]any{"department": "Sales"},
	}
	fits, stale := user().Fit(stored)
	if diff := cmp.Diff(map[string]any{
		"userName": "ann", "active": true,
		"emails":      []any{map[string]any{"value": "a@x.test", "primary": true}},
		WisdomURN:     map[string]any{"seats": int64(9007199254740993), "ratio": 1e21},
		EnterpriseURN: map[string]any{"department": "Sales"},
	}, fits); diff != "" {
		t.Errorf("fits: %s", diff)
	}
	if diff := cmp.Diff(map[string]any{WisdomURN: map[string]any{"region": 7.0, "customerIds": "c-1"}}, stale); diff != "" {
		t.Errorf("stale: %s", diff)
	}
	// What is there and fits is what Check makes of it.
	checked, inv := user().Check(fits)
	if inv != nil {
		t.Fatal(inv)
	}
	if diff := cmp.Diff(checked, fits); diff != "" {
		t.Error(diff)
	}
}
