package sqlite

import "github.com/scimbridge/scimbridge/internal/store"

func (t *tx) Tenant(name string) (*store.Tenant, error) {
	return get(t, func(r *rows) *store.Tenant {
		return &store.Tenant{Name: r.text(), Workspace: r.text(), Created: r.time()}
	}, "SELECT name, workspace, created FROM tenants WHERE name = ?", name)
}

func (t *tx) PutTenant(n *store.Tenant) error {
	_, err := t.conn.exec(`INSERT INTO tenants (name, workspace, created) VALUES (?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET workspace = excluded.workspace, created = excluded.created`,
		n.Name, n.Workspace, n.Created)
	return err
}
