package row

import (
	"fmt"

	"github.com/rejoinhq/rejoin/consumer"
)

// CheckSchema compares the schema version of a database, 0 if it was never migrated, with
// the one that the program needs. It returns nil, or an error that matches
// consumer.ErrSchema and says what to do.
func CheckSchema(current, required int64) error {
	switch {
	case current > required:
		return fmt.Errorf("%w: a newer program migrated the database to version %d, and this one knows version %d",
			consumer.ErrSchema, current, required)
	case current == 0:
		return fmt.Errorf("%w: the database was never migrated", consumer.ErrSchema)
	case current < required:
		return fmt.Errorf("%w: the database is at version %d and must be migrated to version %d",
			consumer.ErrSchema, current, required)
	}
	return nil
}
