package main

import (
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

const (
	// expiryDelay is how far ahead an act that expires something puts the end, so that
	// it comes without a write while the tester looks on.
	expiryDelay = 3 * time.Second
	// admissionLifetime is how long an admission lasts that an act grants.
	admissionLifetime = 15 * time.Minute
)

// scene is one consumer in one distribution, at the moment of an act.
type scene struct {
	now           time.Time
	blank         consumer.Participation // of the distribution, with nothing in it
	participation *consumer.Participation
	admission     *consumer.Admission
	written       consumer.Batch
}

func newScene(now time.Time, organizationID, consumerID string, d distribution, stored consumer.Export) *scene {
	s := &scene{now: now, blank: consumer.Participation{
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

// takesPart and isLive are about now, so that what expired counts as gone.
func (s *scene) takesPart() bool { return s.participation != nil && s.participation.ActiveAt(s.now) }
func (s *scene) isLive() bool    { return s.admission != nil && s.admission.LiveAt(s.now) }
func (s *scene) isAdmitted() bool {
	return s.isLive() || s.takesPart() && s.participation.Admitting()
}

func (s *scene) play(action string) error {
	if action == actionEnter {
		s.enter()
		return nil
	}
	all := acts()
	i := slices.IndexFunc(all, func(a act) bool { return a.Action == action && a.Type == s.blank.Type })
	if i < 0 {
		return errUnknownAct
	}
	a := all[i]
	switch {
	case s.takesPart() && !slices.Contains(a.From, s.participation.Status), a.Admits && s.isAdmitted():
		return errNotNow
	case s.takesPart():
	case s.isLive() && (action == actionExpire || action == actionLeave): // of an admission alone
	default:
		return errNotNow
	}
	switch action {
	case actionExpire:
		s.expire()
	case actionLeave:
		s.leave()
	default:
		s.become(a)
	}
	return nil
}

// enter begins anew, whatever was before.
func (s *scene) enter() {
	p := s.blank
	p.Status, p.EnteredAt = p.Type.ActiveStatuses()[0], s.now
	switch p.Type {
	case consumer.Queue:
		p.Position = new(int64(7))
	case consumer.TimedRelease:
		p.SelectedVariantID = new("variant_demo_medium")
	}
	s.writeParticipation(p)
	s.endAdmission()
}

// become changes the status, with what else that changes.
func (s *scene) become(a act) {
	p := *s.participation
	p.Status = a.to
	if a.Admits {
		p.AdmittedAt, p.ExpiresAt = new(s.now), new(s.now.Add(admissionLifetime))
		p.AdmissionToken = new("demo-admission-" + rand.Text())
	}
	if a.Admits && p.Type == consumer.Queue {
		p.Position = new(int64(0))
	}
	if a.Action == actionBid {
		count := int64(1)
		if p.BidCount != nil {
			count += *p.BidCount
		}
		p.BidCount, p.LastBidTime = new(count), new(s.now)
		p.LastBidAmount = new(consumer.Amount(fmt.Sprintf("%d.00", 220+10*count)))
	}
	s.writeParticipation(p)
}

// expire puts an end to what admits, and otherwise to taking part.
func (s *scene) expire() {
	end := new(s.now.Add(expiryDelay))
	if s.takesPart() && (s.participation.Admitting() || !s.isLive()) {
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

func (s *scene) leave() {
	if s.takesPart() {
		p := *s.participation
		p.Status = consumer.StatusLeft
		s.writeParticipation(p)
	}
	s.endAdmission()
}

// endAdmission ends what was granted apart: the end of the participation doesn't.
func (s *scene) endAdmission() {
	if s.isLive() {
		a := *s.admission
		a.EndedAt = new(s.now)
		s.writeAdmission(a)
	}
}

func (s *scene) writeParticipation(p consumer.Participation) {
	p.OrganizationID, p.ConsumerID = s.blank.OrganizationID, s.blank.ConsumerID
	p.UpdatedAt = s.now
	if s.participation != nil {
		p.UpdatedAt = newerThan(s.participation.UpdatedAt, s.now)
	}
	s.written.Participations = append(s.written.Participations, p)
}

func (s *scene) writeAdmission(a consumer.Admission) {
	a.OrganizationID, a.ConsumerID = s.blank.OrganizationID, s.blank.ConsumerID
	a.UpdatedAt = newerThan(s.admission.UpdatedAt, s.now)
	s.written.Admissions = append(s.written.Admissions, a)
}
