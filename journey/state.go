package journey

import "github.com/rejoinhq/rejoin/consumer"

// addParticipation shows an active participation in the map of its type and, as the
// first of its type in its sequence, which is the leader among them, in the
// sequence's node.
func (active *Active) addParticipation(p *consumer.Participation) {
	experience, found := active.Experiences[p.ExperienceID]
	if !found {
		experience = Experience{Sequences: map[string]Sequence{}}
		active.Experiences[p.ExperienceID] = experience
	}
	node := experience.Sequences[p.SequenceID]
	switch p.Type {
	case consumer.Queue:
		entry := queueEntry(p)
		active.Queues[p.ID] = QueueState{p.ID, p.Status, clone(p.Position), entry}
		setFirst(&node.Queue, QueueNode{p.ID, p.SequenceID, p.Status, entry})
	case consumer.Draw:
		entry := drawEntry(p)
		active.Draws[p.ID] = DrawState{p.ID, entry}
		setFirst(&node.Draw, DrawNode{p.ID, p.SequenceID, entry})
	case consumer.Auction:
		entry := auctionEntry(p)
		active.Auctions[p.ID] = AuctionState{p.ID, entry}
		setFirst(&node.Auction, AuctionNode{p.ID, p.SequenceID, entry})
	case consumer.TimedRelease:
		entry := timedReleaseEntry(p)
		active.TimedReleases[p.ID] = TimedReleaseState{p.ID, entry}
		setFirst(&node.TimedRelease, TimedReleaseNode{p.ID, p.SequenceID, entry})
	case consumer.Waitlist:
		setFirst(&node.Waitlist, WaitlistNode{p.ID, p.SequenceID, p.Status, p.EnteredAt})
	}
	experience.Sequences[p.SequenceID] = node
}

func queueEntry(p *consumer.Participation) QueueEntry {
	return QueueEntry{
		EnteredAt:      p.EnteredAt,
		AdmittedAt:     clone(p.AdmittedAt),
		AdmissionToken: value(p.AdmissionToken),
		ExpiresAt:      clone(p.ExpiresAt),
	}
}

func drawEntry(p *consumer.Participation) DrawEntry {
	return DrawEntry{
		Status:         p.Status,
		EnteredAt:      p.EnteredAt,
		WonAt:          clone(p.AdmittedAt),
		AdmissionToken: value(p.AdmissionToken),
		ExpiresAt:      clone(p.ExpiresAt),
	}
}

func auctionEntry(p *consumer.Participation) AuctionEntry {
	return AuctionEntry{
		Status:        p.Status,
		EnteredAt:     p.EnteredAt,
		LastBidAmount: (*Amount)(clone(p.LastBidAmount)),
		LastBidTime:   clone(p.LastBidTime),
		BidCount:      value(p.BidCount),
		WonAt:         clone(p.AdmittedAt),
		PaymentToken:  value(p.AdmissionToken),
		ExpiresAt:     clone(p.ExpiresAt),
	}
}

func timedReleaseEntry(p *consumer.Participation) TimedReleaseEntry {
	return TimedReleaseEntry{
		Status:            p.Status,
		EnteredAt:         p.EnteredAt,
		SelectedVariantID: value(p.SelectedVariantID),
		AdmittedAt:        clone(p.AdmittedAt),
		AdmissionToken:    value(p.AdmissionToken),
		ExpiresAt:         clone(p.ExpiresAt),
	}
}

func setFirst[N any](node **N, n N) {
	if *node == nil {
		*node = &n
	}
}

// clone keeps the document from sharing memory with the snapshot.
func clone[V any](p *V) *V {
	if p == nil {
		return nil
	}
	return new(*p)
}

// value reads an optional value that the document leaves out, or shows as zero.
func value[V any](p *V) V {
	if p == nil {
		var zero V
		return zero
	}
	return *p
}
