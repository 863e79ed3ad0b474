package relational

import (
	"iter"
	"time"

	"github.com/scimbridge/scimbridge/internal/store"
)

var groups = newTable("groups", "seq",
	"tenant", "id", "display_name", "display_name_key", "external_id", "version", "created", "modified")

// scanGroup reads the columns of groups.
func scanGroup(r *row) *store.Group {
	return &store.Group{
		Seq: r.int64(), Tenant: r.text(), ID: r.text(), DisplayName: r.text(), DisplayNameKey: r.text(), ExternalID: r.text(),
		Version: r.int64(), Created: r.time(), Modified: r.time(),
	}
}

func (t *Tx) Group(tenant, id string) (*store.Group, error) {
	return get(t, scanGroup, "SELECT "+groups.columns+" FROM groups WHERE tenant = ? AND id = ?", tenant, id)
}

func (t *Tx) GroupsByName(tenant, displayNameKey string) ([]*store.Group, error) {
	return all(t, scanGroup, "SELECT "+groups.columns+` FROM groups
		WHERE tenant = ? AND display_name_key = ? AND display_name_key <> '' ORDER BY seq`, tenant, displayNameKey)
}

// groupKey is what a group is remembered by: tenant and id.
func groupKey(s stored) any { return [2]any{s[1], s[2]} }

func (t *Tx) PutGroup(g *store.Group) error {
	row := []any{g.Tenant, g.ID, g.DisplayName, g.DisplayNameKey, g.ExternalID, g.Version, g.Created, g.Modified}
	old, err := t.find(groups, groupKey, "SELECT "+groups.columns+" FROM groups WHERE tenant = ? AND id = ?", g.Tenant, g.ID)
	if err != nil {
		return err
	}
	if old != nil {
		return groups.update(t, old, row)
	}
	if _, err := groups.add(t, row); err != nil {
		return err
	}
	_, err = t.exec("DELETE FROM tombstones WHERE tenant = ? AND id = ?", g.Tenant, g.ID)
	return err
}

func (t *Tx) DeleteGroup(tenant, id string, at time.Time) error {
	// Its memberships go with it (ON DELETE CASCADE).
	if err := t.must("DELETE FROM groups WHERE tenant = ? AND id = ?", tenant, id); err != nil {
		return err
	}
	if err := t.leaveGroups(tenant, id); err != nil {
		return err
	}
	return t.bury(tenant, id, typeGroup, at)
}

func (t *Tx) Groups(tenant string, q store.Query) iter.Seq2[*store.Group, error] {
	query, args, err := t.dialect.groups().list(tenant, q)
	if err != nil {
		return failing[*store.Group](err)
	}
	return each(t, scanGroup, query, args...)
}

func (t *Tx) CountGroups(tenant string, where *store.Condition) (int, error) {
	query, args, err := t.dialect.groups().count(tenant, where)
	if err != nil {
		return 0, err
	}
	n, err := t.number(query, args...)
	return int(n), err
}

// thisGroup is the number of the group with a tenant and an id.
const thisGroup = "(SELECT seq FROM groups WHERE tenant = ? AND id = ?)"

const selectMembers = `SELECT m.member_id, m.type, CASE m.type
		WHEN 'Group' THEN (SELECT g.display_name FROM groups g WHERE g.tenant = m.tenant AND g.id = m.member_id)
		ELSE (SELECT CASE u.display_name WHEN '' THEN u.user_name ELSE u.display_name END
			FROM users u WHERE u.tenant = m.tenant AND u.id = m.member_id) END
	FROM memberships m WHERE m.group_seq = ` + thisGroup + ` ORDER BY m.seq`

func (t *Tx) Members(tenant, group string) iter.Seq2[*store.Member, error] {
	return each(t, func(r *row) *store.Member {
		return &store.Member{Group: group, ID: r.text(), Type: r.text(), Display: r.text()}
	}, selectMembers, tenant, group)
}

const addMember = `INSERT INTO memberships (group_seq, tenant, member_id, type)
	SELECT seq, tenant, ?, ? FROM groups WHERE tenant = ? AND id = ? ON CONFLICT DO NOTHING`

func (t *Tx) AddMember(tenant string, m store.Member) (bool, error) {
	n, err := t.exec(addMember, m.ID, m.Type, tenant, m.Group)
	if err == nil && n == 0 { // he was there, or there is no such group
		_, err = t.Group(tenant, m.Group)
	}
	return n == 1, err
}

const removeMember = "DELETE FROM memberships WHERE group_seq = " + thisGroup + " AND member_id = ?"

func (t *Tx) RemoveMember(tenant, group, member string) (bool, error) {
	n, err := t.exec(removeMember, tenant, group, member)
	return n == 1, err
}

var selectGroupsOf = "SELECT " + groups.columns + ` FROM groups
	WHERE seq IN (SELECT group_seq FROM memberships WHERE tenant = ? AND member_id = ?)
	ORDER BY display_name_key, id`

func (t *Tx) GroupsOf(tenant, member string) ([]*store.Group, error) {
	return all(t, scanGroup, selectGroupsOf, tenant, member)
}

const hasMember = "SELECT 1 FROM memberships WHERE group_seq = " + thisGroup + " AND member_id = ?"

func (t *Tx) HasMember(tenant, group, member string) (bool, error) {
	n, err := t.number(hasMember, tenant, group, member)
	return n == 1, err
}

// leaveGroups removes a user or group from the groups it is in.
func (t *Tx) leaveGroups(tenant, member string) error {
	_, err := t.exec("DELETE FROM memberships WHERE tenant = ? AND member_id = ?", tenant, member)
	return err
}
