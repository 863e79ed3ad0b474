package config

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

var days = regexp.MustCompile(`^([0-9]{1,5})d`)

// ParseDuration reads a duration as the file spells it: Go's units (ms, s, m, h) and
// whole days of 24 hours before them: 60s, 1h30m, 400d, 1d12h. There are no negative
// ones. ok is false for anything else; a bare 0 is one of these, as it has no unit.
func ParseDuration(text string) (d time.Duration, ok bool) {
	rest := text
	if m := days.FindStringSubmatch(text); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return 0, false
		}
		d = time.Duration(n) * 24 * time.Hour
		if rest = text[len(m[0]):]; rest == "" {
			return d, true
		}
	}
	if rest == "0" || strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
		return 0, false
	}
	part, err := time.ParseDuration(rest)
	if err != nil || d+part < d {
		return 0, false
	}
	return d + part, true
}
