package sqlite

import (
	"crypto/rand"
	"net/url"
	"path/filepath"
	"strings"
)

// The settings are in the connection string, so every connection has them, including one
// with which database/sql replaces another.

// The busy timeout, in milliseconds, is how long SQLite polls for a lock before it reports
// BUSY. SQLite polls less and less often, so a writer in another process that hardly pauses
// between its transactions could starve this one; retryBusy therefore starts again after a
// short timeout. A reader finds a lock only while a process repairs or removes the
// write-ahead log, and does not look at its context while SQLite polls.
const (
	writerBusyTimeout = "200"
	readerBusyTimeout = "10"
)

// writerURI opens an existing file for writing. Transactions take the write lock when they
// begin: a transaction that reads first fails if another one writes in between. FULL makes
// a commit durable before it returns. secure_delete overwrites deleted data with zeros, so
// that nothing of an erased consumer remains in the file.
func writerURI(path string) string {
	return fileURI(path, url.Values{
		"mode":          {"rw"},
		"_busy_timeout": {writerBusyTimeout},
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"},
		"_foreign_keys": {"on"},
		"_pragma":       {"secure_delete(on)", "journal_size_limit(" + logSizeLimit + ")"},
		"_txlock":       {"immediate"},
	})
}

// logSizeLimit is the size in bytes to which SQLite shortens the write-ahead log when it
// begins it again. Without a limit, the file stays as large as a long read or a large
// import once made it.
const logSizeLimit = "16777216"

// mappedSize is the number of bytes of a file that readers map into memory: the maximum
// that SQLite allows. They read the rest of a larger file without mapping it. A snapshot
// from a file with a million consumers takes a quarter less time with the mapping; a larger
// page cache does not make readers faster. The operating system keeps one copy of the
// mapped pages for all readers and reclaims it when memory is short.
const mappedSize = "2147418112"

// readerURI opens an existing file for reading only.
func readerURI(path string) string {
	return fileURI(path, url.Values{
		"mode":          {"ro"},
		"_busy_timeout": {readerBusyTimeout},
		"_pragma":       {"mmap_size(" + mappedSize + ")"},
	})
}

// memoryURI names a new database in memory, which exists as long as a connection to it is
// open. The name is random because it is visible in the whole process.
func memoryURI() string {
	return fileURI("/rejoin-"+rand.Text(), url.Values{
		"vfs":           {"memdb"},
		"_busy_timeout": {writerBusyTimeout},
		"_foreign_keys": {"on"},
		"_txlock":       {"immediate"},
	})
}

// fileURI escapes an absolute path, so that no character in it starts a query.
func fileURI(path string, settings url.Values) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a drive letter
	}
	uri := url.URL{Scheme: "file", Path: path, RawQuery: settings.Encode()}
	return uri.String()
}
