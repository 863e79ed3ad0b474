package relational

import "github.com/scimbridge/scimbridge/internal/store"

// Statement is one statement with its arguments.
type Statement struct {
	Name, SQL string
	Args      []any
}

// ListUsers is the statement of Tx.Users: an engine's tests look at its plan, as at those that follow.
func (d *Dialect) ListUsers(tenant string, q store.Query) (Statement, error) {
	return statement(d.users().list(tenant, q))
}

// CountUsers is the statement of Tx.CountUsers.
func (d *Dialect) CountUsers(tenant string, where *store.Condition) (Statement, error) {
	return statement(d.users().count(tenant, where))
}

// ListGroups is the statement of Tx.Groups.
func (d *Dialect) ListGroups(tenant string, q store.Query) (Statement, error) {
	return statement(d.groups().list(tenant, q))
}

// CountGroups is the statement of Tx.CountGroups.
func (d *Dialect) CountGroups(tenant string, where *store.Condition) (Statement, error) {
	return statement(d.groups().count(tenant, where))
}

func statement(sql string, args []any, err error) (Statement, error) {
	return Statement{SQL: sql, Args: values(args)}, err
}

// Frequent are the statements whose cost must not grow with how many people there are: what convergence asks
// every second, what every page of a list asks, and what removes old rows. Each by the name of its method,
// with arguments of the right types that find nothing.
func Frequent() []Statement {
	const text, number = "", int64(1)
	return []Statement{
		{"DueAccounts", dueAccounts, []any{text, text, number, number, number, number}},
		{"RouseAccounts", rouseAccounts, []any{number, text, text, number, number}},
		{"NextDue", nextDue, []any{text, text, number, number}},
		{"AbandonedAccounts", selectAccount + abandonedAccounts, []any{text, text}},
		{"UnconfirmedAccounts", selectAccount + unconfirmedAccounts, []any{text}},
		{"AccountsOf", selectAccount + accountsOf, []any{text, text}},
		{"PendingAccounts", selectAccount + pendingAccounts, []any{text, text, number, number, number, number}},
		{"FailedAccounts", selectAccount + failedAccounts, []any{text, text, number, number}},
		{"AdminAccounts", selectAccount + adminAccounts, []any{text}},
		{"HoldsOfKind", selectHold + holdsOfKind, []any{text, text}},
		{"KnownAccounts", knownAccounts, []any{text}},
		{"Backlog pending", backlogPending, []any{text, text}},
		{"Backlog failed", backlogFailed, []any{text, text}},
		{"Backlog uncertain", backlogUncertain, []any{text, text}},
		{"DriftedAccounts", selectAccount + driftedAccounts, []any{text, number, number}},
		{"RemovalsOf", selectRemoval + removalsOf, []any{number}},
		{"RemovalsBy", selectRemoval + removalsBy, []any{text, text, number, number, number}},
		{"EventsAbout", selectEvent + eventsAbout, []any{text, text, number}},
		{"Prune events", aged[store.AgedEvents], []any{number, number}},
		{"Prune tombstones", aged[store.AgedTombstones], []any{number, number}},
		{"Prune removals", aged[store.AgedRemovals], []any{number, number}},
		{"Prune holds", aged[store.AgedHolds], []any{number, number}},
		{"Prune deletes", aged[store.AgedDeletes], []any{number, number}},
		{"Looks", selectLook + newestLooks, []any{text, number}},
		{"RulesInForce", selectRulesInForce, []any{text}},
		{"Members", selectMembers, []any{text, text}},
		{"GroupsOf", selectGroupsOf, []any{text, text}},
		{"RemoveMember", removeMember, []any{text, text, text}},
		{"HasMember", hasMember, []any{text, text, text}},
	}
}
