package scenario

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// Load reads every scenario of dir, in the order of their file names. All that is
// wrong with the files is in one error: an unknown or doubled key, a word that the format
// does not have, a reference to what no earlier step captures. A runner that let such
// things pass would pass steps that look at nothing.
func Load(dir string) ([]*Scenario, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no scenario in %s: expected <folder>/<NN>-<scenario>.json", dir)
	}
	var scenarios []*Scenario
	var wrong []error
	for _, file := range files {
		s, err := load(file)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", file, err))
			continue
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return nil, err
		}
		s.File = strings.TrimSuffix(filepath.ToSlash(name), ".json")
		scenarios = append(scenarios, s)
	}
	return scenarios, errors.Join(wrong...)
}

func load(file string) (*Scenario, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var s Scenario
	if err := json.Unmarshal(text, &s, json.RejectUnknownMembers(true)); err != nil {
		return nil, err
	}
	if slices.Contains([]string{s.IdP, s.Name, s.About, s.Evidence}, "") || len(s.Steps) == 0 {
		return nil, errors.New("idp, scenario, about, evidence and steps are needed")
	}
	known := map[string]bool{"base": true, "token": true}
	var wrong []error
	for i, step := range s.Steps {
		for _, fault := range step.check(s.Headers, known) {
			wrong = append(wrong, fmt.Errorf("step %d, %q: %s", i+1, step.Name, fault))
		}
		for name := range step.Expect.Capture {
			known[name] = true
		}
	}
	return &s, errors.Join(wrong...)
}

// check says what no runner could carry out. known are the names captured before.
func (s Step) check(headers map[string]*string, known map[string]bool) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if s.Name == "" || s.Request.Method == "" {
		fault("name and request.method are needed")
	}
	if s.Request.Path != "" && !strings.HasPrefix(s.Request.Path, "/") {
		fault("request.path %q does not begin with /", s.Request.Path)
	}
	if s.Request.Body != nil && s.Request.RawBody != nil {
		fault("request.body and request.rawBody exclude each other")
	}
	e := s.Expect
	if len(e.Status) == 0 {
		fault("expect.status is needed")
	}
	words := []string{"string", "number", "boolean", "array", "object"}
	for at, word := range e.BodyType {
		if !slices.Contains(words, word) {
			fault("bodyType of %s is %q, expected one of %s", at, word, strings.Join(words, ", "))
		}
	}
	for _, at := range slices.Concat(e.BodyLacks, slices.Collect(maps.Keys(e.BodyCount)), slices.Collect(maps.Keys(e.BodyType)), slices.Collect(maps.Values(e.Capture))) {
		if at != "" && !strings.HasPrefix(at, "/") {
			fault("%q is no JSON Pointer: it does not begin with /", at)
		}
	}
	for _, text := range s.texts(headers) {
		for _, ref := range reference.FindAllStringSubmatch(text, -1) {
			if !known[ref[1]] {
				fault("%s stands for nothing: no step before captures it", ref[0])
			}
		}
	}
	return faults
}

// texts is all of a step in which references may stand.
func (s Step) texts(headers map[string]*string) []string {
	texts := []string{s.Request.Path, s.Request.Query, string(s.Request.Body), string(s.Expect.BodyHas)}
	if s.Request.RawBody != nil {
		texts = append(texts, *s.Request.RawBody)
	}
	for _, set := range []map[string]*string{headers, s.Request.Headers} {
		for _, value := range set {
			if value != nil {
				texts = append(texts, *value)
			}
		}
	}
	for _, part := range s.Expect.BodyHasNot {
		texts = append(texts, string(part))
	}
	return slices.AppendSeq(texts, maps.Values(s.Expect.HeaderHas))
}
