package wisdom

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// errInvalidDocument marks an Error whose cause is that the server's schema lacks
// something the document names. A document is validated before any of it is
// executed (GraphQL specification, section 6), so nothing was carried out.
var errInvalidDocument = errors.New("the server's schema does not have this document")

// errNoToken marks an Error of a request that was not sent for want of a token.
var errNoToken = errors.New("no token to call with")

// errNotEncoded marks an Error of a request that was not sent since it cannot be written as JSON.
var errNotEncoded = errors.New("not UTF-8")

// Error says what was being done, what came back, and never the token.
func (e *Error) Error() string {
	switch {
	case e.Code != "":
		return fmt.Sprintf("%s: WisdomAI answered %s: %s", e.Op, e.Code, e.Message)
	case e.HTTPStatus/100 == 2:
		return fmt.Sprintf("%s: WisdomAI answered: %s", e.Op, e.Message)
	case e.HTTPStatus != 0:
		return fmt.Sprintf("%s: HTTP %d: %s", e.Op, e.HTTPStatus, e.Message)
	default:
		return fmt.Sprintf("%s: %s", e.Op, e.Message)
	}
}

func (e *Error) Unwrap() error { return e.Err }

// messageLimit bounds a message that came from outside: enough for a sentence, too
// little for a page of HTML.
const messageLimit = 400

// plain makes a text from outside fit for one line of a log, without any of the secrets.
func plain(text string, secrets ...string) string {
	for _, secret := range secrets {
		if len(secret) > 3 { // a shorter one is no secret, and would garble every word
			text = strings.ReplaceAll(text, secret, "[token]")
		}
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	if runes := []rune(text); len(runes) > messageLimit {
		text = string(runes[:messageLimit]) + "..."
	}
	return text
}
