package journey

import (
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// Explain returns shows of each record of an export.
func Explain(export consumer.Export, now time.Time) (participations, admissions []string) {
	texts := func(all []shows) (texts []string) {
		for _, s := range all {
			texts = append(texts, string(s))
		}
		return texts
	}
	p, a := explain(export, now)
	return texts(p), texts(a)
}

// Decoded returns the decoded form, built from the same candidates as the JSON but in
// another way: tests compare the two.
func (a Active) Decoded() ActiveParticipations {
	active := ActiveParticipations{
		Experiences:   map[string]Experience{},
		Queues:        map[string]QueueState{},
		Draws:         map[string]DrawState{},
		Auctions:      map[string]AuctionState{},
		TimedReleases: map[string]TimedReleaseState{},
		Admissions:    map[string]Admission{},
		Journeys:      a.Journeys(),
	}
	for _, c := range a.participations {
		active.addState(c)
	}
	for rest := a.sequences; len(rest) > 0; {
		var n node
		var ok bool
		if n, ok, rest = nextNode(rest); ok {
			active.addNode(n)
		}
	}
	for i, c := range a.admissions {
		// Of two types with the same id, the one that leads is shown.
		if i == 0 || c.id() != a.admissions[i-1].id() {
			active.Admissions[c.id()] = c.shownAdmission()
		}
	}
	return active
}

// addState adds an active participation to the map of its type. Waitlists have none.
func (active *ActiveParticipations) addState(c *candidate) {
	switch p := c.participation; p.Type {
	case consumer.Queue:
		state := QueueState{
			QueueID: p.ID, Status: p.Status, EnteredAt: consumer.NormalizeTime(p.EnteredAt), AdmittedAt: normalizePointer(p.AdmittedAt),
			AdmissionToken: value(p.AdmissionToken), ExpiresAt: normalizePointer(p.ExpiresAt),
		}
		if n, ok := c.position(); ok {
			state.Position = &n
		}
		active.Queues[p.ID] = state
	case consumer.Draw:
		active.Draws[p.ID] = DrawState{
			DrawID: p.ID, Status: p.Status, EnteredAt: consumer.NormalizeTime(p.EnteredAt), WonAt: normalizePointer(p.AdmittedAt),
			AdmissionToken: value(p.AdmissionToken), ExpiresAt: normalizePointer(p.ExpiresAt),
		}
	case consumer.Auction:
		active.Auctions[p.ID] = AuctionState{
			AuctionID: p.ID, Status: p.Status, EnteredAt: consumer.NormalizeTime(p.EnteredAt),
			LastBidAmount: (*Amount)(clone(p.LastBidAmount)), LastBidTime: normalizePointer(p.LastBidTime), BidCount: value(p.BidCount),
			WonAt: normalizePointer(p.AdmittedAt), PaymentToken: value(p.AdmissionToken), ExpiresAt: normalizePointer(p.ExpiresAt),
		}
	case consumer.TimedRelease:
		active.TimedReleases[p.ID] = TimedReleaseState{
			TimedReleaseID: p.ID, Status: p.Status, EnteredAt: consumer.NormalizeTime(p.EnteredAt), SelectedVariantID: value(p.SelectedVariantID),
			AdmittedAt: normalizePointer(p.AdmittedAt), AdmissionToken: value(p.AdmissionToken), ExpiresAt: normalizePointer(p.ExpiresAt),
		}
	}
}

// addNode adds the leaders of each type in their sequence. The shared fields are those of
// the maps.
func (active *ActiveParticipations) addNode(n node) {
	experience, found := active.Experiences[n.sequence.experienceID]
	if !found {
		experience = Experience{Sequences: map[string]Sequence{}}
		active.Experiences[n.sequence.experienceID] = experience
	}
	var s Sequence
	for _, c := range n.leading {
		if c == nil {
			continue
		}
		switch p := c.participation; p.Type {
		case consumer.Queue:
			q := active.Queues[p.ID]
			s.Queue = &QueueNode{q.QueueID, p.SequenceID, q.Status, q.EnteredAt, q.AdmittedAt, q.AdmissionToken, q.ExpiresAt}
		case consumer.Draw:
			d := active.Draws[p.ID]
			s.Draw = &DrawNode{d.DrawID, p.SequenceID, d.Status, d.EnteredAt, d.WonAt, d.AdmissionToken, d.ExpiresAt}
		case consumer.Auction:
			a := active.Auctions[p.ID]
			s.Auction = &AuctionNode{
				a.AuctionID, p.SequenceID, a.Status, a.EnteredAt,
				a.LastBidAmount, a.LastBidTime, a.BidCount, a.WonAt, a.PaymentToken, a.ExpiresAt,
			}
		case consumer.TimedRelease:
			r := active.TimedReleases[p.ID]
			s.TimedRelease = &TimedReleaseNode{
				r.TimedReleaseID, p.SequenceID, r.Status, r.EnteredAt, r.SelectedVariantID, r.AdmittedAt, r.AdmissionToken, r.ExpiresAt,
			}
		case consumer.Waitlist:
			s.Waitlist = &WaitlistNode{p.ID, p.SequenceID, p.Status, consumer.NormalizeTime(p.EnteredAt)}
		}
	}
	experience.Sequences[n.sequence.sequenceID] = s
}

// clone returns a copy, so that the document shares no memory with the snapshot.
func clone[V any](p *V) *V {
	if p == nil {
		return nil
	}
	return new(*p)
}
