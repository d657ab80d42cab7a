package journey

import "github.com/rejoinhq/rejoin/consumer"

// Active returns what the view shows as a document of maps, for a Go program that
// looks things up in it. A server that only passes it on is better served by
// [View.AppendJSON], which gives the same JSON.
func (v View) Active() Active {
	active := Active{
		Experiences:   map[string]Experience{},
		Queues:        map[string]QueueState{},
		Draws:         map[string]DrawState{},
		Auctions:      map[string]AuctionState{},
		TimedReleases: map[string]TimedReleaseState{},
		Admissions:    map[string]Admission{},
		Journeys:      v.Journeys(),
	}
	for _, c := range v.participations {
		active.addState(c.participation)
	}
	for rest := v.sequences; len(rest) > 0; {
		var n node
		var ok bool
		if n, ok, rest = nextNode(rest); ok {
			active.addNode(n)
		}
	}
	for i, c := range v.admissions {
		// Where two types share a distribution id, the one that leads shows.
		if i == 0 || c.id() != v.admissions[i-1].id() {
			active.Admissions[c.id()] = c.shownAdmission()
		}
	}
	return active
}

// addState shows an active participation in the map of its type. Waitlists have none.
func (active *Active) addState(p *consumer.Participation) {
	switch p.Type {
	case consumer.Queue:
		active.Queues[p.ID] = QueueState{p.ID, p.Status, clone(p.Position), queueEntry(p)}
	case consumer.Draw:
		active.Draws[p.ID] = DrawState{p.ID, drawEntry(p)}
	case consumer.Auction:
		active.Auctions[p.ID] = AuctionState{p.ID, auctionEntry(p)}
	case consumer.TimedRelease:
		active.TimedReleases[p.ID] = TimedReleaseState{p.ID, timedReleaseEntry(p)}
	}
}

// addNode shows the leaders of each type in their sequence, as the maps do.
func (active *Active) addNode(n node) {
	experience, found := active.Experiences[n.sequence.experienceID]
	if !found {
		experience = Experience{Sequences: map[string]Sequence{}}
		active.Experiences[n.sequence.experienceID] = experience
	}
	var s Sequence
	for _, p := range n.leading {
		if p == nil {
			continue
		}
		switch p.Type {
		case consumer.Queue:
			s.Queue = &QueueNode{p.ID, p.SequenceID, p.Status, active.Queues[p.ID].QueueEntry}
		case consumer.Draw:
			s.Draw = &DrawNode{p.ID, p.SequenceID, active.Draws[p.ID].DrawEntry}
		case consumer.Auction:
			s.Auction = &AuctionNode{p.ID, p.SequenceID, active.Auctions[p.ID].AuctionEntry}
		case consumer.TimedRelease:
			s.TimedRelease = &TimedReleaseNode{p.ID, p.SequenceID, active.TimedReleases[p.ID].TimedReleaseEntry}
		case consumer.Waitlist:
			s.Waitlist = &WaitlistNode{p.ID, p.SequenceID, p.Status, kept(p.EnteredAt)}
		}
	}
	experience.Sequences[n.sequence.sequenceID] = s
}

func queueEntry(p *consumer.Participation) QueueEntry {
	return QueueEntry{
		EnteredAt:      kept(p.EnteredAt),
		AdmittedAt:     keptPointer(p.AdmittedAt),
		AdmissionToken: value(p.AdmissionToken),
		ExpiresAt:      keptPointer(p.ExpiresAt),
	}
}

func drawEntry(p *consumer.Participation) DrawEntry {
	return DrawEntry{
		Status:         p.Status,
		EnteredAt:      kept(p.EnteredAt),
		WonAt:          keptPointer(p.AdmittedAt),
		AdmissionToken: value(p.AdmissionToken),
		ExpiresAt:      keptPointer(p.ExpiresAt),
	}
}

func auctionEntry(p *consumer.Participation) AuctionEntry {
	return AuctionEntry{
		Status:        p.Status,
		EnteredAt:     kept(p.EnteredAt),
		LastBidAmount: (*Amount)(clone(p.LastBidAmount)),
		LastBidTime:   keptPointer(p.LastBidTime),
		BidCount:      value(p.BidCount),
		WonAt:         keptPointer(p.AdmittedAt),
		PaymentToken:  value(p.AdmissionToken),
		ExpiresAt:     keptPointer(p.ExpiresAt),
	}
}

func timedReleaseEntry(p *consumer.Participation) TimedReleaseEntry {
	return TimedReleaseEntry{
		Status:            p.Status,
		EnteredAt:         kept(p.EnteredAt),
		SelectedVariantID: value(p.SelectedVariantID),
		AdmittedAt:        keptPointer(p.AdmittedAt),
		AdmissionToken:    value(p.AdmissionToken),
		ExpiresAt:         keptPointer(p.ExpiresAt),
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
