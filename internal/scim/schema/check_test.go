package schema

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func user() *ResourceType {
	return User([]Declared{
		{Name: "region", Type: String},
		{Name: "customerIds", Type: String, MultiValued: true},
		{Name: "betaAccess", Type: Boolean},
		{Name: "seats", Type: Integer},
		{Name: "ratio", Type: Decimal},
		{Name: "since", Type: DateTime},
		{Name: "cost_center-2", Type: String},
		{Name: "badge", Type: Binary},
		{Name: "page", Type: Reference},
	})
}

// decode is JSON as the HTTP layer decodes it.
func decode(t testing.TB, text string) map[string]any {
	t.Helper()
	text = strings.NewReplacer(`"ent:"`, `"`+EnterpriseURN+`"`, `"wis:"`, `"`+WisdomURN+`"`).Replace(text)
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var doc map[string]any
	if err := d.Decode(&doc); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return doc
}

func TestCheckGivesTheCanonicalForm(t *testing.T) {
	for _, c := range []struct{ name, doc, want string }{
		{"minimal", `{"userName":"ann"}`, `{"userName":"ann"}`},
		{"C-05_readOnly_is_ignored", `{"userName":"ann","id":"x","meta":{"created":"1999-01-01T00:00:00Z"},"groups":[{"value":"g"}],"schemas":["x"]}`, `{"userName":"ann"}`},
		{"C-05_readOnly_of_the_wrong_type_is_ignored_too", `{"userName":"ann","id":7,"meta":"x","groups":{}}`, `{"userName":"ann"}`},
		{"C-17_names_have_no_case", `{"USERNAME":"ann","Emails":[{"VALUE":"a@x.test"}],"URN:IETF:PARAMS:SCIM:SCHEMAS:EXTENSION:ENTERPRISE:2.0:USER":{"Department":"Sales"}}`,
			`{"userName":"ann","emails":[{"value":"a@x.test"}],"ent:":{"department":"Sales"}}`},
		{"C-18_unknown_attributes_are_dropped", `{"userName":"ann","shoeSize":44,"name":{"givenName":"A","nope":1},"emails":[{"nope":1}],"urn:x":{"a":1}}`,
			`{"userName":"ann","name":{"givenName":"A"}}`},
		{"C-18_a_look-alike_of_an_ASCII_name_is_unknown", "{\"userName\":\"ann\",\"nic\u212aName\":\"x\"}", `{"userName":"ann"}`},
		{"C-22_null_and_empty_are_absent", `{"userName":"ann","title":null,"emails":[],"name":{},"ims":[null,{}],"phoneNumbers":[{"value":null}],"ent:":{"manager":{"value":null}},"wis:":{}}`,
			`{"userName":"ann"}`},
		{"C-24_equal_pairs_are_one", `{"userName":"ann","emails":[{"value":"a","type":"work"},{"value":"a","type":"home"},{"value":"a","type":"work","display":"A","primary":true}]}`,
			`{"userName":"ann","emails":[{"value":"a","type":"work","display":"A","primary":true},{"value":"a","type":"home"}]}`},
		{"C-24_in_a_simple_list", `{"userName":"ann","wis:":{"customerIds":["b","a","b"]}}`, `{"userName":"ann","wis:":{"customerIds":["b","a"]}}`},
		{"C-24_in_a_long_list", `{"userName":"ann","wis:":{"customerIds":["1","2","3","4","5","6","7","8","9","1","9","10"]}}`,
			`{"userName":"ann","wis:":{"customerIds":["1","2","3","4","5","6","7","8","9","10"]}}`},
		{"C-24_not_where_there_is_no_type", `{"userName":"ann","wis:":{"attributes":[{"key":"a","value":"1"},{"key":"b","value":"1"}]},"addresses":[{"type":"work","locality":"A"},{"type":"work","locality":"B"}]}`,
			`{"userName":"ann","wis:":{"attributes":[{"key":"a","value":"1"},{"key":"b","value":"1"}]},"addresses":[{"type":"work","locality":"A"},{"type":"work","locality":"B"}]}`},
		{"C-25_password_is_dropped", `{"userName":"ann","password":"s3cret"}`, `{"userName":"ann"}`},
		{"C-26_case_is_kept", `{"userName":"Ann","externalId":"AbC"}`, `{"userName":"Ann","externalId":"AbC"}`},
		{"C-31_Unicode_survives", `{"userName":"ann","title":"😀 עברית e\u0301"}`, `{"userName":"ann","title":"😀 עברית e\u0301"}`},
		{"empty_strings_are_the_dialect's_business", `{"userName":"ann","title":""}`, `{"userName":"ann","title":""}`},
		{"manager_loses_its_readOnly_displayName", `{"userName":"ann","ent:":{"manager":{"value":"m","displayName":"M"}}}`, `{"userName":"ann","ent:":{"manager":{"value":"m"}}}`},
		{"delivery_is_readOnly", `{"userName":"ann","wis:":{"delivery":{"state":"confirmed"}}}`, `{"userName":"ann"}`},
		{"every_type", `{"userName":"ann","active":false,"wis:":{"betaAccess":true,"seats":-5,"ratio":1.5e1,"since":"2020-01-02T03:04:05.678+02:00","badge":"AQI=","page":"https://x.test"}}`,
			`{"userName":"ann","active":false,"wis:":{"betaAccess":true,"seats":-5,"ratio":15,"since":"2020-01-02T03:04:05.678+02:00","badge":"AQI=","page":"https://x.test"}}`},
		{"D-15_an_attribute_with_dash_and_digit", `{"userName":"ann","wis:":{"Cost_Center-2":"x"}}`, `{"userName":"ann","wis:":{"cost_center-2":"x"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := decode(t, c.doc)
			before := decode(t, c.doc)
			got, inv := user().Check(in)
			if inv != nil {
				t.Fatal(inv)
			}
			if diff := cmp.Diff(numbers(decode(t, c.want)), numbers(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(before, in); diff != "" {
				t.Errorf("Check changed its input:\n%s", diff)
			}
			again, inv := user().Check(got)
			if inv != nil {
				t.Fatal("the canonical form is refused:", inv)
			}
			if diff := cmp.Diff(got, again); diff != "" {
				t.Errorf("the canonical form of the canonical form differs:\n%s", diff)
			}
		})
	}
}

// numbers makes every number a float64, so that texts can be compared with values.
func numbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			out[k] = numbers(x)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = numbers(x)
		}
		return out
	case json.Number:
		f, _ := v.Float64()
		return f
	case int64:
		return float64(v)
	}
	return v
}

func TestNumbersAreInt64AndFloat64(t *testing.T) {
	got, inv := user().Check(decode(t, `{"userName":"a","wis:":{"seats":9007199254740993,"ratio":1}}`))
	if inv != nil {
		t.Fatal(inv)
	}
	want := map[string]any{"userName": "a", WisdomURN: map[string]any{"seats": int64(9007199254740993), "ratio": float64(1)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCheckRefuses(t *testing.T) {
	long := strings.Repeat("é", 50)
	for _, c := range []struct{ name, doc, want string }{
		{"C-06_no_userName", `{}`, "userName: the attribute is required, and is missing"},
		{"C-06_null", `{"userName":null}`, "userName: the attribute is required, and is missing"},
		{"C-06_empty", `{"userName":""}`, "userName: the attribute is required, and must not be blank"},
		{"C-06_blanks", `{"userName":" \t"}`, "userName: the attribute is required, and must not be blank"},
		{"C-19_number_for_boolean", `{"userName":"a","active":1}`, "active: expected true or false, found the number 1"},
		{"C-19_string_for_boolean", `{"userName":"a","active":"True"}`, `active: expected true or false, found the string "True"`},
		{"C-19_string_for_complex", `{"userName":"a","name":"x"}`, `name: expected an object, found the string "x"`},
		{"C-19_object_for_list", `{"userName":"a","emails":{"value":"x"}}`, "emails: expected a list of values, found an object"},
		{"C-19_string_in_complex_list", `{"userName":"a","emails":["x"]}`, `emails: expected an object, found the string "x"`},
		{"C-19_list_for_string", `{"userName":["a"]}`, "userName: expected a string, found a list"},
		{"C-19_number_for_string_in_a_list", `{"userName":"a","emails":[{"value":"x"},{"value":5}]}`, "emails.value: expected a string, found the number 5 (value 2 of the list)"},
		{"C-19_string_for_extension", `{"userName":"a","ent:":"x"}`, EnterpriseURN + `: expected an object, found the string "x"`},
		{"C-19_in_an_extension", `{"userName":"a","wis:":{"region":true}}`, WisdomURN + ":region: expected a string, found true"},
		{"C-19_sub-attribute_of_an_extension", `{"userName":"a","ent:":{"manager":{"value":1}}}`, EnterpriseURN + ":manager.value: expected a string, found the number 1"},
		{"C-19_externalId", `{"userName":"a","externalId":5}`, "externalId: expected a string, found the number 5"},
		{"C-19_a_long_value_is_cut", `{"userName":"a","active":"` + long + `"}`, `active: expected true or false, found the string "` + strings.Repeat("é", 20) + `", cut here`},
		{"C-20_fraction", `{"userName":"a","wis:":{"seats":1.5}}`, WisdomURN + ":seats: expected an integer of 64 bits, without fraction and exponent, found the number 1.5"},
		{"C-20_exponent", `{"userName":"a","wis:":{"seats":1e2}}`, WisdomURN + ":seats: expected an integer of 64 bits, without fraction and exponent, found the number 1e2"},
		{"C-20_too_big", `{"userName":"a","wis:":{"seats":9223372036854775808}}`, WisdomURN + ":seats: expected an integer of 64 bits, without fraction and exponent, found the number 9223372036854775808"},
		{"C-20_decimal_too_big", `{"userName":"a","wis:":{"ratio":1e999}}`, WisdomURN + ":ratio: expected a number, found the number 1e999"},
		{"C-21_date_without_time", `{"userName":"a","wis:":{"since":"2020-01-01"}}`, WisdomURN + `:since: expected a date and time like 2026-01-31T08:30:00Z, found the string "2020-01-01"`},
		{"C-21_month_13", `{"userName":"a","wis:":{"since":"2020-13-01T00:00:00Z"}}`, WisdomURN + `:since: expected a date and time like 2026-01-31T08:30:00Z, found the string "2020-13-01T00:00:00Z"`},
		{"C-23_two_primaries", `{"userName":"a","emails":[{"value":"x","primary":true},{"value":"y","primary":true}]}`, "emails.primary: more than one value is primary; at most one may be"},
		{"C-25_a_password_is_not_repeated", `{"userName":"a","password":12345}`, "password: expected a string"},
		{"C-31_NUL", `{"userName":"a\u0000b"}`, "userName: expected text without NUL characters (U+0000)"},
		{"binary", `{"userName":"a","wis:":{"badge":"no base64!"}}`, WisdomURN + `:badge: expected base64 text (RFC 4648), found the string "no base64!"`},
		{"required_sub-attribute", `{"userName":"a","wis:":{"attributes":[{"value":"x"}]}}`, WisdomURN + ":attributes.key: the attribute is required, and is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, inv := user().Check(decode(t, c.doc))
			if inv == nil {
				t.Fatal("not refused")
			}
			if inv.Error() != c.want {
				t.Errorf("got  %s\nwant %s", inv, c.want)
			}
			if inv.ScimType != "invalidValue" {
				t.Errorf("scimType %s", inv.ScimType)
			}
		})
	}
}

func TestC29TheSameAttributeTwice(t *testing.T) {
	for doc, want := range map[string]string{
		`{"userName":"a","USERNAME":null}`:                      `userName: the attribute is there twice, as "USERNAME" and as "userName"; attribute names have no case`,
		`{"userName":"a","name":{"givenName":1,"givenname":2}}`: `name.givenName: the attribute is there twice, as "givenName" and as "givenname"; attribute names have no case`,
		`{"userName":"a","externalId":"x","externalid":"x"}`:    `externalId: the attribute is there twice, as "externalId" and as "externalid"; attribute names have no case`,
		`{"userName":"a","wis:":{"region":"x","Region":"y"}}`:   WisdomURN + `:region: the attribute is there twice, as "Region" and as "region"; attribute names have no case`,
	} {
		_, inv := user().Check(decode(t, doc))
		if inv == nil || inv.Error() != want || inv.ScimType != "invalidSyntax" {
			t.Errorf("%s:\ngot  %v\nwant %s", doc, inv, want)
		}
	}
}

func TestC07GroupNeedsADisplayName(t *testing.T) {
	for _, doc := range []string{`{}`, `{"displayName":""}`, `{"displayName":"  "}`, `{"displayName":null}`} {
		if _, inv := Group(true).Check(decode(t, doc)); inv == nil || inv.Attribute != "displayName" || inv.ScimType != "invalidValue" {
			t.Errorf("%s: %v", doc, inv)
		}
	}
	got, inv := Group(true).Check(decode(t, `{"displayName":"G","members":[{"value":"u","$ref":null,"type":"User","display":"U"},{"value":"u","type":"User"}]}`))
	if inv != nil {
		t.Fatal(inv)
	}
	want := map[string]any{"displayName": "G", "members": []any{map[string]any{"value": "u", "type": "User", "display": "U"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCheckValue(t *testing.T) {
	attr := func(urn, name, sub string) *Attribute {
		ref, ok := user().Resolve(urn, name, sub, false)
		if !ok {
			t.Fatal(urn, name, sub)
		}
		return ref.Target()
	}
	for _, c := range []struct {
		name  string
		a     *Attribute
		value any
		want  any
		err   string
	}{
		{name: "one value of a list", a: attr("", "emails", ""), value: map[string]any{"VALUE": "x"}, want: map[string]any{"value": "x"}},
		{name: "the whole list", a: attr("", "emails", ""), value: []any{map[string]any{"value": "x"}}, want: []any{map[string]any{"value": "x"}}},
		{name: "M-56 a string for a complex value", a: attr("", "emails", ""), value: "x", err: `p: expected an object, found the string "x"`},
		{name: "M-56 boolean", a: attr("", "active", ""), value: "maybe", err: `p: expected true or false, found the string "maybe"`},
		{name: "M-56 an object for a string", a: attr("", "title", ""), value: map[string]any{}, err: "p: expected a string, found an object"},
		{name: "M-43 two primaries", a: attr("", "emails", ""), value: []any{map[string]any{"primary": true}, map[string]any{"primary": true}}, err: "p.primary: more than one value is primary; at most one may be"},
		{name: "M-41 null", a: attr("", "title", ""), value: nil},
		{name: "M-41 empty list", a: attr("", "emails", ""), value: []any{}},
		{name: "a part of a value", a: attr(WisdomURN, "attributes", ""), value: map[string]any{"value": "x"}, want: map[string]any{"value": "x"}},
		{name: "a sub-attribute", a: attr("", "emails", "primary"), value: true, want: true},
		{name: "M-63 password", a: attr("", "password", ""), value: "x"},
		{name: "readOnly", a: attr("", "groups", ""), value: []any{map[string]any{"value": "x"}}},
		{name: "a list for one value", a: attr("", "title", ""), value: []any{"x"}, err: "p: expected a string, found a list"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, inv := CheckValue(c.a, "p", c.value)
			if inv != nil || c.err != "" {
				if inv == nil || inv.Error() != c.err {
					t.Fatalf("got %v, want %s", inv, c.err)
				}
				return
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestCheckIsTotal: any JSON is refused with a named attribute or becomes a canonical
// form that is its own canonical form.
func TestCheckIsTotal(t *testing.T) {
	rt := user()
	names := []string{"id", "meta", "schemas", "unknown", "value", "type", "primary", "key", EnterpriseURN, WisdomURN, "EMAILS"}
	for _, s := range append([]*Schema{rt.Schema}, rt.Extensions...) {
		for _, a := range s.Attributes {
			names = append(names, a.Name)
			for _, sub := range a.SubAttributes {
				names = append(names, sub.Name)
			}
		}
	}
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		scalars := []*rapid.Generator[any]{
			rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.SampledFrom([]string{"", "x", "work", "2020-01-01T00:00:00Z", "a\x00"}).AsAny(),
			rapid.SampledFrom([]json.Number{"0", "-1", "1.5", "1e9", "99999999999999999999"}).AsAny(),
		}
		if depth == 0 {
			return rapid.OneOf(scalars...)
		}
		return rapid.OneOf(append(scalars,
			rapid.SliceOfN(value(depth-1), 0, 3).AsAny(),
			rapid.MapOfN(rapid.SampledFrom(names), value(depth-1), 0, 4).AsAny(),
		)...)
	}
	rapid.Check(t, func(t *rapid.T) {
		doc := rapid.MapOfN(rapid.SampledFrom(names), value(3), 0, 8).Draw(t, "doc")
		doc["userName"] = "ann"
		got, inv := rt.Check(doc)
		if inv != nil {
			if inv.Attribute == "" || inv.Detail == "" || inv.ScimType == "" {
				t.Fatalf("%#v", inv)
			}
			return
		}
		again, inv := rt.Check(got)
		if inv != nil {
			t.Fatal(inv)
		}
		if diff := cmp.Diff(got, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	rt := user()
	doc := decode(b, `{"schemas":["`+UserURN+`","`+EnterpriseURN+`"],"externalId":"00u1","userName":"ann@example.com","active":true,
		"name":{"givenName":"Ann","familyName":"Example"},"displayName":"Ann Example","title":"Engineer","locale":"en-US","timezone":"Europe/Berlin",
		"emails":[{"value":"ann@example.com","type":"work","primary":true},{"value":"ann@home.test","type":"home"}],
		"phoneNumbers":[{"value":"+1 555 0100","type":"work"}],
		"ent:":{"department":"Sales","employeeNumber":"7","manager":{"value":"m"}},"wis:":{"region":"emea"}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, inv := rt.Check(doc); inv != nil {
			b.Fatal(inv)
		}
	}
}
