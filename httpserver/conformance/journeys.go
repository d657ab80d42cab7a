package conformance

import "strings"

func journeyRules() []*rule {
	both := func(participations, admissions string) string {
		return `{"participations":[` + participations + `],"admissions":[` + admissions + `]}`
	}
	return []*rule{
		journeys("a sequence has one journey",
			participations(record("queue", "a", "QUEUED", "-9m"), record("draw", "b", "ENTERED", "-8m"), recordIn(sequence2, "queue", "c", "QUEUED", "-10m")),
			participating("draw", "b", "ENTERED"), "exp_1# seq_2# routed/participating: queue c# QUEUED"),
		journeys("a waitlist alone is waitlist_entered",
			participations(record("waitlist", "a", "NOTIFIED", "-9m")),
			"exp_1# seq_1# routed/waitlist_entered: waitlist a# NOTIFIED"),
		journeys("any other participation comes before a waitlist, though that is later",
			participations(record("waitlist", "a", "WAITING", "-1m"), record("draw", "b", "ENTERED", "-9m")),
			participating("draw", "b", "ENTERED")),
		journeys("an admitting participation comes before the others, though those are later",
			participations(record("queue", "a", "ADMITTED", "-9m", token("token_1", "-8m")), record("auction", "b", "WINNING", "-1m"), record("waitlist", "c", "WAITING", "-1m")),
			admitted("queue", "a", "ADMITTED", "token_1", "-8m")),
		journeys("an admission comes before participations, though those are later",
			both(record("queue", "a", "QUEUED", "-1m"), grant("draw", "b", "token_1", "-9m")),
			admitted("draw", "b", "ADMITTED", "token_1", "-9m")),
		journeys("a participation of each admitting type admits",
			participations(record("queue", "a", "ADMITTED", "-9m", token("token_1", "-4m")), recordIn(sequence2, "draw", "b", "WON", "-9m", token("token_2", "-5m")),
				recordIn(sequence3, "auction", "c", "WON", "-9m", token("token_3", "-6m")), recordIn(sequence4, "timed_release", "d", "ENTERED", "-9m", token("token_4", "-7m"))),
			admitted("queue", "a", "ADMITTED", "token_1", "-4m"),
			admittedIn("exp_1# seq_2#", "draw", "b", "WON", "token_2", "-5m"),
			admittedIn("exp_2# seq_1#", "auction", "c", "WON", "token_3", "-6m"),
			admittedIn("exp_2# seq_2#", "timed_release", "d", "ENTERED", "token_4", "-7m")),
		journeys("without a token, a participation only takes part",
			participations(record("queue", "a", "ADMITTED", "-9m", `,"admittedAt":"@-8m"`)),
			participating("queue", "a", "ADMITTED")),
		journeys("of participations, the one that was entered last leads",
			participations(record("queue", "a", "QUEUED", "-9m"), record("timed_release", "b", "ENTERED", "-7m"), record("draw", "c", "ENTERED", "-8m")),
			participating("timed_release", "b", "ENTERED")),
		journeys("for a participation that does not admit, admittedAt does not count",
			participations(record("draw", "a", "WON", "-9m", `,"admittedAt":"@-1m"`), record("queue", "b", "QUEUED", "-8m")),
			participating("queue", "b", "QUEUED")),
		journeys("of participations of the same time, the type leads, then the id in byte order",
			participations(record("timed_release", "a", "ENTERED", "-9m"), record("auction", "a", "ACTIVE", "-9m"), record("draw", "b", "ENTERED", "-9m"), record("draw", "B", "ENTERED", "-9m"),
				recordIn(sequence2, "draw", "a", "ENTERED", "-9m"), recordIn(sequence2, "queue", "b", "QUEUED", "-9m")),
			participating("draw", "B", "ENTERED"), "exp_1# seq_2# routed/participating: queue b# QUEUED"),
		journeys("of admitting participations, the one that was admitted last leads",
			participations(record("queue", "a", "ADMITTED", "-1h", token("token_1", "-7m")), record("draw", "b", "WON", "-8m", token("token_2", "-8m")),
				record("timed_release", "c", "ENTERED", "-2h", token("token_3", "-6m"))),
			admitted("timed_release", "c", "ENTERED", "token_3", "-6m")),
		journeys("an admitting participation without admittedAt counts from enteredAt",
			participations(record("queue", "a", "ADMITTED", "-5m", `,"admissionToken":"token_1"`), record("draw", "b", "WON", "-1h", token("token_2", "-6m"))),
			admitted("queue", "a", "ADMITTED", "token_1", "-5m")),
		journeys("of admitting participations of the same time, the type leads, then the id in byte order",
			participations(record("auction", "a", "WON", "-9m", token("token_1", "-5m")), record("draw", "b", "WON", "-8m", token("token_2", "-5m")),
				record("draw", "B", "WON", "-7m", token("token_3", "-5m"))),
			admitted("draw", "B", "WON", "token_3", "-5m")),
		journeys("of waitlists, the one that was entered last leads, then the id in byte order",
			participations(record("waitlist", "a", "WAITING", "-9m"), record("waitlist", "c", "NOTIFIED", "-8m"), record("waitlist", "b", "WAITING", "-8m")),
			"exp_1# seq_1# routed/waitlist_entered: waitlist b# WAITING"),
		journeys("of admissions and admitting participations, the latest leads",
			both(record("queue", "a", "ADMITTED", "-9m", token("token_1", "-7m"))+","+recordIn(sequence2, "queue", "b", "ADMITTED", "-9m", token("token_2", "-5m")),
				grant("draw", "c", "token_3", "-6m")+","+grantIn(sequence2, "draw", "d", "token_4", "-8m")),
			admittedIn("exp_1# seq_2#", "queue", "b", "ADMITTED", "token_2", "-5m"),
			admitted("draw", "c", "ADMITTED", "token_3", "-6m")),
		{
			name: "an admission that an admitting participation carries drops out, though it is later",
			records: both(record("queue", "a", "ADMITTED", "-9m", token("token_1", "-8m"))+","+record("draw", "b", "WON", "-9m", token("token_2", "-7m")),
				grant("queue", "a", "token_3", "-1m")),
			test: func(c *check) {
				r := c.me("GET")
				r.hasJourneys(admitted("draw", "b", "WON", "token_2", "-7m"))
				r.hasActive("admissions", `{}`)
			},
		},
		{
			name: "a participation of another type or sequence carries no admission",
			records: both(record("queue", "a", "ADMITTED", "-9m", token("token_1", "-8m"))+","+recordIn(sequence2, "queue", "b", "ADMITTED", "-9m", token("token_2", "-7m")),
				grant("draw", "a", "token_3", "-6m")+","+grantIn(sequence3, "queue", "b", "token_4", "-5m")),
			test: func(c *check) {
				r := c.me("GET")
				r.hasJourneys(admittedIn("exp_2# seq_1#", "queue", "b", "ADMITTED", "token_4", "-5m"), admitted("draw", "a", "ADMITTED", "token_3", "-6m"),
					admittedIn("exp_1# seq_2#", "queue", "b", "ADMITTED", "token_2", "-7m"))
				r.hasKeys("admissions", "a#", "b#")
			},
		},
		journeys("an admission without a participation is one that is ADMITTED",
			both("", grant("timed_release", "a", "token_1", "-5m")),
			admitted("timed_release", "a", "ADMITTED", "token_1", "-5m")),
		journeys("an admission takes the status of its own participation, and keeps its token",
			both(record("timed_release", "a", "ENTERED", "-9m")+","+recordIn(sequence2, "queue", "b", "QUEUED", "-9m"),
				grant("timed_release", "a", "token_1", "-5m")+","+grantIn(sequence2, "queue", "b", "token_2", "-6m")),
			admitted("timed_release", "a", "ENTERED", "token_1", "-5m"),
			admittedIn("exp_1# seq_2#", "queue", "b", "QUEUED", "token_2", "-6m")),
		journeys("a participation of another sequence is not the admission's own",
			both(recordIn(sequence2, "queue", "a", "QUEUED", "-9m"), grant("queue", "a", "token_1", "-5m")),
			admitted("queue", "a", "ADMITTED", "token_1", "-5m"), "exp_1# seq_2# routed/participating: queue a# QUEUED"),
		{
			name:    "of two admissions with the same id, the one that leads shows",
			records: both("", grant("queue", "a", "token_1", "-6m")+","+grant("draw", "a", "token_2", "-5m")+","+grant("queue", "b", "token_3", "-6m")+","+grant("draw", "b", "token_4", "-6m")),
			test: func(c *check) {
				c.me("GET").hasActive("admissions", `{
					"a#":{"distributionType":"draw","distributionId":"a#",`+sequence1+`,"admissionToken":"token_2","admittedAt":"@-5m"},
					"b#":{"distributionType":"queue","distributionId":"b#",`+sequence1+`,"admissionToken":"token_3","admittedAt":"@-6m"}}`)
			},
		},
		journeys("admitted journeys come first, then those that take part, then waitlists",
			participations(record("waitlist", "a", "WAITING", "-1m"), recordIn(sequence2, "queue", "b", "QUEUED", "-2m"), recordIn(sequence3, "draw", "c", "WON", "-1h", token("token_1", "-50m"))),
			admittedIn("exp_2# seq_1#", "draw", "c", "WON", "token_1", "-50m"),
			"exp_1# seq_2# routed/participating: queue b# QUEUED", "exp_1# seq_1# routed/waitlist_entered: waitlist a# WAITING"),
		journeys("of journeys in the same stage, the latest comes first",
			participations(record("queue", "a", "QUEUED", "-3m"), recordIn(sequence2, "queue", "b", "QUEUED", "-1m"), recordIn(sequence3, "queue", "c", "QUEUED", "-2m")),
			"exp_1# seq_2# routed/participating: queue b# QUEUED", "exp_2# seq_1# routed/participating: queue c# QUEUED", participating("queue", "a", "QUEUED")),
		journeys("of journeys of the same time, the experience decides, then the sequence in byte order",
			participations(recordIn(sequence4, "queue", "a", "QUEUED", "-3m"), recordIn(sequence2, "waitlist", "b", "WAITING", "-3m"), recordIn(sequence3, "draw", "c", "ENTERED", "-3m"),
				record("auction", "d", "ACTIVE", "-3m"), recordIn(`"experienceId":"exp_1#","sequenceId":"Seq_9#"`, "queue", "e", "QUEUED", "-3m")),
			"exp_1# Seq_9# routed/participating: queue e# QUEUED", participating("auction", "d", "ACTIVE"), "exp_2# seq_1# routed/participating: draw c# ENTERED",
			"exp_2# seq_2# routed/participating: queue a# QUEUED", "exp_1# seq_2# routed/waitlist_entered: waitlist b# WAITING"),
		{
			name: "of several participations of one type, the node is the one that leads, and the map has all",
			records: participations(record("queue", "a", "QUEUED", "-3m"), record("queue", "b", "ADMITTED", "-9m", token("token_1", "-8m")), record("queue", "c", "QUEUED", "-2m"),
				record("draw", "d", "ENTERED", "-4m"), record("draw", "e", "ENTERED", "-3m")),
			test: func(c *check) {
				r := c.me("GET")
				r.hasKeys("queues", strings.Fields("a# b# c#")...)
				r.hasKeys("draws", strings.Fields("d# e#")...)
				r.hasActive("experiences", `{"exp_1#":{"sequences":{"seq_1#":{
					"queue":{"queueId":"b#","sequenceId":"seq_1#","status":"ADMITTED","enteredAt":"@-9m","admittedAt":"@-8m","admissionToken":"token_1"},
					"draw":{"drawId":"e#","sequenceId":"seq_1#","status":"ENTERED","enteredAt":"@-3m"}}}}}`)
			},
		},
	}
}
