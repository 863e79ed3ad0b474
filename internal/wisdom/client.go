package wisdom

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

//go:generate go tool -modfile=../../tools/go.mod genqlient genqlient.yaml

// Options configures a Client. URL, Workspace and Token are needed.
type Options struct {
	URL       string        // GraphQL endpoint: https://ACCOUNT.wisdom.ai/graphql
	Workspace string        // workspace id
	Token     string        // API key, or a JWT
	Exchange  string        // "auto" (default), "always", "never": trade the key for a JWT by exchangeAccessToken
	Deadline  time.Duration // of each call but listUsers; 0 means 30 s
	// ListDeadline bounds one listUsers; 0 means 5 min.
	ListDeadline time.Duration
	HTTPClient   *http.Client // nil means one of our own; redirects are never followed
	Log          *slog.Logger // nil means none
	Now          func() time.Time
	// OnCall, if set, is told of every HTTP request after it ended: for demo and
	// metrics. It must not block, and is called from many goroutines.
	OnCall func(Call)
}

// Call describes one finished HTTP request to WisdomAI, without secrets and without
// values of attributes.
type Call struct {
	Op       string // GraphQL operation name
	Summary  string // one line for a person: `createUsers alice@example.com roles=[EXPLORER]`; it does not repeat Err
	Duration time.Duration
	Err      error
}

// Client calls WisdomAI. It implements API and is safe for concurrent use. It owns no
// goroutine beyond the request under way.
type Client struct {
	url          string
	workspace    string
	deadline     time.Duration
	listDeadline time.Duration
	http         *http.Client
	now          func() time.Time
	onCall       func(Call)
	tokens       *tokens
	shapes       *shapes
}

var _ API = (*Client)(nil)

// idleConnection is how long a connection is kept for the next call: less than the 60 s
// after which common load balancers close theirs, since a mutation that meets a
// connection just being closed is unanswered.
const idleConnection = 45 * time.Second

