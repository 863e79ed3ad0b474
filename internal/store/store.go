// Package store keeps what scimbridge must not forget: users, groups and
// memberships as the IdP wrote them; accounts with desired beside actual; looks,
// holds, tokens and the event log. It is rows and transactions behind one
// interface, with one contract suite (package storetest) that every engine passes.
//
// It decides nothing. The meaning of an account's JSON columns, of versions and of
// leases belongs to package directory; the store keeps them and finds them fast.
package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// Store is a durable, transactional store. Safe for concurrent use.
type Store interface {
	// View runs fn on a consistent snapshot. The methods that write fail in it.
	View(ctx context.Context, fn func(Tx) error) error
	// Update runs fn in a transaction; when it returns nil, what fn wrote survives
	// kill -9 and power loss. When fn returns an error nothing of it is kept and
	// that error is returned. fn may run more than once, so it must have no effect
	// outside the Tx but assignments that a rerun overwrites. A panic of fn reaches
	// the caller, nothing of it kept. A context that ends while fn waits for its turn
	// means that fn does not run; once it runs, it is carried through. Update must not
	// be called from within a View's or an Update's fn.
	Update(ctx context.Context, fn func(Tx) error) error
	// Ping says whether the store can be used now.
	Ping(ctx context.Context) error
	// Close waits for the Views and Updates that run and those that wait; later ones
	// fail with ErrClosed. Closing again does nothing.
	Close() error
}

// Watcher is a Store that other processes write to beside this one, and that says so.
type Watcher interface {
	// Watch calls told soon after another process committed something of a topic, one call at a time, until
	// ctx is done; told must not block. A call may be missed: who watches asks now and then all the same.
	// A Topic without a Kind is all of them.
	Watch(ctx context.Context, told func(Topic))
}

// Clock is a Store whose clock is not this process's.
type Clock interface {
	// Now is about the time that Tx.Now would give: never earlier than that of a transaction of this process
	// which has ended, and off by no more than an answer of the store takes.
	Now() time.Time
}

// Topic is what a commit may be news of.
type Topic struct {
	Kind      TopicKind
	Workspace string
}

// TopicKind names what there is to hear of.
type TopicKind string

const (
	TopicDue   TopicKind = "due"   // accounts have something to do
	TopicLooks TopicKind = "looks" // a look was begun, asked for or ended
)

var (
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("the store is closed")
	// ErrUnavailable: the store cannot serve now, but another try may succeed.
	ErrUnavailable = errors.New("the store is unavailable")
	// ErrCondition: a Condition that no index answers, or one that is not well formed.
	ErrCondition = errors.New("condition not answered by an index")
	// ErrNotFound: there is no such row.
	ErrNotFound = errors.New("not found")
	// ErrLeased: another holder has a lease that has not ended.
	ErrLeased = errors.New("leased by another holder")
)

// Conflict is a broken uniqueness rule.
type Conflict struct {
	Field  string // "userName", "externalId", "account", "displayName", "email", "token name", "token"
	Holder string // id of the row that has it, if known
}

func (e *Conflict) Error() string {
	return fmt.Sprintf("%s is already in use by %s", e.Field, e.Holder)
}

// Tx is one transaction. It and what it returns must not be used after fn
// returned, rows excepted: they are the caller's own copies. Not safe for
// concurrent use. While a sequence is being ranged over, no other method may be
// called in an Update (collect first). After any error but ErrNotFound and ErrLeased
// fn must end with an error: an engine may have given the transaction up.
//
// Times are kept to the microsecond and come back in UTC; the zero time stays zero.
// Empty and nil byte slices are one thing.
type Tx interface {
	// Now is the store's clock: leases, due times and looks are timed by it. UTC,
	// whole microseconds, the same throughout a transaction.
	Now() time.Time

	// Part runs fn as a part of an Update: when it returns an error, what it wrote is undone,
	// that error is returned, and the transaction goes on, as it does not after other
	// errors. Parts may hold parts.
	Part(fn func() error) error

	TenantTx
	RulesTx
	UserTx
	GroupTx
	AccountTx
	LookTx
	HoldTx
	RemovalTx
	TokenTx
	EventTx
	RetentionTx
	MetaTx
}

// Tenant records which WisdomAI workspace a tenant's rows belong to (V-32).
type Tenant struct {
	Name      string
	Workspace string // key: host of the endpoint + "/" + workspace id
	Created   time.Time
}

