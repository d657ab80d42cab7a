package sqlite

import (
	"crypto/rand"
	"net/url"
	"path/filepath"
	"strings"
)

// The settings stand in the connection string, so that every connection has them,
// also one that database/sql opens in the place of another.

// The busy timeout, in milliseconds, is how long SQLite polls for a lock before it
// reports BUSY. It polls ever more rarely, so a writer's patience comes from asking
// anew (see retryBusy): otherwise one in another process that hardly pauses between
// its transactions would starve this one. A reader meets a lock only for the moment
// in which somebody repairs or removes the log, and doesn't look at its context while
// SQLite polls for it.
const (
	writerBusyTimeout = "200"
	readerBusyTimeout = "10"
)

// writerURI opens an existing file for writing. Transactions take the write lock
// when they begin, because one that read first could only fail if somebody wrote
// in between. FULL makes a commit durable before it returns. What is deleted is
// overwritten with zeros, so that erasing a person leaves nothing in the file.
func writerURI(path string) string {
	return fileURI(path, url.Values{
		"mode":          {"rw"},
		"_busy_timeout": {writerBusyTimeout},
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"},
		"_foreign_keys": {"on"},
		"_pragma":       {"secure_delete(on)"},
		"_txlock":       {"immediate"},
	})
}

// mappedSize is how much of a file readers map into memory, in bytes: as much as SQLite
// can. What lies behind is read as without. Of a file with a million consumers, a
// snapshot takes a quarter less time so; a larger cache of their own makes readers no
// faster. The pages belong to the operating system, which keeps one copy for all
// readers and takes it back when it needs the room.
const mappedSize = "2147418112"

// readerURI opens an existing file for reading only.
func readerURI(path string) string {
	return fileURI(path, url.Values{
		"mode":          {"ro"},
		"_busy_timeout": {readerBusyTimeout},
		"_pragma":       {"mmap_size(" + mappedSize + ")"},
	})
}

// memoryURI names a new database in memory, which lives as long as one connection
// to it is open. The name is random because it is known in the whole process.
func memoryURI() string {
	return fileURI("/rejoin-"+rand.Text(), url.Values{
		"vfs":           {"memdb"},
		"_busy_timeout": {writerBusyTimeout},
		"_foreign_keys": {"on"},
		"_txlock":       {"immediate"},
	})
}

// fileURI escapes an absolute path, so that no character of it can begin a query.
func fileURI(path string, settings url.Values) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a drive letter
	}
	uri := url.URL{Scheme: "file", Path: path, RawQuery: settings.Encode()}
	return uri.String()
}
