package export

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Export is what a provider has.
type Export struct {
	People []Person
	// Groups are the names of all groups that the export names, sorted: of these, and no others, it says who is in them.
	Groups []string
}

// Person is one user of an export.
type Person struct {
	UserName string
	// Document is the SCIM User as the provider would send it, without id, meta and groups.
	Document map[string]any
	Groups   []string // displayNames of the groups he is in, sorted
}

const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// columns are the names of a table's columns, in lower case and without blanks, hyphens and
// underscores, with the attribute that they are.
var columns = map[string]string{
	"username": "userName", "login": "userName", "userprincipalname": "userName",
	"email": "emails", "mail": "emails", "emailaddress": "emails",
	"externalid": "externalId", "objectid": "externalId",
	"displayname": "displayName", "title": "title", "jobtitle": "title", "usertype": "userType",
	"firstname": "name.givenName", "givenname": "name.givenName", "lastname": "name.familyName", "familyname": "name.familyName", "surname": "name.familyName",
	"active": "active", "accountenabled": "active", "groups": "groups",
	"department": enterprise + ".department", "costcenter": enterprise + ".costCenter", "division": enterprise + ".division",
	"organization": enterprise + ".organization", "employeenumber": enterprise + ".employeeNumber",
}

// ReadCSV reads a table with a header. Groups are separated by semicolons. A column that is no attribute is an error.
func ReadCSV(r io.Reader) (*Export, error) {
	in := csv.NewReader(r)
	header, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	var attributes []string
	for i, name := range header {
		if i == 0 {
			name = strings.TrimPrefix(name, "\ufeff") // spreadsheets put a byte order mark there
		}
		a, ok := columns[strings.NewReplacer(" ", "", "-", "", "_", "").Replace(strings.ToLower(strings.TrimSpace(name)))]
		if !ok {
			return nil, fmt.Errorf("column %q is no attribute: expected columns such as userName, email, displayName, externalId, active, groups, department", name)
		}
		attributes = append(attributes, a)
	}
	x := &Export{}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return x.finish()
		}
		if err != nil {
			return nil, err
		}
		p := Person{Document: map[string]any{}}
		for i, value := range row {
			if value = strings.TrimSpace(value); value != "" {
				p.set(attributes[i], value)
			}
		}
		x.People = append(x.People, p)
	}
}

func (p *Person) set(attribute, value string) {
	switch attribute {
	case "groups":
		for name := range strings.SplitSeq(value, ";") {
			if name = strings.TrimSpace(name); name != "" {
				p.Groups = append(p.Groups, name)
			}
		}
	case "emails":
		p.Document["emails"] = []any{map[string]any{"value": value, "type": "work", "primary": true}}
	case "active":
		p.Document["active"] = !slices.Contains([]string{"false", "no", "0"}, strings.ToLower(value))
	default:
		parent, sub, nested := strings.Cut(attribute, ".")
		if i := strings.LastIndexByte(attribute, '.'); strings.HasPrefix(attribute, "urn:") {
			parent, sub, nested = attribute[:i], attribute[i+1:], true // an URN has dots of its own
		}
		if !nested {
			p.Document[attribute] = value
			return
		}
		c, _ := p.Document[parent].(map[string]any)
		if c == nil {
			c = map[string]any{}
			p.Document[parent] = c
		}
		c[sub] = value
	}
}

// ReadJSON reads SCIM Users and Groups: a list of them, a ListResponse, or one a line.
func ReadJSON(r io.Reader) (*Export, error) {
	in := bufio.NewReader(r)
	if bom, err := in.Peek(3); err == nil && bytes.Equal(bom, []byte("\ufeff")) {
		_, _ = in.Discard(3)
	}
	var resources []map[string]any
	dec := json.NewDecoder(in)
	dec.UseNumber()
	for n := 1; ; n++ {
		var v any
		err := dec.Decode(&v)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("value %d: %w", n, err)
		}
		if list, ok := v.(map[string]any); ok && list["Resources"] != nil {
			v = list["Resources"]
		}
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for i, e := range list {
			m, ok := e.(map[string]any)
			if !ok {
				return nil, fmt.Errorf("value %d, element %d is no object: expected SCIM Users and Groups", n, i+1)
			}
			resources = append(resources, m)
		}
	}
	return fromResources(resources)
}

func fromResources(resources []map[string]any) (*Export, error) {
	x := &Export{}
	names := map[string]string{}     // of groups, by id
	members := map[string][]string{} // groups by the id of a member
	var of []string                  // the id of each person
	for _, m := range resources {
		if m["userName"] != nil {
			continue
		}
		name, _ := m["displayName"].(string)
		if name == "" {
			return nil, fmt.Errorf("a resource has neither userName nor displayName: expected SCIM Users and Groups")
		}
		x.Groups = append(x.Groups, name)
		id, _ := m["id"].(string)
		names[id] = name
		for _, id := range values(m["members"], "value") {
			members[id] = append(members[id], name)
		}
	}
	for _, m := range resources {
		if m["userName"] == nil {
			continue
		}
		p := Person{Document: m}
		id, _ := m["id"].(string)
		of = append(of, id)
		for _, g := range list(m["groups"]) {
			name, _ := g["display"].(string)
			if name == "" {
				id, _ := g["value"].(string)
				name = names[id]
			}
			if name != "" {
				p.Groups = append(p.Groups, name)
			}
		}
		for _, key := range []string{"id", "meta", "groups", "schemas"} {
			delete(m, key)
		}
		x.People = append(x.People, p)
	}
	for i, id := range of {
		if id != "" {
			x.People[i].Groups = append(x.People[i].Groups, members[id]...)
		}
	}
	return x.finish()
}

func list(v any) (out []map[string]any) {
	all, _ := v.([]any)
	for _, e := range all {
		if m, ok := e.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

func values(v any, key string) (out []string) {
	for _, m := range list(v) {
		if s, _ := m[key].(string); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// finish checks the people, and that each is there once.
func (x *Export) finish() (*Export, error) {
	seen := map[string]int{}
	for i := range x.People {
		p := &x.People[i]
		p.UserName, _ = p.Document["userName"].(string)
		if p.UserName == "" {
			return nil, fmt.Errorf("person %d has no userName", i+1)
		}
		key := strings.ToLower(p.UserName)
		if other, twice := seen[key]; twice {
			return nil, fmt.Errorf("%q is there twice: persons %d and %d", p.UserName, other, i+1)
		}
		seen[key] = i + 1
		if _, said := p.Document["active"]; !said {
			p.Document["active"] = true
		}
		slices.Sort(p.Groups)
		p.Groups = slices.Compact(p.Groups)
		x.Groups = append(x.Groups, p.Groups...)
	}
	slices.Sort(x.Groups)
	x.Groups = slices.Compact(x.Groups)
	return x, nil
}
