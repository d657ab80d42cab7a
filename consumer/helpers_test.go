package consumer_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
)

// noon is the time of most records in these tests.
var noon = time.Date(2024, 12, 1, 12, 0, 0, 0, time.UTC)

// Invalid times.
var (
	year10000 = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	// beyondInUTC has the year 9999 on the clock of its zone only.
	beyondInUTC = time.Date(9999, 12, 31, 23, 30, 0, 0, time.FixedZone("west", -3600))
	// beforeInUTC has the year 1 on the clock of its zone only.
	beforeInUTC = time.Date(1, 1, 1, 0, 30, 0, 0, time.FixedZone("east", 3600))
)

func validConsumer(edits ...func(*consumer.Consumer)) consumer.Consumer {
	c := consumer.Consumer{OrganizationID: "org_1", ID: "cons_1", CreatedAt: noon, UpdatedAt: noon}
	for _, edit := range edits {
		edit(&c)
	}
	return c
}

// validParticipation is valid for every type: each has the status LEFT, with which
// an admission token is allowed as well.
func validParticipation(kind consumer.DistributionType, edits ...func(*consumer.Participation)) consumer.Participation {
	p := consumer.Participation{
		OrganizationID: "org_1", ConsumerID: "cons_1",
		Type: kind, ID: "dist_1", ExperienceID: "exp_1", SequenceID: "seq_1",
		Status: "LEFT", EnteredAt: noon, UpdatedAt: noon,
	}
	for _, edit := range edits {
		edit(&p)
	}
	return p
}

func validAdmission(edits ...func(*consumer.Admission)) consumer.Admission {
	a := consumer.Admission{
		OrganizationID: "org_1", ConsumerID: "cons_1",
		DistributionType: "queue", DistributionID: "dist_1", ExperienceID: "exp_1", SequenceID: "seq_1",
		AdmissionToken: "token", AdmittedAt: noon, UpdatedAt: noon,
	}
	for _, edit := range edits {
		edit(&a)
	}
	return a
}

func validKey(edits ...func(*consumer.APIKey)) consumer.APIKey {
	k := consumer.APIKey{OrganizationID: "org_1", Kind: "secret", Digest: [32]byte{1}, CreatedAt: noon}
	for _, edit := range edits {
		edit(&k)
	}
	return k
}

// badFields returns the sorted names of a validation error. Their order within one record is
// not part of the contract.
func badFields(t testing.TB, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var invalid *consumer.ValidationError
	if !errors.As(err, &invalid) || !errors.Is(err, consumer.ErrInvalid) {
		t.Fatalf("got the error %v, want a ValidationError that is ErrInvalid", err)
	}
	names := make([]string, len(invalid.Fields))
	for i, f := range invalid.Fields {
		names[i] = f.Field
		if f.Message == "" || !strings.Contains(err.Error(), f.Field+" "+f.Message) {
			t.Errorf("the error %q doesn't say why %q is bad", err, f.Field)
		}
	}
	slices.Sort(names)
	return names
}

// contractRow is one row of the table in section 4 of the contract, with the statuses that
// admit by section 5.
type contractRow struct{ active, terminal, admitting []consumer.Status }

// contractTable repeats the contract in literals, so that a constant with a typing
// mistake is found too.
var contractTable = map[consumer.DistributionType]contractRow{
	"queue":         {statuses("QUEUED ADMITTED"), statuses("COMPLETED DENIED LEFT EXPIRED"), statuses("ADMITTED")},
	"draw":          {statuses("ENTERED WON"), statuses("COMPLETED LOST DENIED LEFT EXPIRED"), statuses("WON")},
	"auction":       {statuses("ACTIVE OUTBID WINNING WON"), statuses("COMPLETED LOST DENIED LEFT EXPIRED"), statuses("WON")},
	"timed_release": {statuses("ENTERED"), statuses("COMPLETED LEFT EXPIRED"), statuses("ENTERED")},
	"waitlist":      {statuses("WAITING NOTIFIED"), statuses("CONVERTED LEFT"), nil},
}

func statuses(words string) []consumer.Status {
	var all []consumer.Status
	for word := range strings.FieldsSeq(words) {
		all = append(all, consumer.Status(word))
	}
	return all
}

// allStatuses is every status of every type, and some that no type has.
func allStatuses() []consumer.Status {
	all := []consumer.Status{"", "queued", "PENDING", "ADMITTED "}
	for _, row := range contractTable {
		all = append(append(all, row.active...), row.terminal...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func allTypes() []consumer.DistributionType {
	return []consumer.DistributionType{"queue", "draw", "auction", "timed_release", "waitlist"}
}

// The generators of valid records draw all valid values, including texts to be escaped,
// distant years and long numbers.

func genID() *rapid.Generator[string] {
	return rapid.StringMatching(`[A-Za-z0-9._:~-]{1,12}`).
		Filter(func(s string) bool { return s != "." && s != ".." && s != "me" })
}

func genText() *rapid.Generator[string] {
	letters := rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune("\"\\/<>&\b\f\n\r\t\x01\x1f\x7f\u2028\u2029é😀\ufffd")))
	return rapid.StringOf(letters.Filter(func(r rune) bool { return r != 0 })).
		Filter(func(s string) bool { return s != "" })
}

func genMoment() *rapid.Generator[time.Time] {
	first := time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC).UnixMicro()
	last := time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC).UnixMicro()
	far := rapid.Int64Range(first, last)
	near := rapid.Int64Range(noon.UnixMicro()-2_000_000, noon.UnixMicro()+2_000_000)
	return rapid.Map(rapid.OneOf(far, near), func(micro int64) time.Time { return time.UnixMicro(micro).UTC() })
}

