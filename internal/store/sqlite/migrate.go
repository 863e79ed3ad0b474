package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/pressly/goose/v3"
	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// applicationID tells a store from another program's database; migration 1 writes it
// ("scim"), https://www.sqlite.org/pragma.html#pragma_application_id.
const applicationID = 0x7363696d

// migrate brings the schema up to date. It happens once, however many processes open
// the file at the same time, and only while nobody else has it open: an older program
// would go on with a schema that it does not know. If somebody has, the error is of
// KindLocked, and SQLite's underneath is SQLITE_BUSY.
func migrate(ctx context.Context, path string, log *slog.Logger) error {
	current, target, err := versions(ctx, path)
	switch {
	case err != nil || current == target:
		return err
	case current > target:
		return &OpenError{
			Path: path, Kind: KindNewer,
			Reason: fmt.Sprintf("has schema version %d, this program knows versions up to %d", current, target),
			Advice: "use the newer scimbridge that wrote it, or restore a backup from before the upgrade",
		}
	}
	err = up(ctx, path)
	switch {
	case err == nil:
		log.InfoContext(ctx, "store migrated", "path", path, "from", current, "to", target)
	case primary(err) == sqlite3.SQLITE_BUSY:
		return &OpenError{
			Path: path, Kind: KindLocked, Err: err,
			Reason: fmt.Sprintf("its schema must go from version %d to %d, and another process has it open", current, target),
			Advice: "stop the server that uses it, and start this version again",
		}
	}
	return err
}

// Versions are the version of the schema that the store at path has, 0 if there is none, and the one that
// Open brings it to. Nothing is migrated, and no file made. Errors are as Open's.
func Versions(ctx context.Context, path string) (current, target int64, err error) {
	if path, err = fileOf(path); err != nil {
		return 0, 0, err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		target, err = newest()
		return 0, target, err
	}
	current, target, err = versions(ctx, path)
	return current, target, explain(path, err)
}

// newest is the version of the schema that this program knows.
func newest() (version int64, err error) {
	sources, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return 0, err
	}
	for _, name := range sources {
		v, err := goose.NumericComponent(name)
		if err != nil {
			return 0, err
		}
		version = max(version, v)
	}
	return version, nil
}

// versions are the file's schema version, 0 for an empty file, and the program's.
func versions(ctx context.Context, path string) (current, target int64, err error) {
	if target, err = newest(); err != nil {
		return 0, 0, err
	}
	settings, err := connector(path, common[:1]) // to look, without changing the file
	if err != nil {
		return 0, 0, err
	}
	c, err := connect(ctx, settings)
	if err != nil {
		return 0, 0, err
	}
	defer func() {
		if e := c.close(); err == nil {
			err = e
		}
	}()
	if _, err := c.exec("BEGIN"); err != nil { // one snapshot: another process may be migrating
		return 0, 0, err
	}
	id, err := c.number("PRAGMA application_id")
	if err != nil {
		return 0, 0, err
	}
	tables, err := c.number("SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
	if err != nil {
		return 0, 0, err
	}
	ours, err := c.number("SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = ?", goose.DefaultTablename)
	if err != nil {
		return 0, 0, err
	}
	switch {
	case id != applicationID && tables > ours: // a first migration that was interrupted leaves goose's table alone
		return 0, 0, &OpenError{Path: path, Kind: KindForeign, Reason: "is the database of another program", Advice: "name another file"}
	case ours == 0:
		return 0, target, nil
	}
	current, err = c.number("SELECT MAX(version_id) FROM " + goose.DefaultTablename + " WHERE is_applied = 1")
	return current, target, err
}

// up applies the migrations that are missing.
func up(ctx context.Context, path string) (err error) {
	// In exclusive mode a connection keeps its locks until it is closed. It must not wait
	// for one: two that waited for each other, each with the lock of a reader, would do so
	// for ever. (For the same reason goose, which waits, comes last.)
	settings, err := connector(path, []pragma{{"busy_timeout", "0"}, {"locking_mode", "EXCLUSIVE"}})
	if err != nil {
		return err
	}
	db := sql.OpenDB(settings)
	defer func() {
		if e := db.Close(); err == nil {
			err = e
		}
	}()
	db.SetMaxOpenConns(1) // the lock is the connection's
	steps := []string{"BEGIN EXCLUSIVE", "COMMIT"}
	for _, p := range common[1:] {
		steps = append(steps, "PRAGMA "+p.name+" = "+p.value)
	}
	for _, s := range steps {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}
