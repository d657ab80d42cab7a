package journey_test

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
)

// The alphabets are small, so that collisions, ties, expiries and unknown values are
// frequent.

func genSmallID() *rapid.Generator[string] { return rapid.SampledFrom([]string{"a", "b", "B", ""}) }

func genExperience() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"e1", "e1", "e1", "e2", ""})
}

func genSequence() *rapid.Generator[string] { return rapid.SampledFrom([]string{"s1", "s1", "s2"}) }

func genType() *rapid.Generator[consumer.DistributionType] {
	return rapid.SampledFrom([]consumer.DistributionType{"queue", "draw", "auction", "timed_release", "waitlist", "raffle"})
}

// genStatus draws the active statuses of a type more often than all others.
func genStatus(kind consumer.DistributionType) *rapid.Generator[consumer.Status] {
	active := map[consumer.DistributionType][]consumer.Status{
		"queue": {"QUEUED", "ADMITTED"}, "draw": {"ENTERED", "WON"}, "auction": {"OUTBID", "WON"},
		"timed_release": {"ENTERED"}, "waitlist": {"WAITING", "NOTIFIED"}, "raffle": {"ENTERED"},
	}
	others := rapid.SampledFrom([]consumer.Status{"COMPLETED", "LEFT", "EXPIRED", "LOST", "ADMITTED", "WON", "ENTERED", "PAUSED", ""})
	return rapid.OneOf(rapid.SampledFrom(active[kind]), rapid.SampledFrom(active[kind]), others)
}

// genMoment draws different times, times that differ by less than a microsecond, and equal
// times in two zones.
func genMoment() *rapid.Generator[time.Time] {
	return rapid.SampledFrom([]time.Time{
		{}, at(-2), at(-1), at(-1).Add(999), at(-1).Add(time.Microsecond),
		at(-1).In(time.FixedZone("east", 7200)), now, at(1),
	})
}

func genExpiry() *rapid.Generator[time.Time] {
	return rapid.SampledFrom([]time.Time{
		at(-1), now, now.In(time.FixedZone("west", -3600)), now.Add(999),
		now.Add(time.Microsecond), at(1), at(1), at(1), {},
	})
}

func optional[V any](t *rapid.T, name string, values *rapid.Generator[V]) *V {
	if rapid.Bool().Draw(t, name+" is set") {
		return new(values.Draw(t, name))
	}
	return nil
}

func genPart() *rapid.Generator[consumer.Participation] {
	return rapid.Custom(func(t *rapid.T) consumer.Participation {
		kind := genType().Draw(t, "type")
		return consumer.Participation{
			ConsumerID:        "cons_1",
			Type:              kind,
			ID:                genSmallID().Draw(t, "id"),
			ExperienceID:      genExperience().Draw(t, "experienceId"),
			SequenceID:        genSequence().Draw(t, "sequenceId"),
			Status:            genStatus(kind).Draw(t, "status"),
			EnteredAt:         genMoment().Draw(t, "enteredAt"),
			Position:          optional(t, "position", rapid.Int64Range(0, 2)),
			Ticket:            optional(t, "ticket", rapid.Int64Range(1, 5)),
			AdmittedAt:        optional(t, "admittedAt", genMoment()),
			AdmissionToken:    optional(t, "admissionToken", rapid.SampledFrom([]string{"t", "t", "t", ""})),
			ExpiresAt:         optional(t, "expiresAt", genExpiry()),
			UpdatedAt:         genMoment().Draw(t, "updatedAt"),
			LastBidAmount:     optional(t, "lastBidAmount", rapid.SampledFrom([]consumer.Amount{"0", "250.00", "0.10"})),
			LastBidTime:       optional(t, "lastBidTime", genMoment()),
			BidCount:          optional(t, "bidCount", rapid.Int64Range(0, 2)),
			SelectedVariantID: optional(t, "selectedVariantId", genSmallID()),
			DenyReason:        optional(t, "denyReason", rapid.Just("sold out")),
		}
	})
}

func genGrant() *rapid.Generator[consumer.Admission] {
	return rapid.Custom(func(t *rapid.T) consumer.Admission {
		a := consumer.Admission{
			DistributionType: genType().Draw(t, "distributionType"),
			DistributionID:   genSmallID().Draw(t, "distributionId"),
			ExperienceID:     genExperience().Draw(t, "experienceId"),
			SequenceID:       genSequence().Draw(t, "sequenceId"),
			AdmissionToken:   rapid.SampledFrom([]string{"t", "t", "t", ""}).Draw(t, "admissionToken"),
			AdmittedAt:       genMoment().Draw(t, "admittedAt"),
			ExpiresAt:        optional(t, "expiresAt", genExpiry()),
			UpdatedAt:        genMoment().Draw(t, "updatedAt"),
		}
		if rapid.IntRange(0, 3).Draw(t, "ended") == 0 {
			a.EndedAt = new(genMoment().Draw(t, "endedAt"))
		}
		return a
	})
}