// New makes a Client. It calls nobody: a WisdomAI that is down is no reason not to
// start. Its errors name the option that is missing or wrong.
func New(o Options) (*Client, error) {
	var wrong []error
	target, err := url.Parse(o.URL)
	switch {
	case o.URL == "":
		wrong = append(wrong, errors.New("option URL is missing"))
	case err != nil || target.Host == "" || target.Scheme != "https" && target.Scheme != "http":
		wrong = append(wrong, errors.New("option URL is not an http or https address"))
	case target.User != nil:
		wrong = append(wrong, errors.New("option URL holds a user or password: it would reach logs"))
	}
	if o.Workspace == "" {
		wrong = append(wrong, errors.New("option Workspace is missing"))
	}
	if o.Token == "" {
		wrong = append(wrong, errors.New("option Token is missing"))
	}
	switch o.Exchange {
	case "":
		o.Exchange = exchangeAuto
	case exchangeAuto, exchangeAlways, exchangeNever:
	default:
		wrong = append(wrong, fmt.Errorf("option Exchange is %q, not auto, always or never", o.Exchange))
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, fmt.Errorf("wisdom: %w", err)
	}
	if o.Deadline == 0 {
		o.Deadline = 30 * time.Second
	}
	if o.ListDeadline == 0 {
		o.ListDeadline = 5 * time.Minute
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Client{
		url: o.URL, workspace: o.Workspace, deadline: o.Deadline, listDeadline: o.ListDeadline,
		http: httpClient(o.HTTPClient), now: o.Now, onCall: o.OnCall,
	}
	c.tokens = &tokens{
		key: o.Token, mode: o.Exchange, keyIsJWT: isJWT(o.Token),
		exchange: c.exchange, deadline: o.Deadline, now: o.Now, log: o.Log,
	}
	c.shapes = &shapes{
		held:       shape{roles: referenceRoles(), deletes: deleteByArgs},
		introspect: c.introspect, deadline: o.Deadline, log: o.Log,
	}
	return c, nil
}

// httpClient is given, or one of our own, which follows no redirect: a POST that was
// redirected may come out as a GET, and the token would go where nobody sent it.
func httpClient(given *http.Client) *http.Client {
	var own http.Client
	if given != nil {
		own = *given
	} else if standard, ok := http.DefaultTransport.(*http.Transport); ok {
		transport := standard.Clone()
		transport.MaxIdleConnsPerHost = 16 // all calls go to one host; the default of 2 would dial anew for most
		transport.IdleConnTimeout = idleConnection
		own.Transport = transport
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// CurrentUser returns the owner of the token.
func (c *Client) CurrentUser(ctx context.Context) (User, error) {
	ctx, cancel := context.WithTimeout(ctx, c.deadline)
	defer cancel()
	var owner User
	err := c.shapes.withRoles(ctx, func(roles roleFields) error {
		s := sender{client: c, document: roles.in(currentUser_Operation), describe: func(data any) (string, error) {
			u, err := data.(*currentUserResponse).CurrentUser.user()
			owner = u
			return u.Email, err
		}}
		_, err := currentUser(ctx, s)
		return err
	})
	if err != nil {
		return User{}, c.told("currentUser", err)
	}
	return owner, nil
}

// CreateUsers upserts in.Emails, overwriting the roles of those who exist ("Create
// Users"). No id comes back.
func (c *Client) CreateUsers(ctx context.Context, in NewUsers) error {
	if len(in.Emails) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.deadline)
	defer cancel()
	s := sender{client: c, single: len(in.Emails) == 1, summary: createSummary(in)}
	_, err := createUsers(ctx, s, newCreateUsersInput(in, c.workspace))
	return err
}

// SetUserAttributes replaces all DATABASE attributes of one user ("Set User
// Attributes"): what is left out of attributes is removed, all of them if it is empty.
func (c *Client) SetUserAttributes(ctx context.Context, userID string, attributes []KeyValue) error {
	ctx, cancel := context.WithTimeout(ctx, c.deadline)
	defer cancel()
	s := sender{client: c, single: true, summary: attributesSummary(userID, attributes)}
	_, err := setUserAttributes(ctx, s, newSetUserAttributesInput(userID, attributes))
	return err
}

// DeleteUsers removes users by id, irreversibly ("Delete Users From Workspace").
func (c *Client) DeleteUsers(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.deadline)
	defer cancel()
	s := sender{client: c, single: len(ids) == 1, summary: some(ids)}
	err := c.shapes.withDelete(ctx, func(arguments deleteArguments) error {
		if arguments == deleteByInput {
			return deleteUsersByInput(ctx, s, deleteUsersInput{IDs: ids, WorkspaceID: c.workspace})
		}
		_, err := deleteUsersFromWorkspace(ctx, s, ids, c.workspace)
		return err
	})
	return c.told("deleteUsersFromWorkspace", err)
}

// exchange trades the key for a JWT. The call itself needs no Authorization ("GraphQL
// API").
func (c *Client) exchange(ctx context.Context) (string, error) {
	s := sender{client: c, anonymous: true, describe: func(data any) (string, error) {
		token := data.(*exchangeAccessTokenResponse).ExchangeAccessToken
		if token == "" {
			return "", errors.New("an empty token")
		}
		if exp, ok := expiry(token); ok {
			return "a JWT until " + exp.UTC().Format(time.RFC3339), nil
		}
		return "a token", nil
	}}
	data, err := exchangeAccessToken(ctx, s, c.tokens.key)
	if err != nil {
		return "", err
	}
	return data.ExchangeAccessToken, nil
}

func (c *Client) introspect(ctx context.Context) (*schemaShapeResponse, error) {
	s := sender{client: c, summary: "(introspection)", describe: func(data any) (string, error) {
		schema := data.(*schemaShapeResponse)
		if len(schema.Schema.QueryType.Fields) == 0 {
			return "", errors.New("a schema without queries")
		}
		found := shapeOf(schema)
		return "roleAssignments " + found.roles.String() + ", deleteUsersFromWorkspace " + string(found.deletes), nil
	}}
	data, err := schemaShape(ctx, s)
	if err != nil {
		return nil, err
	}
	return data, nil
}

// told names the operation that was asked for where a call made on its way failed.
func (c *Client) told(op string, err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Op == op {
		return err
	}
	of := *e
	if of.Op != "" {
		of.Message = of.Op + ": " + of.Message
	}
	of.Op = op
	return &of
}
