package sqlite_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/store/sqlite"
)

// volume is a folder with a database and the file beside it, and copies of it as administrators make them.
type volume struct {
	t     *testing.T
	path  string
	store *sqlite.Store
}

func newVolume(t *testing.T) *volume {
	v := &volume{t: t, path: filepath.Join(t.TempDir(), "store.db")}
	v.open()
	t.Cleanup(func() { v.store.Close() })
	return v
}

func (v *volume) open() {
	v.t.Helper()
	var err error
	if v.store, err = sqlite.Open(v.t.Context(), sqlite.Options{Path: v.path}); err != nil {
		v.t.Fatal(err)
	}
}

// raise is a start; it returns why the database is thought to be an older one.
func (v *volume) raise() (why string) {
	v.t.Helper()
	err := v.store.RaiseEpoch(v.t.Context(), func(_ store.Tx, reason string) error { why = reason; return nil })
	if err != nil {
		v.t.Fatal(err)
	}
	return why
}

// write is a write that the log knows of.
func (v *volume) write() {
	v.t.Helper()
	err := v.store.Update(v.t.Context(), func(tx store.Tx) error { return tx.AppendEvent(&store.Event{Kind: "test"}) })
	if err != nil {
		v.t.Fatal(err)
	}
}

// copy is the database's file at a moment at which nobody has it open.
func (v *volume) copy() []byte {
	v.t.Helper()
	if err := v.store.Close(); err != nil {
		v.t.Fatal(err)
	}
	data, err := os.ReadFile(v.path)
	if err != nil {
		v.t.Fatal(err)
	}
	v.open()
	return data
}

func (v *volume) putBack(data []byte) {
	v.t.Helper()
	if err := v.store.Close(); err != nil {
		v.t.Fatal(err)
	}
	if err := os.WriteFile(v.path, data, 0o600); err != nil {
		v.t.Fatal(err)
	}
	v.open()
}

func TestV31AnOlderDatabaseShowsItself(t *testing.T) {
	v := newVolume(t)
	if why := v.raise(); why != "" {
		t.Fatalf("at the first start: %s", why)
	}
	v.write()
	first := v.copy()
	for range 3 { // starts, with and without writes
		if why := v.raise(); why != "" {
			t.Fatalf("at a start: %s", why)
		}
	}
	v.write()
	v.putBack(first)
	if why := v.raise(); !strings.Contains(why, "older copy") {
		t.Fatalf("an older database: %q", why)
	}
	if why := v.raise(); why != "" { // who has been told once is not told for ever
		t.Fatalf("at the next start: %s", why)
	}
	// A copy of the same epoch, which lacks what came after it.
	second := v.copy()
	v.write()
	if err := v.store.Close(); err != nil {
		t.Fatal(err)
	}
	v.open()
	if why := v.raise(); why != "" {
		t.Fatalf("after a write: %s", why)
	}
	v.putBack(second)
	if why := v.raise(); why == "" {
		t.Error("a copy of the last epoch was not noticed")
	}
	info, err := os.Stat(sqlite.EpochFile(v.path))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the epoch file: %v, %v", info.Mode(), err)
	}
}

// TestV31ACrashBetweenTheWrites lets a raise die before each of its writes: what it leaves is taken up
// without a word, and a copy from before is noticed.
func TestV31ACrashBetweenTheWrites(t *testing.T) {
	for _, dies := range []string{"file", "database", "file again", ""} {
		for _, back := range []bool{false, true} {
			v := newVolume(t)
			v.raise()
			v.write()
			older := v.copy()
			v.write()
			died := errors.New("the process dies")
			err := v.store.RaiseEpochUntil(t.Context(), func(write string) error {
				if write == dies {
					return died
				}
				return nil
			})
			if dies != "" && !errors.Is(err, died) || dies == "" && err != nil {
				t.Fatalf("%q: %v", dies, err)
			}
			if back {
				v.putBack(older)
			}
			why := v.raise()
			switch {
			case !back && why != "":
				t.Errorf("died before %q: a restore is claimed: %s", dies, why)
			case back && why == "" && dies != "file": // until then the file has not heard of the second write
				t.Errorf("died before %q: an older copy is missed", dies)
			}
			if why := v.raise(); why != "" {
				t.Errorf("died before %q: the next start: %s", dies, why)
			}
		}
	}
}

