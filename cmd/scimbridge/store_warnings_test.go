package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

// sayingDatabase says what it is told to.
type sayingDatabase struct {
	database
	asked int
	said  []string
	err   error
}

func (d *sayingDatabase) warnings(context.Context) ([]string, error) {
	d.asked++
	return d.said, d.err
}

func TestStoreWarningsAreAskedForNowAndThen(t *testing.T) {
	db := &sayingDatabase{said: []string{"one"}}
	var w storeWarnings
	now := time.Unix(0, 0)
	for _, step := range []struct {
		after time.Duration
		said  []string
		err   error
		want  []string
		asked int
	}{
		{0, []string{"one"}, nil, []string{"one"}, 1},
		{warningsFor - 1, []string{"two"}, nil, []string{"one"}, 1},
		{1, []string{"two"}, nil, []string{"two"}, 2},
		{warningsFor, nil, errors.New("it does not answer"), []string{"two"}, 3},
		{1, nil, nil, []string{"two"}, 3},
		{warningsFor, nil, nil, nil, 4},
	} {
		now = now.Add(step.after)
		db.said, db.err = step.said, step.err
		if got := w.of(t.Context(), db, now); !slices.Equal(got, step.want) || db.asked != step.asked {
			t.Errorf("%q, asked %d times, want %q, %d", got, db.asked, step.want, step.asked)
		}
	}
}
