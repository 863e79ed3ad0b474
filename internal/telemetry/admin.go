package telemetry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// Check is one thing that this process needs to take writes: store, migrations,
// configuration. Never WisdomAI: an unready process gets no writes to record.
type Check struct {
	Name string
	Run  func(ctx context.Context) error
}

// checkTimeout bounds all checks of one /readyz; probes usually wait 1 s to 5 s.
const checkTimeout = 2 * time.Second

// AdminOptions configures AdminHandler. Zero values leave the endpoint without content.
type AdminOptions struct {
	Checks []Check
	// Health says how everything is, WisdomAI included, as something that encodes to
	// JSON; nil is {"status":"ok"}.
	Health func(ctx context.Context) any
	// Metrics is served at /metrics; nil is 404.
	Metrics http.Handler
	Log     *slog.Logger // hears why the process is not ready; nil is nobody
}

// AdminHandler serves what operators and their machines ask, on admin_listen:
//
//	/livez    200 while the process serves
//	/readyz   200 if every check passes, else 503; one line a check
//	/healthz  always 200; JSON that says what is wrong
//	/metrics  Prometheus
func AdminHandler(o AdminOptions) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		plain(w, http.StatusOK, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
		defer cancel()
		status, report := ready(ctx, o.Checks, o.Log)
		plain(w, status, report)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		var health any = map[string]string{"status": "ok"}
		if o.Health != nil {
			health = o.Health(r.Context())
		}
		body, err := json.MarshalIndent(health, "", "  ")
		if err != nil {
			body, _ = json.Marshal(map[string]string{"status": "unknown", "detail": err.Error()})
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Write(append(body, '\n'))
	})
	if o.Metrics != nil {
		mux.Handle("GET /metrics", o.Metrics)
	}
	return mux
}

// ready runs the checks one after the other and reports each. The report names the
// checks and not their errors, which are for the log.
func ready(ctx context.Context, checks []Check, log *slog.Logger) (status int, report string) {
	var text strings.Builder
	status = http.StatusOK
	for _, check := range checks {
		if err := check.Run(ctx); err != nil {
			status = http.StatusServiceUnavailable
			fmt.Fprintf(&text, "%s: failed\n", check.Name)
			log.WarnContext(ctx, "not ready", "check", check.Name, "error", err)
			continue
		}
		fmt.Fprintf(&text, "%s: ok\n", check.Name)
	}
	if text.Len() == 0 {
		text.WriteString("ok\n")
	}
	return status, text.String()
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	io.WriteString(w, text)
}
