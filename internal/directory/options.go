package directory

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
	"github.com/scimbridge/scimbridge/internal/wisdom"
)

// WisdomAI is what the directory needs of the target; *wisdom.Client offers it. Its
// errors are *wisdom.Error.
type WisdomAI interface {
	ListUsers(ctx context.Context, yield func(wisdom.User) error) error
	CreateUsers(ctx context.Context, in wisdom.NewUsers) error
	SetUserAttributes(ctx context.Context, userID string, attributes []wisdom.KeyValue) error
	DeleteUsers(ctx context.Context, ids []string) error
}

// Options configures a Directory. Tenant, Workspace, Store, WisdomAI and Rules are
// needed; every other zero value is the documented default.
type Options struct {
	Tenant    string
	Workspace string // key of the workspace: host of the endpoint + "/" + workspace id
	Store     store.Store
	WisdomAI  WisdomAI
	Rules     *mapping.Rules
	// Observe records and answers everything, makes looks, and delivers nothing.
	Observe bool

	Policy   Policy
	Groups   GroupOptions
	Users    UserOptions
	Listing  Listing
	Delivery DeliveryOptions
	Brake    *Brake // nil: 50 deletes, 5 percent, never fewer than 10, in an hour

	Log *slog.Logger
	// Now is the process's clock; it must agree with the store's. nil: time.Now.
	Now func() time.Time
	// Rand is in [0,1), for jitter. nil: math/rand/v2.
	Rand func() float64
	// OnLook and OnDelivery, if set, are told what ended, for metrics. They must not block.
	OnLook     func(look store.Look)
	OnDelivery func(op string, err error)
	// OnPrivilegedGrant is told of every privileged role that a call gave (V-40).
	OnPrivilegedGrant func(role string)
}

// Policy is what happens to access at each turn of a working life. The words are
// those of the configuration file.
type Policy struct {
	OnDeactivate      string // suspend (default) | delete
	OnDelete          string // delete (default) | suspend: people whom the bridge created
	OnDeleteAdopted   string // suspend (default) | delete: people who were there before
	OnRename          string // suspend_old (default) | delete_old | refuse
	OnRenameConflict  string // refuse (default) | adopt
	ManualRoles       string // keep (default) | overwrite
	UnownedAttributes string // keep (default) | remove
	// NoIdentityAttributes leaves scim_id, scim_external_id and scim_state out.
	NoIdentityAttributes bool
	SuspendRemember      time.Duration // how long hand-given roles are given back after; 0: 30 days
	AcceptFor            time.Duration // how long writes are accepted while nothing can be delivered (V-37); 0: 1 h
	WelcomeEmail         bool          // on the first create only
	UserGroups           []string      // WisdomAI user group ids for new people
}

// GroupOptions are the SCIM choices about groups.
type GroupOptions struct {
	NotUnique          bool // allow several groups of one displayName
	DropUnknownMembers bool // leave unknown members out instead of refusing them
}

// UserOptions are the SCIM choices about users.
type UserOptions struct {
	UniqueExternalID bool
}

// Listing says how fresh looks must be and how much of the time they may take.
type Listing struct {
	MaxAge     time.Duration // while there is traffic; 0: 60 s
	IdleAge    time.Duration // without; 0: 15 min
	MissMaxAge time.Duration // for lookups that find nothing and for creates; 0: 5 s
	MaxDuty    float64       // share of the time that looks may take; 0: 0.1
	Settle     time.Duration // how long after a call's deadline a look settles it; 0: 2 min
}

// DeliveryOptions bound delivery.
type DeliveryOptions struct {
	RequestBudget time.Duration // how long a request waits for its delivery; 0: 5 s
	Deadline      time.Duration // of a call; 0: 30 s
	MaxBasisAge   time.Duration // how old a look may be to overwrite by; 0: 60 s
	Concurrency   int           // calls at once; 0: 4
}

// Brake is the allowance of irreversible deletes (V-33): within Window the smaller of
// MaxDeletes and MaxPercent of the managed users, but never fewer than Floor. It is
// taken as it stands: zeros allow none.
type Brake struct {
	MaxDeletes int
	MaxPercent float64
	Floor      int
	Window     time.Duration
}

func (o Options) withDefaults() Options {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	word := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	word(&o.Policy.OnDeactivate, "suspend")
	word(&o.Policy.OnDelete, "delete")
	word(&o.Policy.OnDeleteAdopted, "suspend")
	word(&o.Policy.OnRename, "suspend_old")
	word(&o.Policy.OnRenameConflict, "refuse")
	word(&o.Policy.ManualRoles, "keep")
	word(&o.Policy.UnownedAttributes, "keep")
	def(&o.Policy.SuspendRemember, 30*24*time.Hour)
	def(&o.Policy.AcceptFor, time.Hour)
	def(&o.Listing.MaxAge, time.Minute)
	def(&o.Listing.IdleAge, 15*time.Minute)
	def(&o.Listing.MissMaxAge, 5*time.Second)
	def(&o.Listing.Settle, 2*time.Minute)
	if o.Listing.MaxDuty == 0 {
		o.Listing.MaxDuty = 0.1
	}
	def(&o.Delivery.RequestBudget, 5*time.Second)
	def(&o.Delivery.Deadline, 30*time.Second)
	def(&o.Delivery.MaxBasisAge, time.Minute)
	if o.Delivery.Concurrency == 0 {
		o.Delivery.Concurrency = 4
	}
	if o.Brake == nil {
		o.Brake = &Brake{MaxDeletes: 50, MaxPercent: 5, Floor: 10, Window: time.Hour}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	return o
}
