package sqlite

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/scimbridge/scimbridge/internal/store"
)

// epoch is how far a store has come, as the store itself says and as the file beside it
// says. The file is what does not go back in time when an older copy of the database is put in
// the database's place.
type epoch struct {
	Store string `json:"store"` // which database: another one has nothing to do with the file
	Epoch int64  `json:"epoch"` // raised by every RaiseEpoch
	// Event is the last event of the log: what two states of one epoch are told apart by. In
	// the file alone, for the log says it of the database.
	Event int64 `json:"event,omitempty"`
}

// reached reports whether a database that stands at o has come as far as e says.
func (e epoch) reached(o epoch) bool {
	return o.Epoch > e.Epoch || o.Epoch == e.Epoch && o.Event >= e.Event
}

const epochKey = "epoch"

// EpochFile is the name of the file that RaiseEpoch keeps beside the store at path.
func EpochFile(path string) string { return path + ".epoch" }

// RaiseEpoch raises the epoch of the store, in it and in the file beside it, and finds
// out whether the database is an older copy than the file has seen (V-31). If so, older is
// called in the transaction that raises the database's, with the reason: what it writes is durable before
// the file forgets. A server calls it before it serves, now and then while it does, and when it
// ends; never two at a time (Lock).
//
// The file never says of the database what is not yet durable in it. So the order is: the file
// says how far the database is now; the database is raised; the file follows. A crash anywhere
// leaves a file that the database has reached, which claims nothing, and that no older copy has,
// which misses nothing.
func (s *Store) RaiseEpoch(ctx context.Context, older func(tx store.Tx, why string) error) error {
	return s.raiseEpoch(ctx, older, func(string) error { return nil })
}

// raiseEpoch is RaiseEpoch; before is called before each of the writes ("file", "database",
// "file again"), for tests to let it die there.
func (s *Store) raiseEpoch(ctx context.Context, older func(tx store.Tx, why string) error, before func(write string) error) error {
	name := EpochFile(s.path)
	file, err := readEpoch(name)
	var damaged *json.SyntaxError
	switch {
	case errors.As(err, &damaged):
	case err != nil:
		return epochError(name, err)
	}
	now, err := s.epoch(ctx)
	if err != nil {
		return err
	}
	why := ""
	switch {
	case damaged != nil:
		why = fmt.Sprintf("%s is damaged, so that it is not known whether the database is the newest", name)
	case file.Store != now.Store:
	case !file.reached(now):
		why = fmt.Sprintf("the database is an older copy: %s has seen it at epoch %d, event %d, and it stands at epoch %d, event %d",
			name, file.Epoch, file.Event, now.Epoch, now.Event)
	case file != now:
		if err := before("file"); err != nil {
			return err
		}
		if err := writeEpoch(name, now); err != nil {
			return epochError(name, err)
		}
	}
	if err := before("database"); err != nil {
		return err
	}
	var next epoch
	err = s.Update(ctx, func(tx store.Tx) error {
		next = epoch{Store: now.Store, Epoch: max(now.Epoch, file.Epoch) + 1}
		if next.Store == "" {
			next.Store = rand.Text()
		}
		text, err := json.Marshal(next)
		if err != nil {
			return err
		}
		if why != "" {
			if err := older(tx, why); err != nil {
				return err
			}
		}
		return tx.PutMeta(epochKey, string(text))
	})
	if err != nil {
		return err
	}
	if next, err = s.epoch(ctx); err != nil {
		return err
	}
	if err := before("file again"); err != nil {
		return err
	}
	if err := writeEpoch(name, next); err != nil {
		return epochError(name, err)
	}
	return nil
}

// epoch is how far the database has come.
func (s *Store) epoch(ctx context.Context) (e epoch, err error) {
	err = s.readers.view(ctx, func(c *conn) error {
		text, err := s.tx(ctx, c).Meta(epochKey)
		if err == nil {
			err = json.Unmarshal([]byte(text), &e)
		} else if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		if err != nil {
			return err
		}
		// Not MAX(seq): old entries may have been forgotten.
		e.Event, err = c.number("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
		return err
	})
	return e, err
}

// readEpoch reads the file; the zero value if there is none.
func readEpoch(name string) (e epoch, err error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return epoch{}, nil
	}
	if err != nil {
		return epoch{}, err
	}
	if len(data) == 0 {
		return epoch{}, &json.SyntaxError{}
	}
	err = json.Unmarshal(data, &e)
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		err = &json.SyntaxError{Offset: kind.Offset}
	}
	return e, err
}

// writeEpoch replaces the file such that it is whole at any moment, and durable when it returns.
func writeEpoch(name string, e epoch) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".new-*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(data, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(name))
}

// syncFolder makes a rename in a folder durable.
func syncFolder(name string) error {
	if runtime.GOOS == "windows" { // has no such call
		return nil
	}
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func epochError(name string, err error) error {
	return &OpenError{Path: name, Kind: KindFailed, Reason: "cannot be read or written", Err: err, Advice: mayWrite(name)}
}
