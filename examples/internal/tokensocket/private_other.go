//go:build !unix

package tokensocket

import "errors"

// checkPrivate refuses every directory: who can enter it is not known on this platform.
func checkPrivate(string) error { return errors.ErrUnsupported }
