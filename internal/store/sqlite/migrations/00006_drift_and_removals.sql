-- +goose Up

-- What somebody else changed at WisdomAI, as bits of the program's (V-30): found, and counted for
-- metrics, without reading the accounts.
ALTER TABLE accounts ADD COLUMN drift INTEGER NOT NULL DEFAULT 0;
CREATE INDEX accounts_drift ON accounts (tenant, id, drift) WHERE drift <> 0;

-- What a suspension or deletion took, so that it can be given back (V-38).
CREATE TABLE removals (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant    TEXT    NOT NULL,
    workspace TEXT    NOT NULL,
    account   INTEGER NOT NULL,
    email_key TEXT    NOT NULL,
    user_id   TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    taken     BLOB    NOT NULL, -- JSON
    at        INTEGER NOT NULL,
    token     TEXT    NOT NULL,
    request   TEXT    NOT NULL,
    settled   INTEGER NOT NULL,
    outcome   TEXT    NOT NULL
) STRICT;
CREATE INDEX removals_account ON removals (account) WHERE settled = 0;
CREATE INDEX removals_token ON removals (tenant, token) WHERE settled = 0;
CREATE INDEX removals_age ON removals (at);

-- The last events about one person.
CREATE INDEX events_about ON events (tenant, resource) WHERE resource <> '';

-- What retention drops.
CREATE INDEX holds_settled ON holds (settled) WHERE settled <> 0;
CREATE INDEX deletes_age ON deletes (at);
