package conformance

import (
	"bytes"
	_ "embed" // golden
	"encoding/json"
	"fmt"
	"strings"
)

// The example of the API documentation: its consumer, and the document of that.
var (
	//go:embed golden/consumer.json
	goldenConsumer string
	//go:embed golden/me.json
	goldenDocument string
)

func documentRules() []*rule {
	empty := `"experiences":{},"queues":{},"draws":{},"auctions":{},"timedReleases":{},"admissions":{},"journeys":[]`
	return []*rule{
		{
			name:    "it is the example of the API documentation, to the byte after indenting it",
			id:      "cons_01HXYZ123456789",
			records: goldenConsumer,
			test: func(c *check) {
				r := c.me("GET")
				if !r.hasStatus(200) {
					return
				}
				var text bytes.Buffer
				if err := json.Indent(&text, r.body, "", "  "); err != nil {
					r.failf("the body is not JSON: %w", err)
				} else if want := strings.TrimSpace(goldenDocument); strings.TrimSpace(text.String()) != want {
					r.failf("the body differs (- want, + got):\n%s", difference(want, strings.TrimSpace(text.String())))
				}
			},
		},
		{
			name:    "a map is {} and a list is [] when it is empty, and an unset field of the profile is null",
			records: `{}`,
			test: func(c *check) {
				c.me("GET").hasJSON(`{"id":"` + c.consumer + `","email":null,"phone":null,"fullName":null,"createdAt":"2024-01-02T03:04:05Z","active":{` + empty + `}}`)
			},
		},
		{
			name:    "it begins with the profile of the look-up",
			records: `{"email":"ada@example.com","phone":"+12025550101","fullName":"Ada Lovelace"}`,
			test: func(c *check) {
				c.me("GET").hasJSON(`{"id":"` + c.consumer + `","email":"ada@example.com","phone":"+12025550101","fullName":"Ada Lovelace",
					"createdAt":"2024-01-02T03:04:05Z","active":{` + empty + `}}`)
			},
		},
		document("a place in a queue",
			record("queue", "queue_1", "QUEUED", "-10m", `,"position":7`), "", map[string]string{
				"queue":  `{"queueId":"queue_1#",SEQ"status":"QUEUED","enteredAt":"@-10m"}`,
				"queues": `{"queue_1#":{"queueId":"queue_1#","status":"QUEUED","position":7,"enteredAt":"@-10m"}}`,
				"journeys": `[{"experienceId":"exp_1#","sequenceId":"seq_1#","journeyStage":"routed","sequenceStage":"participating",
					"participation":{"type":"queue","id":"queue_1#","status":"QUEUED"}}]`,
			}),
		document("a place in a queue without a position, whose admission expires",
			record("queue", "queue_1", "ADMITTED", "-10m", token("token_1", "-5m"), `,"expiresAt":"@+2h"`), "", map[string]string{
				"queue": `{"queueId":"queue_1#",SEQ"status":"ADMITTED","enteredAt":"@-10m","admittedAt":"@-5m","admissionToken":"token_1","expiresAt":"@+2h"}`,
				"queues": `{"queue_1#":{"queueId":"queue_1#","status":"ADMITTED","position":null,"enteredAt":"@-10m","admittedAt":"@-5m",
					"admissionToken":"token_1","expiresAt":"@+2h"}}`,
				"journeys": admittedJourney("queue", "queue_1#", "ADMITTED", `,"expiresAt":"@+2h"`),
			}),
		document("an entry in a draw",
			record("draw", "draw_1", "ENTERED", "-10m"), "", map[string]string{
				"draw":  `{"drawId":"draw_1#",SEQ"status":"ENTERED","enteredAt":"@-10m"}`,
				"draws": `{"draw_1#":{"drawId":"draw_1#","status":"ENTERED","enteredAt":"@-10m"}}`,
				"journeys": `[{"experienceId":"exp_1#","sequenceId":"seq_1#","journeyStage":"routed","sequenceStage":"participating",
					"participation":{"type":"draw","id":"draw_1#","status":"ENTERED"}}]`,
			}),
		document("a draw that was won",
			record("draw", "draw_1", "WON", "-10m", token("token_1", "-5m"), `,"expiresAt":"@+2h"`), "", map[string]string{
				"draw":     `{"drawId":"draw_1#",SEQ"status":"WON","enteredAt":"@-10m","wonAt":"@-5m","admissionToken":"token_1","expiresAt":"@+2h"}`,
				"draws":    `{"draw_1#":{"drawId":"draw_1#","status":"WON","enteredAt":"@-10m","wonAt":"@-5m","admissionToken":"token_1","expiresAt":"@+2h"}}`,
				"journeys": admittedJourney("draw", "draw_1#", "WON", `,"expiresAt":"@+2h"`),
			}),
		document("an auction without bids",
			record("auction", "auction_1", "ACTIVE", "-10m"), "", map[string]string{
				"auction":  `{"auctionId":"auction_1#",SEQ"status":"ACTIVE","enteredAt":"@-10m","lastBidAmount":null,"lastBidTime":null,"bidCount":0}`,
				"auctions": `{"auction_1#":{"auctionId":"auction_1#","status":"ACTIVE","enteredAt":"@-10m","lastBidAmount":null,"lastBidTime":null,"bidCount":0}}`,
				"journeys": `[{"experienceId":"exp_1#","sequenceId":"seq_1#","journeyStage":"routed","sequenceStage":"participating",
					"participation":{"type":"auction","id":"auction_1#","status":"ACTIVE"}}]`,
			}),
		document("an auction that was won, with a payment token",
			record("auction", "auction_1", "WON", "-10m", token("token_1", "-5m"), `,"lastBidAmount":"250.00","lastBidTime":"@-6m","bidCount":3,"expiresAt":"@+2h"`), "",
			map[string]string{
				"auction": `{"auctionId":"auction_1#",SEQ"status":"WON","enteredAt":"@-10m","lastBidAmount":250.00,"lastBidTime":"@-6m","bidCount":3,
					"wonAt":"@-5m","paymentToken":"token_1","expiresAt":"@+2h"}`,
				"auctions": `{"auction_1#":{"auctionId":"auction_1#","status":"WON","enteredAt":"@-10m","lastBidAmount":250.00,"lastBidTime":"@-6m","bidCount":3,
					"wonAt":"@-5m","paymentToken":"token_1","expiresAt":"@+2h"}}`,
				"journeys": admittedJourney("auction", "auction_1#", "WON", `,"expiresAt":"@+2h"`),
			}),
		document("a timed release with a token",
			record("timed_release", "release_1", "ENTERED", "-10m", token("token_1", "-5m"), `,"selectedVariantId":"variant_1","expiresAt":"@+2h"`), "",
			map[string]string{
				"timedRelease": `{"timedReleaseId":"release_1#",SEQ"status":"ENTERED","enteredAt":"@-10m","selectedVariantId":"variant_1","admittedAt":"@-5m",
					"admissionToken":"token_1","expiresAt":"@+2h"}`,
				"timedReleases": `{"release_1#":{"timedReleaseId":"release_1#","status":"ENTERED","enteredAt":"@-10m","selectedVariantId":"variant_1","admittedAt":"@-5m",
					"admissionToken":"token_1","expiresAt":"@+2h"}}`,
				"journeys": admittedJourney("timed_release", "release_1#", "ENTERED", `,"expiresAt":"@+2h"`),
			}),
		document("a timed release without a token",
			record("timed_release", "release_1", "ENTERED", "-10m"), "", map[string]string{
				"timedRelease":  `{"timedReleaseId":"release_1#",SEQ"status":"ENTERED","enteredAt":"@-10m"}`,
				"timedReleases": `{"release_1#":{"timedReleaseId":"release_1#","status":"ENTERED","enteredAt":"@-10m"}}`,
				"journeys": `[{"experienceId":"exp_1#","sequenceId":"seq_1#","journeyStage":"routed","sequenceStage":"participating",
					"participation":{"type":"timed_release","id":"release_1#","status":"ENTERED"}}]`,
			}),
		document("a waitlist, which has no map",
			record("waitlist", "waitlist_1", "WAITING", "-10m"), "", map[string]string{
				"waitlist": `{"waitlistId":"waitlist_1#",SEQ"status":"WAITING","enteredAt":"@-10m"}`,
				"journeys": `[{"experienceId":"exp_1#","sequenceId":"seq_1#","journeyStage":"routed","sequenceStage":"waitlist_entered",
					"participation":{"type":"waitlist","id":"waitlist_1#","status":"WAITING"}}]`,
			}),
		document("an admission alone, which has no node",
			"", grant("queue", "queue_1", "token_1", "-5m", `,"expiresAt":"@+2h"`), map[string]string{
				"admissions": `{"queue_1#":{"distributionType":"queue","distributionId":"queue_1#","experienceId":"exp_1#","sequenceId":"seq_1#",
					"admissionToken":"token_1","admittedAt":"@-5m","expiresAt":"@+2h"}}`,
				"journeys": admittedJourney("queue", "queue_1#", "ADMITTED", `,"expiresAt":"@+2h"`),
			}),
		{
			name: "a node has the types in the order waitlist, queue, draw, auction, timed release",
			records: `{"participations":[` + strings.Join([]string{
				record("timed_release", "x", "ENTERED", "-1m"), record("auction", "x", "ACTIVE", "-2m"), record("draw", "x", "ENTERED", "-3m"),
				record("queue", "x", "QUEUED", "-4m"), record("waitlist", "x", "NOTIFIED", "-5m"),
			}, ",") + `]}`,
			test: func(c *check) {
				c.me("GET").hasActive("experiences", `{"exp_1#":{"sequences":{"seq_1#":{
					"waitlist":{"waitlistId":"x#","sequenceId":"seq_1#","status":"NOTIFIED","enteredAt":"@-5m"},
					"queue":{"queueId":"x#","sequenceId":"seq_1#","status":"QUEUED","enteredAt":"@-4m"},
					"draw":{"drawId":"x#","sequenceId":"seq_1#","status":"ENTERED","enteredAt":"@-3m"},
					"auction":{"auctionId":"x#","sequenceId":"seq_1#","status":"ACTIVE","enteredAt":"@-2m","lastBidAmount":null,"lastBidTime":null,"bidCount":0},
					"timedRelease":{"timedReleaseId":"x#","sequenceId":"seq_1#","status":"ENTERED","enteredAt":"@-1m"}}}}}`)
			},
		},
		{
			name: "the keys of a map are in byte order",
			records: `{"participations":[` + strings.Join([]string{
				recordIn(sequence4, "queue", "b", "QUEUED", "-1m"), recordIn(sequence1, "queue", "a", "QUEUED", "-2m"), recordIn(sequence3, "queue", "9", "QUEUED", "-3m"),
				recordIn(sequence2, "queue", "Z", "QUEUED", "-4m"), recordIn(sequence1, "queue", "10", "QUEUED", "-5m"),
			}, ",") + `]}`,
			test: func(c *check) {
				r := c.me("GET")
				r.hasKeys("queues", "10#", "9#", "Z#", "a#", "b#")
				r.hasKeys("experiences", "exp_1#", "exp_2#")
			},
		},
		{
			name: "a time is in UTC, has no fraction when it is zero, and at most microseconds",
			records: `{"createdAt":"2024-11-15T12:30:00+02:30","participations":[` + strings.Join([]string{
				times("a", "2024-01-02T03:04:05.500Z"), times("b", "2024-01-02T03:04:05.000000Z"), times("c", "2024-01-02T03:04:05.123456789Z"),
				times("d", "2024-01-02T03:04:05.0000009Z"), times("e", "2024-01-01T22:04:05.000100-05:00"),
			}, ",") + `]}`,
			test: func(c *check) {
				r := c.me("GET")
				r.hasActive("queues", `{"a#":`+timesShown("a", "2024-01-02T03:04:05.5Z")+`,"b#":`+timesShown("b", "2024-01-02T03:04:05Z")+
					`,"c#":`+timesShown("c", "2024-01-02T03:04:05.123456Z")+`,"d#":`+timesShown("d", "2024-01-02T03:04:05Z")+
					`,"e#":`+timesShown("e", "2024-01-02T03:04:05.0001Z")+`}`)
				var profile struct{ CreatedAt string }
				if err := json.Unmarshal(r.body, &profile); !r.failed && (err != nil || profile.CreatedAt != "2024-11-15T10:00:00Z") {
					r.failf("createdAt is %q, want 2024-11-15T10:00:00Z", profile.CreatedAt)
				}
			},
		},
		{
			name: "an amount has the digits that were recorded",
			records: `{"participations":[` + strings.Join([]string{
				record("auction", "a", "ACTIVE", "-1m", `,"lastBidAmount":"0.10"`), record("auction", "b", "ACTIVE", "-2m", `,"lastBidAmount":"123456789012.12345678"`),
				record("auction", "c", "ACTIVE", "-3m", `,"lastBidAmount":"100"`),
			}, ",") + `]}`,
			test: func(c *check) {
				c.me("GET").hasActive("auctions", `{
					"a#":{"auctionId":"a#","status":"ACTIVE","enteredAt":"@-1m","lastBidAmount":0.10,"lastBidTime":null,"bidCount":0},
					"b#":{"auctionId":"b#","status":"ACTIVE","enteredAt":"@-2m","lastBidAmount":123456789012.12345678,"lastBidTime":null,"bidCount":0},
					"c#":{"auctionId":"c#","status":"ACTIVE","enteredAt":"@-3m","lastBidAmount":100,"lastBidTime":null,"bidCount":0}}`)
			},
		},
	}
}

