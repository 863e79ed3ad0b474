package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// routes are what the simulator's listener serves: GraphQL and the control API.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /graphql", s.serveGraphQL)

	mux.HandleFunc("GET /control/users", func(w http.ResponseWriter, r *http.Request) {
		answer(w, s.people.sorted())
	})
	mux.HandleFunc("PUT /control/users", func(w http.ResponseWriter, r *http.Request) {
		var users []User
		if accept(w, r, &users) && succeeded(w, s.people.replaceAll(users)) {
			answer(w, s.people.sorted())
		}
	})
	mux.HandleFunc("POST /control/users", func(w http.ResponseWriter, r *http.Request) {
		var users []User
		if accept(w, r, &users) && succeeded(w, s.people.put(opPostUsers, users)) {
			answer(w, s.people.sorted())
		}
	})
	mux.HandleFunc("DELETE /control/users", func(w http.ResponseWriter, r *http.Request) {
		var emails []string
		if accept(w, r, &emails) {
			s.people.removeEmails(emails)
			answer(w, s.people.sorted())
		}
	})

	mux.HandleFunc("GET /control/calls", func(w http.ResponseWriter, r *http.Request) { answer(w, s.calls.snapshot()) })
	mux.HandleFunc("DELETE /control/calls", func(w http.ResponseWriter, r *http.Request) {
		s.calls.reset()
		answer(w, s.calls.snapshot())
	})

	mux.HandleFunc("GET /control/log", func(w http.ResponseWriter, r *http.Request) {
		var after int64
		if q := r.URL.Query().Get("after"); q != "" {
			n, err := strconv.ParseInt(q, 10, 64)
			if err != nil {
				refuse(w, fmt.Errorf("after: %q is not a number", q))
				return
			}
			after = n
		}
		answer(w, append([]Effect{}, s.people.effects(after)...))
	})

	mux.HandleFunc("GET /control/settings", func(w http.ResponseWriter, r *http.Request) {
		settings, _ := s.current()
		answer(w, settings)
	})
	mux.HandleFunc("PUT /control/settings", func(w http.ResponseWriter, r *http.Request) {
		settings, _ := s.current()
		settings, _ = settings.normal() // a copy, which is decoded into: a key left out keeps its value
		if accept(w, r, &settings) && succeeded(w, s.SetSettings(settings)) {
			settings, _ = s.current()
			answer(w, settings)
		}
	})

	mux.HandleFunc("POST /control/tokens", s.makeToken)

	mux.HandleFunc("GET /control/faults", func(w http.ResponseWriter, r *http.Request) { answer(w, s.faults.list()) })
	mux.HandleFunc("PUT /control/faults", func(w http.ResponseWriter, r *http.Request) {
		var rules []Fault
		if !accept(w, r, &rules) {
			return
		}
		for _, f := range rules {
			if !succeeded(w, f.Validate()) {
				return
			}
		}
		s.faults.set(rules)
		answer(w, s.faults.list())
	})
	mux.HandleFunc("DELETE /control/faults", func(w http.ResponseWriter, r *http.Request) {
		s.faults.set(nil)
		answer(w, s.faults.list())
	})
	return mux
}

// makeToken is POST /control/tokens: {"role":"EXPLORER"} -> {"role":"EXPLORER","token":"..."}.
func (s *Server) makeToken(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Role string `json:"role"`
	}
	if !accept(w, r, &in) {
		return
	}
	if roleID(in.Role) == "" {
		refuse(w, fmt.Errorf("role: %q is not one of %v", in.Role, builtinRoles))
		return
	}
	answer(w, map[string]string{"role": in.Role, "token": s.tokens.forRole(in.Role)})
}

// accept reads the body into v, or answers 400 and says so.
func accept(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, end := d.Token(); end != io.EOF {
			err = errors.New("something follows the JSON value")
		}
	}
	return succeeded(w, err)
}

// succeeded answers 400 if there is an error.
func succeeded(w http.ResponseWriter, err error) bool {
	if err != nil {
		refuse(w, err)
	}
	return err == nil
}

func refuse(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()}) // a client that has gone is no failure of ours
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // a client that has gone is no failure of ours
}
