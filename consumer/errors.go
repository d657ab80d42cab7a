package consumer

import (
	"errors"
	"strings"
)

// The errors that a [Store] returns, wrapped; compare with [errors.Is]. Any other error,
// except that of the context, is a bug in the store.
var (
	// ErrNotFound means that the organization has no such consumer, distribution or key: it
	// never existed, was erased, or belongs to another organization. A caller cannot
	// distinguish these.
	ErrNotFound = errors.New("not found")

	// ErrInvalid means that the input is invalid. The error is a [*ValidationError], which
	// names every bad field. Nothing was written.
	ErrInvalid = errors.New("invalid")

	// ErrErased means that a write is about a consumer that was erased. The error is an
	// [*ErasedError], which lists these consumers. Nothing was written, and a repeated
	// write fails too.
	ErrErased = errors.New("consumer was erased")

	// ErrConflict means that an API key exists with another organization or kind. Nothing
	// was written.
	ErrConflict = errors.New("conflict")

	// ErrAlreadyCompleted means that another order has completed the admission. Nothing was
	// written, and the same call will fail again.
	ErrAlreadyCompleted = errors.New("admission was completed by another order")

	// ErrNotAdmitted means that the consumer has no live admission with the token. Nothing
	// was written.
	ErrNotAdmitted = errors.New("not admitted")

	// ErrUnavailable means that the store is down, too slow or out of space. The same call
	// may succeed later. It is safe to repeat a write that failed in this way, because a
	// write that is applied twice changes nothing.
	ErrUnavailable = errors.New("store unavailable")

	// ErrSchema means that the database does not have the schema version that the program
	// needs: it was never migrated, or a newer program migrated it.
	ErrSchema = errors.New("schema version")
)

// ErasedError lists the consumers of a [Batch] that were erased. It matches [ErrErased].
type ErasedError struct {
	// Consumers holds each of them once, in the order of [Batch.ConsumerKeys].
	Consumers []Key
}

// Error does not name the consumers, so that the text can go to a log.
func (e *ErasedError) Error() string { return ErrErased.Error() }

// Is makes errors.Is(err, ErrErased) true.
func (e *ErasedError) Is(target error) bool { return target == ErrErased }

// FieldError describes one invalid field.
type FieldError struct {
	// Field is the path of the bad field in the JSON names of the record, such as
	// "status", or "participations[3].status" in a [Batch].
	Field string
	// Message describes a valid value. It never contains the value itself, which may be
	// secret or personal.
	Message string
}

// ValidationError lists every invalid field of a record or [Batch], in the order of the
// input. It matches [ErrInvalid].
type ValidationError struct {
	Fields []FieldError
}

// Error returns the fields and messages on one line.
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
