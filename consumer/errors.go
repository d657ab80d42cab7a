package consumer

import (
	"errors"
	"strings"
)

// The errors of the module. Every [Store] returns them wrapped; compare with
// [errors.Is]. An error that is none of these, nor the context's, is a bug in the
// store.
var (
	// ErrNotFound says that the organization has no such consumer or key: it never
	// existed, it was erased, or it belongs to somebody else. The three cannot be
	// told apart.
	ErrNotFound = errors.New("not found")

	// ErrInvalid says that the input breaks a rule. The error is a
	// [*ValidationError], which names every bad field. Nothing was written.
	ErrInvalid = errors.New("invalid")

	// ErrErased says that a write concerns a consumer that was erased. Nothing was
	// written, and trying again will not help.
	ErrErased = errors.New("consumer was erased")

	// ErrConflict says that an API key is taken: by another organization, or under
	// another kind. Nothing was written.
	ErrConflict = errors.New("conflict")

	// ErrUnavailable says that the store is down, too slow or out of room. The
	// same call may succeed later; a write that failed this way may be repeated
	// safely, because the same write again changes nothing.
	ErrUnavailable = errors.New("store unavailable")

	// ErrSchema says that the database is not at the schema version that this
	// program needs: it was never migrated, or a newer program migrated it.
	ErrSchema = errors.New("schema version")
)

// FieldError is one broken rule.
type FieldError struct {
	// Field is the path of the bad field in the JSON names of the record, such as
	// "status", or "participations[3].status" in a [Batch].
	Field string
	// Message says what the field must be. It never repeats the value, which may
	// be a secret or personal.
	Message string
}

// ValidationError names every bad field of a record or [Batch], in the order of
// the input. It matches [ErrInvalid].
type ValidationError struct {
	Fields []FieldError
}

// Error lists the fields on one line.
func (e *ValidationError) Error() string {
	var b strings.Builder
	for i, f := range e.Fields {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(f.Field + " " + f.Message)
	}
	return b.String()
}

// Is makes errors.Is(err, ErrInvalid) true.
func (e *ValidationError) Is(target error) bool { return target == ErrInvalid }
