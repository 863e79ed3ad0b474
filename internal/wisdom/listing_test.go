package wisdom

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	rowA = `{"id":"u1","email":"a@example.com","name":"A","creationTimestamp":"2026-01-01T00:00:00Z","roleAssignments":[{"roleId":"r1","scopes":["d1","d2"]},{"roleId":"r2","scopes":[]}],"userAttributes":[{"key":"k","value":"v","source":"DATABASE"},{"key":"k","value":"w","source":"JWT"}]}`
	rowB = `{"id":"u2","email":"b@example.com","name":"","creationTimestamp":"","roleAssignments":[],"userAttributes":[]}`
)

func userA() User {
	return User{
		ID: "u1", Email: "a@example.com", Name: "A", Created: "2026-01-01T00:00:00Z",
		Roles:      []RoleAssignment{{"r1", []string{"d1", "d2"}}, {"r2", []string{}}},
		Attributes: []Attribute{{"k", "v", Database}, {"k", "w", JWT}},
	}
}

func userB() User {
	return User{ID: "u2", Email: "b@example.com", Roles: []RoleAssignment{}, Attributes: []Attribute{}}
}

// list collects what ListUsers yields.
func list(t *testing.T, c *Client) ([]User, error) {
	t.Helper()
	var got []User
	err := c.ListUsers(t.Context(), func(u User) error {
		got = append(got, u)
		return nil
	})
	return got, err
}

func TestListUsersReadsWholeAnswers(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer string
		want   []User
	}{
		{"two users", `{"data":{"listUsers":[` + rowA + `,` + rowB + `]}}`, []User{userA(), userB()}},
		{"nobody", `{"data":{"listUsers":[]}}`, nil},
		{"extensions before and after, null and empty errors", `{"extensions":{"a":[1]},"errors":null,"data":{"listUsers":[` + rowB + `]},"x":1}` + "\n", []User{userB()}},
		{"empty errors", `{"errors":[],"data":{"listUsers":[` + rowB + `]}}`, []User{userB()}},
		{"fields that nobody asked for", `{"data":{"__typename":"Query","listUsers":[` + strings.Replace(rowB, `{`, `{"isScimManaged":true,`, 1) + `]}}`, []User{userB()}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			s.on("listUsers", says(test.answer))
			got, err := list(t, s.client(t))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			wantVariables(t, s, "listUsers", `{"workspaceId":"ws_1"}`)
		})
	}
}

