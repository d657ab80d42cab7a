package httpserver

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
)

const headerPollInterval = "X-Poll-Interval"

// PollIntervals are how long a client should wait before it asks for its own document
// again, by what it waits for. They make the header X-Poll-Interval, in whole seconds,
// of the answers 200 and 304 of that endpoint. The seed has no such header: it is an
// addition, and a client may ignore it. It takes no part in the ETag.
//
// Each journey wants the interval of its stage; one that is participating the shortest
// of the participations that it has in its sequence. Of several journeys the one that
// wants the shortest counts, so that who is admitted to one sale misses nothing of the
// queue for another.
//
// Each interval is of whole seconds, and zero means its default. Those for Queue, Draw
// and Admitted are what the documentation of the API's owner recommends.
type PollIntervals struct {
	// Queue is for a place in a queue, which may be admitted at any moment. Default: 2 s.
	Queue time.Duration
	// Draw is for an entry in a draw, which is held at a time set before. Default: 10 s.
	Draw time.Duration
	// Auction is for a part in an auction, where somebody may outbid at any moment.
	// Default: 2 s.
	Auction time.Duration
	// TimedRelease is for an entry in a timed release without its admission, which may
	// come at any moment. Default: 2 s.
	TimedRelease time.Duration
	// Waitlist is for a place on a waitlist, where nothing happens for hours. Default: 60 s.
	Waitlist time.Duration
	// Admitted is for an admission: what comes next happens at the checkout. Default: 60 s.
	Admitted time.Duration
	// Idle is for a document without journeys. Default: 60 s.
	Idle time.Duration
}

// withDefaults returns the intervals with nothing unset, or an error that names the one
// that is wrong.
func (p PollIntervals) withDefaults() (PollIntervals, error) {
	for _, interval := range []struct {
		name     string
		value    *time.Duration
		standard time.Duration
	}{
		{"Queue", &p.Queue, 2 * time.Second},
		{"Draw", &p.Draw, 10 * time.Second},
		{"Auction", &p.Auction, 2 * time.Second},
		{"TimedRelease", &p.TimedRelease, 2 * time.Second},
		{"Waitlist", &p.Waitlist, time.Minute},
		{"Admitted", &p.Admitted, time.Minute},
		{"Idle", &p.Idle, time.Minute},
	} {
		switch {
		case *interval.value < 0:
			return PollIntervals{}, fmt.Errorf("%s is negative", interval.name)
		case *interval.value%time.Second != 0:
			return PollIntervals{}, errors.New(interval.name + " is not of whole seconds")
		case *interval.value == 0:
			*interval.value = interval.standard
		}
	}
	return p, nil
}

// hint is the value of the header for a document, or "" without intervals.
func (p *PollIntervals) hint(view journey.View) string {
	if p == nil {
		return ""
	}
	shortest, any := time.Duration(math.MaxInt64), false
	for stage, kind := range view.Stages() {
		shortest, any = min(shortest, p.of(stage, kind)), true
	}
	if !any {
		shortest = p.Idle
	}
	return strconv.Itoa(int(shortest / time.Second))
}

// of is what a journey at a stage wants for a participation in a distribution of a type.
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
