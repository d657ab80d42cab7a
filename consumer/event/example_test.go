package event_test

import (
	"fmt"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
)

// Events that come late and twice give the same records as those that come in order.
func ExampleFold() {
	key := consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}
	var events []event.Event
	for _, body := range []string{
		`{"id": "whk_2", "type": "queue.consumer.admitted", "organizationId": "org_1", "data": {
			"queueId": "queue_1", "experienceId": "exp_1", "sequenceId": "seq_1", "consumerId": "cons_1",
			"admittedAt": "2024-12-01T09:15:00Z", "admissionToken": "eyJ"}}`,
		`{"id": "whk_1", "type": "queue.consumer.entered", "organizationId": "org_1", "data": {
			"queueId": "queue_1", "experienceId": "exp_1", "sequenceId": "seq_1", "consumerId": "cons_1",
			"enteredAt": "2024-12-01T09:05:00Z", "position": 42}}`,
	} {
		e, err := event.Parse([]byte(body))
		if err != nil {
			fmt.Println(err)
			return
		}
		events = append(events, e, e)
	}
	for _, p := range event.Fold(key, events).Participations {
		fmt.Println(p.Type, p.ID, p.Status, p.EnteredAt.Format("15:04"), p.AdmittedAt.Format("15:04"))
	}
	// Output: queue queue_1 ADMITTED 09:05 09:15
}
