package row

import (
	"errors"

	"github.com/rejoinhq/rejoin/consumer"
)

// ErrDamaged means that a stored record cannot be read. It is not one of the module's
// errors, because trying again will not help.
var ErrDamaged = errors.New("stored record is damaged")

// IsPublic reports whether an error is one of the module's errors or ErrDamaged, which an
// adapter does not translate.
func IsPublic(err error) bool {
	for _, sentinel := range []error{
		consumer.ErrNotFound, consumer.ErrInvalid, consumer.ErrErased,
		consumer.ErrConflict, consumer.ErrAlreadyCompleted, consumer.ErrNotAdmitted, consumer.ErrUnavailable, consumer.ErrSchema, ErrDamaged,
	} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	return false
}
