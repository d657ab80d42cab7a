package consumer_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
)

// moments that a store must keep in its one form.
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

func TestUpdatedAtOfAProfileDefaultsToCreatedAt(t *testing.T) {
	if got := validConsumer().Normalized().UpdatedAt; !got.Equal(noon) {
		t.Errorf("got %v, want %v", got, noon)
	}
	given := validConsumer(func(c *consumer.Consumer) { c.UpdatedAt = noon.Add(-time.Hour) })
	if got := given.Normalized().UpdatedAt; !got.Equal(noon.Add(-time.Hour)) {
		t.Errorf("a given updatedAt became %v", got)
	}
}

func TestUpdatedAtOfAParticipationDefaultsToTheLatestOfThree(t *testing.T) {
	hour := func(n int) *time.Time { return new(noon.Add(time.Duration(n) * time.Hour)) }
	cases := []struct {
		name string
		edit func(*consumer.Participation)
		want *time.Time
	}{
		{"enteredAt alone", func(*consumer.Participation) {}, hour(0)},
		{"admittedAt", func(p *consumer.Participation) { p.AdmittedAt = hour(2) }, hour(2)},
		{"lastBidTime", func(p *consumer.Participation) { p.AdmittedAt, p.LastBidTime = hour(2), hour(3) }, hour(3)},
		{"admittedAt after lastBidTime", func(p *consumer.Participation) { p.AdmittedAt, p.LastBidTime = hour(3), hour(2) }, hour(3)},
		{"enteredAt after the others", func(p *consumer.Participation) { p.AdmittedAt, p.LastBidTime = hour(-1), hour(-2) }, hour(0)},
		{"never expiresAt", func(p *consumer.Participation) { p.ExpiresAt = hour(5) }, hour(0)},
		{"not when it is given", func(p *consumer.Participation) { p.AdmittedAt, p.UpdatedAt = hour(2), *hour(1) }, hour(1)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := validParticipation("auction", c.edit).Normalized().UpdatedAt; !got.Equal(*c.want) {
				t.Errorf("got %v, want %v", got, *c.want)
			}
		})
	}
}

func TestUpdatedAtOfAnAdmissionDefaultsToTheLatestOfTwo(t *testing.T) {
	hour := func(n int) *time.Time { return new(noon.Add(time.Duration(n) * time.Hour)) }
	cases := []struct {
		name string
		edit func(*consumer.Admission)
		want *time.Time
	}{
		{"admittedAt alone", func(*consumer.Admission) {}, hour(0)},
		{"endedAt", func(a *consumer.Admission) { a.EndedAt = hour(1) }, hour(1)},
		{"admittedAt after endedAt", func(a *consumer.Admission) { a.EndedAt = hour(-1) }, hour(0)},
		{"never expiresAt", func(a *consumer.Admission) { a.ExpiresAt = hour(5) }, hour(0)},
		{"not when it is given", func(a *consumer.Admission) { a.EndedAt, a.UpdatedAt = hour(1), *hour(-3) }, hour(-3)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := validAdmission(c.edit).Normalized().UpdatedAt; !got.Equal(*c.want) {
				t.Errorf("got %v, want %v", got, *c.want)
			}
		})
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
	if !p.UpdatedAt.IsZero() || !a.UpdatedAt.IsZero() {
		t.Error("the receiver's updatedAt was set")
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

// checkIdempotent also holds that a record which is in the form of a store already
// stays as it is.
func checkIdempotent[R any](t *rapid.T, record R, normalized func(R) R) {
	if diff := cmp.Diff(record, normalized(record)); diff != "" {
		t.Errorf("a normal record changed (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(normalized(record), normalized(normalized(record))); diff != "" {
		t.Errorf("once and twice (-once +twice):\n%s", diff)
	}
}
