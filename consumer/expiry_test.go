package consumer_test

import (
	"slices"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// expiryCases are the same for participations and admissions (contract, section 4).
var expiryCases = []struct {
	name      string
	expiresAt *time.Time
	want      bool
}{
	{"without expiresAt", nil, true},
	{"a microsecond before expiry", new(noon.Add(time.Microsecond)), true},
	{"exactly at expiry", new(noon), false},
	{"a microsecond after expiry", new(noon.Add(-time.Microsecond)), false},
	{"exactly at expiry in another zone", new(noon.In(time.FixedZone("east", 7200))), false},
	{"long after expiry", new(time.Time{}), false},
}

func TestParticipationIsActiveUntilItExpires(t *testing.T) {
	for _, kind := range allTypes() {
		for _, c := range expiryCases {
			t.Run(string(kind)+" "+c.name, func(t *testing.T) {
				p := validParticipation(kind, func(p *consumer.Participation) {
					p.Status, p.ExpiresAt = kind.ActiveStatuses()[0], c.expiresAt
				})
				if got := p.ActiveAt(noon); got != c.want {
					t.Errorf("got %v, want %v", got, c.want)
				}
			})
		}
	}
}

func TestParticipationIsActiveByItsStatus(t *testing.T) {
	for _, kind := range append(allTypes(), "raffle") {
		for _, status := range allStatuses() {
			p := validParticipation(kind, func(p *consumer.Participation) { p.Status = status })
			if got, want := p.ActiveAt(noon), slices.Contains(contractTable[kind].active, status); got != want {
				t.Errorf("%s %s: got %v, want %v", kind, status, got, want)
			}
		}
	}
}

func TestAdmissionIsLiveUntilItExpires(t *testing.T) {
	for _, c := range expiryCases {
		t.Run(c.name, func(t *testing.T) {
			a := validAdmission(func(a *consumer.Admission) { a.ExpiresAt = c.expiresAt })
			if got := a.LiveAt(noon); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestAdmissionIsLive(t *testing.T) {
	cases := []struct {
		name string
		edit func(*consumer.Admission)
		want bool
	}{
		{"not once it was ended", func(a *consumer.Admission) { a.EndedAt = new(noon.Add(-time.Hour)) }, false},
		{"not with any endedAt", func(a *consumer.Admission) { a.EndedAt = new(noon.Add(time.Hour)) }, false},
		{"not of a waitlist", func(a *consumer.Admission) { a.DistributionType = "waitlist" }, false},
		{"not of an unknown type", func(a *consumer.Admission) { a.DistributionType = "raffle" }, false},
		{"not without a token", func(a *consumer.Admission) { a.AdmissionToken = "" }, false},
		{"of a queue", func(a *consumer.Admission) { a.DistributionType = "queue" }, true},
		{"of a draw", func(a *consumer.Admission) { a.DistributionType = "draw" }, true},
		{"of an auction", func(a *consumer.Admission) { a.DistributionType = "auction" }, true},
		{"of a timed release", func(a *consumer.Admission) { a.DistributionType = "timed_release" }, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := validAdmission(c.edit).LiveAt(noon); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestParticipationAdmitsWithATokenAndAnAdmittingStatus(t *testing.T) {
	tokens := map[string]*string{"no token": nil, "an empty token": new(""), "a token": new("token")}
	for _, kind := range append(allTypes(), "raffle") {
		for _, status := range allStatuses() {
			for name, token := range tokens {
				p := validParticipation(kind, func(p *consumer.Participation) { p.Status, p.AdmissionToken = status, token })
				want := name == "a token" && slices.Contains(contractTable[kind].admitting, status)
				if got := p.Admitting(); got != want {
					t.Errorf("%s %s with %s: got %v, want %v", kind, status, name, got, want)
				}
			}
		}
	}
}
