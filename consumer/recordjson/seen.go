package recordjson

import "crypto/sha256"

// seenIDs are the ids that appeared in a list. It keeps 16 bytes of a digest of each, so
// that an import of many millions of consumers fits into memory. Two ids have the same
// digest with a probability that nobody has to fear.
type seenIDs map[[16]byte]struct{}

// add adds an id and reports whether it is the first time.
func (s seenIDs) add(id string) bool {
	sum := sha256.Sum256([]byte(id))
	digest := [16]byte(sum[:])
	_, seen := s[digest]
	s[digest] = struct{}{}
	return !seen
}
