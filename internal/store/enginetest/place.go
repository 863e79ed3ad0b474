package enginetest

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/sqlite"
)

// Engine is what tests are run for.
type Engine string

const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
	Rerun    Engine = "rerun"
)

const variable = "SCIMBRIDGE_TEST_STORE"

// Chosen is the engine that this run of the tests is for.
func Chosen(t testing.TB) Engine {
	t.Helper()
	switch e := Engine(os.Getenv(variable)); e {
	case "":
		return SQLite
	case SQLite, Postgres, Rerun:
		return e
	default:
		t.Fatalf("%s: there is no engine %q", variable, e)
		return ""
	}
}

// Only skips a test that is about one engine itself when another was chosen; why is a sentence.
func Only(t testing.TB, e Engine, why string) {
	t.Helper()
	if chosen := Chosen(t); chosen != e && !(e == SQLite && chosen == Rerun) {
		t.Skipf("on %s alone: %s", e, why)
	}
}

// Place is where a test keeps a store that is opened and closed as the test likes. It goes with the test.
type Place struct {
	t      testing.TB
	engine Engine
	path   string // of the file
	url    string // of the database
}

// NewPlace is a place with nothing in it.
func NewPlace(t testing.TB) *Place {
	t.Helper()
	return NewPlaceIn(t, "")
}

// NewPlaceIn is NewPlace, in a folder that the test chooses if it is to be a file: scimbridge.db there.
func NewPlaceIn(t testing.TB, folder string) *Place {
	t.Helper()
	p := &Place{t: t, engine: Chosen(t)}
	switch {
	case p.engine == Postgres:
		p.url = newDatabase(t)
	case folder == "":
		p.path = filepath.Join(scratch(t), "store.db")
	default:
		p.path = filepath.Join(folder, "scimbridge.db")
	}
	return p
}

// Address is what a configuration says of the place, as its `store`.
func (p *Place) Address() string {
	if p.engine == Postgres {
		return p.url
	}
	return "sqlite:" + p.path
}

// Path is the file of a store of SQLite; other engines have none, and the test is skipped for that reason.
func (p *Place) Path() string {
	p.t.Helper()
	Only(p.t, SQLite, "it is about the file")
	return p.path
}

// Open opens the store there; whoever opens it closes it. With a clock it is the store of one process, by that clock; it
// may be a bubble's (testing/synctest), if the store is closed in it. Without one it is as a server has it:
// by the engine's clock, and a store.Watcher if the engine is one.
func (p *Place) Open(ctx context.Context, now func() time.Time) (store.Store, error) {
	if p.engine == Postgres {
		return openDatabase(ctx, p.url, now)
	}
	if now == nil {
		now = time.Now
	}
	s, err := sqlite.Open(ctx, sqlite.Options{Path: p.path, Now: now})
	if err != nil {
		return nil, err
	}
	if p.engine == Rerun {
		return Rerunning(s), nil
	}
	return s, nil
}

// Copy is another place with what this one has; nobody may have it open.
func (p *Place) Copy() *Place {
	p.t.Helper()
	c := &Place{t: p.t, engine: p.engine}
	if p.engine == Postgres {
		c.url = copyDatabase(p.t, p.url)
		return c
	}
	c.path = filepath.Join(scratch(p.t), "store.db")
	data, err := os.ReadFile(p.path)
	if err == nil {
		err = os.WriteFile(c.path, data, 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// Content is everything that is kept there, in no order, texts as they are.
func (p *Place) Content() string {
	p.t.Helper()
	if p.engine == Postgres {
		return contentOfDatabase(p.t, p.url)
	}
	all := ""
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(p.path + suffix)
		if err != nil && !os.IsNotExist(err) {
			p.t.Fatal(err)
		}
		all += string(data)
	}
	return all
}

// Open opens a new store, which is closed when the test ends; now is Place.Open's.
func Open(t testing.TB, now func() time.Time) store.Store {
	t.Helper()
	s, err := NewPlace(t).Open(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
