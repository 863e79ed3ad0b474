package telemetry

import (
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Email is an e-mail address in a log entry:
//
//	log.Info("delivered", "email", telemetry.Email(address))
//
// With redaction it is written a***@example.com: enough to tell a domain and to
// find the entry again, not enough to name a person. However else it is printed,
// it is redacted.
type Email string

// String is the redacted address.
func (e Email) String() string { return maskAddresses(maskWhole(string(e))) }

// MarshalText is the redacted address.
func (e Email) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// Name is a person's name in a log entry. With redaction it is written as its first
// letter: A***. However else it is printed, it is redacted.
type Name string

// String is the redacted name.
func (n Name) String() string { return first(string(n)) }

// MarshalText is the redacted name.
func (n Name) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// first keeps the first letter of a text.
func first(text string) string {
	if text == "" {
		return ""
	}
	_, size := utf8.DecodeRuneInString(text)
	return text[:size] + "***"
}

// maskWhole masks what was called an address and is none.
func maskWhole(text string) string {
	if strings.ContainsRune(text, '@') {
		return text
	}
	return first(text)
}

// address finds e-mail addresses, percent-encoded ones too, in running text.
var address = regexp.MustCompile(`([\p{L}\p{N}.!$%'*+^_~-]+)(@|%40)([\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*)`)

func maskAddresses(text string) string {
	if !strings.Contains(text, "@") && !strings.Contains(text, "%40") {
		return text
	}
	return address.ReplaceAllStringFunc(text, func(found string) string {
		parts := address.FindStringSubmatch(found)
		return first(parts[1]) + parts[2] + parts[3]
	})
}

// credential finds the bridge's own tokens, JWTs, and whatever follows Bearer.
var credential = regexp.MustCompile(`(sbt_)[A-Za-z0-9_-]{8,}|(eyJ)[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*|((?i:bearer) +)[A-Za-z0-9._~+/=-]{16,}`)

func maskCredentials(text string) string {
	if !strings.Contains(text, "sbt_") && !strings.Contains(text, "eyJ") && !strings.Contains(strings.ToLower(text), "bearer ") {
		return text
	}
	return credential.ReplaceAllString(text, "$1$2$3***")
}

// redactor rewrites the values of log entries.
type redactor struct {
	people bool // hide addresses and names
}

// replace is slog.HandlerOptions.ReplaceAttr. It sees each value of an entry, the
// message included, after LogValue was called.
func (r redactor) replace(_ []string, a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(r.text(a.Value.String()))
	case slog.KindAny:
		a.Value = r.value(a.Value)
	}
	return a
}

func (r redactor) value(v slog.Value) slog.Value {
	switch x := v.Any().(type) {
	case Email:
		if r.people {
			return slog.StringValue(x.String())
		}
		return slog.StringValue(string(x))
	case Name:
		if r.people {
			return slog.StringValue(x.String())
		}
		return slog.StringValue(string(x))
	case *slog.Source:
		return v
	case error:
		return slog.StringValue(r.text(x.Error()))
	default:
		plain := fmt.Sprintf("%+v", x)
		if masked := r.text(plain); masked != plain {
			return slog.StringValue(masked)
		}
		return v
	}
}

func (r redactor) text(text string) string {
	text = maskCredentials(text)
	if r.people {
		text = maskAddresses(text)
	}
	return text
}
