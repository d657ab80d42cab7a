// Package postgrestest provides each test with a new PostgreSQL database:
//
//	func TestSomething(t *testing.T) {
//		store, err := postgres.Open(t.Context(), postgres.Options{URL: postgrestest.URL(t)})
//		…
//	}
//
// If TEST_DATABASE_URL is set, the databases are created on that server. Its role needs the
// privilege to create databases. Otherwise the first test of the process starts a private
// cluster, and all tests of the process share it. The cluster listens only on a socket in a
// temporary directory. It is removed when the process ends, even if the process is killed.
//
// The programs of the private cluster come from the directory in REJOIN_TEST_POSTGRES_BIN,
// or from the PostgreSQL that is installed if that variable is not set.
//
// If there is no PostgreSQL, the test is skipped and says why. If the variable CI is set, the
// test fails instead.
package postgrestest
