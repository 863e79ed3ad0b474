package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/scimbridge/scimbridge/internal/store"
)

// Codes of PostgreSQL's errors, https://www.postgresql.org/docs/current/errcodes-appendix.html.
const (
	codeSerialization   = "40001"
	codeDeadlock        = "40P01"
	codeUnique          = "23505"
	codeReadOnly        = "25006" // what was the primary is a standby now
	codeUnsupported     = "0A000" // the same, of SERIALIZABLE; or a plan of a table that has got a column since
	codeIdle            = "25P03" // idle_in_transaction_session_timeout
	codeLockWait        = "55P03" // lock_timeout
	codeCanceled        = "57014" // statement_timeout
	codeTooMany         = "53300" // connections
	codeUnknownDatabase = "3D000"
)

// verdict is what an error of the database means for the transaction it happened in.
type verdict int

const (
	// permanent: another try would end the same way.
	permanent verdict = iota
	// again: it met another transaction; run at once, it may pass.
	again
	// lost: the connection, or the server behind it, is gone or going; on another it may pass.
	lost
	// elsewhere: the server is in another timeline than it was.
	elsewhere
	// busy: it waited for as long as it may.
	busy
)

func judge(err error) verdict {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		_, connecting := errors.AsType[*pgconn.ConnectError](err)
		switch {
		case errors.Is(err, context.Canceled):
			return permanent
		case errors.Is(err, context.DeadlineExceeded) && !connecting:
			return busy
		}
		return lost // the network
	}
	switch e.Code {
	case codeSerialization, codeDeadlock, codeUnique:
		// A uniqueness rule is asked before it is broken, so who breaks one met somebody who was faster.
		return again
	case codeReadOnly, codeUnsupported, codeIdle, codeTooMany:
		return lost
	case codeLockWait, codeCanceled:
		return busy
	}
	switch e.Code[:2] {
	case "08", "57": // connection; operator's intervention: shut down, crashed, starting
		return lost
	case "53": // out of connections, memory, disk
		return busy
	}
	return permanent
}

// refused reports whether PostgreSQL answered a COMMIT with a no. All else may have been kept: also when the server
// ends the connection in the middle of it, which then waits for a standby.
func refused(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && cmp.Or(e.SeverityUnlocalized, e.Severity) == "ERROR"
}

// explain makes store.ErrUnavailable of what may pass.
func explain(err error) error {
	if err == nil || errors.Is(err, store.ErrUnavailable) || judge(err) == permanent {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}
