package config

import (
	"crypto/sha256"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
)

// Config is the whole file. The meaning of each key, its default and its bounds are
// in keys.go and in [Reference]; the comments here say only what the types do not.
type Config struct {
	// File is the path the configuration was read from.
	File string `yaml:"-"`
	// Sum is of what was read from it: a file with another one has changed since.
	Sum [sha256.Size]byte `yaml:"-"`

	Listen         string             `yaml:"listen"`
	AdminListen    string             `yaml:"admin_listen"`
	PublicURL      string             `yaml:"public_url"` // without a slash at its end; "" on loopback: what `listen` turns out to be
	Store          Store              `yaml:"store"`
	TLS            TLS                `yaml:"tls"`
	TrustedProxies []string           `yaml:"trusted_proxies"`
	Reload         string             `yaml:"reload"`
	Retention      Retention          `yaml:"retention"`
	Log            Log                `yaml:"log"`
	Tenants        map[string]*Tenant `yaml:"tenants"`
}

// TLS is the listener's certificate.
type TLS struct {
	Cert     string `yaml:"cert"`
	Key      string `yaml:"key"`
	ClientCA string `yaml:"client_ca"`
}

// Retention is how long what has happened is kept.
type Retention struct {
	Events     time.Duration `yaml:"events"`
	Tombstones time.Duration `yaml:"tombstones"`
}

// Log is how the program logs.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn or error
	Format string `yaml:"format"` // text or json
	Redact bool   `yaml:"redact"`
}

// Tenant is one SCIM base URL with its own tokens, mapping, policies and workspace.
type Tenant struct {
	// Name is the tenant's key in the file.
	Name string `yaml:"-"`
	// Rules are Email to Roles, checked and compiled.
	Rules *mapping.Rules `yaml:"-"`

	Mode          string               `yaml:"mode"` // enforce or observe
	EmailDomains  []string             `yaml:"email_domains"`
	PlusSuffix    string               `yaml:"plus_suffix"`
	Wisdom        Wisdom               `yaml:"wisdom"`
	Auth          Auth                 `yaml:"auth"`
	SCIM          SCIM                 `yaml:"scim"`
	Email         []Source             `yaml:"email"`
	Attributes    map[string]Attribute `yaml:"attributes"`
	AttributeKeys AttributeKeys        `yaml:"attribute_keys"`
	Extension     []Extension          `yaml:"extension"`
	Roles         Roles                `yaml:"roles"`
	Policy        Policy               `yaml:"policy"`
	Drift         Drift                `yaml:"drift"`
	Brake         Brake                `yaml:"brake"`
	Protected     []string             `yaml:"protected"`
	Listing       Listing              `yaml:"listing"`
	Delivery      Delivery             `yaml:"delivery"`
	Limits        Limits               `yaml:"limits"`
}

// DefaultTenant is the tenant that is served at /scim/v2.
const DefaultTenant = "default"

// BasePath is where the tenant is served below public_url (design: default at
// /scim/v2, any other NAME at /t/NAME/scim/v2).
func (t *Tenant) BasePath() string {
	if t.Name == DefaultTenant {
		return "/scim/v2"
	}
	return "/t/" + t.Name + "/scim/v2"
}

// Wisdom is the WisdomAI workspace a tenant delivers to.
type Wisdom struct {
	URL          string    `yaml:"url"`
	Workspace    string    `yaml:"workspace"`
	WorkspaceURI string    `yaml:"workspace_uri"`
	Token        Secret    `yaml:"token"`
	TokenExpires time.Time `yaml:"token_expires"` // midnight UTC of that day; zero: not known
	Exchange     string    `yaml:"exchange"`      // auto, always or never
}

// Auth is who may call.
type Auth struct {
	Bearer    bool `yaml:"bearer"`
	Discovery bool `yaml:"discovery"`
}

// SCIM is how the protocol is spoken.
type SCIM struct {
	Strict           bool   `yaml:"strict"`
	UniqueGroupNames bool   `yaml:"unique_group_names"`
	UniqueExternalID bool   `yaml:"unique_external_id"`
	UnknownMembers   string `yaml:"unknown_members"` // refuse or drop
}

// Source is where an e-mail address comes from: a path, or {cel: ...}.
type Source struct {
	Path string `yaml:"path"`
	CEL  string `yaml:"cel"`
}

