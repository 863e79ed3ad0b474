package export

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Server is a SCIM server in this process; Base is the path that it is mounted at.
type Server struct {
	Handler http.Handler
	Base    string
}

// Answer is what a request was answered.
type Answer struct {
	Method string          `json:"method"`
	Path   string          `json:"path"`
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body,omitempty"`
}

// Detail is the `detail` of a refusal, "" if it is none.
func (a Answer) Detail() string {
	var e struct{ Detail string }
	if a.Status < 400 || json.Unmarshal(a.Body, &e) != nil {
		return ""
	}
	return e.Detail
}

// Do sends one request; path, below Base, may have a query.
func (s Server) Do(ctx context.Context, method, path string, body []byte) Answer {
	a := Answer{Method: method, Path: path}
	r, err := http.NewRequestWithContext(ctx, method, "http://localhost"+s.Base+path, bytes.NewReader(body))
	if err != nil {
		a.Status, a.Body = http.StatusBadRequest, fmt.Appendf(nil, `{"detail":%q}`, err.Error())
		return a
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/scim+json")
	}
	w := &recorder{header: http.Header{}}
	s.Handler.ServeHTTP(w, r)
	a.Status = w.status
	if json.Valid(w.body.Bytes()) {
		a.Body = w.body.Bytes()
	}
	return a
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }
func (r *recorder) Flush()              {}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

// Play says to the server what a provider would say about a person. It returns the writes
// with their answers; one that is refused ends it.
func (x *Export) Play(ctx context.Context, p Person, s Server) ([]Answer, error) {
	var writes []Answer
	write := func(method, path string, body any) (Answer, bool, error) {
		data, err := json.Marshal(body)
		if err != nil {
			return Answer{}, false, err
		}
		a := s.Do(ctx, method, path, data)
		writes = append(writes, a)
		return a, a.Status < 300, nil
	}
	id, in, err := find(ctx, s, p.UserName)
	if err != nil {
		return nil, err
	}
	document := map[string]any{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User"}}
	for key, value := range p.Document {
		document[key] = value
	}
	if id == "" {
		a, ok, err := write(http.MethodPost, "/Users", document)
		if err != nil || !ok {
			return writes, err
		}
		var made struct{ ID string }
		if err := json.Unmarshal(a.Body, &made); err != nil {
			return writes, err
		}
		id = made.ID
	} else if _, ok, err := write(http.MethodPut, "/Users/"+id, document); err != nil || !ok {
		return writes, err
	}
	for _, name := range x.Groups {
		wanted := slices.Contains(p.Groups, name)
		if is := in[strings.ToLower(name)]; is == wanted {
			continue
		}
		groups, err := search(ctx, s, "/Groups", "displayName", name)
		if err != nil {
			return writes, err
		}
		member := []any{map[string]any{"value": id}}
		var ok bool
		switch {
		case len(groups) == 0:
			_, ok, err = write(http.MethodPost, "/Groups", map[string]any{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": name, "members": member})
		case wanted:
			_, ok, err = write(http.MethodPatch, "/Groups/"+groups[0].ID, patch(map[string]any{"op": "add", "path": "members", "value": member}))
		default:
			_, ok, err = write(http.MethodPatch, "/Groups/"+groups[0].ID, patch(map[string]any{"op": "remove", "path": fmt.Sprintf("members[value eq %q]", id)}))
		}
		if err != nil || !ok {
			return writes, err
		}
	}
	return writes, nil
}

func patch(op map[string]any) map[string]any {
	return map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": []any{op}}
}

// found is a resource of a list.
type found struct {
	ID     string
	Groups []struct{ Display string }
}

// find looks a person up, with the groups he is in.
func find(ctx context.Context, s Server, userName string) (id string, in map[string]bool, err error) {
	all, err := search(ctx, s, "/Users", "userName", userName)
	if err != nil || len(all) == 0 {
		return "", nil, err
	}
	in = map[string]bool{}
	for _, g := range all[0].Groups {
		in[strings.ToLower(g.Display)] = true
	}
	return all[0].ID, in, nil
}

func search(ctx context.Context, s Server, resources, attribute, value string) ([]found, error) {
	literal, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	a := s.Do(ctx, http.MethodGet, resources+"?filter="+url.QueryEscape(attribute+" eq "+string(literal)), nil)
	if a.Status != http.StatusOK {
		return nil, fmt.Errorf("look-up of %s: %d %s", value, a.Status, a.Detail())
	}
	var answer struct{ Resources []found }
	err = json.Unmarshal(a.Body, &answer)
	return answer.Resources, err
}
