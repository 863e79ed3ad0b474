package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/scimbridge/scimbridge/internal/store/relational"
)

// Options say where a store is.
type Options struct {
	// URL of the database, postgres://USER@HOST[:PORT]/DATABASE?PARAMETERS, as libpq and pgx read it: of several hosts
	// the one that takes writes is used. default_query_exec_mode=exec says that there is a pooler for
	// transactions; pool_max_conns is how many connections there are at most, 16 if it is not given.
	URL string
	// Now is the clock behind Tx.Now; nil is the database's, and right wherever there is more than one process.
	Now func() time.Time
	// Log hears of migrations and of what the address costs; nil is nobody.
	Log *slog.Logger
	// Unfinished opens a store that a copy to was not finished, too: for who copies.
	Unfinished bool

	limits *limits // nil: defaultLimits
}

// Kind says why a store could not be opened.
type Kind string

const (
	KindAddress     Kind = "address"     // not an address that can be read
	KindUnreachable Kind = "unreachable" // no server answers there, or none that takes writes
	KindPermission  Kind = "permission"  // who asks may not come in, or not do what is needed
	KindUnsuited    Kind = "unsuited"    // too old, or not UTF-8
	KindLocked      Kind = "locked"      // servers use it
	KindForeign     Kind = "foreign"     // the database of another program
	KindNewer       Kind = "newer"       // written by a newer scimbridge
	KindUnfinished  Kind = "unfinished"  // a copy to it was not finished
	KindFailed      Kind = "failed"      // anything else
)

// OpenError says which store could not be opened, why, and what to do about it.
type OpenError struct {
	Address string // host and database, without user and password
	Kind    Kind
	Reason  string // what is wrong
	Advice  string // what to do
	Err     error  // what the system said, or nil
}

func (e *OpenError) Error() string {
	msg := fmt.Sprintf("store %s: %s", e.Address, e.Reason)
	if e.Err != nil {
		msg += fmt.Sprintf(" (%v)", e.Err)
	}
	if e.Advice != "" {
		msg += ": " + e.Advice
	}
	return msg
}

func (e *OpenError) Unwrap() error { return e.Err }

// defaultConnections is how many connections a process takes at most: a server has 100 unless told otherwise.
const defaultConnections = 16

// Open opens the store, and brings its schema up to date. Errors are *OpenError, apart from those of ctx.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	config, address, err := parse(o.URL)
	if err != nil {
		return nil, err
	}
	s := &Store{now: o.Now, log: o.Log, pooler: pooled(config), limits: defaultLimits, flushes: newMark()}
	if o.limits != nil {
		s.limits = *o.limits
	}
	config.BeforeClose = func(c *pgx.Conn) { s.marks.Delete(c) }
	if !s.pooler {
		for name, value := range planning {
			config.ConnConfig.RuntimeParams[name] = value
		}
	} else {
		o.Log.InfoContext(ctx, "a pooler for transactions stands before the store: other replicas' changes are seen by asking once a second, not by being woken", "store", address)
	}
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, explainOpen(address, err)
	}
	s.updates = make(chan struct{}, max(1, int(config.MaxConns)*3/4))
	if err := s.prepare(ctx, address, o.Unfinished); err != nil {
		s.pool.Close()
		return nil, explainOpen(address, err)
	}
	s.news = newNews(s, config.ConnConfig)
	return s, nil
}

// prepare sees that the server will do, and brings the schema up to date.
func (s *Store) prepare(ctx context.Context, address string, unfinished bool) error {
	return s.pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		if err := suited(ctx, c.Conn(), address); err != nil {
			return err
		}
		s.saysTimeline = saysTimeline(ctx, c.Conn())
		if err := migrate(ctx, c.Conn(), address, s.log); err != nil || unfinished {
			return err
		}
		copying, err := relational.Copying(&conn{ctx: ctx, pg: c.Conn()})
		if err == nil && copying {
			err = &OpenError{Address: address, Kind: KindUnfinished, Reason: "a copy to it was not finished",
				Advice: "repeat `scimbridge copy`, which begins again, or go on with the store that was to be copied"}
		}
		if err == nil {
			err = forgetMarks(ctx, c.Conn())
		}
		return err
	})
}

