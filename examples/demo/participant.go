package demo

import (
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

const (
	// expiryDelay is how long after the action an expiry takes effect, so that testers see
	// it happen without a write.
	expiryDelay = 3 * time.Second
	// admissionLifetime is how long an admission is valid that an action grants.
	admissionLifetime = 15 * time.Minute
)

// participant is one consumer in one distribution at the time of an action.
type participant struct {
	now           time.Time
	blank         consumer.Participation // with ids only
	participation *consumer.Participation
	admission     *consumer.Admission
	written       consumer.Batch
}

func newParticipant(now time.Time, consumerID string, d distribution, stored consumer.Export) *participant {
	s := &participant{now: now, blank: consumer.Participation{
		OrganizationID: organizationID, ConsumerID: consumerID,
		Type: d.Type, ID: d.ID, ExperienceID: d.ExperienceID, SequenceID: d.SequenceID,
	}}
	for _, p := range stored.Participations {
		if p.Type == d.Type && p.ID == d.ID {
			s.participation = &p
		}
	}
	for _, a := range stored.Admissions {
		if a.DistributionType == d.Type && a.DistributionID == d.ID {
			s.admission = &a
		}
	}
	return s
}

// isActive, isLive and isAdmitted are about now, so what expired does not count.
func (s *participant) isActive() bool {
	return s.participation != nil && s.participation.ActiveAt(s.now)
}
func (s *participant) isLive() bool { return s.admission != nil && s.admission.LiveAt(s.now) }
func (s *participant) isAdmitted() bool {
	return s.isLive() || s.isActive() && s.participation.Admitting()
}

// do carries out an action, or returns errUnknownAction or errNotNow.
func (s *participant) do(name string) error {
	if name == enter {
		s.enter()
		return nil
	}
	all := actions()
	i := slices.IndexFunc(all, func(a action) bool { return a.Name == name && a.Type == s.blank.Type })
	if i < 0 {
		return errUnknownAction
	}
	a := all[i]
	switch {
	case s.isActive() && !slices.Contains(a.From, s.participation.Status), a.Admits && s.isAdmitted():
		return errNotNow
	case s.isActive():
	case s.isLive() && (name == expire || name == leave): // of an admission alone
	default:
		return errNotNow
	}
	switch name {
	case expire:
		s.expire()
	case leave:
		s.leave()
	default:
		s.change(a)
	}
	return nil
}

// enter replaces whatever is recorded with a new entry.
func (s *participant) enter() {
	p := s.blank
	p.Status, p.EnteredAt = p.Type.ActiveStatuses()[0], s.now
	switch p.Type {
	case consumer.Queue:
		p.Position = new(int64(7))
		if p.ID == movingQueue {
			p.Position, p.Ticket = new(int64(movingTicket-1)), new(int64(movingTicket))
		}
	case consumer.TimedRelease:
		p.SelectedVariantID = new("variant_demo_medium")
	}
	s.writeParticipation(p)
	s.endAdmission()
}

// change sets the status and the fields that belong to the action.
func (s *participant) change(a action) {
	p := *s.participation
	p.Status = a.to
	if a.Admits {
		p.AdmittedAt, p.ExpiresAt = new(s.now), new(s.now.Add(admissionLifetime))
		p.AdmissionToken = new("demo-admission-" + rand.Text())
	}
	if a.Admits && p.Type == consumer.Queue {
		p.Position = new(int64(0))
	}
	if a.Name == bid {
		count := int64(1)
		if p.BidCount != nil {
			count += *p.BidCount
		}
		p.BidCount, p.LastBidTime = new(count), new(s.now)
		p.LastBidAmount = new(consumer.Amount(fmt.Sprintf("%d.00", 220+10*count)))
	}
	s.writeParticipation(p)
}

// expire ends the admission, or the participation if there is no admission.
func (s *participant) expire() {
	end := new(s.now.Add(expiryDelay))
	if s.isActive() && (s.participation.Admitting() || !s.isLive()) {
		p := *s.participation
		p.ExpiresAt = end
		s.writeParticipation(p)
	}
	if s.isLive() {
		a := *s.admission
		a.ExpiresAt = end
		s.writeAdmission(a)
	}
}

func (s *participant) leave() {
	if s.isActive() {
		p := *s.participation
		p.Status = consumer.StatusLeft
		s.writeParticipation(p)
	}
	s.endAdmission()
}

// endAdmission ends a separate admission, which the end of the participation does not.
func (s *participant) endAdmission() {
	if s.isLive() {
		a := *s.admission
		a.EndedAt = new(s.now)
		s.writeAdmission(a)
	}
}

func (s *participant) writeParticipation(p consumer.Participation) {
	p.OrganizationID, p.ConsumerID = s.blank.OrganizationID, s.blank.ConsumerID
	p.UpdatedAt = s.now
	if s.participation != nil {
		p.UpdatedAt = newerThan(s.participation.UpdatedAt, s.now)
	}
	s.written.Participations = append(s.written.Participations, p)
}

func (s *participant) writeAdmission(a consumer.Admission) {
	a.OrganizationID, a.ConsumerID = s.blank.OrganizationID, s.blank.ConsumerID
	a.UpdatedAt = newerThan(s.admission.UpdatedAt, s.now)
	s.written.Admissions = append(s.written.Admissions, a)
}