// genGrants draws admissions, half of them for the distribution of a participation,
// and most of these in its sequence.
func genGrants(parts []consumer.Participation) *rapid.Generator[[]consumer.Admission] {
	near := rapid.Custom(func(t *rapid.T) consumer.Admission {
		a := genGrant().Draw(t, "admission")
		if len(parts) > 0 && rapid.Bool().Draw(t, "of a participation") {
			p := rapid.SampledFrom(parts).Draw(t, "participation")
			a.DistributionType, a.DistributionID = p.Type, p.ID
			if rapid.IntRange(0, 3).Draw(t, "elsewhere") > 0 {
				a.ExperienceID, a.SequenceID = p.ExperienceID, p.SequenceID
			}
		}
		return a
	})
	return rapid.SliceOfN(near, 0, 6)
}

// genDistributions draws distributions, most of them those of a participation.
func genDistributions(parts []consumer.Participation) *rapid.Generator[[]consumer.Distribution] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) consumer.Distribution {
		d := consumer.Distribution{
			Type:      genType().Draw(t, "type"),
			ID:        genSmallID().Draw(t, "id"),
			Serving:   optional(t, "serving", rapid.Int64Range(0, 4)),
			EndedAt:   optional(t, "endedAt", genExpiry()),
			WinnerID:  optional(t, "winnerId", rapid.SampledFrom([]string{"cons_1", "cons_2"})),
			UpdatedAt: genMoment().Draw(t, "updatedAt"),
		}
		if len(parts) > 0 && rapid.IntRange(0, 3).Draw(t, "of a participation") > 0 {
			p := rapid.SampledFrom(parts).Draw(t, "participation")
			d.Type, d.ID = p.Type, p.ID
		}
		return d
	}), 0, 6)
}

// genSnapshot draws any records, also several of one key.
func genSnapshot() *rapid.Generator[consumer.Snapshot] {
	return rapid.Custom(func(t *rapid.T) consumer.Snapshot {
		parts := rapid.SliceOfN(genPart(), 0, 10).Draw(t, "participations")
		grants := genGrants(parts).Draw(t, "admissions")
		return withOwnTokens(consumer.Snapshot{
			Participations: parts, Admissions: grants, Distributions: genDistributions(parts).Draw(t, "distributions"),
		})
	})
}

// genStoredSnapshot draws what a store returns: each key once.
func genStoredSnapshot() *rapid.Generator[consumer.Snapshot] {
	return rapid.Map(genSnapshot(), func(s consumer.Snapshot) consumer.Snapshot {
		return consumer.Snapshot{
			Participations: firstOfEach(s.Participations, partKey), Admissions: firstOfEach(s.Admissions, grantKey),
			Distributions: firstOfEach(s.Distributions, distributionKey),
		}
	})
}

func firstOfEach[R any](all []R, key func(R) string) []R {
	var kept []R
	seen := make(map[string]bool)
	for _, record := range all {
		if !seen[key(record)] {
			seen[key(record)] = true
			kept = append(kept, record)
		}
	}
	return kept
}

func partKey(p consumer.Participation) string { return string(p.Type) + "/" + p.ID }

func grantKey(a consumer.Admission) string {
	return string(a.DistributionType) + "/" + a.DistributionID
}

func distributionKey(d consumer.Distribution) string { return string(d.Type) + "/" + d.ID }

// withOwnTokens makes every non-empty token different, so that a token in the document
// identifies its record.
func withOwnTokens(s consumer.Snapshot) consumer.Snapshot {
	for i := range s.Participations {
		if p := &s.Participations[i]; p.AdmissionToken != nil && *p.AdmissionToken != "" {
			p.AdmissionToken = new(fmt.Sprintf("token of participation %d", i))
		}
	}
	for i := range s.Admissions {
		if a := &s.Admissions[i]; a.AdmissionToken != "" {
			a.AdmissionToken = fmt.Sprintf("token of admission %d", i)
		}
	}
	return s
}

