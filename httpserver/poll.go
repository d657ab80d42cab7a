package httpserver

import (
	"cmp"
	"math"
	"strconv"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
)

const headerPollInterval = "X-Poll-Interval"

// PollIntervals are the times that a client should wait before it requests its own
// document again. Responses with 200 and 304 have the header X-Poll-Interval, in whole
// seconds. The API documentation has no such header, so a client may ignore it. It doesn't
// affect the ETag.
//
// The interval of a journey depends on its stage. While it is participating, it is the
// shortest interval of the journey's participations. The header is the shortest interval
// of all journeys, so that a consumer who is admitted to one sale doesn't miss the turn in
// another.
//
// Each interval is in whole seconds, and zero selects its default. The defaults of Queue,
// Draw and Admitted are those that Fanfare's documentation recommends.
type PollIntervals struct {
	// Queue applies to a place in a queue, where admission can come at any time. Default:
	// 2 seconds.
	Queue time.Duration
	// Draw applies to an entry in a draw, which takes place at a known time. Default: 10
	// seconds.
	Draw time.Duration
	// Auction applies to an auction, where a higher bid can come at any time. Default: 2
	// seconds.
	Auction time.Duration
	// TimedRelease applies to a timed release without an admission, which can come at any
	// time. Default: 2 seconds.
	TimedRelease time.Duration
	// Waitlist applies to a place on a waitlist, which doesn't change for hours. Default: 60
	// seconds.
	Waitlist time.Duration
	// Admitted applies to an admission, after which the consumer goes to the checkout.
	// Default: 60 seconds.
	Admitted time.Duration
	// Idle applies to a document without journeys. Default: 60 seconds.
	Idle time.Duration
}

// fields returns each interval with its name and default.
func (p *PollIntervals) fields() []pollInterval {
	return []pollInterval{
		{"Queue", &p.Queue, 2 * time.Second},
		{"Draw", &p.Draw, 10 * time.Second},
		{"Auction", &p.Auction, 2 * time.Second},
		{"TimedRelease", &p.TimedRelease, 2 * time.Second},
		{"Waitlist", &p.Waitlist, time.Minute},
		{"Admitted", &p.Admitted, time.Minute},
		{"Idle", &p.Idle, time.Minute},
	}
}

type pollInterval struct {
	name     string
	value    *time.Duration
	standard time.Duration
}

func (p *PollIntervals) validate(invalid func(field, message string)) {
	if p == nil {
		return
	}
	for _, i := range p.fields() {
		switch {
		case *i.value < 0:
			invalid("PollIntervals."+i.name, "must not be negative")
		case *i.value%time.Second != 0:
			invalid("PollIntervals."+i.name, "must be in whole seconds")
		}
	}
}

// withDefaults returns a copy with every interval set.
func (p PollIntervals) withDefaults() *PollIntervals {
	for _, i := range p.fields() {
		*i.value = cmp.Or(*i.value, i.standard)
	}
	return &p
}

// hint returns the value of the header for a document, or "" if there are no intervals.
func (p *PollIntervals) hint(active journey.Active) string {
	if p == nil {
		return ""
	}
	shortest, hasJourneys := time.Duration(math.MaxInt64), false
	for stage, kind := range active.Stages() {
		shortest, hasJourneys = min(shortest, p.of(stage, kind)), true
	}
	if !hasJourneys {
		shortest = p.Idle
	}
	return strconv.Itoa(int(shortest / time.Second))
}

// of returns the interval for a journey's stage and a participation's type.
func (p *PollIntervals) of(stage journey.SequenceStage, kind consumer.DistributionType) time.Duration {
	switch {
	case stage == journey.SequenceAdmitted:
		return p.Admitted
	case stage == journey.WaitlistEntered:
		return p.Waitlist
	case kind == consumer.Draw:
		return p.Draw
	case kind == consumer.Auction:
		return p.Auction
	case kind == consumer.TimedRelease:
		return p.TimedRelease
	}
	return p.Queue
}
