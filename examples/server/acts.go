package main

import (
	"slices"

	"github.com/rejoinhq/rejoin/consumer"
)

// act is something that an engine, or the consumer, can do to a participation.
type act struct {
	Action string                    `json:"action"`
	Type   consumer.DistributionType `json:"type"`
	// From are the statuses in which it is possible.
	From []consumer.Status `json:"from"`
	// Admits says that it opens the checkout, so it is nothing for who is admitted.
	Admits bool `json:"admits"`

	to consumer.Status
}

const (
	actionEnter  = "enter"
	actionAdmit  = "admit"
	actionWin    = "win"
	actionBid    = "bid"
	actionOutbid = "outbid"
	actionNotify = "notify"
	actionExpire = "expire"
	actionLeave  = "leave"
)

// acts are all acts but entering, which is always possible.
func acts() []act {
	all := []act{
		{Action: actionAdmit, Type: consumer.Queue, From: []consumer.Status{consumer.StatusQueued}, Admits: true, to: consumer.StatusAdmitted},
		{Action: actionWin, Type: consumer.Draw, From: []consumer.Status{consumer.StatusEntered}, Admits: true, to: consumer.StatusWon},
		{Action: actionBid, Type: consumer.Auction, From: []consumer.Status{consumer.StatusActive, consumer.StatusOutbid}, to: consumer.StatusWinning},
		{Action: actionOutbid, Type: consumer.Auction, From: []consumer.Status{consumer.StatusActive, consumer.StatusWinning}, to: consumer.StatusOutbid},
		{Action: actionWin, Type: consumer.Auction, From: []consumer.Status{consumer.StatusActive, consumer.StatusWinning}, Admits: true, to: consumer.StatusWon},
		{Action: actionAdmit, Type: consumer.TimedRelease, From: []consumer.Status{consumer.StatusEntered}, Admits: true, to: consumer.StatusEntered},
		{Action: actionNotify, Type: consumer.Waitlist, From: []consumer.Status{consumer.StatusWaiting}, to: consumer.StatusNotified},
	}
	for _, t := range consumer.DistributionTypes() {
		all = append(all,
			act{Action: actionExpire, Type: t, From: t.ActiveStatuses()},
			act{Action: actionLeave, Type: t, From: t.ActiveStatuses(), to: consumer.StatusLeft})
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

// distributions are those that the consumers of an organization take part in, each
// once, in the order in which their types lead.
func distributions(o fixtureOrganization) []distribution {
	var all []distribution
	for _, c := range o.Consumers {
		for _, p := range c.Participations {
			if d := (distribution{p.Type, p.ID, p.ExperienceID, p.SequenceID}); !slices.Contains(all, d) {
				all = append(all, d)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b distribution) int { return a.Type.Order() - b.Type.Order() })
	return all
}
