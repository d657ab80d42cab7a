package sqlite

import (
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// Memory is the [Options.Path] of a database in memory.
const Memory = ":memory:"

// Options configure [Open].
type Options struct {
	// Path is the database file, absolute or relative to the working directory at the
	// time of [Open]. It is a path and not a URI: any character but NUL is part of the
	// name. Open creates a missing file so that only its owner can read it, because it
	// holds tokens. An existing file keeps its mode. While the database is open, SQLite
	// keeps two more files next to it, Path-wal and Path-shm, with the owner, group and
	// mode of the database.
	//
	// While the database is open, the same process must not open and close these files by
	// other means, because closing a file releases SQLite's locks on it. No program but
	// SQLite may shorten the database file or Path-shm: they are mapped into memory, and
	// an access to a part that no longer exists ends the process.
	//
	// With [Memory], the database is in memory, belongs to this Store only, and is gone
	// when the Store is closed.
	Path string

	// Readers is the maximum number of concurrent reads; further reads wait. Zero means
	// 4, which is enough for a few cores: more connections are slower. A database in
	// memory has one connection for everything.
	Readers int

	// PollInterval is how long [Store.Changes] and [Store.CatchUp] may take to notice
	// what another process, or another Store on the same file, has committed. They notice
	// what this Store writes at once. Zero means 20 ms; the maximum is 400 ms.
	//
	// A negative PollInterval makes CatchUp exact: each call asks the database, which
	// takes about 5 microseconds. Changes then polls every 20 ms.
	PollInterval time.Duration
}

const defaultReaders = 4

func (o Options) validate() error {
	var fields []consumer.FieldError
	if o.Path == "" {
		fields = append(fields, consumer.FieldError{Field: "Path", Message: "must name a file or be :memory:"})
	}
	for i := range len(o.Path) {
		if o.Path[i] == 0 {
			fields = append(fields, consumer.FieldError{Field: "Path", Message: "must not contain NUL"})
			break
		}
	}
	if o.Readers < 0 {
		fields = append(fields, consumer.FieldError{Field: "Readers", Message: "must not be negative"})
	}
	if o.PollInterval > maxPollInterval {
		fields = append(fields, consumer.FieldError{Field: "PollInterval", Message: "must be at most " + maxPollInterval.String()})
	}
	if len(fields) > 0 {
		return &consumer.ValidationError{Fields: fields}
	}
	return nil
}

func (o Options) readers() int {
	if o.Readers == 0 {
		return defaultReaders
	}
	return o.Readers
}

func (o Options) pollInterval() time.Duration {
	if o.PollInterval == 0 {
		return defaultPollInterval
	}
	return o.PollInterval
}
