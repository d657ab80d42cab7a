package sqlite

import "github.com/rejoinhq/rejoin/consumer"

// Memory is the [Options.Path] of a database in memory.
const Memory = ":memory:"

// Options say which database to open, and how.
type Options struct {
	// Path is the database file, absolute or relative to the working directory at
	// the time of [Open]. Any character but NUL may stand in it. A file that does not
	// exist is created, readable by its owner only, because it holds tokens; an
	// existing one keeps its mode. Beside it SQLite keeps two more, Path-wal and
	// Path-shm, which belong to the database as long as it is open. So long the same
	// process must not open the file by other means: closing it again would take
	// SQLite's locks away. Nor may anything but SQLite shorten the file: readers map it
	// into memory, and touching what is gone, or what the disk cannot read, ends the
	// process.
	//
	// With [Memory] the database is in memory, belongs to this Store alone, and is
	// gone when it is closed.
	Path string

	// Readers is the greatest number of reads at a time; more of them wait. Zero
	// means 4, which is enough for a few cores: more connections make it slower. A database in memory has one connection for everything.
	Readers int
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
