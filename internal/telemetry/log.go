package telemetry

import (
	"io"
	"log/slog"
	"strings"
)

// LogOptions configures a logger; the zero value is info, text and nothing redacted.
type LogOptions struct {
	Level  string // debug, info, warn or error; anything else is info
	Format string // text or json; anything else is text
	// Redact hides e-mail addresses and names: see [Email] and [Name]. Addresses in
	// messages, errors and other texts are found and hidden too.
	Redact bool
}

// NewLogger returns a logger that writes to w. Tokens and JWTs are masked wherever
// they appear, whether or not Redact is set (design: secrets never reach a log).
func NewLogger(w io.Writer, o LogOptions) *slog.Logger {
	var level slog.Level // the zero value is info
	switch o.Level {
	case "debug":
		level = slog.LevelDebug
	case "warn":
		level = slog.LevelWarn
	case "error":
		level = slog.LevelError
	}
	r := redactor{people: o.Redact}
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: r.replace}
	var h slog.Handler = slog.NewTextHandler(w, options)
	if strings.EqualFold(o.Format, "json") {
		h = slog.NewJSONHandler(w, options)
	}
	return slog.New(h)
}
