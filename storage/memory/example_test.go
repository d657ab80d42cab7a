package memory_test

import (
	"context"
	"fmt"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/memory"
)

// Two checkouts try to complete the same admission.
func ExampleStore_Complete() {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	var store memory.Store
	_, err := store.Write(context.Background(), consumer.Batch{Participations: []consumer.Participation{{
		OrganizationID: "org_1", ConsumerID: "cons_1", Type: consumer.Queue, ID: "queue_1", ExperienceID: "exp_1", SequenceID: "seq_1",
		Status: consumer.StatusAdmitted, EnteredAt: now, AdmittedAt: &now, AdmissionToken: new("the token"), UpdatedAt: now,
	}}})
	fmt.Println("admitted:", err)

	for _, order := range []string{"order_1", "order_2", "order_1"} {
		result, err := store.Complete(context.Background(), consumer.Completion{
			OrganizationID: "org_1", ConsumerID: "cons_1", DistributionType: consumer.Queue, DistributionID: "queue_1",
			AdmissionToken: "the token", OrderID: order, At: now,
		})
		fmt.Println(order, "repeated:", result.Repeated, "error:", err)
	}
	// Output:
	// admitted: <nil>
	// order_1 repeated: false error: <nil>
	// order_2 repeated: false error: admission was completed by another order
	// order_1 repeated: true error: <nil>
}
