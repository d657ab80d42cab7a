// Package postgrestest gives every test a PostgreSQL database of its own:
//
//	func TestSomething(t *testing.T) {
//		store, err := postgres.Open(t.Context(), postgres.Options{URL: postgrestest.URL(t)})
//		…
//	}
//
// When TEST_DATABASE_URL is set, the databases are made on that server, by a role that
// may do so. Otherwise a private cluster is started, once for all tests of the
// process, from whatever PostgreSQL is installed. It listens on a socket in a
// temporary directory only, and is gone with the process, however that ends.
//
// When there is neither, the test is skipped and says why; where the variable CI is
// set, it fails instead.
package postgrestest
