package scenario

import (
	"fmt"
	"strings"
)

// Failure is a step whose answer was not as expected.
type Failure struct {
	Scenario string
	Step     int    // from 1
	Name     string // the step's
	Sent     string // the request as it left: line, headers and body
	Got      string // the answer in the same form, or why there was none
	// Wrong is what was expected and does not hold, a sentence each.
	Wrong []string

	secret string // the token, which is not shown
}

// Error is several lines: where, what was expected, what was sent, what came back.
func (f *Failure) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: step %d, %q", f.Scenario, f.Step, f.Name)
	for _, wrong := range f.Wrong {
		fmt.Fprintf(&b, "\n  %s", wrong)
	}
	for _, part := range []struct{ title, text string }{{"sent", f.Sent}, {"came back", f.Got}} {
		if part.text != "" {
			fmt.Fprintf(&b, "\n%s:\n    %s", part.title, strings.ReplaceAll(strings.TrimRight(part.text, "\n"), "\n", "\n    "))
		}
	}
	text := b.String()
	if f.secret != "" {
		text = strings.ReplaceAll(text, f.secret, "{{token}}")
	}
	return text
}
