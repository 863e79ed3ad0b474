package directory

import (
	"slices"
	"strings"
	"sync"
)

// Workspace is what the tenants on one WisdomAI workspace have in common within a process:
// each knows the others, so that one look serves all of them (V-36). The zero value is ready;
// Options.Shared is how a Directory joins. Safe for concurrent use.
type Workspace struct {
	mu      sync.Mutex
	tenants []*Directory // guarded by mu; by tenant
}

func (w *Workspace) join(d *Directory) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tenants = slices.DeleteFunc(w.tenants, func(n *Directory) bool { return n.o.Tenant == d.o.Tenant })
	w.tenants = append(w.tenants, d)
	slices.SortFunc(w.tenants, func(a, b *Directory) int { return strings.Compare(a.o.Tenant, b.o.Tenant) })
}

// neighbours are the directories of all tenants on the workspace, d among them.
func (d *Directory) neighbours() []*Directory {
	d.o.Shared.mu.Lock()
	defer d.o.Shared.mu.Unlock()
	return slices.Clone(d.o.Shared.tenants)
}

// whose is the directory that an account is the business of: its tenant's, and of nobody's
// account that of the one tenant which may see the address (V-36). nil if there is none:
// a tenant that the file no longer has, or an address outside all tenants' bounds.
func (d *Directory) whose(a *account) *Directory {
	var sees *Directory
	for _, n := range d.neighbours() {
		switch {
		case a.Tenant == n.o.Tenant:
			return n
		case a.Tenant != "" || !n.Rules().Visible(a.Email):
		case sees != nil:
			return nil // rules that overlap while a change of them is held (V-35): nobody's, rather than anybody's
		default:
			sees = n
		}
	}
	return sees
}

// sightOfAll is the same as long as every tenant on the workspace sees the same addresses.
func (d *Directory) sightOfAll() string {
	var b strings.Builder
	for _, n := range d.neighbours() {
		b.WriteString(n.o.Tenant + " sees " + n.Rules().Sight() + "\n")
	}
	return b.String()
}
