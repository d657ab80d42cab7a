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
// A Store keeps at most [Options.MaxConnections] to each server; who needs one waits, as
// long as the context allows, and who came first is served first. Snapshots that wait are
// read up to 16 in one round trip, each by its own statement. The sum over all processes must stay below the
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
// # Changes
//
// [Store.Changes] is told by LISTEN and NOTIFY. Each call has one connection more than
// [Options.MaxConnections], and tries it a few times a second. It must lead to the primary and
// stay in one session: where URL leads through a pooler of transactions, set
// [Options.ListenURL]. A feed follows only once it has heard what another connection notified,
// so a wrong one is never followed, instead of being followed in vain. With a replica it
// tells of a change when the replica shows it; one that is silent, or further behind than a
// minute, makes the feed lost until it is back. Whoever may connect to the database may
// notify, and thereby name consumers of whom nothing changed.
//
// The server commits transactions that notify one after another, whatever database they
// are of: each holds a lock while it waits for the disk (and for synchronous standbys), so
// they don't share a flush. Measured on two cores that others used too (PostgreSQL 15, fsync
// on, medians of four alternations), as a part of what the same writers reach without
// notification: 8 and 32 concurrent writers of one record each about half, with figures
// that scatter widely; bare transactions of one update, which show the lock itself, 0.46
// with 8 clients and 0.14 with 32. With a single writer no difference showed. Who writes
// much does so in batches, each of which is one commit. A write that changes nothing notifies
// nobody.
//
// The server keeps notifications for the slowest listener, 8 GB by default, and refuses
// commits when that is full (pg_notification_queue_usage shows it). A listener of this
// package that doesn't return holds them up like any other.
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
