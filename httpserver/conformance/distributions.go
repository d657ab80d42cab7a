package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

func distributionRules() []*rule {
	return []*rule{
		{
			name: "while it is QUEUED, a ticket gives the position",
			records: participations(record("queue", "d1", "QUEUED", "-9m", `,"position":99,"ticket":1500`), record("queue", "d2", "QUEUED", "-9m", `,"ticket":11`),
				record("queue", "d3", "QUEUED", "-9m", `,"ticket":5`), record("queue", "d4", "QUEUED", "-9m", `,"ticket":1`)),
			distributions: `{"type":"queue","id":"d1#","serving":1200},{"type":"queue","id":"d2#","serving":10},{"type":"queue","id":"d3#","serving":10},{"type":"queue","id":"d4#","serving":0}`,
			test:          func(c *check) { c.me("GET").hasPositions("d1# 299, d2# 0, d3# 0, d4# 0") },
		},
		{
			name: "otherwise the position is what was recorded",
			records: participations(record("queue", "d11", "ADMITTED", "-9m", `,"position":5,"ticket":20`), record("queue", "d12", "QUEUED", "-9m", `,"position":6`),
				record("queue", "d13", "QUEUED", "-9m", `,"position":7,"ticket":20`), record("queue", "d14", "QUEUED", "-9m", `,"position":8,"ticket":20`)),
			distributions: `{"type":"queue","id":"d11#","serving":10},{"type":"queue","id":"d12#","serving":10},{"type":"queue","id":"d13#"}`,
			test:          func(c *check) { c.me("GET").hasPositions("d11# 5, d12# 6, d13# 7, d14# 8") },
		},
		{
			name: "the end of a distribution ends its participations",
			records: participations(record("queue", "d21", "QUEUED", "-9m"), record("draw", "d22", "ENTERED", "-9m"),
				recordIn(sequence2, "auction", "d23", "OUTBID", "-9m"), recordIn(sequence3, "timed_release", "d24", "ENTERED", "-9m")),
			distributions: ended("queue", "d21") + "," + ended("draw", "d22") + "," + ended("auction", "d23") + "," + ended("timed_release", "d24"),
			test:          func(c *check) { c.me("GET").hasNothingActive() },
		},
		{
			name:          "the end of a distribution ends no participation that admits, and no admission",
			records:       `{"participations":[` + record("queue", "d31", "ADMITTED", "-9m", token("token_1", "-8m")) + `],"admissions":[` + grantIn(sequence2, "draw", "d32", "token_2", "-7m") + `]}`,
			distributions: ended("queue", "d31") + "," + ended("draw", "d32"),
			test: func(c *check) {
				r := c.me("GET")
				r.hasKeys("queues", "d31#")
				r.hasKeys("admissions", "d32#")
			},
		},
		{
			name:          "a distribution that ends later has not ended",
			records:       participations(record("queue", "d41", "QUEUED", "-9m")),
			distributions: `{"type":"queue","id":"d41#","endedAt":"@+2h"}`,
			test:          func(c *check) { c.me("GET").hasKeys("queues", "d41#") },
		},
		{
			name:          "the end of an auction does not end the winner's participation",
			id:            "conformance_winner#",
			records:       participations(record("auction", "d51", "WINNING", "-9m"), record("auction", "d52", "ACTIVE", "-9m")),
			distributions: `{"type":"auction","id":"d51#","endedAt":"@-1h","winnerId":"conformance_winner#"},{"type":"auction","id":"d52#","endedAt":"@-1h","winnerId":"conformance_other#"}`,
			test:          func(c *check) { c.me("GET").hasKeys("auctions", "d51#") },
		},
		{
			name:          "a distribution of another type with the same id is another one",
			records:       participations(record("queue", "d61", "QUEUED", "-9m")),
			distributions: ended("draw", "d61"),
			test:          func(c *check) { c.me("GET").hasKeys("queues", "d61#") },
		},
	}
}

// ended is a distribution that ended an hour ago.
func ended(kind, id string) string {
	return fmt.Sprintf(`{"type":%q,"id":"%s#","endedAt":"@-1h"}`, kind, id)
}

// hasPositions expects the positions of all queues, such as "queue_1 7, queue_2 null".
func (r *response) hasPositions(want string) {
	value := r.active("queues")
	if value == nil {
		return
	}
	var queues map[string]struct{ Position *json.Number }
	if err := json.Unmarshal(value, &queues); err != nil {
		r.failf("active.queues: %w", err)
		return
	}
	got := ""
	for _, id := range slices.Sorted(maps.Keys(queues)) {
		position := "null"
		if p := queues[id].Position; p != nil {
			position = p.String()
		}
		got += ", " + id + " " + position
	}
	if got, want = strings.TrimPrefix(got, ", "), r.check.expand(want); got != want {
		r.failf("the positions are %s, want %s", got, want)
	}
}
