package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with the configuration.
type Fault struct {
	// Line and Column count from 1; both are 0 when Variable is the cause.
	Line, Column int
	// Variable is the environment variable that holds the faulty value, or "".
	Variable string
	// Path is the key as the file nests it: "tenants.default.roles.groups[2].match".
	// It is "" where no key is concerned (a syntax error).
	Path string
	// Message says what is wrong and what was expected. It never holds a secret.
	Message string
}

// Errors is every fault of a configuration, in file order, those of the
// environment last.
type Errors struct {
	File   string
	Faults []Fault
}

// Error prints the faults one a line: FILE:LINE:COLUMN: PATH: MESSAGE.
func (e *Errors) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		where := fmt.Sprintf("%s:%d:%d", e.File, f.Line, f.Column)
		if f.Variable != "" {
			where = "environment " + f.Variable
		}
		if f.Path != "" {
			where += ": " + f.Path
		}
		lines[i] = where + ": " + f.Message
	}
	return strings.Join(lines, "\n")
}

func sortFaults(faults []Fault) {
	slices.SortStableFunc(faults, func(a, b Fault) int {
		return cmp.Or(
			cmp.Compare(a.Variable, b.Variable), // "" first: the file before the environment
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Path, b.Path),
		)
	})
}
