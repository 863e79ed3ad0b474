-- +goose Up

-- Whose key a look was made with, and who makes it: a lease, so that of several processes and
-- tenants one lists WisdomAI at a time (V-24), and what a dead one left is seen to be dead.
ALTER TABLE looks ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE looks ADD COLUMN holder TEXT NOT NULL DEFAULT '';
ALTER TABLE looks ADD COLUMN until INTEGER NOT NULL DEFAULT 0;

-- Several tenants on one workspace deliver to accounts of their own (V-36).
DROP INDEX accounts_due;
DROP INDEX accounts_pending;
DROP INDEX accounts_failed;
DROP INDEX accounts_unconfirmed;
CREATE INDEX accounts_due ON accounts (workspace, tenant, taking, due) WHERE due <> 0;
CREATE INDEX accounts_pending ON accounts (workspace, tenant, pending, taking) WHERE pending <> 0;
CREATE INDEX accounts_failed ON accounts (workspace, tenant) WHERE failed <> 0;
CREATE INDEX accounts_unconfirmed ON accounts (workspace, tenant) WHERE confirmed < delivered OR uncertain <> 0;
