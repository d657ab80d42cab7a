package row

import "github.com/rejoinhq/rejoin/consumer"

// PossibleIDs leaves out the ids that no record can have, among them everything
// that a database refuses as a parameter or that would have to be escaped in JSON.
func PossibleIDs(ids []string) []string {
	possible := make([]string, 0, len(ids))
	for _, id := range ids {
		if consumer.ValidID(id) {
			possible = append(possible, id)
		}
	}
	return possible
}
