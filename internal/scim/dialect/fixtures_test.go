package dialect

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/scim/body"
	"github.com/scimbridge/scimbridge/internal/scim/patch"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// The scenarios of testdata/idp without HTTP and without a directory: each POST, PUT
// and PATCH goes through body, dialect, schema and patch, and what a later GET of the
// same resource expects is looked for in the document that came of it. Uniqueness,
// memberships on users, lists and versions are tested where they live.

type scenario struct {
	Steps []struct {
		Name    string
		Quirks  []string
		Request struct {
			Method, Path, Query string
			Body                json.RawMessage
			RawBody             *string
		}
		Expect struct {
			Status     []int
			BodyHas    map[string]any
			BodyHasNot []map[string]any
			BodyLacks  []string
			BodyCount  map[string]int
			Capture    map[string]string
		}
	}
}

func idpUsers() *schema.ResourceType {
	return schema.User([]schema.Declared{
		{Name: "region", Type: schema.String},
		{Name: "customerIds", Type: schema.String, MultiValued: true},
		{Name: "betaAccess", Type: schema.Boolean},
	})
}

func TestFixtures(t *testing.T) {
	files, err := filepath.Glob("../../../testdata/idp/*/*.json")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d scenarios, %v", len(files), err)
	}
	patches, looked := 0, 0
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file)) + "/" + filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			p, l := newWorld(New(false)).play(t, read(t, file))
			patches, looked = patches+p, looked+l
		})
	}
	t.Logf("%d PATCHes, %d looks at what they did", patches, looked)
	if patches < 150 || looked < 100 {
		t.Errorf("only %d PATCHes and %d looks were replayed", patches, looked)
	}
}

// TestField19RecordedEntraShapes: elimity-com/scim#112, scim-patch#42, #176, #453 and others.
// Validation refused what Entra ID really sends. Each of its recorded scenarios passes here,
// and needs the rules to: strict mode refuses some of the very same writes.
func TestField19RecordedEntraShapes(t *testing.T) {
	files, err := filepath.Glob("../../../testdata/idp/entra*/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scenarios, %v", len(files), err)
	}
	d, strict := New(false), New(true)
	accepted, refused := 0, 0
	for _, file := range files {
		s := read(t, file)
		lenient := newWorld(d)
		lenient.play(t, s)
		for _, w := range lenient.writes {
			accepted++
			if _, err := (&world{dialect: strict, users: lenient.users, groups: lenient.groups}).write(w.rt, w.method, w.current, w.text); err != nil {
				refused++
			}
		}
	}
	if refused == 0 || refused == accepted {
		t.Errorf("of %d writes strict mode refuses %d", accepted, refused)
	}
	for _, rule := range []string{"op-case", "unknown-schema", "bool-string", "bool-string-sub", "urn-dot", "dotted-keys", "value-array-scalar", "manager-string",
		"manager-empty", "empty-string", "role-json-string", "remove-value-array", "filter-creates"} {
		if d.Counts()[rule] == 0 {
			t.Errorf("rule %s has no recorded shape of Entra ID", rule)
		}
	}
	t.Logf("%d writes accepted, %d of them thanks to the rules", accepted, refused)
}

// write is one that was accepted, to a resource as it was.
type write struct {
	rt      *schema.ResourceType
	method  string
	current map[string]any
	text    string
}

// world is what a scenario has made so far.
type world struct {
	dialect       *Dialect
	users, groups *schema.ResourceType
	ids           map[string]string // captured name -> id, and what else is referred to
	resources     map[string]map[string]any
	made          int
	writes        []write // that were accepted
}

func newWorld(d *Dialect) *world {
	return &world{dialect: d, users: idpUsers(), groups: schema.Group(true), ids: map[string]string{"base": "https://scim.example.com/scim/v2"}, resources: map[string]map[string]any{}}
}

// read reads a scenario.
func read(t *testing.T, file string) scenario {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var s scenario
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) resolve(text string) string {
	for name, id := range w.ids {
		text = strings.ReplaceAll(text, "{{"+name+"}}", id)
	}
	return text
}

