package conformance

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// kinds lists, for each type, its map in active, its active statuses and its terminal ones.
var kinds = []struct {
	name, member, active, terminal string
}{
	{"queue", "queues", "QUEUED ADMITTED", "COMPLETED DENIED LEFT EXPIRED"},
	{"draw", "draws", "ENTERED WON", "COMPLETED LOST DENIED LEFT EXPIRED"},
	{"auction", "auctions", "ACTIVE OUTBID WINNING WON", "COMPLETED LOST DENIED LEFT EXPIRED"},
	{"timed_release", "timedReleases", "ENTERED", "COMPLETED LEFT EXPIRED"},
	{"waitlist", "", "WAITING NOTIFIED", "CONVERTED LEFT"},
}

func participationRules() []*rule {
	var rules []*rule
	for _, kind := range kinds {
		var active, terminal, keys []string
		for i, status := range strings.Fields(kind.active) {
			active = append(active, recordIn(place(i), kind.name, "p"+fmt.Sprint(i), status, "-10m"))
			keys = append(keys, fmt.Sprintf("p%d#", i))
		}
		for i, status := range strings.Fields(kind.terminal) {
			terminal = append(terminal, recordIn(place(i), kind.name, "p"+fmt.Sprint(i), status, "-10m"))
		}
		name := strings.ReplaceAll(kind.name, "_", " ")
		rules = append(rules,
			&rule{name: name + ": the active statuses show", records: participations(active...), test: func(c *check) {
				r := c.me("GET")
				if kind.member != "" {
					r.hasKeys(kind.member, keys...)
				}
				r.hasStatuses(strings.Fields(kind.active)...)
			}},
			&rule{name: name + ": the terminal statuses show nowhere", records: participations(terminal...), test: func(c *check) {
				c.me("GET").hasNothingActive()
			}},
		)
	}
	return append(rules,
		&rule{
			name: "a participation that has expired shows nowhere",
			records: participations(
				record("queue", "a", "QUEUED", "-10h", `,"expiresAt":"@-1h"`),
				record("queue", "b", "ADMITTED", "-10h", token("token_1", "-9h"), `,"expiresAt":"@-1h"`),
				record("draw", "a", "WON", "-10h", token("token_1", "-9h"), `,"expiresAt":"@-1h"`),
				record("waitlist", "a", "WAITING", "-10h", `,"expiresAt":"@-1h"`),
			),
			test: func(c *check) { c.me("GET").hasNothingActive() },
		},
		&rule{
			name:    "a participation shows until it expires",
			records: participations(record("draw", "a", "ENTERED", "-10h", `,"expiresAt":"@+2h"`)),
			test:    func(c *check) { c.me("GET").hasKeys("draws", "a#") },
		},
		&rule{
			name:    "an admission that has expired or ended shows nowhere",
			records: `{"admissions":[` + grant("queue", "a", "token_1", "-9h", `,"expiresAt":"@-1h"`) + `,` + grant("queue", "b", "token_2", "-9h", `,"endedAt":"@-1h"`) + `]}`,
			test:    func(c *check) { c.me("GET").hasNothingActive() },
		},
		&rule{
			name:    "an admission shows until it expires",
			records: `{"admissions":[` + grant("draw", "a", "token_1", "-9h", `,"expiresAt":"@+2h"`) + `]}`,
			test:    func(c *check) { c.me("GET").hasKeys("admissions", "a#") },
		},
		&rule{
			name: "a terminal participation does not end a separate admission",
			records: `{"participations":[` + record("queue", "a", "COMPLETED", "-9h") + `],"admissions":[` +
				grant("queue", "a", "token_1", "-8h") + `]}`,
			test: func(c *check) {
				r := c.me("GET")
				r.hasKeys("queues")
				r.hasKeys("admissions", "a#")
			},
		},
		&rule{
			name:    "two participations of different types may have the same id",
			records: participations(record("queue", "a", "QUEUED", "-9m"), record("draw", "a", "ENTERED", "-8m")),
			test: func(c *check) {
				r := c.me("GET")
				r.hasKeys("queues", "a#")
				r.hasKeys("draws", "a#")
			},
		},
		&rule{
			name: "a participation with a status that admits and without a token shows, and admits to nothing",
			records: participations(record("queue", "a", "ADMITTED", "-9m"), recordIn(sequence2, "draw", "a", "WON", "-9m"),
				recordIn(sequence3, "auction", "a", "WON", "-9m"), recordIn(sequence4, "timed_release", "a", "ENTERED", "-9m")),
			test: func(c *check) {
				r := c.me("GET")
				r.hasStatuses("ADMITTED", "WON", "WON", "ENTERED")
				r.hasKeys("admissions")
			},
		},
	)
}

// place returns a sequence for each of the first indexes, so that every participation leads in
// its own.
func place(i int) string { return fmt.Sprintf(`"experienceId":"exp_1#","sequenceId":"seq_%d#"`, i) }

func participations(records ...string) string {
	return `{"participations":[` + strings.Join(records, ",") + `]}`
}

// hasStatuses expects the statuses of all nodes of a document, in any order.
func (r *response) hasStatuses(want ...string) {
	value := r.active("experiences")
	if value == nil {
		return
	}
	var experiences map[string]struct {
		Sequences map[string]map[string]struct{ Status string }
	}
	if err := json.Unmarshal(value, &experiences); err != nil {
		r.failf("active.experiences: %w", err)
		return
	}
	var statuses []string
	for _, experience := range experiences {
		for _, sequence := range experience.Sequences {
			for _, node := range sequence {
				statuses = append(statuses, node.Status)
			}
		}
	}
	slices.Sort(statuses)
	slices.Sort(want)
	if !slices.Equal(statuses, want) {
		r.failf("the nodes have the statuses %q, want %q", statuses, want)
	}
}
