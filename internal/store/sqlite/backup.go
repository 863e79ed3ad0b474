package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/scimbridge/scimbridge/internal/store"
)

// Backup writes a copy of the store, as it is at one moment, to a new file that its owner
// alone may read; servers and commands go on meanwhile. mark writes into the copy what tells it from
// the original, before the copy has its name: there is none without the mark (V-31). A file that is
// there already is not touched: the error is fs.ErrExist.
func (s *Store) Backup(ctx context.Context, file string, mark func(store.Tx) error) (err error) {
	if file, err = filepath.Abs(file); err != nil {
		return err
	}
	if _, err := os.Lstat(file); err == nil {
		return fmt.Errorf("%s: %w", file, fs.ErrExist)
	}
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".new-*") // with mode 0600
	if err != nil {
		return err
	}
	part := f.Name()
	if err := f.Close(); err != nil {
		return err
	}
	defer func() {
		for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
			_ = os.Remove(part + suffix)
		}
	}()
	if err := s.copyTo(ctx, part); err != nil {
		return fmt.Errorf("copying the store: %w", err)
	}
	copied, err := connectAll(ctx, part, s.now)
	if err != nil {
		return err
	}
	err = copied.Update(ctx, mark)
	if err = errors.Join(err, copied.Close()); err != nil { // which also writes the log back into the file
		return err
	}
	if err := syncFile(part); err != nil {
		return err
	}
	if err := os.Link(part, file); err != nil { // unlike a rename, it overwrites nothing
		if errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := os.Rename(part, file); err != nil { // a file system without links
			return err
		}
	}
	return syncFolder(filepath.Dir(file))
}

// copyTo makes an empty file a copy of the database: a snapshot, which does not hold up writers.
// https://www.sqlite.org/lang_vacuum.html#vacuuminto
func (s *Store) copyTo(ctx context.Context, file string) error {
	settings, err := connector(s.path, common[:1])
	if err != nil {
		return err
	}
	c, err := connect(ctx, settings)
	if err != nil {
		return err
	}
	_, err = c.exec("VACUUM INTO ?", file)
	return errors.Join(err, c.close())
}

func syncFile(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