// genWildSnapshot draws records that no store returns: years that JSON cannot express,
// strings that are not UTF-8, invalid amounts.
func genWildSnapshot() *rapid.Generator[consumer.Snapshot] {
	texts := rapid.SampledFrom([]string{"", "\xff", "\x00", "a", "\u2028"})
	moments := rapid.SampledFrom([]time.Time{
		{}, now, time.Unix(1<<62, 0), time.Unix(-1<<62, 0), time.Date(-1, 1, 1, 0, 0, 0, 1, time.UTC),
		time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
	})
	return rapid.Custom(func(t *rapid.T) consumer.Snapshot {
		s := genSnapshot().Draw(t, "records")
		for i := range s.Participations {
			p := &s.Participations[i]
			p.ID, p.EnteredAt, p.ExpiresAt = texts.Draw(t, "id"), moments.Draw(t, "enteredAt"), optional(t, "expiresAt", moments)
			p.AdmissionToken, p.AdmittedAt = optional(t, "admissionToken", texts), optional(t, "admittedAt", moments)
			p.LastBidAmount = new(consumer.Amount(texts.Draw(t, "lastBidAmount")))
			p.BidCount, p.UpdatedAt = new(rapid.Int64().Draw(t, "bidCount")), moments.Draw(t, "updatedAt")
		}
		for i := range s.Admissions {
			a := &s.Admissions[i]
			a.DistributionID, a.AdmittedAt, a.AdmissionToken = texts.Draw(t, "distributionId"), moments.Draw(t, "admittedAt"), texts.Draw(t, "token")
			a.ExpiresAt, a.UpdatedAt = optional(t, "expiresAt", moments), moments.Draw(t, "updatedAt")
		}
		for i := range s.Distributions {
			d := &s.Distributions[i]
			d.ID, d.EndedAt, d.UpdatedAt = texts.Draw(t, "id"), optional(t, "endedAt", moments), moments.Draw(t, "updatedAt")
			d.Serving = optional(t, "serving", rapid.Int64())
		}
		return s
	})
}

// deepCopy shares no memory with s.
func deepCopy(s consumer.Snapshot) consumer.Snapshot {
	var twin consumer.Snapshot
	twin.Consumer = s.Consumer
	for _, p := range s.Participations {
		p.Position, p.Ticket, p.BidCount = again(p.Position), again(p.Ticket), again(p.BidCount)
		p.AdmittedAt, p.ExpiresAt, p.LastBidTime = again(p.AdmittedAt), again(p.ExpiresAt), again(p.LastBidTime)
		p.AdmissionToken, p.LastBidAmount = again(p.AdmissionToken), again(p.LastBidAmount)
		p.SelectedVariantID, p.DenyReason = again(p.SelectedVariantID), again(p.DenyReason)
		twin.Participations = append(twin.Participations, p)
	}
	for _, a := range s.Admissions {
		a.ExpiresAt, a.EndedAt = again(a.ExpiresAt), again(a.EndedAt)
		twin.Admissions = append(twin.Admissions, a)
	}
	for _, d := range s.Distributions {
		d.Serving, d.EndedAt, d.WinnerID = again(d.Serving), again(d.EndedAt), again(d.WinnerID)
		twin.Distributions = append(twin.Distributions, d)
	}
	return twin
}

func again[V any](p *V) *V {
	if p == nil {
		return nil
	}
	return new(*p)
}

// genTexts draws texts that JSON must escape or cannot express.
func genTexts() *rapid.Generator[consumer.Snapshot] {
	bytes := rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 4), func(b []byte) string { return string(b) })
	texts := rapid.OneOf(rapid.String(), bytes, rapid.SampledFrom([]string{"a", "<&>", `"`, `\`, "\u2028", "é", "\x7f", "\ufffd", "\xff"}))
	return rapid.Custom(func(t *rapid.T) consumer.Snapshot {
		s := genSnapshot().Draw(t, "records")
		for i := range s.Participations {
			p := &s.Participations[i]
			p.ID, p.ExperienceID, p.SequenceID = texts.Draw(t, "id"), texts.Draw(t, "experienceId"), texts.Draw(t, "sequenceId")
			p.AdmissionToken, p.SelectedVariantID = optional(t, "admissionToken", texts), optional(t, "selectedVariantId", texts)
		}
		for i := range s.Admissions {
			a := &s.Admissions[i]
			a.DistributionID, a.AdmissionToken = texts.Draw(t, "distributionId"), texts.Draw(t, "token")
			a.ExperienceID, a.SequenceID = texts.Draw(t, "experienceId"), texts.Draw(t, "sequenceId")
		}
		return s
	})
}
