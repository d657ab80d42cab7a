package journey_test

import (
	"encoding/json"
	"fmt"
	"log"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
)

func ExampleDerive() {
	entered := time.Date(2024, 12, 1, 9, 5, 0, 0, time.UTC)
	snapshot := consumer.Snapshot{
		Participations: []consumer.Participation{
			{
				Type: consumer.Queue, ID: "queue_1", ExperienceID: "exp_1", SequenceID: "seq_1",
				Status: consumer.StatusAdmitted, EnteredAt: entered, AdmittedAt: new(entered.Add(10 * time.Minute)),
				AdmissionToken: new("token"), ExpiresAt: new(entered.Add(20 * time.Minute)),
			},
			{
				Type: consumer.Waitlist, ID: "waitlist_1", ExperienceID: "exp_1", SequenceID: "seq_1",
				Status: consumer.StatusWaiting, EnteredAt: entered.Add(-time.Hour),
			},
		},
	}
	// The same records, read at two moments: the admission expires at 09:25.
	for _, now := range []time.Time{entered.Add(15 * time.Minute), entered.Add(20 * time.Minute)} {
		document, err := json.MarshalIndent(journey.Derive(snapshot, now).Journeys, "", "  ")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("at %s: %s\n", now.Format("15:04"), document)
	}
	// Output:
	// at 09:20: [
	//   {
	//     "experienceId": "exp_1",
	//     "sequenceId": "seq_1",
	//     "journeyStage": "admitted",
	//     "sequenceStage": "admitted",
	//     "participation": {
	//       "type": "queue",
	//       "id": "queue_1",
	//       "status": "ADMITTED",
	//       "admissionToken": "token"
	//     },
	//     "admission": {
	//       "distributionType": "queue",
	//       "distributionId": "queue_1",
	//       "experienceId": "exp_1",
	//       "sequenceId": "seq_1",
	//       "admissionToken": "token",
	//       "admittedAt": "2024-12-01T09:15:00Z",
	//       "expiresAt": "2024-12-01T09:25:00Z"
	//     }
	//   }
	// ]
	// at 09:25: [
	//   {
	//     "experienceId": "exp_1",
	//     "sequenceId": "seq_1",
	//     "journeyStage": "routed",
	//     "sequenceStage": "waitlist_entered",
	//     "participation": {
	//       "type": "waitlist",
	//       "id": "waitlist_1",
	//       "status": "WAITING"
	//     }
	//   }
	// ]
}