type TenantTx interface {
	// Tenant finds a tenant by name; ErrNotFound.
	Tenant(name string) (*Tenant, error)
	// PutTenant inserts or replaces by name.
	PutTenant(*Tenant) error
}

// Rules are a tenant's rules that somebody approved (V-35).
type Rules struct {
	Tenant, Hash string
	Body         []byte // JSON of package directory: what the rules are compiled from
	Approved     time.Time
}

type RulesTx interface {
	// RulesInForce are a tenant's rules that were approved last; ErrNotFound if none ever were.
	RulesInForce(tenant string) (*Rules, error)
	// PutRules inserts or replaces by (Tenant, Hash). Of two approved at one time the higher hash is in force.
	PutRules(*Rules) error
}

// User is a SCIM user. A managed one was written by the IdP; an unmanaged one is
// shown from WisdomAI alone.
type User struct {
	// Seq is the user's place in the order in which users were first stored; given by the store, read only.
	Seq        int64
	Tenant, ID string
	Managed    bool
	UserName   string
	// UserNameKey is the folded userName, unique among a tenant's users.
	UserNameKey string
	ExternalID  string // "" none; compared exactly
	Active      bool
	DisplayName string
	// DisplayNameKey is the folded displayName, for lookups.
	DisplayNameKey string
	// EmailKeys are the folded values of `emails`, for lookups.
	EmailKeys []string
	Document  []byte // JSON of the SCIM attributes; without id, meta, groups, schemas, password
	// Version counts changes of what a GET shows; it starts at 1.
	Version           int64
	Created, Modified time.Time
	// Account is the account the user points at, 0 for none; at most one user points at an account.
	Account int64
	// Answered is false from a create until its 201 was completely written (V-05).
	Answered bool
}

// Field is an attribute that an index answers.
type Field string

const (
	FieldID           Field = "id"
	FieldUserName     Field = "userName"          // value: folded
	FieldExternalID   Field = "externalId"        // value: exact
	FieldEmail        Field = "emails.value"      // value: folded
	FieldDisplayName  Field = "displayName"       // value: folded
	FieldActive       Field = "active"            // value: bool
	FieldMember       Field = "members.value"     // groups: id of a member
	FieldGroup        Field = "groups.value"      // users: id of a group they are directly in
	FieldLastModified Field = "meta.lastModified" // value: time.Time
	FieldCreated      Field = "meta.created"      // for Sort alone
)

// Cmp is a comparison that an index serves.
type Cmp string

const (
	Eq Cmp = "eq"
	Sw Cmp = "sw" // starts with; FieldUserName and FieldDisplayName
	Gt Cmp = "gt" // FieldLastModified
	Ge Cmp = "ge"
	Lt Cmp = "lt"
	Le Cmp = "le"
)

// Condition is a tree over indexed fields: exactly one of All, Any and Field is set.
// An empty stored string is an attribute that is not there: nothing matches it, "" included.
type Condition struct {
	All, Any []*Condition
	Field    Field
	Cmp      Cmp
	Value    any // string, bool or time.Time, as the field says
}

// Query selects users or groups of a tenant, without Sort in the order in which they
// were first stored, which does not change while a resource lives, so that what is
// created while somebody pages comes after what he has seen.
type Query struct {
	Where *Condition // nil: all
	Sort  *Sort
	// After leaves out what does not come after a place in the order; nil: nothing. Who
	// goes on after the last resource that he has seen sees each one that was not written
	// in the meantime once, whatever came and went.
	After  *Position
	Offset int
	Limit  int // 0: no limit
}

// Sort is an order by a field that has one value: id, userName (users), externalId,
// displayName, active (users), meta.created, meta.lastModified; ErrCondition for others.
// Texts are ordered by code point, the folded ones by their folded form: the same in every
// engine, whatever its locale. A displayName or externalId that is not there comes last,
// equal values are in the order of their ids, and Descending is the exact reverse of all that.
type Sort struct {
	By         Field
	Descending bool
}

// Position is a place in an order: that of a resource which had these, whether it is
// still there or not.
type Position struct {
	Seq int64 // without Sort: User.Seq, Group.Seq
	// With Sort: the value sorted by as stored (string, folded where the field is; bool; time.Time), and the id.
	Value any
	ID    string
}

