package memory

import (
	"context"
	"maps"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// completionKey identifies the completion of one token.
type completionKey struct {
	recordKey
	tokenDigest [32]byte
}

type completion struct {
	orderID     string
	completedAt time.Time
	ofAdmission bool // an admission had the token, and no participation
}

// Complete implements [consumer.Completer].
func (m *Store) Complete(ctx context.Context, c consumer.Completion) (consumer.CompletionResult, error) {
	if err := ctx.Err(); err != nil {
		return consumer.CompletionResult{}, err
	}
	if err := c.Validate(); err != nil {
		return consumer.CompletionResult{}, err
	}
	c = c.Normalized()
	end, err := m.beginChange(ctx)
	if err != nil {
		return consumer.CompletionResult{}, err
	}
	defer end()
	if m.erased[c.Key()] {
		return consumer.CompletionResult{}, &consumer.ErasedError{Consumers: []consumer.Key{c.Key()}}
	}
	if target, merged := m.aliases[c.Key()]; merged {
		c.ConsumerID = target.ConsumerID
	}
	key := completionKey{recordKey{c.Key(), c.DistributionType, c.DistributionID}, c.TokenDigest()}
	if before, ok := m.completions[key]; ok {
		if before.orderID != c.OrderID {
			return consumer.CompletionResult{}, consumer.ErrAlreadyCompleted
		}
		return consumer.CompletionResult{CompletedAt: before.completedAt, Repeated: true}, nil
	}
	var ended consumer.Batch
	if p, ok := c.Participation(m.counting()[key.recordKey]); ok {
		ended.Participations = []consumer.Participation{p}
	}
	if a, ok := c.Admission(m.admissions[key.recordKey]); ok {
		ended.Admissions = []consumer.Admission{a}
	}
	if ended.Records() == 0 {
		return consumer.CompletionResult{}, consumer.ErrNotAdmitted
	}
	m.completions[key] = completion{c.OrderID, c.At, len(ended.Participations) == 0}
	m.put(ended)
	m.changed(nil, c.Key())
	return consumer.CompletionResult{CompletedAt: c.At}, nil
}

// moveCompletions moves the completions of a guest. Where both have one of the same token, the
// target's remains.
func (m *Store) moveCompletions(guest, target consumer.Key) {
	for key, c := range maps.Clone(m.completions) {
		if key.Key != guest {
			continue
		}
		key.Key = target
		if _, exists := m.completions[key]; !exists {
			m.completions[key] = c
		}
	}
}

// deleteCompletions deletes the completions of a participation or admission.
func (m *Store) deleteCompletions(key recordKey, ofAdmission bool) {
	maps.DeleteFunc(m.completions, func(k completionKey, c completion) bool {
		return k.recordKey == key && c.ofAdmission == ofAdmission
	})
}
