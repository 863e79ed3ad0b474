package main

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// ready is what --ready-file holds: where to reach what has just started, for scripts.
type ready struct {
	SCIM         string `json:"scim,omitempty"`
	Token        string `json:"token,omitempty"`
	Admin        string `json:"admin,omitempty"`
	GraphQL      string `json:"graphql,omitempty"`
	GraphQLToken string `json:"graphql_token,omitempty"`
	Control      string `json:"control,omitempty"`
	PID          int    `json:"pid"`
}

// write puts the file there whole, by rename, readable by its owner alone since it
// holds tokens. The returned function removes it. An empty path does nothing.
func (r ready) write(path string) (remove func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	r.PID = os.Getpid()
	data, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(temp.Name()) // fails after the rename, as it should
	if _, err = temp.Write(append(data, '\n')); err == nil {
		err = temp.Close()
	}
	if err != nil {
		return nil, err
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return nil, err
	}
	return func() { os.Remove(path) }, nil
}
