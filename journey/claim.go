package journey

import (
	"cmp"
	"slices"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// stage is what a claim puts its sequence in, the strongest first.
type stage int

const (
	admitted stage = iota
	participating
	waiting
)

type sequenceKey struct{ experienceID, sequenceID string }

type distributionKey struct {
	kind consumer.DistributionType
	id   string
}

// claim is one record's claim to lead the journey of its sequence: an active
// participation, or a live admission that no participation carries.
type claim struct {
	sequence     sequenceKey
	distribution distributionKey
	stage        stage
	moment       time.Time
	// token and expiresAt are those of the admission, with stage admitted only.
	token     string
	expiresAt *time.Time
	// participation is nil for an admission.
	participation *consumer.Participation
}

// claims returns the claims of all records, those of a sequence together with its
// leader first.
func claims(records records, now time.Time) []claim {
	all := make([]claim, 0, len(records.participations)+len(records.admissions))
	for i := range records.participations {
		p := &records.participations[i]
		if p.ActiveAt(now) {
			all = append(all, participationClaim(p))
		}
	}
	for i := range records.admissions {
		a := &records.admissions[i]
		if a.LiveAt(now) && !records.carried(a, now) {
			all = append(all, admissionClaim(a))
		}
	}
	slices.SortFunc(all, func(a, b claim) int {
		return cmp.Or(a.sequence.compare(b.sequence), a.compare(b))
	})
	return all
}

func participationClaim(p *consumer.Participation) claim {
	c := claim{
		sequence:      sequenceKey{p.ExperienceID, p.SequenceID},
		distribution:  distributionKey{p.Type, p.ID},
		stage:         participating,
		moment:        p.EnteredAt,
		participation: p,
	}
	switch {
	case p.Admitting():
		c.stage, c.token, c.expiresAt = admitted, *p.AdmissionToken, p.ExpiresAt
		if p.AdmittedAt != nil {
			c.moment = *p.AdmittedAt
		}
	case p.Type == consumer.Waitlist:
		c.stage = waiting
	}
	return c
}

func admissionClaim(a *consumer.Admission) claim {
	return claim{
		sequence:     sequenceKey{a.ExperienceID, a.SequenceID},
		distribution: distributionKey{a.DistributionType, a.DistributionID},
		stage:        admitted,
		moment:       a.AdmittedAt,
		token:        a.AdmissionToken,
		expiresAt:    a.ExpiresAt,
	}
}

// compare orders claims by how they lead: the stronger stage, then the latest
// moment, then the type, then the id in byte order.
func (c claim) compare(d claim) int {
	return cmp.Or(
		cmp.Compare(c.stage, d.stage),
		d.moment.Compare(c.moment),
		cmp.Compare(c.distribution.kind.Order(), d.distribution.kind.Order()),
		cmp.Compare(c.distribution.id, d.distribution.id),
	)
}

func (k sequenceKey) compare(l sequenceKey) int {
	return cmp.Or(cmp.Compare(k.experienceID, l.experienceID), cmp.Compare(k.sequenceID, l.sequenceID))
}
