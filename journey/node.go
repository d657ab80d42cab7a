package journey

// node holds the leading active participation of each type in one sequence, by the order of
// the type, nil if there is none.
type node struct {
	sequence sequenceKey
	leading  [5]*candidate
}

// nextNode returns the node of the first sequence and the candidates of the following
// sequences. ok is false if the sequence has only admissions and so no node.
func nextNode(candidates []*candidate) (n node, ok bool, rest []*candidate) {
	n.sequence = candidates[0].sequence()
	for i, c := range candidates {
		if c.sequence() != n.sequence {
			return n, ok, candidates[i:]
		}
		if c.participation != nil && n.leading[c.order] == nil {
			n.leading[c.order], ok = c, true
		}
	}
	return n, ok, nil
}
