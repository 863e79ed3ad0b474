package export_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scimbridge/scimbridge/internal/export"
)

func TestReadJSON(t *testing.T) {
	const ann = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"1","userName":"ann@example.com","active":false,"groups":[{"value":"g2"},{"display":"Viewers"}],"meta":{"version":"1"}}`
	const bob = `{"id":"2","userName":"bob@example.com"}`
	const groups = `{"id":"g1","displayName":"Explorers","members":[{"value":"2"},{"value":"1"}]},{"id":"g2","displayName":"Book club"}`
	want := &export.Export{Groups: []string{"Book club", "Explorers", "Viewers"}, People: []export.Person{
		{UserName: "ann@example.com", Document: map[string]any{"userName": "ann@example.com", "active": false}, Groups: []string{"Book club", "Explorers", "Viewers"}},
		{UserName: "bob@example.com", Document: map[string]any{"userName": "bob@example.com", "active": true}, Groups: []string{"Explorers"}},
	}}
	for name, text := range map[string]string{
		"a list":         "[" + ann + "," + bob + "," + groups + "]",
		"a ListResponse": `{"totalResults":4,"Resources":[` + groups + "," + ann + "," + bob + "]}",
		"one a line":     ann + "\n" + strings.Replace(groups, "},{\"id", "}\n{\"id", 1) + "\n" + bob + "\n",
		"a BOM":          "\ufeff[" + ann + "," + bob + "," + groups + "]",
	} {
		got, err := export.ReadJSON(strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestReadCSV(t *testing.T) {
	got, err := export.ReadCSV(strings.NewReader("\ufeffUser Name,E-Mail,first_name,Active,Groups,department\n" +
		"ann,ann@example.com,Ann,No,Explorers; Book club;,Sales\nbob,,,,,\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := &export.Export{Groups: []string{"Book club", "Explorers"}, People: []export.Person{
		{UserName: "ann", Groups: []string{"Book club", "Explorers"}, Document: map[string]any{"userName": "ann", "active": false,
			"emails": []any{map[string]any{"value": "ann@example.com", "type": "work", "primary": true}}, "name": map[string]any{"givenName": "Ann"},
			"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": map[string]any{"department": "Sales"}}},
		{UserName: "bob", Document: map[string]any{"userName": "bob", "active": true}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatIsNoExport(t *testing.T) {
	for text, want := range map[string]string{
		`[1]`:                                 "element 1 is no object",
		`[{"id":"1"}]`:                        "neither userName nor displayName",
		`{"userName":"a"`:                     "value 1",
		`[{"userName":"a"},{"userName":"A"}]`: `"A" is there twice: persons 1 and 2`,
		`[{"userName":7}]`:                    "person 1 has no userName",
	} {
		if _, err := export.ReadJSON(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                          "header",
		"userName,shoe size\na,b\n": `column "shoe size"`,
		"email\na@example.com\n":    "person 1 has no userName",
		"userName\na,b\n":           "wrong number of fields",
	} {
		if _, err := export.ReadCSV(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
