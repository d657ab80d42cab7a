package consumer_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
)

// normalCases are times and their normalized form.
var normalCases = []struct {
	name     string
	in, want time.Time
}{
	{"stays as it is", noon, noon},
	{"keeps microseconds", noon.Add(123456 * time.Microsecond), noon.Add(123456 * time.Microsecond)},
	{"truncates nanoseconds", noon.Add(1999 * time.Nanosecond), noon.Add(time.Microsecond)},
	{"never rounds up to the next second", noon.Add(999_999_999), noon.Add(999_999_000)},
	{"goes to UTC", noon.In(time.FixedZone("east", 5400)), noon},
	{
		"truncates backwards before 1970 too",
		time.Date(1969, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
	},
	{
		"truncates backwards in the first years",
		time.Date(2, 1, 1, 0, 0, 0, 1999, time.UTC),
		time.Date(2, 1, 1, 0, 0, 0, 1000, time.UTC),
	},
}

func TestNormalizedTimes(t *testing.T) {
	for _, c := range normalCases {
		t.Run(c.name, func(t *testing.T) {
			checkNormalTimes(t, c.want, profileTimes(c.in))
			checkNormalTimes(t, c.want, participationTimes(c.in))
			checkNormalTimes(t, c.want, admissionTimes(c.in))
			checkNormalTimes(t, c.want, []time.Time{validKey(func(k *consumer.APIKey) { k.CreatedAt = c.in }).Normalized().CreatedAt})
		})
	}
}

func profileTimes(in time.Time) []time.Time {
	c := validConsumer(func(c *consumer.Consumer) { c.CreatedAt, c.UpdatedAt = in, in }).Normalized()
	return []time.Time{c.CreatedAt, c.UpdatedAt}
}

func participationTimes(in time.Time) []time.Time {
	p := validParticipation("auction", func(p *consumer.Participation) {
		p.EnteredAt, p.UpdatedAt = in, in
		p.AdmittedAt, p.ExpiresAt, p.LastBidTime = new(in), new(in), new(in)
	}).Normalized()
	return []time.Time{p.EnteredAt, *p.AdmittedAt, *p.ExpiresAt, p.UpdatedAt, *p.LastBidTime}
}

func admissionTimes(in time.Time) []time.Time {
	a := validAdmission(func(a *consumer.Admission) {
		a.AdmittedAt, a.UpdatedAt = in, in
		a.ExpiresAt, a.EndedAt = new(in), new(in)
	}).Normalized()
	return []time.Time{a.AdmittedAt, *a.ExpiresAt, *a.EndedAt, a.UpdatedAt}
}

// checkNormalTimes compares the location as well, which go-cmp does not.
func checkNormalTimes(t *testing.T, want time.Time, got []time.Time) {
	t.Helper()
	for i, moment := range got {
		if !moment.Equal(want) || moment.Location() != time.UTC {
			t.Errorf("time %d: got %v, want %v", i, moment, want)
		}
	}
}

func TestNormalizedLeavesTheReceiverAlone(t *testing.T) {
	odd := noon.In(time.FixedZone("east", 3600)).Add(1999)
	p := validParticipation("auction", func(p *consumer.Participation) {
		p.AdmittedAt, p.ExpiresAt, p.LastBidTime = new(odd), new(odd), new(odd)
	})
	a := validAdmission(func(a *consumer.Admission) { a.ExpiresAt, a.EndedAt = new(odd), new(odd) })
	p.Normalized()
	a.Normalized()
	for i, moment := range []*time.Time{p.AdmittedAt, p.ExpiresAt, p.LastBidTime, a.ExpiresAt, a.EndedAt} {
		if *moment != odd {
			t.Errorf("time %d became %v", i, *moment)
		}
	}
}

func TestNormalizingTwiceChangesNothingMore(t *testing.T) {
	anyRecord(t,
		func(t *rapid.T) { checkIdempotent(t, genConsumer().Draw(t, "record"), consumer.Consumer.Normalized) },
		func(t *rapid.T) {
			checkIdempotent(t, genParticipation().Draw(t, "record"), consumer.Participation.Normalized)
		},
		func(t *rapid.T) { checkIdempotent(t, genAdmission().Draw(t, "record"), consumer.Admission.Normalized) },
	)
}

// checkIdempotent also requires that a normalized record does not change.
func checkIdempotent[R any](t *rapid.T, record R, normalized func(R) R) {
	if diff := cmp.Diff(record, normalized(record)); diff != "" {
		t.Errorf("a normal record changed (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(normalized(record), normalized(normalized(record))); diff != "" {
		t.Errorf("once and twice (-once +twice):\n%s", diff)
	}
}
