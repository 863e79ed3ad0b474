package body

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	scimerrors "github.com/elimity-com/scim/errors"
	"github.com/google/go-cmp/cmp"
)

func TestDecode(t *testing.T) {
	got, err := Decode([]byte(` {"a":"\u00e9\ud83d\ude00","B":[1.50,1e400,-0,null,true,false,{}],"c":{"A":"א"},"":"","n":"\u0000"} `), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"a": "é😀",
		"B": []any{json.Number("1.50"), json.Number("1e400"), json.Number("-0"), nil, true, false, map[string]any{}},
		"c": map[string]any{"A": "א"}, // the same name in another object is no duplicate
		"":  "",
		"n": "\x00", // refused by the schema, which can name the attribute
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	many := make([]string, 0, 2*fewNames)
	for c := 'a'; len(many) < 2*fewNames-1; c++ {
		many = append(many, `"`+string(c)+`x":1`)
	}
	tests := []struct{ name, body, detail string }{
		{"C-28 nothing", "", "empty"},
		{"C-28 blanks", " \r\n", "empty"},
		{"C-28 open", "{", "ends before"},
		{"C-28 open string", `{"a":"b`, "ends before"},
		{"C-28 open after a comma", `{"a":[1,`, "ends before"},
		{"C-28 list", "[]", "is a list"},
		{"C-28 string", `"x"`, "is a string"},
		{"C-28 number", `7`, "is a number"},
		{"C-28 null", "null", "is null"},
		{"C-28 bool", "true", "is true or false"},
		{"C-28 word", "nope", "not valid JSON at byte"},
		{"C-28 XML", "<user/>", "not valid JSON at byte 0"},
		{"C-28 comma at the end", `{"a":1,}`, "not valid JSON at byte"},
		{"C-28 comma at the end of a list", `{"a":[1,]}`, "not valid JSON at byte"},
		{"C-28 comment", `{/**/}`, "not valid JSON at byte"},
		{"C-28 single quotes", `{'a':1}`, "not valid JSON at byte"},
		{"C-28 NaN", `{"a":NaN}`, "not valid JSON at byte"},
		{"C-28 leading zero", `{"a":01}`, "not valid JSON at byte"},
		{"C-28 raw control character", "{\"a\":\"\x01\"}", "not valid JSON at byte"},
		{"C-28 two objects", `{}{}`, "behind"},
		{"C-28 text behind", `{} x`, "behind"},
		{"C-28 brace behind", `{}}`, "behind"},
		{"C-29 twice", `{"a":1,"a":1}`, `"a" and "a"`},
		{"C-29 twice in other case", `{"userName":1,"x":0,"USERNAME":2}`, `"userName" and "USERNAME"`},
		{"C-29 twice by escape", `{"a":1,"\u0041":2}`, `"a" and "A"`},
		{"C-29 twice inside", `{"a":[{"b":{"c":1,"C":1}}]}`, `"c" and "C"`},
		{"C-29 twice among many", `{` + strings.Join(many, ",") + `,"BX":1}`, `"bx" and "BX"`},
		{"C-29 twice behind many", `{` + strings.Join(many, ",") + `,"Zz":1,"zZ":1}`, `"Zz" and "zZ"`},
		{"C-30 byte order mark", "\xEF\xBB\xBF{}", "byte order mark"},
		{"C-30 invalid UTF-8 in a value", "{\"a\":\"\xff\"}", "not valid JSON at byte"},
		{"C-30 invalid UTF-8 in a key", "{\"\xc3\":1}", "not valid JSON at byte"},
		{"C-30 Latin-1", "{\"a\":\"\xe9t\xe9\"}", "not valid JSON at byte"},
		{"C-30 half a character", `{"a":"\ud83d"}`, "not valid JSON at byte"},
		{"H-13 objects too deep", strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), "more than 32 levels"},
		{"H-13 lists too deep", `{"a":` + strings.Repeat(`[`, 10_000) + strings.Repeat("]", 10_000) + "}", "more than 32 levels"},
		{"H-13 too many values", `{"a":[` + strings.Repeat("0,", 1_000_000) + "0]}", "more than 1000000 values"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Decode([]byte(tt.body), Limits{})
			refused, ok := errors.AsType[scimerrors.ScimError](err)
			if !ok || got != nil {
				t.Fatalf("got %v, %v; want a SCIM error", got, err)
			}
			if refused.Status != http.StatusBadRequest || refused.ScimType != scimerrors.ScimTypeInvalidSyntax || !strings.Contains(refused.Detail, tt.detail) {
				t.Errorf("got %v, want 400 invalidSyntax with %q", refused, tt.detail)
			}
		})
	}
}