// A listing that is not whole must never look like a shorter one: whoever is missing
// from it would be taken for deleted (V-23, V-27).
func TestV23AListingIsWholeOrAnError(t *testing.T) {
	rows := `{"data":{"listUsers":[` + rowA + `,` + rowB
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		kind   Kind
		rows   int // that may have been yielded before
	}{
		{"the body is cut between rows", cuts(rows + `,`), Transient, 2},
		{"the body is cut in a row", cuts(rows[:len(rows)-5]), Transient, 1},
		{"the body is cut after the list", cuts(rows + `]`), Transient, 2},
		{"the body is cut after the whole document", cuts(rows + `]}}`), Transient, 2},
		{"a body that ends early", says(rows), Transient, 2},
		{"a list that is closed, in a document that is not", says(rows + `]`), Transient, 2},
		{"something after the document", says(rows + `]}} x`), Transient, 2},
		{"a second document", says(rows + `]}}{"data":{"listUsers":[]}}`), Transient, 2},
		{"data twice", says(rows + `]},"data":{"listUsers":[]}}`), Transient, 2},
		{"errors after data", says(rows + `]},"errors":[{"message":"shard 2 is down"}]}`), Transient, 2},
		{"errors before data", says(`{"errors":[{"message":"shard 2 is down"}],` + rows[1:] + `]}}`), Transient, 0},
		{"errors that are a permission", says(`{"errors":[{"message":"permission denied: iam:read"}],"data":null}`), Unauthorized, 0},
		{"errors that are a permission, after data null", says(`{"data":null,"errors":[{"message":"permission denied: iam:read"}]}`), Unauthorized, 0},
		{"errors of another form", says(rows + `]},"errors":"oops"}`), Transient, 2},
		{"data null", says(`{"data":null}`), Transient, 0},
		{"listUsers null", says(`{"data":{"listUsers":null}}`), Transient, 0},
		{"no listUsers", says(`{"data":{}}`), Transient, 0},
		{"no data", says(`{}`), Transient, 0},
		{"an empty body", says(``), Transient, 0},
		{"null", says(`null`), Transient, 0},
		{"listUsers an object", says(`{"data":{"listUsers":{}}}`), Transient, 0},
		{"a row that is null", says(`{"data":{"listUsers":[` + rowA + `,null]}}`), Transient, 1},
		{"a row without id", says(`{"data":{"listUsers":[` + strings.Replace(rowA, `"id":"u1",`, ``, 1) + `]}}`), Transient, 0},
		{"a row without email", says(`{"data":{"listUsers":[` + strings.Replace(rowA, `"email"`, `"mail"`, 1) + `]}}`), Transient, 0},
		{"a row without roles", says(`{"data":{"listUsers":[` + strings.Replace(rowB, `"roleAssignments":[],`, ``, 1) + `]}}`), Transient, 0},
		{"a row with roles null", says(`{"data":{"listUsers":[` + strings.Replace(rowB, `"roleAssignments":[]`, `"roleAssignments":null`, 1) + `]}}`), Transient, 0},
		{"a row without attributes", says(`{"data":{"listUsers":[` + strings.Replace(rowB, `,"userAttributes":[]`, ``, 1) + `]}}`), Transient, 0},
		{"a role without scopes", says(`{"data":{"listUsers":[` + strings.Replace(rowA, `,"scopes":[]`, ``, 1) + `]}}`), Transient, 0},
		{"an attribute without source", says(`{"data":{"listUsers":[` + strings.Replace(rowA, `,"source":"JWT"`, ``, 1) + `]}}`), Transient, 0},
		{"an attribute value that is null", says(`{"data":{"listUsers":[` + strings.Replace(rowA, `"value":"w"`, `"value":null`, 1) + `]}}`), Transient, 0},
		{"HTML", says(`<html>`), Transient, 0},
		{"500", fails(500, rows+`]}}`), Transient, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t)
			s.on("listUsers", test.answer)
			got, err := list(t, s.client(t))
			e := failure(t, err)
			if e.Kind != test.kind || e.Op != "listUsers" {
				t.Errorf("kind %q, op %q: %v", e.Kind, e.Op, e)
			}
			if len(got) != test.rows {
				t.Errorf("%d rows before the error, want %d", len(got), test.rows)
			}
			if n := len(s.requests("listUsers")); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// TestListUsersStreams has a server that sends the second row only after the first was
// handed on, as it never would be by a client that reads the answer whole.
func TestListUsersStreams(t *testing.T) {
	s := newServer(t)
	first := make(chan struct{}) // closed when the caller has the first row
	s.on("listUsers", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"data":{"listUsers":[`+rowA)
		w.(http.Flusher).Flush()
		select {
		case <-first:
		case <-r.Context().Done():
			return
		}
		io.WriteString(w, `,`+rowB+`]}}`)
	})
	var got []string
	err := s.client(t).ListUsers(t.Context(), func(u User) error {
		if got = append(got, u.ID); len(got) == 1 {
			close(first)
		}
		return nil
	})
	if diff := cmp.Diff([]string{"u1", "u2"}, got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

func TestListUsersGzip(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	io.WriteString(w, `{"data":{"listUsers":[`+rowA+`,`+rowB+`]}}`)
	w.Close()
	answers := func(body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept-Encoding") != "gzip" {
				http.Error(w, "gzip is not asked for", http.StatusNotAcceptable)
				return
			}
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(body)
		}
	}
	t.Run("whole", func(t *testing.T) {
		s := newServer(t)
		s.on("listUsers", answers(packed.Bytes()))
		got, err := list(t, s.client(t))
		if diff := cmp.Diff([]User{userA(), userB()}, got); err != nil || diff != "" {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
	})
	t.Run("without its checksum", func(t *testing.T) {
		s := newServer(t)
		s.on("listUsers", answers(packed.Bytes()[:packed.Len()-8]))
		if _, err := list(t, s.client(t)); failure(t, err).Kind != Transient {
			t.Errorf("error %v", err)
		}
	})
}

func TestListUsersStopsWithTheCallersError(t *testing.T) {
	s := newServer(t)
	s.on("listUsers", says(`{"data":{"listUsers":[`+rowA+`,`+rowB+`]}}`))
	full := errors.New("the store is full")
	var told error
	c := s.client(t, func(o *Options) { o.OnCall = func(call Call) { told = call.Err } })
	seen := 0
	err := c.ListUsers(t.Context(), func(User) error { seen++; return full })
	if err != full || seen != 1 || told != full {
		t.Errorf("error %v, %d seen, OnCall told %v", err, seen, told)
	}
}

// benchUsers is the size of design's benchmark.
const benchUsers = 100_000

// BenchmarkListUsers100k decodes a listing of 100,000 users over loopback. live-MB is the
// most that was alive at every 25,000th row beyond what was before (the answer
// itself): what streaming is for.
func BenchmarkListUsers100k(b *testing.B) {
	var body bytes.Buffer
	body.WriteString(`{"data":{"listUsers":[`)
	for i := range benchUsers {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"id":"user_%06d","email":"person.%06d@example.com","name":"Person %06d","creationTimestamp":"2026-01-01T00:00:00Z",`+
			`"roleAssignments":[{"roleId":"00000000-0000-0000-0000-000000000002","scopes":["domain_%d"]}],`+
			`"userAttributes":[{"key":"display_name","value":"Person %06d","source":"DATABASE"},{"key":"region","value":"emea","source":"JWT"}]}`, i, i, i, i%50, i)
	}
	body.WriteString(`]}}`)
	answer := body.Bytes()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(answer) }))
	defer s.Close()
	c, err := New(Options{URL: s.URL, Workspace: "w", Token: "key1", Exchange: "never"})
	if err != nil {
		b.Fatal(err)
	}
	c.shapes.remember(func(*shape) {}, "the benchmark")
	b.SetBytes(int64(len(answer)))
	b.ReportAllocs()
	var peak uint64
	base := live()
	for b.Loop() {
		users := 0
		if err := c.ListUsers(b.Context(), func(User) error {
			if users++; users%25_000 == 0 {
				b.StopTimer()
				peak = max(peak, live())
				b.StartTimer()
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
		if users != benchUsers {
			b.Fatalf("%d users", users)
		}
	}
	if peak > base {
		b.ReportMetric(float64(peak-base)/1e6, "live-MB")
	}
}

// live is the heap that is still in use.
func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