type UserTx interface {
	// User finds a user by id, exactly (aliases: see Alias).
	User(tenant, id string) (*User, error)
	UserByName(tenant, userNameKey string) (*User, error)
	UserByAccount(account int64) (*User, error)
	// PutUser inserts or replaces by (Tenant, ID). *Conflict for userName and account.
	// An id that is stored again is no longer one of a deleted user.
	PutUser(*User) error
	// DeleteUser removes the user and his memberships, and leaves a tombstone: the id is known to be deleted (V-29).
	// His aliases stay: they stand for somebody deleted.
	DeleteUser(tenant, id string, at time.Time) error
	// HideUser removes an unmanaged user's row and memberships without a tombstone;
	// ErrNotFound if there is no such user or he is managed.
	HideUser(tenant, id string) error
	Users(tenant string, q Query) iter.Seq2[*User, error]
	// CountUsers counts what Users without Offset and Limit yields.
	CountUsers(tenant string, where *Condition) (int, error)
	// TouchUsers raises Version by one and sets Modified of the users named: something that
	// a GET shows of them (groups) has changed. Ids of nobody are passed over.
	TouchUsers(tenant string, ids []string, modified time.Time) error
	// Alias is the user that another id stands for (V-07); ErrNotFound if none.
	Alias(tenant, alias string) (userID string, err error)
	// PutAlias makes alias stand for a user, instead of whom it stood for.
	PutAlias(tenant, alias, userID string) error
	// Deleted reports whether the id is one of a deleted user or group.
	Deleted(tenant, id string) (bool, error)
}

// Group is a SCIM group without its members.
type Group struct {
	Seq               int64 // place in the order in which groups were first stored; given by the store, read only
	Tenant, ID        string
	DisplayName       string
	DisplayNameKey    string // folded
	ExternalID        string
	Version           int64
	Created, Modified time.Time
}

// Member is one direct membership, a row of its own.
type Member struct {
	Group, ID string
	// Type is "User" or "Group".
	Type string
	// Display is the member's displayName, else userName, as it is now; read only.
	Display string
}

type GroupTx interface {
	// Group finds a group by id, exactly; ErrNotFound.
	Group(tenant, id string) (*Group, error)
	// GroupsByName are the groups of that folded displayName, in the order they were first stored.
	GroupsByName(tenant, displayNameKey string) ([]*Group, error)
	// PutGroup inserts or replaces by (Tenant, ID). Names may repeat: whether they may is a policy.
	PutGroup(*Group) error
	// DeleteGroup removes the group, its memberships and its place in other groups, and leaves a tombstone.
	DeleteGroup(tenant, id string, at time.Time) error
	Groups(tenant string, q Query) iter.Seq2[*Group, error]
	// CountGroups counts what Groups without Offset and Limit yields.
	CountGroups(tenant string, where *Condition) (int, error)
	// Members yields the members of a group in the order they were added; none for a group that is not there.
	Members(tenant, group string) iter.Seq2[*Member, error]
	// AddMember reports whether the member was not there before; ErrNotFound if there
	// is no such group. Whether the member exists is the caller's to know.
	AddMember(tenant string, m Member) (bool, error)
	// RemoveMember reports whether the member was there.
	RemoveMember(tenant, group, member string) (bool, error)
	// GroupsOf are the groups a user or group is directly in, ordered by folded displayName, then id.
	GroupsOf(tenant, member string) ([]*Group, error)
	// HasMember reports whether member is directly in group.
	HasMember(tenant, group, member string) (bool, error)
}

