package journey

import (
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// AppendRecords appends the JSON document of everything that is stored about a consumer,
// and returns the extended slice:
//
//	{"consumer": {…}, "participations": [{"shows": "…", …}], "admissions": [{"shows": "…", …}]}
//
// The profile has the fields of [AppendConsumer] and updatedAt, or is null. The records are
// in the record format and in the order of the export. The field shows says whether a
// record is part of the document of [Derive] at now: it is the first of
//   - unknown: the type or status does not exist,
//   - ended: the status is terminal, the admission has endedAt, or the distribution ended,
//   - expired,
//   - carried: an admitting participation of the same sequence carries the admission,
//   - hidden: it is live, but another record takes its place, such as another waitlist of
//     the sequence, or an admission of another type with the same id,
//   - active.
func AppendRecords(dst []byte, export consumer.Export, now time.Time) []byte {
	participations, admissions := explain(export, now)
	dst = append(dst, `{"consumer":`...)
	if c := export.Consumer; c != nil {
		dst = appendProfile(append(dst, '{'), *c)
		dst = appendTime(append(dst, `,"updatedAt":`...), c.UpdatedAt)
		dst = append(dst, '}')
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"participations":[`...)
	for i := range export.Participations {
		p := &export.Participations[i]
		dst = appendRecord(dst, i, participations[i], p.Normalized().Version().Canonical)
	}
	dst = append(dst, `],"admissions":[`...)
	for i := range export.Admissions {
		a := &export.Admissions[i]
		dst = appendRecord(dst, i, admissions[i], a.Normalized().Version().Canonical)
	}
	return append(dst, `]}`...)
}

// appendRecord appends the canonical JSON of the record with index i of a list, with shows
// as its first field.
func appendRecord(dst []byte, i int, why shows, canonical []byte) []byte {
	if i > 0 {
		dst = append(dst, ',')
	}
	dst = append(append(append(dst, `{"shows":"`...), why...), `",`...)
	return append(dst, canonical[1:]...)
}
