package patch

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/scim/filter"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// said is a group's change in words that cmp can compare and a reader can read.
func said(changes []directory.GroupChange) []string {
	name := func(refs []directory.MemberRef) (out string) {
		for _, ref := range refs {
			out += " " + ref.ID
			if ref.Type != "" {
				out += ":" + ref.Type
			}
		}
		return out
	}
	var out []string
	for _, c := range changes {
		switch {
		case c.SetDisplayName != nil:
			out = append(out, "displayName "+*c.SetDisplayName)
		case c.SetExternalID != nil:
			out = append(out, "externalId "+*c.SetExternalID)
		case c.Add != nil:
			out = append(out, "add"+name(c.Add))
		case c.Remove != nil:
			out = append(out, fmt.Sprint("remove ", c.Remove))
		case c.ReplaceMembers != nil:
			out = append(out, "replace"+name(*c.ReplaceMembers))
		case c.RemoveMatching != nil:
			gone := ""
			for _, m := range []directory.Member{{ID: "u1", Type: "User", Display: "Una"}, {ID: "u2", Type: "User", Display: "Udo"}, {ID: "g1", Type: "Group", Display: "Guild"}} {
				if c.RemoveMatching(m) {
					gone += " " + m.ID
				}
			}
			out = append(out, "remove those of u1 u2 g1:"+gone)
		}
	}
	return out
}

