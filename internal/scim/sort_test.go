package scim

import (
	"encoding/json"
	"math"
	"testing"
)

func TestNumberKeys(t *testing.T) {
	ordered := []any{math.Inf(-1), -1e300, int64(math.MinInt64), -2.5, int64(-2), 0, 0.5, 1, 2.0, int64(9), 10, json.Number("9007199254740992"), json.Number("9007199254740993"), int64(1<<53 + 2), int64(math.MaxInt64), 1e300}
	var before string
	for i, n := range ordered {
		key, ok := numberKey(n)
		if !ok || i > 0 && key <= before {
			t.Errorf("%v does not come after %v", n, ordered[max(0, i-1)])
		}
		before = key
	}
	a, _ := numberKey(int64(5))
	b, _ := numberKey(5.0)
	if negative, _ := numberKey(math.Copysign(0, -1)); a != b {
		t.Error("5 is not 5.0")
	} else if zero, _ := numberKey(0); negative != zero {
		t.Error("-0 is not 0")
	}
	if c, _ := numberKey(json.Number("5.0")); c != a {
		t.Error("5.0 as it was written is not 5")
	}
	if _, ok := numberKey("5"); ok {
		t.Error("a text is a number")
	}
}
