package config

import (
	"context"
	"errors"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// The engines of a store.
const (
	SQLite   = "sqlite"   // a file, for one server
	Postgres = "postgres" // a PostgreSQL database, for several
)

// Store is where the bridge keeps its state. Neither its fields nor what it prints as hold a
// password.
type Store struct {
	Engine string // SQLite or Postgres
	Path   string // SQLite's: the database file, absolute or relative to the working directory

	// Postgres': the URL that stands in the file, or where else the whole of it is.
	URL    string
	Secret Secret
}

// String is the store as the file spells it.
func (s Store) String() string {
	switch {
	case s.Engine == SQLite:
		return s.Engine + ":" + s.Path
	case s.URL != "":
		return s.URL
	}
	return s.Secret.String()
}

// DatabaseURL is the URL of a PostgreSQL database, postgres://USER@HOST/DATABASE, as pgx reads it.
// From a secret it may hold a password, and every call reads it again. Errors are *SecretError.
func (s Store) DatabaseURL(ctx context.Context) (string, error) {
	if s.Secret.IsZero() {
		return s.URL, nil
	}
	text, err := s.Secret.Resolve(ctx)
	if err != nil {
		return "", err
	}
	if _, problem := checkDatabaseURL(text); problem != "" {
		return "", &SecretError{s.Secret.String(), problem, nil}
	}
	return text, nil
}

const (
	databaseURLForm = "postgres://USER@HOST/DATABASE"
	storeForm       = "sqlite:PATH, " + databaseURLForm + ", or a reference to a secret that holds such an URL (env:NAME, file:PATH or credential:NAME)"
)

// ParseStore reads a store as the key `store` spells it, for a command: paths are relative to the working directory, and
// environ is as os.Environ returns it. The error does not echo the text, which may hold a password.
func ParseStore(text string, environ []string) (Store, error) {
	s, problem := parseStore(text, "", environ)
	if problem != "" {
		return Store{}, errors.New(problem)
	}
	return s, nil
}

// parseStore reads a store. It does not echo the text, which may hold a password.
func parseStore(text, dir string, env environ) (Store, string) {
	scheme, rest, _ := strings.Cut(text, ":")
	switch scheme {
	case SQLite:
		if rest == "" || strings.HasPrefix(rest, ":") {
			return Store{}, "names no file; expected sqlite:PATH, a file that survives the process"
		}
		return Store{Engine: SQLite, Path: relativeTo(dir, rest)}, ""
	case "postgres", "postgresql":
		holdsPassword, problem := checkDatabaseURL(text)
		if problem == "" && holdsPassword {
			problem = "holds a password; expected none here: put the whole URL where a reference says (env:NAME, file:PATH or credential:NAME), " +
				"or the password alone into PGPASSWORD or the file that PGPASSFILE names, or use a client certificate (sslcert and sslkey)"
		}
		if problem != "" {
			return Store{}, problem
		}
		return Store{Engine: Postgres, URL: text}, ""
	case "env", "file", "credential":
		secret, problem := parseSecret(text, dir, env)
		if problem != "" {
			return Store{}, problem
		}
		return Store{Engine: Postgres, Secret: secret}, ""
	}
	return Store{}, "names no store; expected " + storeForm
}

// filesOfURL are the parameters of a PostgreSQL URL that name files.
var filesOfURL = []string{"sslcert", "sslkey", "sslrootcert", "passfile", "servicefile"}

// checkDatabaseURL checks an URL of PostgreSQL, as pgx reads it, as far as it can be judged
// without pgx (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS). It does not echo
// the text.
func checkDatabaseURL(text string) (holdsPassword bool, problem string) {
	const noURL = "is no URL of a PostgreSQL database; expected " + databaseURLForm + ", in which @ : / ? # and % of a name or password are written as %40 and the like"
	if !strings.HasPrefix(text, "postgres://") && !strings.HasPrefix(text, "postgresql://") {
		return false, noURL
	}
	u, err := url.Parse(text)
	if err != nil || u.Fragment != "" {
		return false, noURL
	}
	parameters, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return false, noURL
	}
	name := strings.TrimPrefix(u.EscapedPath(), "/")
	if strings.ContainsAny(name, "/@") { // what follows such a character of a password that is not escaped
		return false, noURL
	}
	if name == "" && parameters.Get("dbname") == "" && parameters.Get("database") == "" {
		return false, "names no database; expected " + databaseURLForm
	}
	for _, key := range filesOfURL {
		if file := parameters.Get(key); file != "" && !filepath.IsAbs(file) && !(key == "sslrootcert" && file == "system") {
			return false, "names a file relative to wherever the program is started, in " + key + "; expected an absolute path"
		}
	}
	_, holdsPassword = u.User.Password()
	return holdsPassword || slices.ContainsFunc([]string{"password", "sslpassword"}, parameters.Has), ""
}