func TestGroupChanges(t *testing.T) {
	rt := schema.Group(true)
	tests := []struct {
		name string
		opts Options
		ops  string
		want []string
		err  string
	}{
		{"G-10 rename by path", strict, `[{"op":"replace","path":"displayName","value":"N"}]`, []string{"displayName N"}, ""},
		{"G-10 rename without path", strict, `[{"op":"replace","value":{"displayName":"N"}}]`, []string{"displayName N"}, ""},
		{"id-in-value", strict, `[{"op":"replace","value":{"id":"g","displayName":"N"}}]`, []string{"displayName N"}, ""},
		{"M-44 id by path", strict, `[{"op":"replace","path":"id","value":"g"}]`, nil, "mutability"},
		{"M-27 remove displayName", strict, `[{"op":"remove","path":"displayName"}]`, nil, "mutability"},
		{"M-41 displayName null", strict, `[{"op":"replace","value":{"displayName":null}}]`, nil, "mutability"},
		{"M-62 displayName empty", strict, `[{"op":"replace","path":"displayName","value":""}]`, nil, "invalidValue"},
		{"C-07 displayName blank", strict, `[{"op":"replace","path":"displayName","value":" \t"}]`, nil, "invalidValue"},
		{"M-56 displayName of a wrong type", strict, `[{"op":"replace","path":"displayName","value":["N"]}]`, nil, "invalidValue"},
		{"external-id-change", strict, `[{"op":"replace","value":{"externalId":"x"}},{"op":"add","path":"externalId","value":"y"}]`, []string{"externalId x", "externalId y"}, ""},
		{"M-22 remove externalId", strict, `[{"op":"remove","path":"externalId"}]`, []string{"externalId "}, ""},
		{"M-62 externalId empty", strict, `[{"op":"replace","path":"externalId","value":""}]`, []string{"externalId "}, ""},
		{"M-61 schemas", strict, `[{"op":"add","path":"schemas","value":["urn:ietf:params:scim:schemas:core:2.0:Group"]}]`, nil, ""},
		{"M-49 unknown", strict, `[{"op":"add","path":"owner","value":"x"}]`, nil, "invalidPath"},
		{"M-49 unknown key", strict, `[{"op":"add","value":{"owner":"x"}}]`, nil, ""},

		{"M-14 add a list", strict, `[{"op":"add","path":"members","value":[{"value":"a"},{"value":"b","type":"User","display":"B"}]}]`, []string{"add a b:User"}, ""},
		{"M-14 add one object", strict, `[{"op":"add","path":"members","value":{"value":"a"}}]`, []string{"add a"}, ""},
		{"M-09 add without path", strict, `[{"op":"add","value":{"members":[{"value":"a"}]}}]`, []string{"add a"}, ""},
		{"M-41 add nobody", strict, `[{"op":"add","path":"members","value":[]}]`, nil, ""},
		{"null $ref", strict, `[{"op":"add","path":"members","value":[{"$ref":null,"value":"a"}]}]`, []string{"add a"}, ""},
		{"op-extra-keys", strict, `[{"op":"add","path":"members","value":[{"displayName":"new","value":"a"}]}]`, []string{"add a"}, ""},
		{"G-05 twice in one list", strict, `[{"op":"add","path":"members","value":[{"value":"a"},{"value":"a","type":"User"},{"value":"a"}]}]`, []string{"add a:User"}, ""},
		{"G-07 type in another case", strict, `[{"op":"add","path":"members","value":[{"value":"a","type":"group"}]}]`, []string{"add a:Group"}, ""},
		{"G-07 unknown type", strict, `[{"op":"add","path":"members","value":[{"value":"a","type":"Robot"}]}]`, nil, "invalidValue"},
		{"G-07 two types of one id", strict, `[{"op":"add","path":"members","value":[{"value":"a","type":"User"},{"value":"a","type":"Group"}]}]`, nil, "invalidValue"},
		{"G-08 $ref alone, strict", strict, `[{"op":"add","path":"members","value":[{"$ref":"https://x/Users/a"}]}]`, nil, "invalidValue"},
		{"G-08 plain strings, strict", strict, `[{"op":"add","path":"members","value":["a"]}]`, nil, "invalidValue"},
		{"G-08 a plain string, strict", strict, `[{"op":"add","path":"members","value":"a"}]`, nil, "invalidValue"},
		{"M-56 an empty id", strict, `[{"op":"add","path":"members","value":[{"value":" "}]}]`, nil, "invalidValue"},
		{"M-56 a number", strict, `[{"op":"add","path":"members","value":[{"value":7}]}]`, nil, "invalidValue"},

		{"M-35 replace", strict, `[{"op":"replace","path":"members","value":[{"value":"a"},{"value":"b"}]}]`, []string{"replace a b"}, ""},
		{"M-33 replace without path", strict, `[{"op":"replace","value":{"members":[{"value":"a"}],"displayName":"N"}}]`, []string{"displayName N", "replace a"}, ""},
		{"M-41 replace by nobody", strict, `[{"op":"replace","path":"members","value":[]}]`, []string{"replace"}, ""},
		{"M-41 replace by null", strict, `[{"op":"replace","path":"members","value":null}]`, []string{"replace"}, ""},
		{"M-41 replace by empty text", lenient, `[{"op":"replace","path":"members","value":""}]`, nil, "invalidValue"},
		{"C-19 replace by one object", strict, `[{"op":"replace","path":"members","value":{"value":"a"}}]`, nil, "invalidValue"},

		{"G-11 remove all", strict, `[{"op":"remove","path":"members"}]`, []string{"replace"}, ""},
		{"M-24 remove one", strict, `[{"op":"remove","path":"members[value eq \"a\"]"}]`, []string{"remove [a]"}, ""},
		{"M-24 ids have case", strict, `[{"op":"remove","path":"Members[Value EQ \"aB\"]"}]`, []string{"remove [aB]"}, ""},
		{"M-24 with the URN", strict, `[{"op":"remove","path":"urn:ietf:params:scim:schemas:core:2.0:Group:members[value eq \"a\"]"}]`, []string{"remove [a]"}, ""},
		{"M-24 or", strict, `[{"op":"remove","path":"members[value eq \"u1\" or value eq \"g1\"]"}]`, []string{"remove those of u1 u2 g1: u1 g1"}, ""},
		{"M-24 another sub-attribute", strict, `[{"op":"remove","path":"members[type eq \"User\"]"}]`, []string{"remove those of u1 u2 g1: u1 u2"}, ""},
		{"M-24 two conditions", strict, `[{"op":"remove","path":"members[value eq \"u1\" and type eq \"Group\"]"}]`, []string{"remove those of u1 u2 g1:"}, ""},
		{"M-24 display", strict, `[{"op":"remove","path":"members[display sw \"U\"]"}]`, []string{"remove those of u1 u2 g1: u1 u2"}, ""},
		{"M-41 replace one by nothing", strict, `[{"op":"replace","path":"members[value eq \"a\"]","value":null}]`, []string{"remove [a]"}, ""},
		{"M-32 remove with a list, strict", strict, `[{"op":"remove","path":"members","value":[{"value":"a"}]}]`, nil, "invalidSyntax"},
		{"M-32 remove with a list", lenient, `[{"op":"remove","path":"members","value":[{"$ref":null,"value":"a"},{"value":"b"}]}]`, []string{"remove [a b]"}, ""},
		{"M-32 remove with one object", lenient, `[{"op":"remove","path":"members","value":{"value":"a"}}]`, []string{"remove [a]"}, ""},
		{"Field10 an empty list removes nobody", lenient, `[{"op":"remove","path":"members","value":[]}]`, nil, ""},
		{"Field10 a value that names nobody", lenient, `[{"op":"remove","path":"members","value":[{"display":"Una"}]}]`, nil, "invalidValue"},
		{"Field10 a value that is no list", lenient, `[{"op":"remove","path":"members","value":7}]`, nil, "invalidValue"},
		{"Field10 an empty object", strict, `[{"op":"replace","path":"members","value":[{}]}]`, nil, "invalidValue"},
		{"Field10 a null", strict, `[{"op":"replace","value":{"members":[{"value":"a"},null]}}]`, nil, "invalidValue"},
		{"Field10 an id that is null", lenient, `[{"op":"replace","path":"members","value":[{"value":null,"$ref":null}]}]`, nil, "invalidValue"},
		{"Field10 an id that is empty", lenient, `[{"op":"replace","path":"members","value":[{"value":""}]}]`, nil, "invalidValue"},
		{"Field10 remove of an empty object", lenient, `[{"op":"remove","path":"members","value":[{}]}]`, nil, "invalidValue"},
		{"Field10 remove of null", lenient, `[{"op":"remove","path":"members","value":null}]`, nil, "invalidValue"},
		{"Field10 remove of null, strict", strict, `[{"op":"remove","path":"members","value":null}]`, nil, "invalidValue"},
		{"Field10 remove of a list of null", lenient, `[{"op":"remove","path":"members","value":[null]}]`, nil, "invalidValue"},
		{"Field10 remove of an id that is null", lenient, `[{"op":"remove","path":"members","value":{"value":null}}]`, nil, "invalidValue"},
		{"Field10 remove of one by path, with null", lenient, `[{"op":"remove","path":"members[value eq \"a\"]","value":null}]`, []string{"remove [a]"}, ""},
		{"Field10 remove with a value under another key", strict, `[{"op":"remove","path":"members","Value":[{"value":"a"}]}]`, nil, "invalidSyntax"},
		{"Field10 an empty object for a list", lenient, `[{"op":"replace","path":"members","value":{}}]`, nil, "invalidValue"},
		{"Field10 add of an empty object", lenient, `[{"op":"add","path":"members","value":{}}]`, nil, "invalidValue"},
		{"Field10 add of a list of null, without path", lenient, `[{"op":"add","value":{"members":[null]}}]`, nil, "invalidValue"},
		{"Field10 a list of null, in the core URN", lenient, `[{"op":"replace","value":{"urn:ietf:params:scim:schemas:core:2.0:Group":{"members":[{"value":null}]}}}]`, nil, "invalidValue"},
		{"Field10 empty text", lenient, `[{"op":"remove","path":"members","value":""}]`, nil, "invalidValue"},
		{"M-21 remove without path", lenient, `[{"op":"remove","value":{"members":[{"value":"a"}]}}]`, nil, "noTarget"},

		{"M-47 value", strict, `[{"op":"replace","path":"members[value eq \"a\"].value","value":"b"}]`, nil, "mutability"},
		{"M-47 value, lenient", lenient, `[{"op":"replace","path":"members[value eq \"a\"].value","value":"b"}]`, nil, "mutability"},
		{"M-47 type", lenient, `[{"op":"replace","path":"members[value eq \"a\"].type","value":"Group"}]`, nil, "mutability"},
		{"M-47 $ref", strict, `[{"op":"replace","path":"members.$ref","value":"https://x/Users/b"}]`, nil, "mutability"},
		{"M-47 display is ignored", strict, `[{"op":"replace","path":"members[value eq \"a\"].display","value":"A"},{"op":"remove","path":"members.display"}]`, nil, ""},
		{"M-47 remove value", strict, `[{"op":"remove","path":"members[value eq \"a\"].value"}]`, nil, "mutability"},
		{"M-47 another in his place", lenient, `[{"op":"replace","path":"members[value eq \"a\"]","value":{"value":"b"}}]`, nil, "mutability"},
		{"M-40 naming one makes him a member, lenient", lenient, `[{"op":"add","path":"members[value eq \"a\"].value","value":"a"},{"op":"add","path":"members[value eq \"b\"]","value":{"type":"User"}}]`, []string{"add a b:User"}, ""},
		{"M-40 not from several conditions", lenient, `[{"op":"add","path":"members[value eq \"a\" and type eq \"User\"].value","value":"a"}]`, nil, "mutability"},

		{"M-08 order", strict, `[{"op":"remove","path":"members[value eq \"a\"]"},{"op":"add","path":"members","value":[{"value":"a"}]},{"op":"replace","path":"displayName","value":"N"},{"op":"add","path":"members","value":[{"value":"b"}]}]`,
			[]string{"remove [a]", "add a", "displayName N", "add b"}, ""},
		{"M-65 neighbours are one change", strict, `[{"op":"add","path":"members","value":[{"value":"a"}]},{"op":"add","path":"members","value":[{"value":"b"}]},{"op":"remove","path":"members[value eq \"a\"]"},{"op":"remove","path":"members[value eq \"c\"]"}]`,
			[]string{"add a b", "remove [a c]"}, ""},
		{"M-07 one bad operation", strict, `[{"op":"add","path":"members","value":[{"value":"a"}]},{"op":"add","path":"members","value":[{"value":""}]}]`, nil, "invalidValue"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []directory.GroupChange
			req, err := Decode(rt, message(t, tt.ops), tt.opts)
			if err == nil {
				got, err = req.GroupChanges()
			}
			if tt.err != "" {
				if err == nil {
					t.Fatalf("accepted: %q", said(got))
				}
				if s := scimType(t, err); s != tt.err {
					t.Errorf("got %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, said(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A request says the same to every group: two calls must not share what one of them changes.
func TestGroupChangesAreTheCallers(t *testing.T) {
	req, err := Decode(schema.Group(true), message(t, `[{"op":"add","path":"members","value":[{"value":"a"}]},{"op":"add","path":"members","value":[{"value":"b"}]}]`), strict)
	if err != nil {
		t.Fatal(err)
	}
	first, _ := req.GroupChanges()
	first[0].Add[0].ID = "spoiled"
	second, err := req.GroupChanges()
	if diff := cmp.Diff([]string{"add a b"}, said(second)); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

// Documents of groups can be patched too, members and all.
func TestApplyToGroupDocument(t *testing.T) {
	rt := schema.Group(true)
	group := `{"displayName":"G","members":[{"value":"a","type":"User"},{"value":"b"}]}`
	tests := []struct{ name, ops, want, err string }{
		{"M-15 the same member", `[{"op":"add","path":"members","value":[{"value":"a"}]}]`, group, ""},
		{"M-16 a member's value decides", `[{"op":"add","path":"members","value":[{"value":"b","type":"User","display":"B"}]}]`, `{"displayName":"G","members":[{"value":"a","type":"User"},{"value":"b","type":"User","display":"B"}]}`, ""},
		{"M-46 a member's type is immutable", `[{"op":"add","path":"members","value":[{"value":"a","type":"Group"}]}]`, "", "mutability"},
		{"M-29 one who is not a member", `[{"op":"remove","path":"members[value eq \"x\"]"}]`, group, ""},
		{"M-25 the last members", `[{"op":"remove","path":"members[value pr]"}]`, `{"displayName":"G"}`, ""},
		{"M-47 value", `[{"op":"replace","path":"members[value eq \"a\"].value","value":"c"}]`, "", "mutability"},
		{"M-47 another in his place", `[{"op":"replace","path":"members[value eq \"a\"]","value":{"value":"c"}}]`, "", "mutability"},
		{"M-27 displayName", `[{"op":"remove","path":"displayName"}]`, "", "mutability"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := run(t, rt, strict, canonical(t, rt, group), message(t, tt.ops))
			if tt.err != "" {
				if err == nil || scimType(t, err) != tt.err {
					t.Errorf("got %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(canonical(t, rt, tt.want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func BenchmarkAddMember(b *testing.B) {
	rt := schema.Group(true)
	m := message(b, `[{"op":"add","path":"members","value":[{"value":"2819c223-7f76-453a-919d-413861904646"}]}]`)
	opts := lenient
	opts.Paths.Cache = filter.NewCache(16)
	b.ReportAllocs()
	for b.Loop() {
		req, err := Decode(rt, m, opts)
		if err == nil {
			_, err = req.GroupChanges()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSuspend(b *testing.B) {
	rt := users()
	doc := canonical(b, rt, ann)
	m := message(b, `[{"op":"replace","value":{"active":false}}]`)
	opts := lenient
	opts.Paths.Cache = filter.NewCache(16)
	b.ReportAllocs()
	for b.Loop() {
		req, err := Decode(rt, m, opts)
		if err == nil {
			_, err = req.Apply(doc)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
