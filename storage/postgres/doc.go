// Package postgres stores consumers and their records in a PostgreSQL database, for a service
// that runs on more than one machine.
//
// [Open] a database or use a pool that you have ([New]), [Store.Migrate] it, and use it as a
// [consumer.Store]. [Store.WriteTx] writes in your own transaction. Any number of Stores
// and processes may use one database at once: no process holds state in memory that another
// one would have to know. The package needs PostgreSQL 13 or later, with the encoding UTF8. The
// tables are in the first schema of the connection's search_path.
//
// # Isolation and durability
//
// A read is one statement, which sees all of a write or nothing of it. A write is one
// transaction at READ COMMITTED, whatever the server's default is. Its statements decide by
// [consumer.Version] themselves, so it needs no higher level. After a deadlock or a
// serialization failure the Store tries again, so the caller never sees one.
//
// A write is as durable as the server makes a commit. With the server's defaults (fsync and
// synchronous_commit are on), it is on the server's disk when it returns. Whether a standby has
// it too depends on synchronous_standby_names. With synchronous_commit=off, a crash may lose the
// last writes, but never a part of a write.
//
// If the connection breaks during a write, or the caller's context ends, the write may have been
// committed. Writing the same again is always safe.
//
// # Connections
//
// A Store has at most [Options.MaxConnections] connections to each server. Calls wait for a
// connection in FIFO order, for as long as their contexts allow. Up to 16 waiting snapshots
// share one round trip. The connections of all processes together must stay below the server's
// max_connections. If the context of a call ends, the Store asks the server to cancel the
// statement. If the server doesn't respond within a second, the Store closes the connection.
// While a server is down, calls return [consumer.ErrUnavailable]; they succeed again without a
// restart of the process.
//
// The URL is libpq's (postgres://user@host/database?sslmode=verify-full and so on), and the PG…
// environment variables and the password file apply. With several hosts, add
// target_session_attrs=read-write, so that writes reach the primary after a failover.
//
// The Store depends on no setting of the server, the database or the role, except that time
// limits such as statement_timeout apply, and that writes fail if default_transaction_read_only
// is on. It sends client_encoding and standard_conforming_strings with each connection.
//
// # Poolers
//
// PgBouncer works in session mode and in transaction mode, not in statement mode. In transaction
// mode, either use version 1.21 or later with max_prepared_statements above zero, or add
// default_query_exec_mode=exec to the URL, with which the Store prepares no statements. Set
// [Options.ListenURL] to a URL that leads to the server directly or through a pooler in session
// mode. [Store.Migrate] works through any of them, because its lock ends with its transaction.
//
// # Changes
//
// [Store.Changes] uses LISTEN and NOTIFY. Each call has a connection in addition to
// [Options.MaxConnections], and checks a few times a second that the connection receives
// notifications. It reports nothing as followed before it has received what another connection
// notified, so a connection through the wrong pooler or to the wrong database is never followed.
// With a replica, it reports a change when the replica shows it. A replica that doesn't respond,
// or lags by more than a minute, counts as lost until it is back. Everybody who may connect to the
// database may notify, and so name consumers that did not change.
//
// The server commits transactions that notify one after another, in all databases: each holds a
// lock while it waits for the disk and for synchronous standbys, so they don't share a flush.
// Therefore the Store's own transactions don't notify. Each adds a row to an outbox, the table
// rejoin_changes, and the Store notifies of many commits at once some milliseconds later, in a
// transaction that doesn't wait for the disk. Feeds also read the outbox a few times a second:
// if a process ends between its commit and the notification, its change is reported within about
// half a second. A transaction that stays open delays nobody's feed. While it is open, a feed
// looks at the rows of up to six minutes each time that it reads the outbox.
//
// A row stays in the outbox for five minutes. Every process that writes deletes older ones, once
// a minute. The table is UNLOGGED, so it takes no part in replication and costs no write-ahead
// log. [Store.WriteTx], [Store.RecordEventTx], [Store.CompleteTx] and [Store.EraseTx] notify in
// the caller's transaction, whose commit the Store doesn't see, so such transactions take turns.
//
// Measured on two cores that the server shares with the writers (PostgreSQL 15, fsync on, medians
// of three alternations, one record a write, one feed followed), relative to a bare INSERT ON
// CONFLICT of the same row through the same driver: 0.65 with one writer, 0.43 with 8 and 0.40
// with 32. With notifications in the transactions and a round trip for each step, it was 0.40,
// 0.26 and 0.21. A batch is one commit, so large amounts of data should be written in batches. A
// write that changes nothing is not reported.
//
// The server keeps notifications until the slowest listener has received them, 8 GB by default.
// A listener of any program that is idle in a transaction fills the queue.
// [Store.NotificationQueueUsage] returns how full it is, and [Store.Ping] fails when it is full.
//
// # Replicas
//
// With [Options.ReadURL], a read replica serves [Store.Consumer], [Store.Consumers],
// [Store.Snapshot] and [Store.Distribution]. It may lag behind: a write or an erasure that has
// returned may not show yet. pg_stat_replication shows by how much. The primary serves everything
// else, including API keys.
//
// The schema has no sequences, so nothing has to be adjusted when a logical replication becomes
// the primary.
//
// # Backup
//
// pg_dump makes a consistent copy while the database is in use. To lose minutes at most, archive
// the write-ahead log (continuous archiving). A backup contains consumers that were erased after
// it was made: erase them again after restoring it.
package postgres
