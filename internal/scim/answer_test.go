package scim

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/directory"
)

// TestV05Done: a create counts as answered only when the whole 201 has left for a
// client that is there.
func TestV05Done(t *testing.T) {
	t.Run("answered", func(t *testing.T) {
		s := serve(t)
		s.user("ann@suite.example", "")
		s.waitDone(t, true)
	})
	t.Run("refused", func(t *testing.T) {
		s := serve(t)
		s.user("ann@suite.example", "")
		s.do("POST", "/Users", userBody("ann@suite.example", "")).refused(409, "uniqueness")
		s.waitDone(t, true) // of the first; the second has nothing to tell
	})
	t.Run("the client went away", func(t *testing.T) {
		s := serve(t)
		ctx, cancel := context.WithCancel(context.Background())
		s.directory.before = func(requestCtx context.Context, method string) error {
			cancel()            // the client hangs up while the create runs
			<-requestCtx.Done() // and the server has seen it
			return nil          // the create is committed all the same
		}
		r, err := http.NewRequestWithContext(ctx, "POST", s.url+"/Users", strings.NewReader(userBody("ann@suite.example", "")))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		if answer, err := browser.Do(r); err == nil {
			answer.Body.Close()
			t.Error("the client got an answer")
		}
		s.waitDone(t, false)
	})
	t.Run("the connection broke while the answer was written", func(t *testing.T) {
		for _, breaks := range []string{"write", "flush"} {
			d := newFake()
			h, err := New(Options{Directory: d, Authenticate: authenticate})
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest("POST", "/scim/v2/Users", strings.NewReader(userBody("ann@suite.example", "")))
			r.Header.Set("Authorization", "Bearer "+token)
			h.ServeHTTP(&broken{ResponseRecorder: httptest.NewRecorder(), breaks: breaks}, r)
			(&suite{t: t, directory: d}).waitDone(t, false)
		}
	})
	t.Run("a panic", func(t *testing.T) {
		s := serve(t)
		s.directory.clock = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		h, err := New(Options{Directory: unrenderable{s.directory}, Authenticate: authenticate, Log: nil})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(h)
		defer server.Close()
		s2 := &suite{t: t, directory: s.directory, url: server.URL + "/scim/v2"}
		r := s2.do("POST", "/Users", userBody("ann@suite.example", ""))
		r.refused(500, "")
		if r.header.Get("Location") != "" || r.header.Get("ETag") != "" {
			t.Errorf("headers of the answer that failed: %v", r.header)
		}
		s2.waitDone(t, false)
	})
}

// waitDone waits for what the last create was told; the handler ends after the client has its answer.
func (s *suite) waitDone(t *testing.T, want bool) {
	t.Helper()
	for {
		s.directory.mu.Lock()
		done := append([]bool{}, s.directory.done...)
		s.directory.mu.Unlock()
		if len(done) == 1 {
			if done[0] != want {
				t.Errorf("Done(%t), want Done(%t)", done[0], want)
			}
			return
		}
		if len(done) > 1 {
			t.Fatalf("Done was called %d times", len(done))
		}
		time.Sleep(time.Millisecond)
	}
}

// broken is a connection that fails.
type broken struct {
	*httptest.ResponseRecorder
	breaks string
}

func (b *broken) Write(p []byte) (int, error) {
	if b.breaks == "write" {
		return 0, io.ErrClosedPipe
	}
	return b.ResponseRecorder.Write(p)
}

func (b *broken) FlushError() error {
	if b.breaks == "flush" {
		return io.ErrClosedPipe
	}
	return nil
}

// unrenderable gives users with a value that no document can hold.
type unrenderable struct{ *fake }

func (u unrenderable) CreateUser(ctx context.Context, by directory.Caller, doc directory.Document) (directory.User, func(bool), error) {
	user, done, err := u.fake.CreateUser(ctx, by, doc)
	user.Document["title"] = make(chan int)
	return user, done, err
}

// TestChecklistLargeGroup is G-13: members stream, and the answer is whole.
func TestChecklistLargeGroup(t *testing.T) {
	s := serve(t)
	members := make([]directory.Member, 20_000)
	for i := range members {
		members[i] = directory.Member{ID: fmt.Sprintf("m-%06d", i), Type: "User", Display: fmt.Sprintf("Person %d", i)}
	}
	h, err := New(Options{Directory: large{s.directory, members}, Authenticate: authenticate})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	s = &suite{t: t, url: server.URL + "/scim/v2"}
	r := s.get("/Groups/g").is(200)
	list, _ := r.at("members").([]any)
	if len(list) != len(members) {
		t.Fatalf("%d members, want %d", len(list), len(members))
	}
	for _, i := range []int{0, 1, 777, len(members) - 1} {
		r.wants(map[string]any{"value": members[i].ID, "$ref": s.url + "/Users/" + members[i].ID, "type": "User", "display": members[i].Display}, "members", i)
	}
	if r.header.Get("Content-Length") != "" {
		t.Error("the answer was held whole")
	}
	head := s.do("HEAD", "/Groups/g", "").is(200)
	if head.header.Get("Content-Length") != fmt.Sprint(len(r.text)) {
		t.Errorf("HEAD tells %s bytes, GET has %d", head.header.Get("Content-Length"), len(r.text))
	}
}

type large struct {
	*fake
	members []directory.Member
}

func (l large) Group(context.Context, string, bool) (directory.Group, error) {
	return directory.Group{ID: "g", DisplayName: "Large", Version: 1, Members: l.members}, nil
}