// document is a rule about the whole of active for one participation or one admission. The map
// has the node's member by its name, and the members of active that are not empty. In the node,
// SEQ stands for the sequence.
func document(name, participation, admission string, want map[string]string) *rule {
	records := `{"participations":[` + participation + `],"admissions":[` + admission + `]}`
	return &rule{name: name, records: records, test: func(c *check) {
		member := func(name, empty string) string {
			if text, found := want[name]; found {
				return fmt.Sprintf("%q:%s,", name, text)
			}
			return fmt.Sprintf("%q:%s,", name, empty)
		}
		experiences := `"experiences":{},`
		for _, node := range []string{"waitlist", "queue", "draw", "auction", "timedRelease"} {
			if text, found := want[node]; found {
				text = strings.Replace(text, "SEQ", `"sequenceId":"seq_1#",`, 1)
				experiences = fmt.Sprintf(`"experiences":{"exp_1#":{"sequences":{"seq_1#":{%q:%s}}}},`, node, text)
			}
		}
		active := experiences + member("queues", "{}") + member("draws", "{}") + member("auctions", "{}") +
			member("timedReleases", "{}") + member("admissions", "{}") + member("journeys", "[]")
		c.me("GET").hasJSON(`{"id":"` + c.consumer + `","email":null,"phone":null,"fullName":null,"createdAt":"2024-01-02T03:04:05Z",
			"active":{` + strings.TrimSuffix(active, ",") + `}}`)
	}}
}

