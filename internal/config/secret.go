package config

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Secret is a reference to a secret: env:NAME, file:PATH or credential:NAME
// (systemd's $CREDENTIALS_DIRECTORY/NAME, systemd.exec(5)). It never holds the
// secret itself, so printing, logging or encoding it shows the reference alone.
// The zero Secret refers to nothing.
type Secret struct {
	scheme, name string
	path         string // of file: and, once the directory is known, of credential:
	environ      environ
}

// SecretError is why a secret could not be had.
type SecretError struct {
	Reference string // "env:WISDOM_TOKEN"
	Message   string // what is missing and what to do; never the secret
	Err       error  // what it wraps, or nil
}

func (e *SecretError) Error() string { return e.Reference + ": " + e.Message }

func (e *SecretError) Unwrap() error { return e.Err }

var (
	variableName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	credentialName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.:@-]*$`)
)

const secretForm = "expected a reference to a secret and not the secret itself: env:NAME, file:PATH or credential:NAME"

// parseSecret reads a reference. Its errors never echo text, which may be a secret.
func parseSecret(text, dir string, env environ) (Secret, string) {
	s := Secret{environ: env}
	var found bool
	if s.scheme, s.name, found = strings.Cut(text, ":"); !found {
		return Secret{}, secretForm
	}
	switch s.scheme {
	case "env":
		if !variableName.MatchString(s.name) {
			return Secret{}, "what follows env: is no name of an environment variable (letters, digits, _)"
		}
	case "file":
		if s.name == "" {
			return Secret{}, "file: names no file"
		}
		s.path = relativeTo(dir, s.name)
	case "credential":
		if !credentialName.MatchString(s.name) {
			return Secret{}, "what follows credential: is no name of a credential (letters, digits, _ . : @ -, no slash)"
		}
		if d, ok := env.lookup("CREDENTIALS_DIRECTORY"); ok && d != "" {
			s.path = filepath.Join(d, s.name)
		}
	default:
		return Secret{}, secretForm
	}
	return s, ""
}

// maxSecret bounds a secret's file: a token is some hundred bytes, a JWT some thousand.
const maxSecret = 64 << 10

// Resolve returns the secret, without one newline at its end. Every call looks
// again, so a file that was rotated is seen. Errors are *SecretError.
func (s Secret) Resolve(ctx context.Context) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", &SecretError{s.String(), "was not read: " + err.Error(), err}
	}
	value, err := s.read()
	if err != nil {
		return "", err
	}
	value = strings.TrimSuffix(strings.TrimSuffix(value, "\n"), "\r")
	switch {
	case value == "":
		return "", &SecretError{s.String(), "is empty; " + s.remedy(), nil}
	case strings.ContainsAny(value, "\r\n\x00"):
		return "", &SecretError{s.String(), "holds more than one line; expected the secret alone", nil}
	}
	return value, nil
}

func (s Secret) read() (string, error) {
	switch {
	case s.scheme == "":
		return "", &SecretError{"secret", "no reference is configured", nil}
	case s.scheme == "env":
		value, ok := s.environ.lookup(s.name)
		if !ok {
			return "", &SecretError{s.String(), "the environment variable " + s.name + " is not set; " + s.remedy(), nil}
		}
		return value, nil
	case s.path == "":
		return "", &SecretError{s.String(), "CREDENTIALS_DIRECTORY is not set; " + s.remedy(), nil}
	}
	file, err := os.Open(s.path)
	if err != nil {
		what := "cannot be opened"
		switch {
		case errors.Is(err, fs.ErrNotExist):
			what = "the file " + s.path + " is missing"
		case errors.Is(err, fs.ErrPermission):
			what = "the file " + s.path + " may not be read by this user"
		}
		return "", &SecretError{s.String(), what + "; " + s.remedy(), err}
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	if err != nil {
		return "", &SecretError{s.String(), "cannot be read; " + s.remedy(), err}
	}
	if len(content) > maxSecret {
		return "", &SecretError{s.String(), fmt.Sprintf("is larger than %d bytes; expected the secret alone", maxSecret), nil}
	}
	return string(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))), nil
}

func (s Secret) remedy() string {
	switch s.scheme {
	case "env":
		return "set " + s.name + " for this process"
	case "file":
		return "put the secret into " + s.path + ", readable by this process"
	default:
		return "pass it with systemd's LoadCredential=" + s.name + ":/path/to/file"
	}
}

// IsZero reports whether there is no reference.
func (s Secret) IsZero() bool { return s.scheme == "" }

// String is the reference, never the secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return s.scheme + ":" + s.name
}

// Format prints the reference, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// MarshalJSON is the reference as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// LogValue is the reference.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

func relativeTo(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
