package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// commits knows the marks of Updates: each puts a row of its own into the table commits, in the message that has its
// COMMIT, so that it can be asked for when the answer is lost. The transaction's number would not do: after a
// crash, and on a standby that took over, PostgreSQL gives numbers again to others whose transactions it had not
// kept. Marks are removed many at a time when nobody will ask for them any more.
type commits struct {
	first int64 // of this process, drawn at random

	mu       sync.Mutex // guards the fields below
	drawn    int64
	answered []int64 // whose rows are to be removed
}

const (
	// manyMarks is how many rows are removed at once.
	manyMarks = 256
	// markAge is after how long a row is removed that its process left behind.
	markAge = 24 * time.Hour
)

func newCommits() *commits { return &commits{first: rand.Int64()} }

// draw gives a mark.
func (c *commits) draw() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drawn++
	return (c.first + c.drawn) & (1<<63 - 1)
}

// done says that nobody will ask for a mark any more.
func (c *commits) done(mark int64) {
	if mark == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answered = append(c.answered, mark)
}

// take gives the marks that are to be removed, if there are so many.
func (c *commits) take(atLeast int) []int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.answered) < atLeast {
		return nil
	}
	marks := c.answered
	c.answered = nil
	return marks
}

// commitText commits with a mark.
func commitText(mark int64) string {
	return fmt.Sprintf("INSERT INTO commits (id, at, kept) VALUES (%d, %s, 1); COMMIT", mark, clock)
}

// askForMark says whether the transaction with a mark was kept. As long as the server works on that transaction it
// waits. If there is no mark it leaves one that says so, and the transaction, should it be on its way
// still, cannot put its own beside it. It writes in any case, and so is answered when a synchronous standby knows all
// that the answer is about. Asked again it says the same.
const askForMark = "INSERT INTO commits (id, at, kept) VALUES ($1, " + clock + ", 0) ON CONFLICT (id) DO UPDATE SET at = excluded.at RETURNING kept"

// removeMarks is for a connection that is in no transaction. What cannot be removed is when it has aged.
func removeMarks(ctx context.Context, c *pgx.Conn, marks []int64) {
	_, _ = c.Exec(ctx, "DELETE FROM commits WHERE id = ANY($1)", marks)
}

// removeOldMarks removes those that processes left behind.
func removeOldMarks(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, "DELETE FROM commits WHERE at < "+clock+" - $1::bigint", markAge.Microseconds())
	return err
}