func genAmount() *rapid.Generator[consumer.Amount] {
	return rapid.Map(rapid.StringMatching(`(0|[1-9][0-9]{0,11})(\.[0-9]{1,8})?`),
		func(s string) consumer.Amount { return consumer.Amount(s) })
}

func genCount() *rapid.Generator[int64] { return rapid.Int64Range(0, 1<<53-1) }

// optional draws nil as often as a value.
func optional[V any](t *rapid.T, name string, values *rapid.Generator[V]) *V {
	if rapid.Bool().Draw(t, name+" is set") {
		return new(values.Draw(t, name))
	}
	return nil
}

func genConsumer() *rapid.Generator[consumer.Consumer] {
	return rapid.Custom(func(t *rapid.T) consumer.Consumer {
		return consumer.Consumer{
			OrganizationID: "org_1",
			ID:             genID().Draw(t, "id"),
			Email:          optional(t, "email", rapid.StringMatching(`[A-Za-z0-9]{1,8}@example\.com`)),
			Phone:          optional(t, "phone", rapid.StringMatching(`\+[1-9][0-9]{9,14}`)),
			FullName:       optional(t, "fullName", genText()),
			CreatedAt:      genMoment().Draw(t, "createdAt"),
			UpdatedAt:      genMoment().Draw(t, "updatedAt"),
		}
	})
}

func genParticipation() *rapid.Generator[consumer.Participation] {
	return rapid.Custom(func(t *rapid.T) consumer.Participation {
		kind := rapid.SampledFrom(allTypes()).Draw(t, "type")
		row := contractTable[kind]
		p := consumer.Participation{
			OrganizationID: "org_1", ConsumerID: "cons_1",
			Type:         kind,
			ID:           genID().Draw(t, "id"),
			ExperienceID: genID().Draw(t, "experienceId"),
			SequenceID:   genID().Draw(t, "sequenceId"),
			Status:       rapid.SampledFrom(slices.Concat(row.active, row.terminal)).Draw(t, "status"),
			EnteredAt:    genMoment().Draw(t, "enteredAt"),
			ExpiresAt:    optional(t, "expiresAt", genMoment()),
			UpdatedAt:    genMoment().Draw(t, "updatedAt"),
		}
		drawOwnFields(t, &p)
		return p
	})
}

// drawOwnFields sets the fields that only some types have.
func drawOwnFields(t *rapid.T, p *consumer.Participation) {
	row := contractTable[p.Type]
	if p.Type != "waitlist" {
		p.AdmittedAt = optional(t, "admittedAt", genMoment())
		if slices.Contains(slices.Concat(row.admitting, row.terminal), p.Status) {
			p.AdmissionToken = optional(t, "admissionToken", genText())
		}
	}
	switch p.Type {
	case "queue":
		p.Position = optional(t, "position", genCount())
		p.Ticket = optional(t, "ticket", rapid.Int64Range(1, 1<<53-1))
	case "auction":
		p.LastBidAmount = optional(t, "lastBidAmount", genAmount())
		p.LastBidTime = optional(t, "lastBidTime", genMoment())
		p.BidCount = optional(t, "bidCount", genCount())
	case "timed_release":
		p.SelectedVariantID = optional(t, "selectedVariantId", genID())
	}
	if slices.Contains(row.terminal, "DENIED") {
		p.DenyReason = optional(t, "denyReason", genText())
	}
}

func genAdmission() *rapid.Generator[consumer.Admission] {
	return rapid.Custom(func(t *rapid.T) consumer.Admission {
		return consumer.Admission{
			OrganizationID: "org_1", ConsumerID: "cons_1",
			DistributionType: rapid.SampledFrom(allTypes()[:4]).Draw(t, "distributionType"),
			DistributionID:   genID().Draw(t, "distributionId"),
			ExperienceID:     genID().Draw(t, "experienceId"),
			SequenceID:       genID().Draw(t, "sequenceId"),
			AdmissionToken:   genText().Draw(t, "admissionToken"),
			AdmittedAt:       genMoment().Draw(t, "admittedAt"),
			ExpiresAt:        optional(t, "expiresAt", genMoment()),
			EndedAt:          optional(t, "endedAt", genMoment()),
			UpdatedAt:        genMoment().Draw(t, "updatedAt"),
		}
	})
}

// anyRecord runs a property for each kind of record.
func anyRecord(t *testing.T, profile, participation, admission func(*rapid.T)) {
	t.Helper()
	for i, property := range []func(*rapid.T){profile, participation, admission} {
		t.Run([]string{"profile", "participation", "admission"}[i], rapid.MakeCheck(property))
	}
}
