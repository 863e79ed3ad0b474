// Package postgres keeps a store.Store in a PostgreSQL database, 13 or later: for as many server processes,
// on as many machines, as there have to be.
//
// Isolation: an Update is a SERIALIZABLE transaction, so that what package directory decides in one holds
// whatever runs beside it, on this replica or on another, without a lock of ours. What PostgreSQL
// refuses because two cannot be put in an order is run again (updates.go). A View is one snapshot
// (REPEATABLE READ, READ ONLY) and is never refused.
//
// Time: Tx.Now is the database's clock, so that leases and due times mean the same on every replica.
//
// Failure: a connection that is lost before COMMIT was sent took nothing with it, and the Update is
// run again on another. Of a COMMIT without an answer the database is asked what became of it, by a mark that
// the transaction left there (commits.go): it is never guessed. A database that stays away is store.ErrUnavailable.
//
// Poolers: behind one that gives a connection for a transaction at a time (PgBouncer), the address has
// default_query_exec_mode=exec. Nothing here needs a session then: settings are made for the transaction,
// no statement is prepared, the schema's lock is the transaction's, and replicas poll instead of
// being woken (Watch).
package postgres
