package scim

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/scimbridge/scimbridge/internal/directory"
	"github.com/scimbridge/scimbridge/internal/scim/dialect"
	"github.com/scimbridge/scimbridge/internal/scim/filter"
	"github.com/scimbridge/scimbridge/internal/scim/schema"
)

// Directory is what this package needs of a tenant's users and groups. [Over] makes
// one of a *directory.Directory, whose methods say what each does and which errors
// it returns: *directory.Error for a refusal, anything else for a fault. Safe for
// concurrent use.
type Directory interface {
	// CreateUser returns, beside the user, what is to be told once the answer was
	// or was not completely written (V-05).
	CreateUser(ctx context.Context, by directory.Caller, doc directory.Document) (user directory.User, done func(written bool), err error)
	User(ctx context.Context, id string) (directory.User, error)
	Users(ctx context.Context, q directory.UserQuery) (total int, page []directory.User, err error)
	UpdateUser(ctx context.Context, by directory.Caller, id string, pre directory.Precondition, change func(directory.Document) (directory.Document, error)) (directory.User, error)
	DeleteUser(ctx context.Context, by directory.Caller, id string, pre directory.Precondition) error

	CreateGroup(ctx context.Context, by directory.Caller, g directory.GroupDraft) (directory.Group, error)
	Group(ctx context.Context, id string, withMembers bool) (directory.Group, error)
	Groups(ctx context.Context, q directory.GroupQuery) (total int, page []directory.Group, err error)
	ReplaceGroup(ctx context.Context, by directory.Caller, id string, pre directory.Precondition, g directory.GroupDraft) (directory.Group, error)
	UpdateGroup(ctx context.Context, by directory.Caller, id string, pre directory.Precondition, changes []directory.GroupChange) (directory.Group, error)
	DeleteGroup(ctx context.Context, by directory.Caller, id string, pre directory.Precondition) error
}

// Over is the Directory that a *directory.Directory offers.
func Over(d *directory.Directory) Directory { return tenant{d} }

type tenant struct{ *directory.Directory }

func (t tenant) CreateUser(ctx context.Context, by directory.Caller, doc directory.Document) (directory.User, func(bool), error) {
	c, err := t.Directory.CreateUser(ctx, by, doc)
	if err != nil {
		return directory.User{}, nil, err
	}
	return c.User, c.Done, nil
}

// Refused is what an error of Options.Authenticate implements when the credentials
// are at fault. Any other error, and one whose status is 5xx, is a fault of ours: 503,
// never 401, which would make an IdP give up on the whole tenant.
type Refused interface {
	error // for the log: the client is told no more than the status and the challenge
	// Status is 401, 403 (scope; RFC 6750 section 3.1) or 400 (malformed or doubled credentials).
	Status() int
	// Challenge is the value of WWW-Authenticate (RFC 9110 section 11.6.1), or "".
	Challenge() string
}

// Options configures the SCIM server of one tenant. Directory and Authenticate are
// needed; every other zero value works.
type Options struct {
	Directory Directory
	// Authenticate says who asks, or refuses (see Refused). It sees the request
	// before anything of it was looked at, and must not read the body.
	Authenticate func(ctx context.Context, r *http.Request) (directory.Caller, error)
	// DiscoveryNeedsAuth asks for credentials on /ServiceProviderConfig,
	// /ResourceTypes and /Schemas too (D-05).
	DiscoveryNeedsAuth bool

	// Mount is the path below which the tenant is served; "" is /scim/v2. The
	// handler expects to see requests with it.
	Mount string
	// BaseURL is what meta.location starts with, the mount included:
	// "https://scim.example.com/scim/v2". "" makes it of the request's Host and Mount;
	// forwarded headers are never looked at (H-28).
	BaseURL string

	// Extension are the attributes that the tenant declares under the WisdomAI URN.
	Extension []schema.Declared
	// Roles are what the tenant's mapping can give, listed at /Roles and /Entitlements.
	// Without any there are no such endpoints.
	Roles []Role
	// Strict turns off what IdPs send and the RFCs do not allow (package dialect).
	Strict bool
	// UniqueGroupNames is what the directory does; /Schemas tells it (G-09).
	UniqueGroupNames bool

	// CursorKey are 32 secret bytes that seal the cursors of this tenant's lists (RFC 9865);
	// they must be the same after a restart and for every process that serves the tenant, and no
	// other tenant's. nil is a key of this Server, whose cursors end with it.
	CursorKey []byte

	Limits Limits
	// RequestBudget bounds the time a request may spend in the directory; it should
	// be longer than the directory's own budget for delivery. 0: 30 s, the least
	// that IdPs are assumed to wait.
	RequestBudget time.Duration

	// Log gets a line for every fault and, at debug level, for every request; nil: slog.Default.
	Log *slog.Logger
	// OnRequest, if set, is told of every request when it ends, for metrics. It must not block.
	OnRequest func(RequestInfo)
	// OnRefusedDeactivation, if set, is told of every write on a user that asked for
	// active: false and was refused for good (V-02): any 4xx but 401, 404, 412, 413 and 415.
	// id is "" for a POST. detail is the answer's, and may quote the document. The answer waits for it.
	OnRefusedDeactivation func(ctx context.Context, by directory.Caller, id, detail string)
	// Now is the clock that durations are taken from; nil: time.Now.
	Now func() time.Time
	// NewRequestID names requests that bring no X-Request-Id; nil: a random UUID.
	NewRequestID func() string
}

