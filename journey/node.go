package journey

import "github.com/rejoinhq/rejoin/consumer"

// node is one sequence with the leading active participation of each type in it, by
// the order of the type, nil where there is none.
type node struct {
	sequence sequenceKey
	leading  [5]*consumer.Participation
}

// nextNode takes the claims of the first sequence off. A sequence that has only
// admissions has no node, which ok tells.
func nextNode(claims []*claim) (n node, ok bool, rest []*claim) {
	n.sequence = claims[0].sequence()
	for i, c := range claims {
		if c.sequence() != n.sequence {
			return n, ok, claims[i:]
		}
		if c.participation != nil && n.leading[c.order] == nil {
			n.leading[c.order], ok = c.participation, true
		}
	}
	return n, ok, nil
}
