package demo

import (
	"slices"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// action is something that an engine or the consumer can do to a participation.
type action struct {
	Name string                    `json:"action"`
	Type consumer.DistributionType `json:"type"`
	// From lists the statuses in which the action is possible.
	From []consumer.Status `json:"from"`
	// Admits reports whether the action opens the checkout. Such an action is not possible
	// for a consumer who is admitted.
	Admits bool `json:"admits"`

	to consumer.Status
}

const (
	enter  = "enter"
	admit  = "admit"
	win    = "win"
	bid    = "bid"
	outbid = "outbid"
	notify = "notify"
	expire = "expire"
	leave  = "leave"
)

// actions returns all actions but entering, which is always possible.
func actions() []action {
	all := []action{
		{Name: admit, Type: consumer.Queue, From: []consumer.Status{consumer.StatusQueued}, Admits: true, to: consumer.StatusAdmitted},
		{Name: win, Type: consumer.Draw, From: []consumer.Status{consumer.StatusEntered}, Admits: true, to: consumer.StatusWon},
		{Name: bid, Type: consumer.Auction, From: []consumer.Status{consumer.StatusActive, consumer.StatusOutbid}, to: consumer.StatusWinning},
		{Name: outbid, Type: consumer.Auction, From: []consumer.Status{consumer.StatusActive, consumer.StatusWinning}, to: consumer.StatusOutbid},
		{Name: win, Type: consumer.Auction, From: []consumer.Status{consumer.StatusActive, consumer.StatusWinning}, Admits: true, to: consumer.StatusWon},
		{Name: admit, Type: consumer.TimedRelease, From: []consumer.Status{consumer.StatusEntered}, Admits: true, to: consumer.StatusEntered},
		{Name: notify, Type: consumer.Waitlist, From: []consumer.Status{consumer.StatusWaiting}, to: consumer.StatusNotified},
	}
	for _, t := range consumer.DistributionTypes() {
		all = append(all,
			action{Name: expire, Type: t, From: t.ActiveStatuses()},
			action{Name: leave, Type: t, From: t.ActiveStatuses(), to: consumer.StatusLeft})
	}
	return all
}

// distribution is one that the demonstration has.
type distribution struct {
	Type         consumer.DistributionType `json:"type"`
	ID           string                    `json:"id"`
	ExperienceID string                    `json:"experienceId"`
	SequenceID   string                    `json:"sequenceId"`
}

// distributions returns those that the consumers take part in, each once, in the order of
// [consumer.DistributionTypes].
func distributions() []distribution {
	var all []distribution
	for _, c := range Organization(time.Time{}).Consumers {
		for _, p := range c.Participations {
			if d := (distribution{p.Type, p.ID, p.ExperienceID, p.SequenceID}); !slices.Contains(all, d) {
				all = append(all, d)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b distribution) int { return a.Type.Order() - b.Type.Order() })
	return all
}