// Limits bound what one request may ask for. Zero fields are the defaults.
type Limits struct {
	Body         int64 // bytes of a request's body; 0: 8 MiB, so that a PUT of a group with 10,000 members and their names fits
	Depth        int   // nesting of a body's JSON; 0: 32, SCIM itself needs 6
	FilterLength int   // bytes; 0: 64 KiB, the 50 kB of Q-11 and some
	FilterDepth  int   // nesting of parentheses and brackets; 0: 32
	FilterTerms  int   // comparisons; 0: 2000, some 40 ms to read
	PageSize     int   // resources of a list when `count` is not given; 0: 100
	MaxPage      int   // the most resources of a list, told as filter.maxResults; 0: 1000
	Operations   int   // operations of one PATCH or bulk request; 0: 1000 (M-65, B-20)
}

func (l Limits) withDefaults() Limits {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	if l.Body == 0 {
		l.Body = 8 << 20
	}
	def(&l.Depth, 32)
	def(&l.FilterLength, 64<<10)
	def(&l.FilterDepth, 32)
	def(&l.FilterTerms, 2000)
	def(&l.MaxPage, 1000)
	def(&l.PageSize, min(100, l.MaxPage))
	def(&l.Operations, 1000)
	return l
}

// RequestInfo is what metrics want to know of a request that ended.
type RequestInfo struct {
	Method   string
	Route    string // the route's pattern, "/Users/:id"; "" for a path that is none
	Status   int
	Duration time.Duration
	Written  int // bytes of the answer's body
}

// Server serves one tenant. Safe for concurrent use.
type Server struct {
	directory             Directory
	authenticate          func(context.Context, *http.Request) (directory.Caller, error)
	openDoors             bool // discovery needs no credentials
	mount                 string
	baseURL               string
	users                 *schema.ResourceType
	groups                *schema.ResourceType
	catalogs              []catalog
	dialect               *dialect.Dialect
	strict                bool
	filters               filter.Options
	limits                Limits
	cursors               cursors
	budget                time.Duration
	log                   *slog.Logger
	onRequest             func(RequestInfo)
	now                   func() time.Time
	newRequestID          func() string
	onRefusedDeactivation func(ctx context.Context, by directory.Caller, id, detail string)
	writers               []writers // what a request and an operation of a bulk can change
	engine                *gin.Engine
	encoders              sync.Pool // of *encoder, for their buffers
}

// New makes the server of one tenant.
func New(o Options) (*Server, error) {
	if o.Directory == nil || o.Authenticate == nil {
		return nil, errors.New("scim: Directory and Authenticate are needed")
	}
	if o.Mount == "" {
		o.Mount = "/scim/v2"
	}
	if o.Mount == "/" || canonicalPath(o.Mount) != o.Mount {
		return nil, errors.New("scim: Mount must be a path like /scim/v2, not " + o.Mount)
	}
	if o.BaseURL != "" {
		if u, err := url.Parse(o.BaseURL); err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
			return nil, errors.New("scim: BaseURL must be an absolute URL without query, not " + o.BaseURL)
		}
	}
	cursors, err := newCursors(o.CursorKey)
	if err != nil {
		return nil, err
	}
	s := &Server{
		directory:             o.Directory,
		authenticate:          o.Authenticate,
		openDoors:             !o.DiscoveryNeedsAuth,
		mount:                 o.Mount,
		baseURL:               strings.TrimRight(o.BaseURL, "/"),
		users:                 schema.User(o.Extension),
		groups:                schema.Group(o.UniqueGroupNames),
		catalogs:              catalogs(o.Roles),
		dialect:               dialect.New(o.Strict),
		strict:                o.Strict,
		limits:                o.Limits.withDefaults(),
		cursors:               cursors,
		budget:                o.RequestBudget,
		log:                   o.Log,
		onRequest:             o.OnRequest,
		onRefusedDeactivation: o.OnRefusedDeactivation,
		now:                   o.Now,
		newRequestID:          o.NewRequestID,
	}
	s.filters = filter.Options{
		Strict:    o.Strict,
		MaxLength: s.limits.FilterLength, MaxDepth: s.limits.FilterDepth, MaxTerms: s.limits.FilterTerms,
		Fold:  directory.FoldName, // as the indexes do
		Cache: filter.NewCache(cachedShapes),
	}
	if s.budget == 0 {
		s.budget = 30 * time.Second
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.newRequestID == nil {
		s.newRequestID = uuid.NewString
	}
	s.encoders.New = func() any { return new(encoder) }
	s.writers = []writers{
		{s.users, s.createUser, s.putUser, s.patchUser, s.deleteUser},
		{s.groups, s.createGroup, s.putGroup, s.patchGroup, s.deleteGroup},
	}
	s.engine = s.routes()
	return s, nil
}

// DialectCounts tells how often each habit of an IdP was put right (see package dialect), for metrics.
func (s *Server) DialectCounts() map[string]int64 { return s.dialect.Counts() }
