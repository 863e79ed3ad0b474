// Package pgtest gives tests a real PostgreSQL, made of the programs that this machine has: a database
// of their own on a server that all tests of the process share (Database), or a server of their own that
// they may stop, kill, copy and put on a new timeline (Own). Tests alone import it, on Unix alone.
//
// Nothing has to be set up or torn down. A server lives in a temporary folder, listens on loopback, trusts
// whoever comes, and runs as an unprivileged user where the tests are root's. A small process beside it reads
// a pipe of which this process has the other end: however this process ends, the server is then stopped
// and its folder removed. So there is nothing for a TestMain to do, and a killed test leaves nothing behind.
//
// Where there are no programs the tests are skipped, and one line on standard error says what to install.
//
//	SCIMBRIDGE_TEST_POSTGRES           a postgres:// URL by which databases may be created: Database uses
//	                                   that server, and starts none
//	SCIMBRIDGE_TEST_POSTGRES_REQUIRED  not empty: a test that finds no PostgreSQL fails (CI)
//
// It knows nothing of the store, and may be used in a testing/synctest bubble: what it waits for are
// processes, never a clock.
package pgtest
