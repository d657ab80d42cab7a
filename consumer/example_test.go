package consumer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// The error names every invalid field and contains no value, so its text can be logged.
func ExampleParticipation_Validate() {
	p := consumer.Participation{
		OrganizationID: "org_1",
		ConsumerID:     "me",
		Type:           consumer.Draw,
		ID:             "draw_1",
		ExperienceID:   "exp_1",
		SequenceID:     "seq 1",
		Status:         consumer.StatusQueued,
		EnteredAt:      time.Date(2024, 12, 1, 9, 5, 0, 0, time.UTC),
		UpdatedAt:      time.Date(2024, 12, 1, 9, 5, 0, 0, time.UTC),
		Position:       new(int64(3)),
	}
	err := p.Validate()
	var invalid *consumer.ValidationError
	if errors.As(err, &invalid) {
		for _, f := range invalid.Fields {
			fmt.Println(f.Field)
		}
	}
	fmt.Println(errors.Is(err, consumer.ErrInvalid))
	// Output:
	// consumerId
	// sequenceId
	// status
	// position
	// true
}

// The greater version remains, whatever the order of the writes.
func ExampleVersion() {
	entered := time.Date(2024, 12, 1, 9, 5, 0, 0, time.UTC)
	write := func(status consumer.Status, updatedAt time.Time) consumer.Participation {
		return consumer.Participation{
			Type: consumer.Queue, ID: "queue_1", ExperienceID: "exp_1", SequenceID: "seq_1",
			Status: status, EnteredAt: entered, UpdatedAt: updatedAt,
		}.Normalized()
	}
	queued := write(consumer.StatusQueued, entered)
	left := write(consumer.StatusLeft, entered.Add(time.Minute))
	queuedAgain := write(consumer.StatusQueued, entered.Add(time.Hour))

	fmt.Println("a late write over what ended:", queued.Version().Compare(left.Version()))
	fmt.Println("a re-entry over what ended:", queuedAgain.Version().Compare(left.Version()))
	fmt.Println("the same write again:", left.Version().Compare(left.Version()))
	fmt.Println(string(left.Version().Canonical))
	// Output:
	// a late write over what ended: -1
	// a re-entry over what ended: 1
	// the same write again: 0
	// {"type":"queue","id":"queue_1","experienceId":"exp_1","sequenceId":"seq_1","status":"LEFT","enteredAt":"2024-12-01T09:05:00Z","updatedAt":"2024-12-01T09:06:00Z"}
}

// A store prepares a batch before it writes.
func ExampleBatch_Prepare() {
	berlin := time.FixedZone("CET", 3600)
	batch := consumer.Batch{
		Consumers: []consumer.Consumer{{
			OrganizationID: "org_1",
			ID:             "cons_1",
			CreatedAt:      time.Date(2024, 11, 15, 11, 0, 0, 0, berlin),
			UpdatedAt:      time.Date(2024, 11, 15, 11, 0, 0, 1999, berlin),
		}},
	}
	prepared, err := batch.Prepare()
	fmt.Println(prepared.Consumers[0].UpdatedAt.Format(time.RFC3339Nano), err)

	batch.Admissions = []consumer.Admission{{
		OrganizationID:   "org_1",
		ConsumerID:       "cons_1",
		DistributionType: consumer.Waitlist, // which admits nobody
		DistributionID:   "waitlist_1",
		ExperienceID:     "exp_1",
		SequenceID:       "seq_1",
		AdmissionToken:   "token",
		AdmittedAt:       time.Date(2024, 12, 1, 9, 15, 0, 0, time.UTC),
		UpdatedAt:        time.Date(2024, 12, 1, 9, 15, 0, 0, time.UTC),
	}}
	_, err = batch.Prepare()
	fmt.Println(err)
	// Output:
	// 2024-11-15T10:00:00.000001Z <nil>
	// admissions[0].distributionType must be one of queue, draw, auction, timed_release
}

// The JSON of an export is one document.
func ExampleExport() {
	entered := time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)
	export := consumer.Export{ // as Lifecycle.Export returns it
		Consumer: &consumer.Consumer{ID: "cons_1", Email: new("ada@example.com"), CreatedAt: entered, UpdatedAt: entered},
		Participations: []consumer.Participation{{
			Type: consumer.Auction, ID: "auction_1", ExperienceID: "exp_1", SequenceID: "seq_1",
			Status: consumer.StatusLost, EnteredAt: entered, UpdatedAt: entered,
			LastBidAmount: new(consumer.Amount("250.00")), BidCount: new(int64(3)),
		}},
		Admissions: []consumer.Admission{},
	}
	document, err := json.MarshalIndent(export, "", "  ")
	fmt.Println(string(document), err)
	// Output:
	// {
	//   "consumer": {
	//     "id": "cons_1",
	//     "email": "ada@example.com",
	//     "createdAt": "2026-01-02T03:04:05Z",
	//     "updatedAt": "2026-01-02T03:04:05Z"
	//   },
	//   "participations": [
	//     {
	//       "type": "auction",
	//       "id": "auction_1",
	//       "experienceId": "exp_1",
	//       "sequenceId": "seq_1",
	//       "status": "LOST",
	//       "enteredAt": "2026-01-02T03:04:05Z",
	//       "updatedAt": "2026-01-02T03:04:05Z",
	//       "lastBidAmount": "250.00",
	//       "bidCount": 3
	//     }
	//   ],
	//   "admissions": []
	// } <nil>
}
