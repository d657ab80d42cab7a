// Package sqlite stores consumers and their records in a SQLite database: one file on one
// machine, without a server and without a C compiler.
//
// [Open] a database, [Store.Migrate] it, and use it as a [consumer.Store]. Several processes
// may use one file at once. To back up a database that is in use, run .backup or VACUUM INTO
// in the sqlite3 shell, with a umask of 077, because the copy holds tokens and personal
// data. A plain copy of the file misses what is still in the write-ahead log next to it.
//
// There is no constructor for a *sql.DB of the caller. What the package promises depends on
// its connections: a single one that writes and begins with BEGIN IMMEDIATE, the settings
// that each connection gets when it is opened (WAL, synchronous=FULL, secure_delete, a busy
// timeout), and a log of changes that only its own commits write.
//
// A write is on the disk when it returns, so it takes as long as the disk needs to sync. The
// records of a batch share one sync.
package sqlite
