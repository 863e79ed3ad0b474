package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migration is a step of the schema.
type migration struct {
	version int64
	sql     string
}

// migrations are all that this program knows, in order.
func migrations() ([]migration, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	var list []migration
	for _, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, err
		}
		text, err := migrationFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		list = append(list, migration{version, string(text)})
	}
	return list, nil
}

// schemaLock is the key of the advisory lock under which the schema is looked at and changed ("scim"). It is the
// transaction's, so that it needs no session and ends with whoever has it.
const schemaLock = 0x7363696d

// migrate brings the schema up to date: all steps in one transaction, once, however many processes begin at the
// same time. A replica of the version before goes on beside it: a step only adds.
func migrate(ctx context.Context, c *pgx.Conn, address string, log *slog.Logger) error {
	current, target, err := versions(ctx, c, address)
	if err != nil || current == target {
		return newer(address, current, target, err)
	}
	list, err := migrations()
	if err != nil {
		return err
	}
	begun := time.Now()
	tx, err := c.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(schemaLock)); err != nil {
		return err
	}
	if current, target, err = versions(ctx, c, address); err != nil || current >= target { // another one was faster
		return newer(address, current, target, err)
	}
	if current == 0 {
		if _, err := tx.Exec(ctx, "CREATE TABLE scimbridge_schema (version BIGINT NOT NULL PRIMARY KEY, applied TIMESTAMPTZ NOT NULL DEFAULT now())"); err != nil {
			return err
		}
	}
	for _, m := range list {
		if m.version <= current {
			continue
		}
		if _, err := tx.Exec(ctx, m.sql, pgx.QueryExecModeSimpleProtocol); err != nil { // several statements
			return fmt.Errorf("migration %d: %w", m.version, err)
		}
		if _, err := tx.Exec(ctx, "INSERT INTO scimbridge_schema (version) VALUES ($1)", m.version); err != nil {
			return err
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	log.InfoContext(ctx, "store migrated", "store", address, "from", current, "to", target, "seconds", time.Since(begun).Seconds())
	return nil
}

// newer refuses a schema that this program does not know.
func newer(address string, current, target int64, err error) error {
	if err != nil || current <= target {
		return err
	}
	return &OpenError{
		Address: address, Kind: KindNewer,
		Reason: fmt.Sprintf("has schema version %d, this program knows versions up to %d", current, target),
		Advice: "use the newer scimbridge that wrote it",
	}
}

// versions are the database's schema version, 0 for one without, and the program's.
func versions(ctx context.Context, c *pgx.Conn, address string) (current, target int64, err error) {
	list, err := migrations()
	if err != nil {
		return 0, 0, err
	}
	target = list[len(list)-1].version
	var ours, tables bool // those of an extension are nobody's
	err = c.QueryRow(ctx, `SELECT to_regclass('scimbridge_schema') IS NOT NULL,
		EXISTS (SELECT FROM pg_class c WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND relkind IN ('r', 'p', 'v')
			AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e'))`).Scan(&ours, &tables)
	switch {
	case err != nil:
		return 0, 0, err
	case !ours && tables:
		return 0, 0, &OpenError{Address: address, Kind: KindForeign, Reason: "holds tables of another program",
			Advice: "name a database of its own, or with search_path=NAME in the address an empty schema"}
	case !ours:
		return 0, target, nil
	}
	err = c.QueryRow(ctx, "SELECT COALESCE(MAX(version), 0) FROM scimbridge_schema").Scan(&current)
	return current, target, err
}

// Versions are the schema version of a database, 0 for one without, and this program's. Nothing is changed.
func Versions(ctx context.Context, url string) (current, target int64, err error) {
	config, address, err := parse(url)
	if err != nil {
		return 0, 0, err
	}
	c, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return 0, 0, explainOpen(address, err)
	}
	defer c.Close(context.WithoutCancel(ctx))
	if err = suited(ctx, c, address); err == nil {
		current, target, err = versions(ctx, c, address)
	}
	return current, target, explainOpen(address, err)
}
