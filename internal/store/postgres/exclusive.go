package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// servingLock is the key of the advisory lock that all servers share ("serv").
const servingLock = 0x73657276

// Exclusive makes sure that no server is connected to the database, and that none starts, until release. The error
// is an *OpenError.
func Exclusive(ctx context.Context, url string) (release func(), err error) {
	config, address, err := parse(url)
	if err != nil {
		return nil, err
	}
	if pooled(config) {
		return nil, &OpenError{Address: address, Kind: KindAddress, Reason: "whether a server runs cannot be seen through a pooler",
			Advice: "give this command the address of PostgreSQL itself, without default_query_exec_mode"}
	}
	c, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return nil, explainOpen(address, err)
	}
	release = func() { _ = c.Close(context.WithoutCancel(ctx)) }
	var free bool
	if err := c.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(servingLock)).Scan(&free); err != nil || !free {
		if err == nil {
			var where string
			err = c.QueryRow(ctx, `SELECT COALESCE(string_agg(DISTINCT COALESCE(host(a.client_addr), 'this machine'), ', '), '?')
				FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND l.objid = $1 AND l.granted
				AND a.datname = current_database()`, int64(servingLock)).Scan(&where)
			if err == nil {
				err = &OpenError{Address: address, Kind: KindLocked, Reason: "servers use it, at: " + where, Advice: "stop them, every replica"}
			}
		}
		release()
		return nil, explainOpen(address, err)
	}
	return release, nil
}

// Serving says that this process is a server of the database, until release; so that Exclusive refuses meanwhile, and this
// one while somebody has it to himself. When the connection is lost it is said again by the one that listens
// for news. Behind a pooler nothing is said. The error is an *OpenError.
func Serving(ctx context.Context, url string) (release func(), err error) {
	config, address, err := parse(url)
	if err != nil {
		return nil, err
	}
	if pooled(config) {
		return func() {}, nil
	}
	c, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return nil, explainOpen(address, err)
	}
	release = func() { _ = c.Close(context.WithoutCancel(ctx)) }
	var free bool
	if err = c.QueryRow(ctx, "SELECT pg_try_advisory_lock_shared($1)", int64(servingLock)).Scan(&free); err == nil && !free {
		err = &OpenError{Address: address, Kind: KindLocked, Reason: "a command has it to itself", Advice: "wait until it has ended"}
	}
	if err != nil {
		release()
		return nil, explainOpen(address, err)
	}
	return release, nil
}

// share takes the lock's share for a server, as long as the connection lives.
func share(ctx context.Context, c *pgx.Conn) error {
	if _, err := c.Exec(ctx, "SELECT pg_advisory_lock_shared($1)", int64(servingLock)); err != nil {
		return fmt.Errorf("mark as a server: %w", err)
	}
	return nil
}