// admittedJourney is the journeys of a consumer who was admitted 5 minutes ago.
func admittedJourney(kind, id, status, more string) string {
	return fmt.Sprintf(`[{"experienceId":"exp_1#","sequenceId":"seq_1#","journeyStage":"admitted","sequenceStage":"admitted",
		"participation":{"type":%q,"id":%q,"status":%q,"admissionToken":"token_1"},
		"admission":{"distributionType":%q,"distributionId":%q,"experienceId":"exp_1#","sequenceId":"seq_1#","admissionToken":"token_1","admittedAt":"@-5m"%s}}]`,
		kind, id, status, kind, id, more)
}

// times is a participation with a given enteredAt.
func times(id, entered string) string {
	return fmt.Sprintf(`{"type":"queue","id":"%s#",%s,"status":"QUEUED","enteredAt":%q}`, id, sequence1, entered)
}

func timesShown(id, entered string) string {
	return fmt.Sprintf(`{"queueId":"%s#","status":"QUEUED","position":null,"enteredAt":%q}`, id, entered)
}

// hasKeys expects the keys of a member of active, in their order.
func (r *response) hasKeys(member string, want ...string) {
	value := r.active(member)
	if value == nil {
		return
	}
	d := json.NewDecoder(bytes.NewReader(value))
	var keys []string
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		r.failf("active.%s is not an object", member)
		return
	}
	for d.More() {
		key, err := d.Token()
		if err == nil {
			err = d.Decode(new(json.RawMessage))
		}
		if err != nil {
			r.failf("active.%s: %w", member, err)
			return
		}
		keys = append(keys, fmt.Sprint(key))
	}
	if got, want := strings.Join(keys, " "), r.check.expand(strings.Join(want, " ")); got != want {
		r.failf("the keys of active.%s are %s, want %s", member, got, want)
	}
}
