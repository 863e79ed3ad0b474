-- +goose Up
-- Who holds, or may hold, ADMIN everywhere, so that the last one is found without reading everybody (V-34).
-- The accounts that there are say so in their JSON.
ALTER TABLE accounts ADD COLUMN admin INTEGER NOT NULL DEFAULT 0;
UPDATE accounts SET admin = 1 WHERE present = 1 AND instr(CAST(actual AS TEXT), '{"Role":"ADMIN","Scope":""}') > 0;
CREATE INDEX accounts_admin ON accounts (workspace) WHERE admin = 1;

-- What the IdP asked for and was refused (V-34), and when a person released a delete (V-33).
ALTER TABLE holds ADD COLUMN wish BLOB NOT NULL DEFAULT x'';
ALTER TABLE holds ADD COLUMN released INTEGER NOT NULL DEFAULT 0;
CREATE INDEX holds_of_kind ON holds (tenant, kind) WHERE settled = 0;
