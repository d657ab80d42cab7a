// Package sqlite keeps consumers and their records in a SQLite database: one file
// on one machine, no server, no C compiler.
//
// [Open] a database, [Store.Migrate] it, and use it as a [consumer.Store]. Several
// processes may use one file at once. Back the file up while it is in use with
// sqlite3's .backup or VACUUM INTO; a plain copy misses what is still in the log
// beside it.
//
// A write is on the disk when it returns, so it costs a sync of the disk; the
// records of a batch share one.
package sqlite