// Account is what is delivered to: one row per (workspace, folded e-mail). See
// convergence.md for the meaning of each column; the JSON ones are package
// directory's.
type Account struct {
	ID        int64 // 0: not stored yet; given by PutAccount
	Workspace string
	EmailKey  string
	Email     string
	Tenant    string // whose desired state it holds, "" for nobody's
	UserID    string // the user it belongs, or (Former) belonged, to
	Former    bool

	// What the last look showed, overlaid by what our answered calls did since.
	Present      bool
	WisdomID     string
	Name         string
	Created      string // creationTimestamp
	Actual       []byte // JSON: roles and attributes
	RowHash      int64  // of the listing row last applied; 0: none
	ActualLook   int64  // number of the look that last changed Actual
	MissingLook  int64  // first complete look that lacked somebody seen before (V-27)
	MissingSince time.Time

	Owned           []byte // JSON: owned roles and attribute keys (V-11)
	CreatedByBridge bool

	Desired   []byte // JSON: state, roles, attributes
	Version   int64  // of Desired
	Delivered int64  // the version last answered OK whole
	Confirmed int64  // the version last seen by a settled look
	Memory    []byte // JSON: set aside, to give back, basis, unanswered (V-22, V-25, V-16)

	Uncertain    time.Time // since when a call is unanswered; zero: certain (V-16)
	CallOpen     bool      // a call is on its way, or its process died
	CallLook     int64     // highest look number drawn when the last call ended
	CallDeadline time.Time // of the last call

	LeaseHolder string
	LeaseUntil  time.Time
	LeaseFence  int64 // raised by every lease (V-17)

	Due       time.Time // when to work on it; zero: nothing to do
	Taking    bool      // what is due takes access away: goes first (V-15)
	Pending   time.Time // since when there is something to deliver; zero: nothing
	Attempts  int
	LastError string
	Failed    int64 // the version that was refused for good; 0: none

	Drift int  // what somebody else changed, as bits of package directory's; 0: nothing (V-30)
	Admin bool // holds, or may hold, the role ADMIN everywhere: of these one must stay (V-34)
}

// Due is an account that has something to do.
type Due struct {
	ID     int64
	Taking bool
	Due    time.Time
}

// Known is what a look compares its rows with.
type Known struct {
	ID       int64
	EmailKey string
	RowHash  int64
	Present  bool
}

// Backlog counts what is not delivered, for health and alerts.
type Backlog struct {
	Pending, Taking, Failed, Uncertain int
	Oldest, OldestTaking               time.Time // since when they are pending; zero: none is
}

type AccountTx interface {
	// Account finds an account by id; ErrNotFound.
	Account(id int64) (*Account, error)
	// AccountByEmail finds the account of an address; ErrNotFound.
	AccountByEmail(workspace, emailKey string) (*Account, error)
	// PutAccount inserts (ID 0; it gets one, never used before) or replaces; ErrNotFound
	// for an ID that is not there. *Conflict for a second row with one address.
	PutAccount(*Account) error
	// DeleteAccount removes an account; ErrNotFound.
	DeleteAccount(id int64) error
	// LeaseAccount takes the lease until the given time and raises the fence;
	// ErrLeased while another's has not ended by Now. The holder may renew his own.
	LeaseAccount(id int64, holder string, until time.Time) (*Account, error)
	// DueAccounts are at most limit accounts of a tenant due at or before now and not leased, takings first, then by due time.
	DueAccounts(workspace, tenant string, now time.Time, limit int) ([]Due, error)
	// RouseAccounts makes due now those of a tenant, takings or givings, that are due later, and takes back
	// their Attempts.
	RouseAccounts(workspace, tenant string, taking bool) error
	// NextDue is the earliest due time of a tenant's accounts after now, zero if none.
	NextDue(workspace, tenant string, now time.Time) (time.Time, error)
	// AbandonedAccounts are those with an open call or a lease, ended or not, of a holder other than the one named;
	// an open call without a lease is nobody's.
	AbandonedAccounts(workspace, holder string) ([]*Account, error)
	// UnconfirmedAccounts are those with Confirmed < Delivered, or uncertain.
	UnconfirmedAccounts(workspace string) ([]*Account, error)
	// AccountsOf are all accounts that belong or belonged to a user, by id.
	AccountsOf(tenant, userID string) ([]*Account, error)
	// AdminAccounts are those of a workspace marked Admin, by id.
	AdminAccounts(workspace string) ([]*Account, error)
	// Accounts are at most limit accounts of a workspace with an id after the one named, by id: for going
	// through all of them in transactions of bounded size.
	Accounts(workspace string, after int64, limit int) ([]*Account, error)
	// PendingAccounts are at most limit accounts of a tenant with a Pending time, the takings or the others, those
	// that have waited longest first, after the place of one that waits since then and has that id.
	PendingAccounts(workspace, tenant string, taking bool, since time.Time, id int64, limit int) ([]*Account, error)
	// FailedAccounts are at most limit accounts of a tenant with a Failed version and an id after the one named, by id.
	FailedAccounts(workspace, tenant string, after int64, limit int) ([]*Account, error)
	// DriftedAccounts are at most limit accounts of a tenant with Drift and an id after the one named, by id.
	DriftedAccounts(tenant string, after int64, limit int) ([]*Account, error)
	// CountDrift counts the accounts of a tenant by their Drift, those without left out.
	CountDrift(tenant string) (map[int]int, error)
	// KnownAccounts are all accounts of a workspace, in any order.
	KnownAccounts(workspace string) iter.Seq2[Known, error]
	// Backlog counts a tenant's accounts with a Pending time (of these, the Taking ones), a Failed version, an Uncertain time.
	Backlog(workspace, tenant string) (Backlog, error)
}

