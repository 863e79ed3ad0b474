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
	// CurrentUser is the owner of the key.
	CurrentUser(ctx context.Context) (wisdom.User, error)
	// Mutate sends mutations as one request and returns an error for each, nil for OK.
	Mutate(ctx context.Context, mutations []wisdom.Mutation) []error
}

// Options configures a Directory. Tenant, Workspace, Store, WisdomAI and Rules are
// needed; every other zero value is the documented default.
type Options struct {
	Tenant    string
	Workspace string // key of the workspace: host of the endpoint + "/" + workspace id
	Store     store.Store
	WisdomAI  WisdomAI
	Guard     Guard // nil: one of Delivery.Rate
	// Rules, Policy and Protected are what the configuration says. What a Directory goes by is
	// what was approved last (V-35), the first time these.
	Rules *mapping.Rules
	// Observe records and answers everything, makes looks, and delivers nothing.
	Observe bool
	// Shared is what the tenants on the workspace have in common in this process; nil: this
	// one is alone there (V-36).
	Shared *Workspace

	Policy    Policy
	Groups    GroupOptions
	Users     UserOptions
	Listing   Listing
	Delivery  DeliveryOptions
	Brake     *Brake // nil: 50 deletes, 5 percent, never fewer than 10, in an hour
	Drift     DriftOptions
	Retention Retention
	// Protected are addresses, as shown or as at WisdomAI, of people who are never suspended or deleted (V-34).
	Protected []string

	Log *slog.Logger
	// Now is the clock outside of transactions; it must agree with the store's. nil: the store's where that is not the
	// process's own (store.Clock), else time.Now.
	Now func() time.Time
	// Rand is in [0,1), for jitter. nil: math/rand/v2.
	Rand func() float64
	// OnLook and OnDelivery, if set, are told what ended, for metrics. They must not block.
	OnLook     func(look store.Look)
	OnDelivery func(op string, err error)
	// OnPrivilegedGrant is told of every privileged role that a call gave (V-40).
	OnPrivilegedGrant func(role string)
	// OnRules is told when other rules are in force than before (V-35).
	OnRules func(rules *mapping.Rules)
	// OnDrift is told of everything that somebody else changed, by the kind of its event: "lost",
	// "deleted", "extra", "changed", "contested" (V-30).
	OnDrift func(kind string)
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
	Lost       *Lost         // nil: 10 percent, never fewer than 10
}

// Lost is how many of the people seen a look may lack and still be believed (V-28): more than
// both are too many. It is taken as it stands.
type Lost struct {
	Percent float64
	Floor   int
}

// DeliveryOptions bound delivery.
type DeliveryOptions struct {
	RequestBudget time.Duration // how long a request waits for its delivery; 0: 5 s
	Deadline      time.Duration // of a call; 0: 30 s
	MaxBasisAge   time.Duration // how old a look may be to overwrite by; 0: 60 s
	Concurrency   int           // requests at once, of which one is kept for takings; 0: 4
	Batch         int           // mutations of one request; 1: no two people share one; 0: 50
	Share         int           // people of one request, where one createUsers may be for many; 0: 200
	Rate          int           // requests a second; 0: 50
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
	number := func(n *int, v int) {
		if *n == 0 {
			*n = v
		}
	}
	word(&o.Policy.OnDeactivate, "suspend")
	word(&o.Policy.OnDelete, "delete")
	word(&o.Policy.OnDeleteAdopted, "suspend")
	word(&o.Policy.OnRename, "suspend_old")
	word(&o.Policy.OnRenameConflict, "refuse")
	word(&o.Policy.ManualRoles, "keep")
	word(&o.Policy.UnownedAttributes, "keep")
	word(&o.Drift.Lost, "report")
	word(&o.Drift.Changed, "repair")
	def(&o.Retention.Events, 400*24*time.Hour)
	def(&o.Retention.Tombstones, 90*24*time.Hour)
	def(&o.Policy.SuspendRemember, 30*24*time.Hour)
	def(&o.Policy.AcceptFor, time.Hour)
	def(&o.Listing.MaxAge, time.Minute)
	def(&o.Listing.IdleAge, 15*time.Minute)
	def(&o.Listing.MissMaxAge, 5*time.Second)
	def(&o.Listing.Settle, 2*time.Minute)
	if o.Listing.MaxDuty == 0 {
		o.Listing.MaxDuty = 0.1
	}
	if o.Listing.Lost == nil {
		o.Listing.Lost = &Lost{Percent: 10, Floor: 10}
	}
	if o.Shared == nil {
		o.Shared = &Workspace{}
	}
	def(&o.Delivery.RequestBudget, 5*time.Second)
	def(&o.Delivery.Deadline, 30*time.Second)
	def(&o.Delivery.MaxBasisAge, time.Minute)
	number(&o.Delivery.Concurrency, 4)
	number(&o.Delivery.Batch, 50)
	number(&o.Delivery.Share, 200)
	if o.Delivery.Batch == 1 {
		o.Delivery.Share = 1
	}
	if o.Guard == nil {
		o.Guard = wisdom.NewGuard(wisdom.GuardOptions{Rate: o.Delivery.Rate, Now: o.Now})
	}
	if o.Brake == nil {
		o.Brake = &Brake{MaxDeletes: 50, MaxPercent: 5, Floor: 10, Window: time.Hour}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
		if clock, ok := o.Store.(store.Clock); ok {
			o.Now = clock.Now
		}
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	return o
}
