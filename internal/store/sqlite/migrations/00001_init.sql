-- +goose Up
-- The first schema. Conventions: times are whole microseconds since 1970 (UTC), 0 for none;
-- booleans are 0 and 1; folded keys are folded by the program, so every comparison is of bytes;
-- JSON is kept as it came. STRICT makes SQLite keep to the declared types.

-- "scim": tells a store of scimbridge from another program's database.
PRAGMA application_id = 1935894893;

-- What belongs to the file as a whole, such as the mark of a backup (V-31).
CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Which WisdomAI workspace a tenant's rows belong to (V-32).
CREATE TABLE tenants (
    name      TEXT    NOT NULL PRIMARY KEY,
    workspace TEXT    NOT NULL,
    created   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Rules of a tenant that somebody approved, the latest in force (V-35).
CREATE TABLE rules (
    tenant      TEXT    NOT NULL,
    hash        TEXT    NOT NULL,
    body        BLOB    NOT NULL,
    approved_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX rules_latest ON rules (tenant, approved_at);

-- SCIM users. seq is the order of lists; (tenant, seq) is what the index users_list holds, the
-- row's number being part of every index.
CREATE TABLE users (
    seq              INTEGER PRIMARY KEY,
    tenant           TEXT    NOT NULL,
    id               TEXT    NOT NULL,
    managed          INTEGER NOT NULL,
    user_name        TEXT    NOT NULL,
    user_name_key    TEXT    NOT NULL,
    external_id      TEXT    NOT NULL,
    active           INTEGER NOT NULL,
    display_name     TEXT    NOT NULL,
    display_name_key TEXT    NOT NULL,
    email_keys       TEXT    NOT NULL, -- JSON; indexed in user_emails
    document         BLOB    NOT NULL,
    version          INTEGER NOT NULL,
    created          INTEGER NOT NULL,
    modified         INTEGER NOT NULL,
    account          INTEGER NOT NULL,
    answered         INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX users_id ON users (tenant, id);
CREATE UNIQUE INDEX users_name ON users (tenant, user_name_key);
CREATE UNIQUE INDEX users_account ON users (account) WHERE account <> 0;
CREATE INDEX users_list ON users (tenant);
CREATE INDEX users_external ON users (tenant, external_id) WHERE external_id <> '';
CREATE INDEX users_display ON users (tenant, display_name_key) WHERE display_name_key <> '';
CREATE INDEX users_active ON users (tenant, active);
CREATE INDEX users_modified ON users (tenant, modified);
CREATE INDEX users_managed ON users (tenant) WHERE managed = 1;

CREATE TABLE user_emails (
    tenant    TEXT    NOT NULL,
    email_key TEXT    NOT NULL,
    user_seq  INTEGER NOT NULL REFERENCES users (seq) ON DELETE CASCADE,
    PRIMARY KEY (tenant, email_key, user_seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_emails_user ON user_emails (user_seq);

-- Ids that stand for a user's (V-07). They outlive him: they then stand for somebody deleted.
CREATE TABLE aliases (
    tenant  TEXT NOT NULL,
    alias   TEXT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (tenant, alias)
) STRICT, WITHOUT ROWID;

-- Ids of deleted users and groups, so that they are 404 and never "not known yet" (V-29).
CREATE TABLE tombstones (
    tenant  TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    kind    TEXT    NOT NULL, -- User, Group
    deleted INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstones_age ON tombstones (deleted);

CREATE TABLE groups (
    seq              INTEGER PRIMARY KEY,
    tenant           TEXT    NOT NULL,
    id               TEXT    NOT NULL,
    display_name     TEXT    NOT NULL,
    display_name_key TEXT    NOT NULL,
    external_id      TEXT    NOT NULL,
    version          INTEGER NOT NULL,
    created          INTEGER NOT NULL,
    modified         INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX groups_id ON groups (tenant, id);
CREATE INDEX groups_list ON groups (tenant);
CREATE INDEX groups_display ON groups (tenant, display_name_key) WHERE display_name_key <> '';
CREATE INDEX groups_external ON groups (tenant, external_id) WHERE external_id <> '';
CREATE INDEX groups_modified ON groups (tenant, modified);

-- One row a membership, so that adding one member to a group of 100,000 touches one row. seq is the
-- order in which members were added; (group_seq, seq) is what the index memberships_list holds. The
-- member is named by his id, because it may be a user or a group.
CREATE TABLE memberships (
    seq       INTEGER PRIMARY KEY,
    group_seq INTEGER NOT NULL REFERENCES groups (seq) ON DELETE CASCADE,
    tenant    TEXT    NOT NULL,
    member_id TEXT    NOT NULL,
    type      TEXT    NOT NULL -- User, Group
) STRICT;
CREATE UNIQUE INDEX memberships_of_group ON memberships (group_seq, member_id);
CREATE INDEX memberships_list ON memberships (group_seq);
CREATE INDEX memberships_of_member ON memberships (tenant, member_id, group_seq);

-- What is delivered to, desired beside actual. AUTOINCREMENT: an id is never used again.
CREATE TABLE accounts (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace         TEXT    NOT NULL,
    email_key         TEXT    NOT NULL,
    email             TEXT    NOT NULL,
    tenant            TEXT    NOT NULL,
    user_id           TEXT    NOT NULL,
    former            INTEGER NOT NULL,
    present           INTEGER NOT NULL,
    wisdom_id         TEXT    NOT NULL,
    name              TEXT    NOT NULL,
    created           TEXT    NOT NULL, -- creationTimestamp as WisdomAI spells it
    actual            BLOB    NOT NULL,
    row_hash          INTEGER NOT NULL,
    actual_look       INTEGER NOT NULL,
    missing_look      INTEGER NOT NULL,
    missing_since     INTEGER NOT NULL,
    owned             BLOB    NOT NULL,
    created_by_bridge INTEGER NOT NULL,
    desired           BLOB    NOT NULL,
    version           INTEGER NOT NULL,
    delivered         INTEGER NOT NULL,
    confirmed         INTEGER NOT NULL,
    memory            BLOB    NOT NULL,
    uncertain         INTEGER NOT NULL,
    call_open         INTEGER NOT NULL,
    call_look         INTEGER NOT NULL,
    call_deadline     INTEGER NOT NULL,
    lease_holder      TEXT    NOT NULL,
    lease_until       INTEGER NOT NULL,
    lease_fence       INTEGER NOT NULL,
    due               INTEGER NOT NULL,
    taking            INTEGER NOT NULL,
    pending           INTEGER NOT NULL,
    attempts          INTEGER NOT NULL,
    last_error        TEXT    NOT NULL,
    failed            INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX accounts_email ON accounts (workspace, email_key);
CREATE INDEX accounts_user ON accounts (tenant, user_id) WHERE user_id <> '';
-- What a look compares its rows with, without reading the accounts.
CREATE INDEX accounts_known ON accounts (workspace, email_key, row_hash, present);
-- The queue, and the few accounts that something is still to be done about.
CREATE INDEX accounts_due ON accounts (workspace, taking, due) WHERE due <> 0;
CREATE INDEX accounts_pending ON accounts (workspace, pending, taking) WHERE pending <> 0;
CREATE INDEX accounts_failed ON accounts (workspace) WHERE failed <> 0;
CREATE INDEX accounts_unconfirmed ON accounts (workspace) WHERE confirmed < delivered OR uncertain <> 0;
CREATE INDEX accounts_open ON accounts (workspace) WHERE call_open = 1 OR lease_holder <> '';

-- Listings. number is drawn before the call and is the look's place in time (V-23).
CREATE TABLE looks (
    workspace TEXT    NOT NULL,
    number    INTEGER NOT NULL,
    begun     INTEGER NOT NULL,
    ended     INTEGER NOT NULL,
    state     TEXT    NOT NULL,
    users     INTEGER NOT NULL,
    detail    TEXT    NOT NULL,
    PRIMARY KEY (workspace, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX looks_state ON looks (workspace, state, number);

-- Rows of a running look, kept until it is complete and believed.
CREATE TABLE look_rows (
    workspace TEXT    NOT NULL,
    look      INTEGER NOT NULL,
    email_key TEXT    NOT NULL,
    row       BLOB    NOT NULL,
    PRIMARY KEY (workspace, look, email_key)
) STRICT, WITHOUT ROWID;

-- What waits for a person (V-08, V-33, V-34).
CREATE TABLE holds (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant    TEXT    NOT NULL,
    workspace TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    account   INTEGER NOT NULL,
    email_key TEXT    NOT NULL,
    wisdom_id TEXT    NOT NULL,
    reason    TEXT    NOT NULL,
    created   INTEGER NOT NULL,
    settled   INTEGER NOT NULL,
    outcome   TEXT    NOT NULL
) STRICT;
CREATE INDEX holds_open ON holds (tenant) WHERE settled = 0;
CREATE INDEX holds_account ON holds (account) WHERE settled = 0;

-- Every deleteUsersFromWorkspace: the brake's count (V-33).
CREATE TABLE deletes (
    seq       INTEGER PRIMARY KEY,
    workspace TEXT    NOT NULL,
    email_key TEXT    NOT NULL,
    at        INTEGER NOT NULL
) STRICT;
CREATE INDEX deletes_window ON deletes (workspace, at);

-- Bearer tokens, hashed.
CREATE TABLE tokens (
    tenant    TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    hash      BLOB    NOT NULL,
    created   INTEGER NOT NULL,
    expires   INTEGER NOT NULL,
    revoked   INTEGER NOT NULL,
    last_used INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tokens_hash ON tokens (hash);

-- The append-only log. AUTOINCREMENT: a reader's place stays valid when old entries go.
CREATE TABLE events (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    time     INTEGER NOT NULL,
    tenant   TEXT    NOT NULL,
    actor    TEXT    NOT NULL,
    request  TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    resource TEXT    NOT NULL,
    email    TEXT    NOT NULL,
    detail   BLOB    NOT NULL
) STRICT;
CREATE INDEX events_tenant ON events (tenant);
CREATE INDEX events_age ON events (time);
