package recordjson_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/recordjson"
)

func ExampleReadRecords() {
	records, err := recordjson.ReadRecords(strings.NewReader(`{"consumers": [{
		"id": "cons_1", "createdAt": "2024-12-01T08:00:00Z", "updatedAt": "2024-12-01T08:00:00Z",
		"participations": [{
			"type": "queue", "id": "queue_1", "experienceId": "exp_1", "sequenceId": "seq_1",
			"status": "QUEUED", "enteredAt": "2024-12-01T09:00:00Z", "position": 42, "updatedAt": "2024-12-01T09:00:00Z"
		}]
	}]}`), recordjson.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	batch := records.Batch("org_1")
	fmt.Println(len(batch.Consumers), "profile,", len(batch.Participations), "participation")
	// Output: 1 profile, 1 participation
}

func ExampleReadRecords_badFields() {
	_, err := recordjson.ReadRecords(strings.NewReader(`{"consumers": [{
		"id": "cons_1", "email": "nobody", "participations": [{
			"status": "WON", "type": "queue", "id": "queue_1", "experienceId": "exp_1", "sequenceId": "seq_1", "enteredAt": "today"
		}]
	}]}`), recordjson.Options{})
	var invalid *consumer.ValidationError
	if errors.As(err, &invalid) {
		for _, f := range invalid.Fields {
			fmt.Println(f.Field, f.Message)
		}
	}
	// Output:
	// consumers[0].email is a field of a profile, which needs createdAt
	// consumers[0].participations[0].status must be one of QUEUED, ADMITTED, COMPLETED, DENIED, LEFT, EXPIRED
	// consumers[0].participations[0].enteredAt must be a time in RFC 3339 with a zone, such as 2024-12-01T09:05:00Z
	// consumers[0].participations[0].updatedAt is required
}
