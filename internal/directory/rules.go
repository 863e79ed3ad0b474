package directory

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/scimbridge/scimbridge/internal/mapping"
	"github.com/scimbridge/scimbridge/internal/store"
)

// ruleset is what V-35 calls rules: what decides what somebody has at WisdomAI, and who must
// not lose it. Of the policies all belong to it, since each decides what people have,
// lose or are told at some turn; how long writes are accepted (V-37) is no policy about
// people. How fast, how often and whether at all anything is delivered are no rules.
type ruleset struct {
	Mapping   mapping.Spec `json:"mapping"`
	Policy    rulePolicy   `json:"policy"`
	Protected []string     `json:"protected,omitempty"` // folded, sorted

	rules   *mapping.Rules // compiled from Mapping
	body    []byte         // the JSON of all this, as the store keeps it
	hash    string         // of body: what a person approves
	offered time.Time      // when the configuration was read that says so
}

// rulePolicy is the part of Policy that is rules. It is kept by stores: a name in its JSON must never change.
type rulePolicy struct {
	OnDeactivate         string        `json:"on_deactivate"`
	OnDelete             string        `json:"on_delete"`
	OnDeleteAdopted      string        `json:"on_delete_adopted"`
	OnRename             string        `json:"on_rename"`
	OnRenameConflict     string        `json:"on_rename_conflict"`
	ManualRoles          string        `json:"manual_roles"`
	UnownedAttributes    string        `json:"unowned_attributes"`
	NoIdentityAttributes bool          `json:"no_identity_attributes,omitempty"`
	SuspendRemember      time.Duration `json:"suspend_remember"`
	WelcomeEmail         bool          `json:"welcome_email,omitempty"`
	UserGroups           []string      `json:"user_groups,omitempty"`
}

// of takes the rules out of a policy.
func (r *rulePolicy) of(p *Policy) {
	r.OnDeactivate, r.OnDelete, r.OnDeleteAdopted = p.OnDeactivate, p.OnDelete, p.OnDeleteAdopted
	r.OnRename, r.OnRenameConflict = p.OnRename, p.OnRenameConflict
	r.ManualRoles, r.UnownedAttributes, r.NoIdentityAttributes = p.ManualRoles, p.UnownedAttributes, p.NoIdentityAttributes
	r.SuspendRemember, r.WelcomeEmail, r.UserGroups = p.SuspendRemember, p.WelcomeEmail, p.UserGroups
}

// into puts them into a policy.
func (r *rulePolicy) into(p *Policy) {
	p.OnDeactivate, p.OnDelete, p.OnDeleteAdopted = r.OnDeactivate, r.OnDelete, r.OnDeleteAdopted
	p.OnRename, p.OnRenameConflict = r.OnRename, r.OnRenameConflict
	p.ManualRoles, p.UnownedAttributes, p.NoIdentityAttributes = r.ManualRoles, r.UnownedAttributes, r.NoIdentityAttributes
	p.SuspendRemember, p.WelcomeEmail, p.UserGroups = r.SuspendRemember, r.WelcomeEmail, r.UserGroups
}

// rulesOf are the rules among options, whose defaults are filled in.
func rulesOf(o *Options) (*ruleset, error) {
	r := &ruleset{Mapping: o.Rules.Spec(), rules: o.Rules, offered: o.Now()}
	r.Policy.of(&o.Policy)
	for _, address := range o.Protected {
		r.Protected = append(r.Protected, mapping.FoldAddress(address))
	}
	slices.Sort(r.Protected)
	r.Protected = slices.Compact(r.Protected)
	body, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	r.body, r.hash = body, hashOfRules(body)
	return r, nil
}

// hashOfRules has 128 bits: enough that nobody makes two files of one hash, and short enough to be typed.
func hashOfRules(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:16])
}

