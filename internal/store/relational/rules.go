package relational

import "github.com/scimbridge/scimbridge/internal/store"

const selectRulesInForce = "SELECT tenant, hash, body, approved_at FROM rules WHERE tenant = ? ORDER BY approved_at DESC, hash DESC LIMIT 1"

func (t *Tx) RulesInForce(tenant string) (*store.Rules, error) {
	return get(t, func(r *row) *store.Rules {
		return &store.Rules{Tenant: r.text(), Hash: r.text(), Body: r.bytes(), Approved: r.time()}
	}, selectRulesInForce, tenant)
}

func (t *Tx) PutRules(n *store.Rules) error {
	_, err := t.exec(`INSERT INTO rules (tenant, hash, body, approved_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (tenant, hash) DO UPDATE SET body = excluded.body, approved_at = excluded.approved_at`,
		n.Tenant, n.Hash, n.Body, n.Approved)
	return err
}