// hostWait is how long one host of an address may take to let us in: so much less than a call waits for a
// connection that a standby is reached behind a primary whose machine is gone without a word.
const hostWait = 3 * time.Second

// parse reads an address.
func parse(url string) (config *pgxpool.Config, address string, err error) {
	config, err = pgxpool.ParseConfig(url)
	if err != nil {
		// pgx's own text leaves passwords out, but it quotes the rest of what may be anything.
		return nil, "", &OpenError{Address: "postgres", Kind: KindAddress, Reason: "its address cannot be read", Advice: "write postgres://USER@HOST:PORT/DATABASE"}
	}
	c := config.ConnConfig
	address = fmt.Sprintf("postgres://%s/%s", net.JoinHostPort(c.Host, fmt.Sprint(c.Port)), c.Database)
	if !setsConnections(url) {
		config.MaxConns = defaultConnections
	}
	if config.PingTimeout == 0 {
		config.PingTimeout = defaultLimits.end
	}
	// A server that went without a word is noticed within half a minute.
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}}
	c.DialFunc = dialer.DialContext
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = hostWait
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "scimbridge"
	}
	if c.ValidateConnect == nil { // unless target_session_attrs says otherwise
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	return config, address, nil
}

// setsConnections reports whether an address says how many connections there may be.
func setsConnections(url string) bool {
	config, err := pgx.ParseConfig(url) // which takes what is the pool's for the server's
	if err != nil {
		return false
	}
	_, ok := config.RuntimeParams["pool_max_conns"]
	return ok
}

// pooled reports whether an address says that a pooler for transactions is between.
func pooled(config *pgxpool.Config) bool {
	switch config.ConnConfig.DefaultQueryExecMode {
	case pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol:
		return true
	}
	return false
}

// oldest is the first version that will do: pg_xact_status of a full number came with it.
const oldest = 130000

func suited(ctx context.Context, c *pgx.Conn, address string) error {
	var version int
	var encoding string
	err := c.QueryRow(ctx, "SELECT current_setting('server_version_num')::int, current_setting('server_encoding')").Scan(&version, &encoding)
	switch {
	case err != nil:
		return err
	case version < oldest:
		return &OpenError{Address: address, Kind: KindUnsuited, Reason: fmt.Sprintf("is PostgreSQL %d", version/10000), Advice: "use PostgreSQL 13 or later"}
	case encoding != "UTF8":
		return &OpenError{Address: address, Kind: KindUnsuited, Reason: "its encoding is " + encoding, Advice: "create the database with ENCODING 'UTF8'"}
	}
	return nil
}

// explainOpen makes an OpenError of what went wrong while the store was being opened.
func explainOpen(address string, err error) error {
	if _, ok := errors.AsType[*OpenError](err); ok || err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	e := &OpenError{Address: address, Kind: KindFailed, Reason: "cannot be opened", Err: err}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ok:
		e.Kind, e.Reason, e.Advice = KindUnreachable, "no server that takes writes answers", "start it, or correct host and port; of several hosts one must be the primary"
	case pg.Code == codeUnknownDatabase:
		e.Kind, e.Reason, e.Advice = KindAddress, "there is no such database", "create it: createdb DATABASE"
	case pg.Code[:2] == "28": // invalid authorization
		e.Kind, e.Reason = KindPermission, "the server does not let that user in"
		e.Advice = "give the password by PGPASSWORD or a passfile, or keep the whole address in a secret"
	case pg.Code == "42501": // insufficient privilege
		e.Kind, e.Reason, e.Advice = KindPermission, "that user may not do what is needed", "make it the owner of the database"
	case pg.Code == "3F000": // invalid schema name
		e.Kind, e.Reason, e.Advice = KindAddress, "there is no schema to make tables in", "create the schema that search_path names: CREATE SCHEMA NAME"
	case pg.Code == "08P01": // PgBouncer's answer to a setting that it does not know
		e.Kind, e.Reason, e.Advice = KindAddress, "a pooler is between that takes no settings", "add default_query_exec_mode=exec to the address, which says so"
	case judge(err) == lost:
		e.Kind, e.Reason, e.Advice = KindUnreachable, "the server takes nobody in now", "wait until it has started"
	}
	return e
}