// approvedRules compiles rules that a store keeps. What this version does not know in them
// is an error: to leave a rule out that somebody approved could widen what people have.
func approvedRules(kept *store.Rules) (*ruleset, error) {
	fail := func(err error) (*ruleset, error) {
		return nil, fmt.Errorf("the rules in force of tenant %s (%s, approved %s) cannot be used by this version: %w; "+
			"`scimbridge apply --approve` puts those of the file in their place, or start the version again that approved them",
			kept.Tenant, kept.Hash, kept.Approved.Format(time.RFC3339), err)
	}
	r := &ruleset{body: kept.Body, hash: kept.Hash}
	dec := json.NewDecoder(bytes.NewReader(kept.Body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(r); err != nil {
		return fail(err)
	}
	compiled, faults := mapping.Compile(r.Mapping)
	if len(faults) > 0 {
		var all []error
		for _, f := range faults {
			all = append(all, f)
		}
		return fail(errors.Join(all...))
	}
	r.rules = compiled
	return r, nil
}

// into makes these the rules of options.
func (r *ruleset) into(o *Options) {
	o.Rules, o.Protected = r.rules, r.Protected
	r.Policy.into(&o.Policy)
}

// steadyStore is a store in whose transactions the rules do not change: Options.Rules,
// Policy and Protected of a Directory are written only while none is open. Whoever needs
// them outside a transaction asks Directory.inForce.
type steadyStore struct {
	store.Store
	mu sync.RWMutex // held by transactions for reading, by enforce for writing
}

func (s *steadyStore) View(ctx context.Context, fn func(store.Tx) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.Store.View(ctx, fn)
}

func (s *steadyStore) Update(ctx context.Context, fn func(store.Tx) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var last *steadyTx
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		last = &steadyTx{Tx: tx}
		return fn(last)
	})
	if err == nil {
		for _, tell := range last.told {
			tell()
		}
	}
	return err
}

// steadyTx is one run of an Update.
type steadyTx struct {
	store.Tx
	told []func() // once it is committed
}

func (t *steadyTx) Part(fn func() error) error {
	n := len(t.told)
	err := t.Tx.Part(fn)
	if err != nil {
		t.told = t.told[:n]
	}
	return err
}

// whenCommitted makes known what a transaction does to those who are told outside of it, logs and counters: an Update may run
// more than once. What is only rehearsed is never told.
func whenCommitted(tx store.Tx, tell func()) {
	if t, ok := tx.(*steadyTx); ok {
		t.told = append(t.told, tell)
	}
}

// enforce makes these the rules that every transaction goes by from now on.
func (d *Directory) enforce(r *ruleset) {
	d.rules.steady.mu.Lock()
	r.into(&d.o)
	d.rules.inForce.Store(r)
	d.rules.steady.mu.Unlock()
	if d.o.OnRules != nil {
		d.o.OnRules(r.rules)
	}
}

// Rules are the mapping rules in force (V-35), which need not be those of the configuration file.
func (d *Directory) Rules() *mapping.Rules { return d.rules.inForce.Load().rules }

// policy is that of the rules in force, for who is in no transaction.
func (d *Directory) policy() *rulePolicy { return &d.rules.inForce.Load().Policy }

// ApproveRules puts the rules of options in force, whatever they change, if they are those of
// the hash (V-35). A running server goes by them within a second, and carries them out; else
// the next start does. It reports whether they were not in force already. Errors: Invalid
// when the hash is another.
func ApproveRules(ctx context.Context, o Options, by Caller, hash string) (changed bool, err error) {
	o = o.withDefaults()
	r, err := rulesOf(&o)
	if err != nil {
		return false, err
	}
	if hash != r.hash {
		return false, &Error{Kind: Invalid, Detail: fmt.Sprintf("%s is not the hash of the rules in the configuration, which is %s: "+
			"look at what they do with `scimbridge plan`, and approve what it prints", hash, r.hash)}
	}
	d := &Directory{o: o}
	err = o.Store.Update(ctx, func(tx store.Tx) error {
		changed = false
		kept, err := tx.RulesInForce(o.Tenant)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err == nil && kept.Hash == r.hash {
			return nil
		}
		changed = true
		return d.approve(tx, by, r)
	})
	return changed, err
}

// approve records that these are the rules in force, and that they are to be carried out.
func (d *Directory) approve(tx store.Tx, by Caller, r *ruleset) error {
	at := tx.Now()
	before := ""
	kept, err := tx.RulesInForce(d.o.Tenant)
	switch {
	case err == nil:
		before = kept.Hash
		if !kept.Approved.Before(at) { // the clock went back: the latest is in force all the same
			at = kept.Approved.Add(time.Microsecond)
		}
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	if err := tx.PutRules(&store.Rules{Tenant: d.o.Tenant, Hash: r.hash, Body: r.body, Approved: at}); err != nil {
		return err
	}
	if err := writeState(tx, d.ofTenant("rules"), carrying{Hash: r.hash}); err != nil {
		return err
	}
	d.event(tx, by, "rules.approved", "", "", map[string]any{"hash": r.hash, "before": before})
	return nil
}
