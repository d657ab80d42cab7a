package row

import (
	"errors"

	"github.com/rejoinhq/rejoin/consumer"
)

// ErrDamaged says that what is stored cannot be read. It is none of the module's
// errors, because trying again will not help.
var ErrDamaged = errors.New("stored record is damaged")

// Said reports whether an error says all that a caller is to know: it is one of the
// module's errors or ErrDamaged, so an adapter has nothing to translate.
func Said(err error) bool {
	for _, sentinel := range []error{
		consumer.ErrNotFound, consumer.ErrInvalid, consumer.ErrErased,
		consumer.ErrConflict, consumer.ErrUnavailable, consumer.ErrSchema, ErrDamaged,
	} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	return false
}
