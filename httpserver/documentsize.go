package httpserver

import (
	"unsafe"

	"github.com/rejoinhq/rejoin/consumer"
)

// size returns the memory that the document takes in a cache.
func (d *document) size() int64 {
	size := int64(cap(d.body)) + documentOverhead
	size += int64(len(d.dependencies)) * int64(unsafe.Sizeof(dependency{}))
	if d.snapshot != nil {
		size += snapshotSize(d.snapshot)
	}
	return size
}

// snapshotSize returns the memory that a snapshot takes, about.
func snapshotSize(s *consumer.Snapshot) int64 {
	size := int64(unsafe.Sizeof(*s))
	size += textSize(&s.Consumer.OrganizationID, &s.Consumer.ID, s.Consumer.Email, s.Consumer.Phone, s.Consumer.FullName)
	for i := range s.Participations {
		p := &s.Participations[i]
		size += int64(unsafe.Sizeof(*p)) + pointersSize
		size += textSize(&p.OrganizationID, &p.ConsumerID, &p.ID, &p.ExperienceID, &p.SequenceID, p.AdmissionToken, p.SelectedVariantID, p.DenyReason)
	}
	for i := range s.Admissions {
		a := &s.Admissions[i]
		size += int64(unsafe.Sizeof(*a)) + pointersSize
		size += textSize(&a.OrganizationID, &a.ConsumerID, &a.DistributionID, &a.ExperienceID, &a.SequenceID, &a.AdmissionToken)
	}
	for i := range s.Distributions {
		d := &s.Distributions[i]
		size += int64(unsafe.Sizeof(*d)) + pointersSize
		size += textSize(&d.OrganizationID, &d.ID)
	}
	return size
}

// pointersSize is the memory behind the pointers of a record to times and numbers.
const pointersSize = 64

// textSize returns the memory of strings, some of which may be nil.
func textSize(texts ...*string) (size int64) {
	for _, text := range texts {
		if text != nil {
			size += int64(len(*text))
		}
	}
	return size
}