func TestDecodeLimits(t *testing.T) {
	if _, err := Decode([]byte(`{"a":[{"b":1},{"b":1}]}`), Limits{Depth: 3, Values: 6}); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := Decode([]byte(`{"a":[{"b":1},{"b":1}]}`), Limits{Depth: 2}); err == nil {
		t.Error("H-13: one level more than the limit was accepted")
	}
	if _, err := Decode([]byte(`{"a":[{"b":1},{"b":1}]}`), Limits{Values: 5}); err == nil {
		t.Error("H-13: one value more than the limit was accepted")
	}
}

func TestErrorsDoNotRepeatTheBody(t *testing.T) {
	_, err := Decode([]byte(`{"password":"hunter2`+"\x01"+`"}`), Limits{})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("H-22: got %v", err)
	}
	_, err = Decode([]byte(`{"`+strings.Repeat("é", 5000)+`":1,"`+strings.Repeat("é", 5000)+`":1}`), Limits{})
	if err == nil || len(err.Error()) > 500 {
		t.Errorf("a long key makes a long error: %v", err)
	}
}

func TestSchemas(t *testing.T) {
	const base, other = "urn:base", "urn:other"
	tests := []struct {
		name string
		doc  map[string]any
		ok   bool
	}{
		{"base alone", map[string]any{"schemas": []any{base}}, true},
		{"base and another", map[string]any{"schemas": []any{other, base}}, true},
		{"C-14 twice", map[string]any{"schemas": []any{base, base}}, true},
		{"C-17 other case", map[string]any{"Schemas": []any{"URN:Base"}}, true},
		{"C-12 missing", map[string]any{}, false},
		{"C-12 null", map[string]any{"schemas": nil}, false},
		{"C-12 empty", map[string]any{"schemas": []any{}}, false},
		{"C-12 without the base", map[string]any{"schemas": []any{other}}, false},
		{"C-12 not a list", map[string]any{"schemas": base}, false},
		{"C-12 not strings", map[string]any{"schemas": []any{base, true}}, false},
		{"C-13 unknown", map[string]any{"schemas": []any{base, "urn:nope"}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := Schemas(tt.doc, base, other)
			if (err == nil) != tt.ok {
				t.Fatalf("got %v", err)
			}
			if refused, ok := errors.AsType[scimerrors.ScimError](err); !tt.ok && (!ok || refused.ScimType != scimerrors.ScimTypeInvalidSyntax) {
				t.Errorf("got %v, want invalidSyntax", err)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"schemas":["urn:x"],"Operations":[{"op":"add","value":{"a":1.5}}]}`))
	f.Add([]byte(`{"a":1,"A":2}`))
	f.Add([]byte("\xEF\xBB\xBF{}"))
	f.Add([]byte(`{"a":"\ud800"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Decode(data, Limits{Depth: 8, Values: 1000})
		if err != nil {
			if _, ok := errors.AsType[scimerrors.ScimError](err); !ok || got != nil {
				t.Fatalf("got %v, %v", got, err)
			}
			return
		}
		// What is accepted means the same to any JSON reader, and comes back the same.
		text, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(text, Limits{Depth: 8, Values: 1000})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := cmp.Diff(got, again); diff != "" {
			t.Error(diff)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	data := []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(data, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
