package consumer_test

import (
	"context"
	"fmt"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// someStore replaces a real store. One consumer was erased.
type someStore struct{ erased string }

func (s someStore) Write(_ context.Context, batch consumer.Batch) (consumer.WriteResult, error) {
	for _, key := range batch.ConsumerKeys() {
		if key.ConsumerID == s.erased {
			return consumer.WriteResult{}, consumer.ErrErased
		}
	}
	return consumer.WriteResult{Applied: len(batch.Participations)}, nil
}

// A refused consumer is reported and does not stop the others.
func ExampleWriteBulk() {
	entered := time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)
	var batch consumer.Batch
	for n := range 5000 {
		batch.Participations = append(batch.Participations, consumer.Participation{
			OrganizationID: "org_1", ConsumerID: fmt.Sprintf("cons_%d", n), Type: consumer.Waitlist, ID: "waitlist_1",
			ExperienceID: "exp_1", SequenceID: "seq_1", Status: consumer.StatusWaiting, EnteredAt: entered, UpdatedAt: entered,
		})
	}
	batch.Participations[77].Status = consumer.StatusWon // which no waitlist has

	result, err := consumer.WriteBulk(context.Background(), someStore{erased: "cons_4000"}, batch)
	fmt.Println("applied:", result.Applied, "stale:", result.Stale, "error:", err)
	for _, r := range result.Refused {
		fmt.Printf("%s, records: %d: %v\n", r.ConsumerID, r.Records, r.Err)
	}
	// Output:
	// applied: 4998 stale: 0 error: <nil>
	// cons_77, records: 1: participations[77].status must be one of WAITING, NOTIFIED, CONVERTED, LEFT
	// cons_4000, records: 1: consumer was erased
}
