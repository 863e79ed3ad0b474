package relational

import "github.com/scimbridge/scimbridge/internal/store"

func (t *Tx) Tenant(name string) (*store.Tenant, error) {
	return get(t, func(r *row) *store.Tenant {
		return &store.Tenant{Name: r.text(), Workspace: r.text(), Created: r.time()}
	}, "SELECT name, workspace, created FROM tenants WHERE name = ?", name)
}

func (t *Tx) PutTenant(n *store.Tenant) error {
	_, err := t.exec(`INSERT INTO tenants (name, workspace, created) VALUES (?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET workspace = excluded.workspace, created = excluded.created`,
		n.Name, n.Workspace, n.Created)
	return err
}