func (w *world) play(t *testing.T, s scenario) (patches, looked int) {
	for _, step := range s.Steps {
		parts := strings.FieldsFunc(w.resolve(step.Request.Path), func(r rune) bool { return r == '/' })
		if len(parts) == 0 || parts[0] != "Users" && parts[0] != "Groups" || len(parts) > 2 {
			continue
		}
		rt := w.users
		if parts[0] == "Groups" {
			rt = w.groups
		}
		id := ""
		if len(parts) == 2 {
			id = parts[1]
		}
		current, known := w.resources[id]
		switch step.Request.Method {
		case "DELETE":
			delete(w.resources, id)
			for name, group := range w.resources { // memberships go with their member
				if _, is := group["members"]; is {
					w.resources[name] = change(group, []directory.GroupChange{{Remove: []string{id}}})
				}
			}
			continue
		case "GET":
			w.lookup(step.Request.Query, step.Expect.Capture)
			if known && step.Request.Query == "" && slices.Equal(step.Expect.Status, []int{200}) {
				looked++
				if wrong := w.expect(current, step.Expect.BodyHas, step.Expect.BodyHasNot, step.Expect.BodyLacks, step.Expect.BodyCount); wrong != "" {
					t.Fatalf("%s: %s\n%v", step.Name, wrong, current)
				}
			}
			continue
		case "POST", "PUT", "PATCH":
		default:
			continue
		}
		if (step.Request.Method == "POST") != (id == "") || id != "" && !known {
			continue // a search, or 404 whatever is sent
		}
		if min, max := slices.Min(step.Expect.Status), slices.Max(step.Expect.Status); min > 400 || max > 400 {
			continue // decided by state that is not here
		}
		text := w.resolve(string(step.Request.Body))
		if step.Request.RawBody != nil {
			text = w.resolve(*step.Request.RawBody)
		}
		next, err := w.write(rt, step.Request.Method, current, text)
		switch {
		case err == nil && !slices.ContainsFunc(step.Expect.Status, success):
			t.Fatalf("%s: accepted %s", step.Name, text)
		case err != nil && !slices.Contains(step.Expect.Status, 400):
			t.Fatalf("%s: %v\n%s", step.Name, err, text)
		case err != nil:
			continue
		}
		w.writes = append(w.writes, write{rt, step.Request.Method, current, text})
		if step.Request.Method == "PATCH" {
			patches++
		}
		if id == "" {
			w.made++
			id = fmt.Sprintf("id-%d", w.made)
		}
		w.resources[id] = next
		for name, pointer := range step.Expect.Capture {
			if pointer == "/id" {
				w.ids[name] = id
			}
		}
		if wrong := w.expect(next, step.Expect.BodyHas, step.Expect.BodyHasNot, nil, nil); wrong != "" {
			t.Fatalf("%s: %s\n%v", step.Name, wrong, next)
		}
	}
	return patches, looked
}

// lookup takes up the id of a user whom a client looks up by name to go on with.
func (w *world) lookup(query string, capture map[string]string) {
	values, err := url.ParseQuery(query)
	for name, pointer := range capture {
		for id, doc := range w.resources {
			if err == nil && pointer == "/Resources/0/id" && strings.Contains(values.Get("filter"), fmt.Sprintf("%q", doc["userName"])) {
				w.ids[name] = id
			}
		}
	}
}

func success(status int) bool { return status < 300 }

func (w *world) write(rt *schema.ResourceType, method string, current map[string]any, text string) (map[string]any, error) {
	sent, err := body.Decode([]byte(text), body.Limits{})
	if err != nil {
		return nil, err
	}
	if method != "PATCH" {
		return accept(w.dialect, rt, sent)
	}
	w.dialect.Patch(rt, sent)
	req, err := patch.Decode(rt, sent, w.dialect.Options())
	if err != nil {
		return nil, err
	}
	if rt == w.users {
		return req.Apply(current)
	}
	changes, err := req.GroupChanges()
	if err != nil {
		return nil, err
	}
	return change(current, changes), nil
}

