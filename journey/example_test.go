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
	// The same records at two times: the admission expires at 09:25.
	for _, now := range []time.Time{entered.Add(15 * time.Minute), entered.Add(20 * time.Minute)} {
		document, err := json.MarshalIndent(journey.Derive(snapshot, now).Journeys(), "", "  ")
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

func ExampleActive_AppendJSON() {
	now := time.Date(2024, 12, 1, 9, 20, 0, 0, time.UTC)
	active := journey.Derive(consumer.Snapshot{
		Admissions: []consumer.Admission{{
			DistributionType: consumer.Draw, DistributionID: "draw_1", ExperienceID: "exp_1", SequenceID: "seq_1",
			AdmissionToken: "token", AdmittedAt: now.Add(-time.Minute), ExpiresAt: new(now.Add(10 * time.Minute)),
		}},
	}, now)

	// These bytes can be served again and again until the admission expires.
	document := active.AppendJSON(nil)
	until, _ := active.NextChange()
	fmt.Printf("until %s: %s\n", until.Format("15:04"), document)
	// Output:
	// until 09:30: {"experiences":{},"queues":{},"draws":{},"auctions":{},"timedReleases":{},"admissions":{"draw_1":{"distributionType":"draw","distributionId":"draw_1","experienceId":"exp_1","sequenceId":"seq_1","admissionToken":"token","admittedAt":"2024-12-01T09:19:00Z","expiresAt":"2024-12-01T09:30:00Z"}},"journeys":[{"experienceId":"exp_1","sequenceId":"seq_1","journeyStage":"admitted","sequenceStage":"admitted","participation":{"type":"draw","id":"draw_1","status":"ADMITTED","admissionToken":"token"},"admission":{"distributionType":"draw","distributionId":"draw_1","experienceId":"exp_1","sequenceId":"seq_1","admissionToken":"token","admittedAt":"2024-12-01T09:19:00Z","expiresAt":"2024-12-01T09:30:00Z"}}]}
}

// A Go client of the API decodes the field active of a response.
func ExampleActiveParticipations() {
	const response = `{"id":"cons_1","email":null,"phone":null,"fullName":null,"createdAt":"2024-12-01T09:00:00Z","active":{
		"experiences":{"exp_1":{"sequences":{"seq_1":{"queue":{"queueId":"queue_1","sequenceId":"seq_1","status":"QUEUED","enteredAt":"2024-12-01T09:05:00Z"}}}}},
		"queues":{"queue_1":{"queueId":"queue_1","status":"QUEUED","position":7,"enteredAt":"2024-12-01T09:05:00Z"}},
		"draws":{},"auctions":{},"timedReleases":{},"admissions":{},
		"journeys":[{"experienceId":"exp_1","sequenceId":"seq_1","journeyStage":"routed","sequenceStage":"participating",
			"participation":{"type":"queue","id":"queue_1","status":"QUEUED"}}]}}`

	var me struct {
		Active journey.ActiveParticipations `json:"active"`
	}
	if err := json.Unmarshal([]byte(response), &me); err != nil {
		log.Fatal(err)
	}
	if queue, found := me.Active.Queues["queue_1"]; found {
		fmt.Println(queue.Status, *queue.Position)
	}
	// Output: QUEUED 7
}
