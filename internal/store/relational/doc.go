// Package relational is what a store.Tx does, in SQL that every engine understands: the rows, and
// how conditions and orders become queries on their indexes. An engine has connections, transactions,
// a clock and the schema, and gives a Tx a Conn for each transaction; so that what one engine
// does with a row all do.
//
// Conventions of the schema, the same in every engine: times are whole microseconds since 1970 (UTC), 0 for
// none; booleans are 0 and 1; texts are compared as bytes, which for UTF-8 is by code point; keys are folded by
// the program; JSON is kept as it came; no column is NULL.
package relational