// TestV31ACrashWhileARestoreIsFound: the file does not forget before the database holds.
func TestV31ACrashWhileARestoreIsFound(t *testing.T) {
	for _, dies := range []string{"database", "file again"} {
		v := newVolume(t)
		v.raise()
		older := v.copy()
		for range 3 {
			v.raise()
		}
		v.putBack(older)
		died := errors.New("the process dies")
		err := v.store.RaiseEpochUntil(t.Context(), func(write string) error {
			if write == dies {
				return died
			}
			return nil
		})
		if !errors.Is(err, died) {
			t.Fatal(err)
		}
		held := dies == "file again" // the mark is committed
		if why := v.raise(); (why != "") == held {
			t.Errorf("died before %q: held %v, and the next start says %q", dies, held, why)
		}
	}
}

func TestV31ADamagedEpochFileHolds(t *testing.T) {
	for _, content := range []string{"", "{", `{"store": 1}`} {
		v := newVolume(t)
		v.raise()
		if err := os.WriteFile(sqlite.EpochFile(v.path), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if why := v.raise(); !strings.Contains(why, "damaged") {
			t.Errorf("%q: %q", content, why)
		}
		if why := v.raise(); why != "" {
			t.Errorf("%q: the next start: %s", content, why)
		}
	}
}

// TestV31AnotherDatabase in the same place is not an older one, nor is one whose file is lost.
func TestV31AnotherDatabase(t *testing.T) {
	v, other := newVolume(t), newVolume(t)
	other.raise()
	for range 5 {
		v.raise()
	}
	v.putBack(other.copy())
	if why := v.raise(); why != "" {
		t.Errorf("another database: %s", why)
	}
	if err := os.Remove(sqlite.EpochFile(v.path)); err != nil {
		t.Fatal(err)
	}
	if why := v.raise(); why != "" {
		t.Errorf("without the file: %s", why)
	}
}

func TestBackup(t *testing.T) {
	v := newVolume(t)
	v.raise()
	v.write()
	file := filepath.Join(t.TempDir(), "copy.db")
	mark := func(tx store.Tx) error { return tx.PutMeta("mark", "yes") }
	if err := v.store.Backup(t.Context(), file, mark); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the copy: %v, %v", info.Mode(), err)
	}
	if left, err := filepath.Glob(file + "?*"); err != nil || len(left) > 0 {
		t.Errorf("left beside the copy: %v, %v", left, err)
	}
	copied, err := sqlite.Open(t.Context(), sqlite.Options{Path: file})
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	for _, s := range []struct {
		store *sqlite.Store
		want  error
	}{{copied, nil}, {v.store, store.ErrNotFound}} {
		err := s.store.View(t.Context(), func(tx store.Tx) error {
			events, err := tx.Events("", 0, 10)
			if err != nil || len(events) != 1 {
				t.Errorf("%d events, %v", len(events), err)
			}
			_, err = tx.Meta("mark")
			return err
		})
		if !errors.Is(err, s.want) {
			t.Errorf("the mark: %v, want %v", err, s.want)
		}
	}
	if err := v.store.Backup(t.Context(), file, mark); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file that is there: %v", err)
	}
	failed := errors.New("no mark")
	other := filepath.Join(t.TempDir(), "other.db")
	if err := v.store.Backup(t.Context(), other, func(store.Tx) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("a copy without its mark: %v", err)
	}
	if left, err := filepath.Glob(other + "*"); err != nil || len(left) > 0 {
		t.Errorf("a copy without its mark is left: %v, %v", left, err)
	}
}