// Attribute is where a WisdomAI attribute's value comes from: a path, a list of
// paths, or a table.
type Attribute struct {
	Path     string   `yaml:"path"`
	Paths    []string `yaml:"paths"`
	CEL      string   `yaml:"cel"`
	Value    *string  `yaml:"value"`
	Required bool     `yaml:"required"`
	Join     string   `yaml:"join"`
	Split    string   `yaml:"split"`
	Sub      string   `yaml:"sub"`
}

// AttributeKeys bounds the extension's free key/value list (V-41).
type AttributeKeys struct {
	Allow    []string `yaml:"allow"`
	Deny     []string `yaml:"deny"`
	TakeOver []string `yaml:"take_over"`
}

// Extension is one attribute that /Schemas declares under the WisdomAI URN.
type Extension struct {
	Name        string `yaml:"name"`
	Type        string `yaml:"type"`
	MultiValued bool   `yaml:"multiValued"`
	Key         string `yaml:"key"`
}

// Roles says where roles come from and what bounds them (V-39, V-40).
type Roles struct {
	Allow            []string          `yaml:"allow"`
	Privileged       []string          `yaml:"privileged"`
	Default          []string          `yaml:"default"`
	Groups           []GroupRule       `yaml:"groups"`
	NamingConvention bool              `yaml:"naming_convention"`
	SCIMRoles        map[string]string `yaml:"scim_roles"`
}

// GroupRule gives a role to the members of a group.
type GroupRule struct {
	Group      string   `yaml:"group"`
	ExternalID string   `yaml:"external_id"`
	Match      string   `yaml:"match"`
	Role       string   `yaml:"role"`
	Scopes     []string `yaml:"scopes"`
}

// Policy says what becomes of access when people come, change and go.
type Policy struct {
	OnDeactivate       string        `yaml:"on_deactivate"`      // suspend or delete
	OnDelete           string        `yaml:"on_delete"`          // delete or suspend
	OnDeleteAdopted    string        `yaml:"on_delete_adopted"`  // suspend or delete (V-08)
	OnRename           string        `yaml:"on_rename"`          // suspend_old, delete_old or refuse
	OnRenameConflict   string        `yaml:"on_rename_conflict"` // refuse or adopt (V-22)
	ManualRoles        string        `yaml:"manual_roles"`       // keep or overwrite (V-21)
	UnownedAttributes  string        `yaml:"unowned_attributes"` // keep or remove (V-21)
	IdentityAttributes bool          `yaml:"identity_attributes"`
	SuspendRemember    time.Duration `yaml:"suspend_remember"` // V-22
	AcceptFor          time.Duration `yaml:"accept_for"`       // V-37
	WelcomeEmail       bool          `yaml:"welcome_email"`
	UserGroups         []string      `yaml:"user_groups"`
}

// Drift says what is done about what somebody else changed (V-30).
type Drift struct {
	Lost    string `yaml:"lost"`    // report or repair
	Changed string `yaml:"changed"` // repair or report
}

// Brake is the allowance of irreversible deletes (V-33).
type Brake struct {
	MaxDeletes int           `yaml:"max_deletes"`
	MaxPercent float64       `yaml:"max_percent"`
	Floor      int           `yaml:"floor"`
	Window     time.Duration `yaml:"window"`
}

// Listing is how often listUsers is asked and when it is believed (V-24, V-28).
type Listing struct {
	MaxAge      time.Duration `yaml:"max_age"`
	IdleAge     time.Duration `yaml:"idle_age"`
	MissMaxAge  time.Duration `yaml:"miss_max_age"`
	MaxDuty     float64       `yaml:"max_duty"` // share of the time, 0.1 is 10%
	Settle      time.Duration `yaml:"settle"`
	LostPercent float64       `yaml:"lost_percent"`
	LostFloor   int           `yaml:"lost_floor"`
}

// Delivery is how calls go out to WisdomAI.
type Delivery struct {
	RequestBudget time.Duration `yaml:"request_budget"`
	Deadline      time.Duration `yaml:"deadline"`
	MaxBasisAge   time.Duration `yaml:"max_basis_age"`
	Batch         int           `yaml:"batch"` // mutations a request
	Share         int           `yaml:"share"` // people a request
	Concurrency   int           `yaml:"concurrency"`
	Rate          int           `yaml:"rate"` // requests a second
}

// Limits bounds what one request may ask for.
type Limits struct {
	Body       int `yaml:"body"`       // bytes
	Depth      int `yaml:"depth"`      // nested JSON values
	Filter     int `yaml:"filter"`     // bytes
	Operations int `yaml:"operations"` // of one PATCH or bulk request
	Page       int `yaml:"page"`       // resources of one list answer
	Rate       int `yaml:"rate"`       // requests a second and token; 0 is no limit
}