// LookState says what became of a look.
type LookState string

const (
	LookRunning     LookState = "running"
	LookApplied     LookState = "applied"
	LookFailed      LookState = "failed"
	LookDisbelieved LookState = "disbelieved" // V-28
	LookDiscarded   LookState = "discarded"   // older than the last applied one (V-23)
)

// Look is one complete listUsers. Its Number is its place in time (V-23).
type Look struct {
	Workspace    string
	Number       int64
	Begun, Ended time.Time
	State        LookState
	Users        int
	Detail       string // why it failed or is not believed
	Tenant       string // whose key it was made with
	// Holder makes it, and has it to itself until Until: one that is running after that
	// was left by a process that died (V-24).
	Holder string
	Until  time.Time
}

// LookRow is a row of a running look that differs from what is known, kept until
// the look is complete and believed.
type LookRow struct {
	EmailKey string
	Row      []byte // JSON
}

type LookTx interface {
	// BeginLook draws the next number of the workspace and records the look as running.
	// Numbers rise from 1 and are never drawn twice. Begun is Now.
	BeginLook(workspace string) (*Look, error)
	// PutLook replaces a look that was begun; ErrNotFound.
	PutLook(*Look) error
	// Looks are at most limit looks, the newest first.
	Looks(workspace string, limit int) ([]*Look, error)
	// PruneLooks forgets the looks begun before a time, but for the newest of each state.
	PruneLooks(workspace string, before time.Time) error
	// LookNumber is the highest number drawn, 0 if none.
	LookNumber(workspace string) (int64, error)
	// LastLook is the newest look in that state; ErrNotFound if none.
	LastLook(workspace string, state LookState) (*Look, error)
	// StageRows keeps rows of a look; of two with one e-mail key the later counts.
	StageRows(workspace string, look int64, rows []LookRow) error
	// StagedRows are at most limit rows of a look after an e-mail key, in its order.
	StagedRows(workspace string, look int64, after string, limit int) ([]LookRow, error)
	// DropStaged removes the staged rows of all looks up to and including look.
	DropStaged(workspace string, look int64) error
}

// Hold is something that waits for a person (V-08, V-33, V-34).
type Hold struct {
	ID        int64
	Tenant    string
	Workspace string
	Kind      string // "delete": carried out as a suspension; "protected": somebody whom V-34 protects
	Account   int64
	EmailKey  string
	WisdomID  string
	Reason    string
	Created   time.Time
	Settled   time.Time // zero: open
	Outcome   string    // "released", "discarded", "withdrawn", "carried_out"
	Wish      []byte    // JSON: what the IdP asked for and was refused; empty: nothing
	Released  time.Time // when a person released it; zero: nobody did
}

type HoldTx interface {
	// PutHold inserts (ID 0; it gets one) or replaces; ErrNotFound for an ID that is not there.
	PutHold(*Hold) error
	// Holds are the open holds of a tenant, oldest first.
	Holds(tenant string) ([]*Hold, error)
	// HoldsOfKind are the open holds of a tenant of that kind, oldest first.
	HoldsOfKind(tenant, kind string) ([]*Hold, error)
	// HoldsOf are the open holds of an account, oldest first.
	HoldsOf(account int64) ([]*Hold, error)
	// RecordDelete counts a deleteUsersFromWorkspace for the brake (V-33).
	RecordDelete(workspace, emailKey string, at time.Time) error
	// CountDeletes counts the deletes recorded at or after since.
	CountDeletes(workspace string, since time.Time) (int, error)
	// CountManaged is the number of managed users of a tenant.
	CountManaged(tenant string) (int, error)
}

