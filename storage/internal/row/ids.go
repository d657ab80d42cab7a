package row

import "github.com/rejoinhq/rejoin/consumer"

// ValidIDs returns the ids that a record can have. The others include every text that a
// database refuses as a parameter or that JSON would have to escape.
func ValidIDs(ids []string) []string {
	valid := make([]string, 0, len(ids))
	for _, id := range ids {
		if consumer.ValidID(id) {
			valid = append(valid, id)
		}
	}
	return valid
}
