package scim_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/scimbridge/scimbridge/internal/bridgetest"
)

// row is one row of testdata/checklist/rfc-checklist.md: its id and what it is about, and
// its check.
type row struct {
	name  string // "F-07 strings are ordered by character"
	check func(*client)
}

// id is the row's id.
func (r row) id() string {
	id, _, _ := strings.Cut(r.name, " ")
	return id
}

// sections are the rows, a file and a world for each section.
var sections = [][]row{
	discoveryRows, createRows, readRows, filterRows, paginationRows, projectionRows, putRows, patchRows, deleteRows, versionRows, errorRows,
	httpRows, searchRows, meRows, groupRows, sortRows, cursorRows, bulkRows,
}

// pending are the rows that have no check yet, each with what it waits for. One that gets a
// check has to leave the list.
var pending = map[string]string{
	"H-21": "TLS is not the server's own yet",
	"H-16": "tokens have no scopes yet",
	"B-26": "tokens have no scopes yet",
	"R-16": "one tenant a server",
	"Z-20": "one tenant a server",
	"Z-17": "there are no rate limits yet",
	"Z-14": "sensitive queries are not offered; the row is kept for its number",
}

// TestChecklist runs the checklist row by row over the real stack: HTTP, server, directory,
// store, client and simulator.
func TestChecklist(t *testing.T) {
	shared := &shared{crowd: crowdOf(t, 1000), line: crowdOf(t, 95), people: peopleOf(t), lineup: lineupOf(t), mixed: mixedOf(t)}
	for _, rows := range sections {
		w := newWorld(t, bridgetest.Options{})
		for _, r := range rows {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				r.check(&client{t, w, r.id(), w.strict, shared})
			})
		}
	}
	for _, id := range checklist(t) {
		if reason, ok := pending[id]; ok {
			t.Run(id, func(t *testing.T) { t.Skip(reason) })
		}
	}
}

// TestChecklistIsComplete: every row of the checklist has exactly one subtest, or stands in
// the list of those that wait; and nothing has an id that is no row's.
func TestChecklistIsComplete(t *testing.T) {
	ids := checklist(t)
	checked := map[string]bool{}
	for _, rows := range sections {
		for _, r := range rows {
			switch _, waits := pending[r.id()]; {
			case checked[r.id()]:
				t.Errorf("%s is checked twice", r.id())
			case waits:
				t.Errorf("%s is checked, and listed as one that waits: take it off the list", r.id())
			case !slices.Contains(ids, r.id()):
				t.Errorf("%q has the id of no row", r.name)
			}
			checked[r.id()] = true
		}
	}
	for _, id := range ids {
		if _, waits := pending[id]; !checked[id] && !waits {
			t.Errorf("%s has no subtest", id)
		}
	}
	for id := range pending {
		if !slices.Contains(ids, id) {
			t.Errorf("%s waits, and is no row", id)
		}
	}
	if len(pending) > 10 {
		t.Errorf("%d rows wait for a later part; at most ten may", len(pending))
	}
}

var rowID = regexp.MustCompile(`(?m)^\| ([A-Z]-[0-9]+) \|`)

// checklist are the ids of the checklist's rows.
func checklist(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../testdata/checklist/rfc-checklist.md")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range rowID.FindAllSubmatch(text, -1) {
		ids = append(ids, string(m[1]))
	}
	if len(ids) < 400 {
		t.Fatalf("the checklist has %d rows; the expression that finds them is wrong", len(ids))
	}
	return ids
}