// accept is what becomes of the body of a POST or PUT.
func accept(d *Dialect, rt *schema.ResourceType, sent map[string]any) (map[string]any, error) {
	d.Resource(rt, sent)
	var extensions []string
	for _, ext := range rt.Extensions {
		extensions = append(extensions, ext.ID)
	}
	if err := body.Schemas(sent, rt.Schema.ID, extensions...); err != nil {
		return nil, err
	}
	doc, inv := rt.Check(sent)
	if inv != nil {
		return nil, inv
	}
	return doc, nil
}

// change carries out a group's changes as the directory does.
func change(group map[string]any, changes []directory.GroupChange) map[string]any {
	name, external := group["displayName"], group["externalId"]
	var ids []string
	if members, ok := group["members"].([]any); ok {
		for _, m := range members {
			ids = append(ids, m.(map[string]any)["value"].(string))
		}
	}
	join := func(refs []directory.MemberRef) {
		for _, ref := range refs {
			if !slices.Contains(ids, ref.ID) {
				ids = append(ids, ref.ID)
			}
		}
	}
	for _, c := range changes {
		switch {
		case c.SetDisplayName != nil:
			name = *c.SetDisplayName
		case c.SetExternalID != nil:
			external = *c.SetExternalID
		case c.Add != nil:
			join(c.Add)
		case c.Remove != nil:
			ids = slices.DeleteFunc(ids, func(id string) bool { return slices.Contains(c.Remove, id) })
		case c.RemoveMatching != nil:
			ids = slices.DeleteFunc(ids, func(id string) bool { return c.RemoveMatching(directory.Member{ID: id, Type: "User"}) })
		case c.ReplaceMembers != nil:
			ids = nil
			join(*c.ReplaceMembers)
		}
	}
	next := map[string]any{"displayName": name}
	if external != nil {
		next["externalId"] = external
	}
	if len(ids) > 0 {
		members := make([]any, len(ids))
		for i, id := range ids {
			members[i] = map[string]any{"value": id}
		}
		next["members"] = members
	}
	return next
}

// expect says what of an expectation does not hold; "" if all does. What the server
// adds to a document is not looked at.
func (w *world) expect(doc, has map[string]any, hasNot []map[string]any, lacks []string, counts map[string]int) string {
	for key, want := range has {
		switch key {
		case "id", "meta", "schemas", "groups":
			continue
		case "active":
			if _, given := doc["active"]; !given && want == true { // the default (C-27)
				continue
			}
		}
		if !w.matches(want, doc[key]) {
			return fmt.Sprintf("%s is %v, want %v", key, doc[key], want)
		}
	}
	for _, part := range hasNot {
		if w.matches(part, doc) {
			return fmt.Sprintf("has %v", part)
		}
	}
	for _, pointer := range lacks {
		if v := follow(doc, pointer); v != nil {
			return fmt.Sprintf("%s is %v, want nothing", pointer, v)
		}
	}
	for pointer, n := range counts {
		if list, _ := follow(doc, pointer).([]any); pointer != "/groups" && len(list) != n {
			return fmt.Sprintf("%s has %d values, want %d", pointer, len(list), n)
		}
	}
	return ""
}

// follow follows a JSON Pointer through objects and lists.
func follow(v any, pointer string) any {
	for key := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		switch x := v.(type) {
		case map[string]any:
			v = x[key]
		case []any:
			i := 0
			if _, err := fmt.Sscan(key, &i); err != nil || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// matches is the README's rule for a part of an answer.
func (w *world) matches(want, got any) bool {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		for key, v := range want {
			x, there := object[key]
			ok = ok && there && w.matches(v, x)
		}
		return ok
	case []any:
		list, ok := got.([]any)
		for _, v := range want {
			ok = ok && slices.ContainsFunc(list, func(x any) bool { return w.matches(v, x) })
		}
		return ok
	case string:
		return got == w.resolve(want)
	}
	return got == want
}
