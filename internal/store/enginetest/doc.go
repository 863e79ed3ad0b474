// Package enginetest gives the tests of other packages a store, of the engine that they are run for, so that what
// stands on a store is tested on every engine. Tests alone import it. What an engine itself must do is package
// storetest's.
//
//	SCIMBRIDGE_TEST_STORE=sqlite     a file of the test's own; so it is if nothing is said
//	SCIMBRIDGE_TEST_STORE=postgres   a database of the test's own (package pgtest)
//	SCIMBRIDGE_TEST_STORE=rerun      SQLite, and every Update's function runs twice, once for nothing (Rerunning)
package enginetest
