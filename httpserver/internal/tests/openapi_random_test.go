package tests_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
)

// The documents of all records that a store accepts match the description.
func TestDocumentsOfAnySnapshotAreDescribed(t *testing.T) {
	w := newWorld(t)
	token := w.token(org, "cons_any")
	rapid.Check(t, func(t *rapid.T) {
		w.add(genSnapshot().Draw(t, "snapshot"))
		me := do(w.Handler, http.MethodGet, prefix+"/me", "X-Publishable-Key", publishable, "Authorization", "Bearer "+token)
		lookup := do(w.Handler, http.MethodGet, prefix+"/cons_any", "Authorization", "Bearer "+secret)
		for target, response := range map[string]*http.Response{prefix + "/me": me, prefix + "/cons_any": lookup} {
			if response.StatusCode != http.StatusOK {
				t.Fatalf("status %d", response.StatusCode)
			}
			if err := checkDescribed(http.MethodGet, target, response); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// genSnapshot generates records that a store accepts.
func genSnapshot() *rapid.Generator[consumer.Snapshot] {
	return rapid.Custom(func(t *rapid.T) consumer.Snapshot {
		s := consumer.Snapshot{
			Consumer: consumer.Consumer{
				OrganizationID: org, ID: "cons_any", CreatedAt: genMoment().Draw(t, "createdAt"), UpdatedAt: now,
				Email:    optional(t, "email", rapid.SampledFrom([]string{"a@example.com", "a+b@sub.example.com"})),
				Phone:    optional(t, "phone", rapid.StringMatching(`\+[1-9][0-9]{6,14}`)),
				FullName: optional(t, "fullName", rapid.StringN(1, 20, -1).Filter(func(s string) bool { return !strings.ContainsRune(s, 0) })),
			},
			Participations: rapid.SliceOfNDistinct(genParticipation(), 0, 8, func(p consumer.Participation) string {
				return string(p.Type) + p.ID
			}).Draw(t, "participations"),
			Admissions: rapid.SliceOfNDistinct(genAdmission(), 0, 4, func(a consumer.Admission) string {
				return string(a.DistributionType) + a.DistributionID
			}).Draw(t, "admissions"),
		}
		valid(t, s.Consumer.Validate())
		return s
	})
}

func genParticipation() *rapid.Generator[consumer.Participation] {
	return rapid.Custom(func(t *rapid.T) consumer.Participation {
		kind := rapid.SampledFrom(consumer.DistributionTypes()).Draw(t, "type")
		active := rapid.SampledFrom(kind.ActiveStatuses())
		p := consumer.Participation{
			OrganizationID: org, ConsumerID: "cons_any", Type: kind,
			ID: genID().Draw(t, "id"), ExperienceID: genID().Draw(t, "experienceId"), SequenceID: genID().Draw(t, "sequenceId"),
			Status:    rapid.OneOf(active, active, rapid.SampledFrom(kind.TerminalStatuses())).Draw(t, "status"),
			EnteredAt: genMoment().Draw(t, "enteredAt"), UpdatedAt: now,
			ExpiresAt: optional(t, "expiresAt", genMoment()),
		}
		if kind.Admits() {
			p.AdmittedAt = optional(t, "admittedAt", genMoment())
			if !kind.IsActive(p.Status) || kind.IsAdmitting(p.Status) {
				p.AdmissionToken = optional(t, "admissionToken", genText())
			}
		}
		switch kind {
		case consumer.Queue:
			p.Position = optional(t, "position", genCount())
		case consumer.Auction:
			p.LastBidAmount = optional(t, "lastBidAmount", genAmount())
			p.LastBidTime = optional(t, "lastBidTime", genMoment())
			p.BidCount = optional(t, "bidCount", genCount())
		case consumer.TimedRelease:
			p.SelectedVariantID = optional(t, "selectedVariantId", genID())
		}
		valid(t, p.Validate())
		return p
	})
}

func genAdmission() *rapid.Generator[consumer.Admission] {
	return rapid.Custom(func(t *rapid.T) consumer.Admission {
		a := consumer.Admission{
			OrganizationID: org, ConsumerID: "cons_any",
			DistributionType: rapid.SampledFrom(consumer.DistributionTypes()).Filter(consumer.DistributionType.Admits).Draw(t, "distributionType"),
			DistributionID:   genID().Draw(t, "distributionId"),
			ExperienceID:     genID().Draw(t, "experienceId"),
			SequenceID:       genID().Draw(t, "sequenceId"),
			AdmissionToken:   genText().Draw(t, "admissionToken"),
			AdmittedAt:       genMoment().Draw(t, "admittedAt"),
			UpdatedAt:        now,
			ExpiresAt:        optional(t, "expiresAt", genMoment()),
			EndedAt:          optional(t, "endedAt", genMoment()),
		}
		valid(t, a.Validate())
		return a
	})
}

// valid checks that a store accepts what a generator returns.
func valid(t *rapid.T, err error) {
	if err != nil {
		t.Fatalf("the generator is wrong: %v", err)
	}
}

// genID generates few ids, so that some are equal, with every kind of character.
func genID() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"a", "a", "B", "...", "me", "A.z_0:~-9", strings.Repeat("x", 128)})
}

// genMoment generates times before and after now, with and without a fraction.
func genMoment() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		distance := rapid.SampledFrom([]time.Duration{-time.Hour, 0, time.Hour, 24 * time.Hour}).Draw(t, "distance")
		fraction := rapid.SampledFrom([]time.Duration{0, 0, 500 * time.Millisecond, time.Microsecond, 999_999_999}).Draw(t, "fraction")
		zone := rapid.SampledFrom([]*time.Location{time.UTC, time.FixedZone("east", 7200)}).Draw(t, "zone")
		return now.Add(distance + fraction).In(zone)
	})
}

func genText() *rapid.Generator[string] { return rapid.SampledFrom([]string{"t", "a b\"\\é\n"}) }

func genCount() *rapid.Generator[int64] { return rapid.SampledFrom([]int64{0, 1, 1<<53 - 1}) }

func genAmount() *rapid.Generator[consumer.Amount] {
	return rapid.SampledFrom([]consumer.Amount{"0", "0.00000001", "250.00", "999999999999.99999999"})
}

func optional[V any](t *rapid.T, name string, values *rapid.Generator[V]) *V {
	if rapid.Bool().Draw(t, name+" is set") {
		return new(values.Draw(t, name))
	}
	return nil
}