// Removal is what a suspension or deletion takes from an account, recorded before it is taken (V-38).
type Removal struct {
	ID        int64 // 0: not stored yet; given by PutRemoval
	Tenant    string
	Workspace string
	Account   int64
	EmailKey  string
	UserID    string    // the user who was suspended or deleted
	Kind      string    // package directory's
	Taken     []byte    // JSON: package directory's
	At        time.Time // of the write that caused it
	Token     string    // that wrote, "" for the bridge itself
	Request   string
	Settled   time.Time // zero: could be given back
	Outcome   string    // "restored", "reactivated"
}

type RemovalTx interface {
	// PutRemoval inserts (ID 0; it gets one, never used before) or replaces; ErrNotFound for an ID that is not there.
	PutRemoval(*Removal) error
	// Removal finds a removal by id; ErrNotFound.
	Removal(id int64) (*Removal, error)
	// RemovalsOf are those of an account that are not settled, in the order in which they were stored.
	RemovalsOf(account int64) ([]*Removal, error)
	// RemovalsBy are at most limit removals that a token of the tenant caused at or after since and that are
	// not settled, with an id after the one named, by id.
	RemovalsBy(tenant, token string, since time.Time, after int64, limit int) ([]*Removal, error)
}

// Token is a bearer token without its secret.
type Token struct {
	Tenant, Name string
	Hash         []byte // SHA-256 of the token
	Created      time.Time
	Expires      time.Time // zero: never
	Revoked      time.Time // zero: not
	LastUsed     time.Time // to the hour; zero: never
}

type TokenTx interface {
	// PutToken inserts or replaces by (Tenant, Name). *Conflict ("token", held by "tenant/name") for a hash in use.
	PutToken(*Token) error
	// Token finds a token by name; ErrNotFound.
	Token(tenant, name string) (*Token, error)
	// TokenByHash finds a token, revoked and expired ones too; ErrNotFound.
	TokenByHash(hash []byte) (*Token, error)
	// Tokens are the tokens of a tenant ("": of all), by tenant and name.
	Tokens(tenant string) ([]*Token, error)
}

// Event is one entry of the append-only log: who did what to whom, with what before and after.
type Event struct {
	Seq      int64 // given by AppendEvent
	Time     time.Time
	Tenant   string
	Actor    string // token name, "bridge", or a command
	Request  string // request id, or ""
	Kind     string // "user.create", "delivery.failed", "look.disbelieved", ...
	Resource string // SCIM id, or ""
	Email    string // or ""
	Detail   []byte // JSON; no secrets
}

// EventQuery selects events; what is empty does not select.
type EventQuery struct {
	Tenant string
	After  int64     // seq
	Since  time.Time // at or after
	Kind   string    // exactly, or all that begin with it if it ends with a dot: "delivery."
	// Person is a SCIM id, or a userName or address, of which ASCII is compared without case.
	Person string
	// Limit is how many at most; Last takes the newest instead of the oldest of them.
	Limit int
	Last  bool
}

type EventTx interface {
	// AppendEvent adds an entry and gives it its Seq, higher than any before. A zero Time becomes Now.
	AppendEvent(*Event) error
	// Events are at most limit events after seq, in order; tenant "" is all.
	Events(tenant string, after int64, limit int) ([]*Event, error)
	// FindEvents are the events that a query selects, in order.
	FindEvents(q EventQuery) ([]*Event, error)
	// EventsAbout are the last events of a tenant with that Resource, at most limit, newest first.
	EventsAbout(tenant, resource string, limit int) ([]*Event, error)
}

// Aged names rows that lose their use with time.
type Aged string

const (
	AgedEvents     Aged = "events"     // by Time
	AgedTombstones Aged = "tombstones" // by when the user or group was deleted
	AgedRemovals   Aged = "removals"   // by At
	AgedHolds      Aged = "holds"      // settled ones, by Settled
	AgedDeletes    Aged = "deletes"    // those that RecordDelete counted
)

type RetentionTx interface {
	// Prune removes at most limit rows of a kind, of all tenants, that are older than before, the oldest
	// first, and says how many it removed. Fewer than limit: there are no more.
	Prune(kind Aged, before time.Time, limit int) (int, error)
}

// MetaTx keeps what belongs to the store as a whole, by name. Names are the callers'.
type MetaTx interface {
	// Meta is the value of a name; ErrNotFound.
	Meta(name string) (string, error)
	// PutMeta inserts or replaces.
	PutMeta(name, value string) error
}
