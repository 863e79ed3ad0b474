package wisdom

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/Khan/genqlient/graphql"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ListUsers streams every user of the workspace to yield: see API. Each row is
// decoded as it arrives, so memory holds one row and not the listing.
func (c *Client) ListUsers(ctx context.Context, yield func(User) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.listDeadline)
	defer cancel()
	err := c.shapes.withRoles(ctx, func(roles roleFields) error {
		return c.list(ctx, roles, yield)
	})
	var stop stopped
	if errors.As(err, &stop) {
		return stop.err
	}
	return c.told("listUsers", err)
}

func (c *Client) list(ctx context.Context, roles roleFields, yield func(User) error) error {
	const op = "listUsers"
	body, err := json.Marshal(graphql.Request{
		OpName:    op,
		Query:     roles.in(listUsers_Operation),
		Variables: __listUsersInput{WorkspaceId: c.workspace},
	})
	if err != nil {
		return &Error{Op: op, Kind: Transient, Message: plain(err.Error()), Err: err}
	}
	r := &request{op: op, body: body}
	r.read = func(ctx context.Context, body io.Reader) (string, error) {
		l := listing{yield: func(u User) error {
			r.handedOn = true
			return yield(u)
		}}
		if err := l.read(body); err != nil {
			var e *Error
			var stop stopped
			if errors.As(err, &e) || errors.As(err, &stop) {
				return "", err
			}
			return "", brokenAnswer(ctx, err)
		}
		return counted(l.users), nil
	}
	return c.send(ctx, r)
}

// listing reads one answer to listUsers.
type listing struct {
	yield func(User) error
	users int
	whole bool // data.listUsers was there and ended
}

// read returns nil only if the answer is whole: one JSON object with data.listUsers a list of
// users, no errors, and nothing after it. A name that comes twice is refused by the decoder.
func (l *listing) read(body io.Reader) error {
	dec := jsontext.NewDecoder(body)
	var failure *Error
	err := object(dec, func(name string) error {
		switch name {
		case "data":
			return l.data(dec)
		case "errors":
			var list []graphqlError
			if err := json.UnmarshalDecode(dec, &list); err != nil {
				return err
			}
			if len(list) > 0 {
				failure = errorsOf(list)
			}
			if failure != nil && l.users == 0 {
				return failure // no row was handed on yet: none shall be
			}
			return nil
		default:
			return dec.SkipValue()
		}
	})
	if err != nil {
		return err
	}
	if failure != nil {
		return failure
	}
	if !l.whole {
		return errors.New("no data.listUsers")
	}
	// To the end of the body, which is where a broken transfer shows.
	switch _, err := dec.ReadToken(); {
	case err == nil:
		return errors.New("something follows the answer")
	case !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return err
	}
	return nil
}

func (l *listing) data(dec *jsontext.Decoder) error {
	if dec.PeekKind() == 'n' {
		return dec.SkipValue() // errors[] says why, before or after
	}
	return object(dec, func(name string) error {
		if name != "listUsers" || dec.PeekKind() == 'n' {
			return dec.SkipValue()
		}
		return l.rows(dec)
	})
}

func (l *listing) rows(dec *jsontext.Decoder) error {
	if err := expect(dec, '['); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		var row userRow
		if err := json.UnmarshalDecode(dec, &row); err != nil {
			return err
		}
		u, err := row.user()
		if err != nil {
			return err
		}
		l.users++
		if err := l.yield(u); err != nil {
			return stopped{err}
		}
	}
	l.whole = true
	return expect(dec, ']')
}

// object reads an object; value has to consume the value of each name.
func object(dec *jsontext.Decoder, value func(name string) error) error {
	if err := expect(dec, '{'); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if err := value(name.String()); err != nil {
			return err
		}
	}
	return expect(dec, '}')
}

func expect(dec *jsontext.Decoder, kind jsontext.Kind) error {
	token, err := dec.ReadToken()
	if err != nil {
		return err
	}
	if token.Kind() != kind {
		return fmt.Errorf("%s where %s was expected", token.Kind(), kind)
	}
	return nil
}
