// Package postgres keeps consumers and their records in a PostgreSQL database, for
// a service that runs on more than one machine.
//
// [Open] a database, [Store.Migrate] it, and use it as a [consumer.Store]. Any
// number of Stores and processes may use one database at once: nothing is kept in
// memory that another would have to know. PostgreSQL 13 or later, encoding UTF8. The
// tables are made in the first schema of the connection's search_path.
//
// # Isolation and durability
//
// A read is one statement, which sees all of a write or nothing of it. A write is one
// transaction (READ COMMITTED, whatever the server's default), whose statements
// decide by [consumer.Version] themselves, so it needs no stronger level. Deadlocks
// are met by trying again and never reach the caller.
//
// A write is as durable as the server makes a commit: with its defaults (fsync and
// synchronous_commit on) it is on the server's disk when it returns. Whether a
// standby has it too is a matter of synchronous_standby_names. With
// synchronous_commit=off the last moments may be lost in a crash, but never half of
// a write.
//
// When the connection breaks during a write, or the caller's context ends, it is not
// known whether the write was committed. Writing the same again is always safe.
//
// # Connections
//
// A Store keeps at most [Options.MaxConnections] to each server; who needs one waits,
// as long as the context allows. The sum over all processes must stay below the
// server's max_connections. A call whose context ends leaves its connection as soon
// as the server has stopped the statement; when that doesn't answer within a second,
// the connection is closed. A server that is down makes calls fail with
// [consumer.ErrUnavailable]; they succeed by themselves once it is back.
//
// The URL is libpq's (postgres://user@host/database?sslmode=verify-full and so on),
// and the PG… environment variables and the password file count too. With several
// hosts, add target_session_attrs=read-write, so that writes find the primary after a
// failover.
//
// Statements are prepared once per connection and held. Behind PgBouncer's transaction
// pooling use a version that tracks prepared statements (1.21 or later, with
// max_prepared_statements above zero), or add default_query_exec_mode=exec to the URL,
// which prepares nothing. Its statement pooling does not work, because a write is a
// transaction. Run [Store.Migrate] on a direct connection, or through session
// pooling, because its lock belongs to the session.
//
// # Replicas
//
// With [Options.ReadURL] a read replica answers [Store.Consumer], [Store.Consumers]
// and [Store.Snapshot]. It may lag: a write that returned, and an erasure, may not
// show yet. How far is the replica's matter (pg_stat_replication shows it). Everything
// else asks the primary, API keys included.
//
// # Backup
//
// pg_dump takes a consistent copy while the database is in use; for a loss of minutes
// at most, archive the write-ahead log (continuous archiving). A backup still holds
// those who were erased after it was taken: erase them again after restoring it.
package postgres
