package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/scimbridge/scimbridge/internal/store/transfer"
)

// How often progress is shown: on a terminal as a bar in one line, elsewhere as lines for a log.
const (
	barEvery  = 100 * time.Millisecond
	lineEvery = 10 * time.Second
)

// progress shows how far a copy has come. Not safe for concurrent use.
type progress struct {
	w     io.Writer
	now   func() time.Time
	bar   bool
	phase transfer.Phase
	begun time.Time // the phase
	shown time.Time
	full  bool // that was the phase's last
	drawn bool // the cursor is in the bar's line
}

func newProgress(w io.Writer, now func() time.Time) *progress {
	p := &progress{w: w, now: now}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		p.bar = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// show is called for every step; most are not shown.
func (p *progress) show(s transfer.Progress) {
	now, done := p.now(), s.Done == s.Total
	every := lineEvery
	if p.bar {
		every = barEvery
	}
	switch {
	case s.Phase != p.phase:
		p.end()
		p.phase, p.begun, p.full = s.Phase, now, false
	case p.full || !done && now.Sub(p.shown) < every:
		return
	}
	p.full = done
	p.shown = now
	share := 1.0
	if s.Total > 0 {
		share = float64(s.Done) / float64(s.Total)
	}
	line := fmt.Sprintf("%3.0f%%  %d of %d rows", 100*share, s.Done, s.Total)
	if took := now.Sub(p.begun); !done && share > 0.01 && took > time.Second {
		line += fmt.Sprintf(", %s left", time.Duration(float64(took)*(1-share)/share).Round(time.Second))
	}
	if !p.bar {
		fmt.Fprintf(p.w, "%-9s  %s\n", s.Phase, line)
		return
	}
	const width = 30
	filled := int(share * width)
	p.drawn = true
	fmt.Fprintf(p.w, "\r%-9s  [%s%s] %s  %s\x1b[K", s.Phase, strings.Repeat("#", filled), strings.Repeat(".", width-filled), line, s.Table)
}

// end leaves the bar's line.
func (p *progress) end() {
	if p.drawn {
		fmt.Fprintln(p.w)
	}
	p.drawn = false
}
