package row_test

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// generic reads the columns with the generic decoder alone.
func generic(found row.Columns) (s consumer.Snapshot, err error) {
	if err := json.Unmarshal([]byte(found.Profile), &s.Consumer); err != nil {
		return s, err
	}
	s.Consumer.OrganizationID = "org_1"
	if found.Participations != "" {
		for line := range strings.SplitSeq(found.Participations, row.Separator) {
			record, distribution, hasDistribution := strings.Cut(line, row.DistributionSeparator)
			var p consumer.Participation
			if err := json.Unmarshal([]byte(record), &p); err != nil {
				return s, err
			}
			p.OrganizationID, p.ConsumerID = "org_1", "cons_1"
			s.Participations = append(s.Participations, p)
			if !hasDistribution {
				continue
			}
			winner, record, _ := strings.Cut(distribution, "{")
			var d consumer.Distribution
			if err := json.Unmarshal([]byte("{"+record), &d); err != nil {
				return s, err
			}
			d.OrganizationID = "org_1"
			if d.WinnerID != nil {
				digest := consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}.Digest()
				if winner == "cons_1" || *d.WinnerID == hex.EncodeToString(digest[:]) {
					d.WinnerID = new("cons_1")
				} else {
					d.WinnerID = nil
				}
			}
			s.Distributions = append(s.Distributions, d)
		}
	}
	if found.Admissions != "" {
		for line := range strings.SplitSeq(found.Admissions, row.Separator) {
			var a consumer.Admission
			if err := json.Unmarshal([]byte(line), &a); err != nil {
				return s, err
			}
			a.OrganizationID, a.ConsumerID = "org_1", "cons_1"
			s.Admissions = append(s.Admissions, a)
		}
	}
	return s, nil
}

// wantGeneric compares a snapshot, including the zones of times, or its refusal with the
// result of the generic decoder.
func wantGeneric(t interface{ Errorf(string, ...any) }, found row.Columns) {
	want, wantErr := generic(found)
	got, err := found.Snapshot(consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
	if (err == nil) != (wantErr == nil) {
		t.Errorf("the error is %v, the generic decoder's %v", err, wantErr)
		return
	}
	sameZone := cmp.Comparer(func(a, b time.Time) bool { return a == b })
	if diff := cmp.Diff(want, got, sameZone); err == nil && diff != "" {
		t.Errorf("snapshot (-generic +got):\n%s", diff)
	}
}

func anyMoment() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMicro(rapid.Int64Range(-62_135_596_800e6, 253_402_300_799e6).Draw(t, "micros")).UTC()
	})
}

func drawParticipation(t *rapid.T) consumer.Participation {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-Za-z0-9._:~-]*`))
	return consumer.Participation{
		Type: consumer.DistributionType(text.Draw(t, "type")), ID: text.Draw(t, "id"),
		ExperienceID: text.Draw(t, "experience"), SequenceID: text.Draw(t, "sequence"),
		Status: consumer.Status(text.Draw(t, "status")), EnteredAt: anyMoment().Draw(t, "entered"),
		Position:       rapid.Ptr(rapid.Int64(), true).Draw(t, "position"),
		Ticket:         rapid.Ptr(rapid.Int64(), true).Draw(t, "ticket"),
		AdmittedAt:     rapid.Ptr(anyMoment(), true).Draw(t, "admitted"),
		AdmissionToken: rapid.Ptr(text, true).Draw(t, "token"),
		ExpiresAt:      rapid.Ptr(anyMoment(), true).Draw(t, "expires"), UpdatedAt: anyMoment().Draw(t, "updated"),
		LastBidAmount:     rapid.Ptr(rapid.Map(text, func(s string) consumer.Amount { return consumer.Amount(s) }), true).Draw(t, "amount"),
		LastBidTime:       rapid.Ptr(anyMoment(), true).Draw(t, "bid"),
		BidCount:          rapid.Ptr(rapid.Int64Range(0, 1<<53), true).Draw(t, "bids"),
		SelectedVariantID: rapid.Ptr(text, true).Draw(t, "variant"), DenyReason: rapid.Ptr(text, true).Draw(t, "reason"),
	}
}

func drawAdmission(t *rapid.T) consumer.Admission {
	text := rapid.String()
	return consumer.Admission{
		DistributionType: consumer.DistributionType(text.Draw(t, "type")), DistributionID: text.Draw(t, "id"),
		ExperienceID: text.Draw(t, "experience"), SequenceID: text.Draw(t, "sequence"), AdmissionToken: text.Draw(t, "token"),
		AdmittedAt: anyMoment().Draw(t, "admitted"), ExpiresAt: rapid.Ptr(anyMoment(), true).Draw(t, "expires"),
		EndedAt: rapid.Ptr(anyMoment(), true).Draw(t, "ended"), UpdatedAt: anyMoment().Draw(t, "updated"),
	}
}

func drawDistribution(t *rapid.T) consumer.Distribution {
	text := rapid.String()
	return consumer.Distribution{
		OrganizationID: "org_1", Type: consumer.DistributionType(text.Draw(t, "type")), ID: text.Draw(t, "id"),
		Serving: rapid.Ptr(rapid.Int64(), true).Draw(t, "serving"), EndedAt: rapid.Ptr(anyMoment(), true).Draw(t, "ended"),
		WinnerID: rapid.Ptr(rapid.SampledFrom([]string{"cons_1", "cons_2"}), true).Draw(t, "winner"), UpdatedAt: anyMoment().Draw(t, "updated"),
	}
}

// drawParticipationLine draws a participation, with a distribution or without.
func drawParticipationLine(t *rapid.T) string {
	line := string(drawParticipation(t).Version().Canonical)
	if rapid.Bool().Draw(t, "with distribution") {
		winner := rapid.SampledFrom([]string{"", "cons_1", "cons_2"}).Draw(t, "winner merged into")
		line += row.DistributionSeparator + winner + string(drawDistribution(t).Version().Canonical)
	}
	return line
}

func drawProfile(t *rapid.T) consumer.Consumer {
	text := rapid.String()
	return consumer.Consumer{
		ID: text.Draw(t, "id"), Email: rapid.Ptr(text, true).Draw(t, "email"), Phone: rapid.Ptr(text, true).Draw(t, "phone"),
		FullName: rapid.Ptr(text, true).Draw(t, "name"), CreatedAt: anyMoment().Draw(t, "created"), UpdatedAt: anyMoment().Draw(t, "updated"),
	}
}

func canonicalLines[R interface{ Version() consumer.Version }](records []R) string {
	var text []byte
	for i, r := range records {
		if i > 0 {
			text = append(text, row.Separator...)
		}
		text = append(text, r.Version().Canonical...)
	}
	return string(text)
}

func TestCanonicalRecordsAreReadAsByTheGenericDecoder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		wantGeneric(rt, row.Columns{
			Profile:        canonicalLines([]consumer.Consumer{drawProfile(rt)}),
			Participations: strings.Join(rapid.SliceOfN(rapid.Custom(drawParticipationLine), 0, 4).Draw(rt, "participations"), row.Separator),
			Admissions:     canonicalLines(rapid.SliceOfN(rapid.Custom(drawAdmission), 0, 4).Draw(rt, "admissions")),
		})
	})
}

func TestOtherTextIsReadAsByTheGenericDecoder(t *testing.T) {
	whole := everyField()
	moment := `"2026-01-02T03:04:05.000678Z"`
	for rule, replace := range map[string][2]string{
		"a space":                        {`,"status":`, `, "status":`},
		"another order":                  {`,"position":7`, ``},
		"a null":                         {`"position":7`, `"position":null`},
		"a duplicate name":               {`"position":7`, `"position":7,"position":7`},
		"an unknown name":                {`"position":7`, `"position":7,"place":7`},
		"a number with a sign":           {`"position":7`, `"position":-7`},
		"minus zero":                     {`"position":7`, `"position":-0`},
		"a number with a leading zero":   {`"position":7`, `"position":07`},
		"a number with a fraction":       {`"position":7`, `"position":7.0`},
		"the greatest number":            {`"position":7`, `"position":9223372036854775807`},
		"a number beyond the greatest":   {`"position":7`, `"position":9223372036854775808`},
		"a missing number":               {`"position":7`, `"position":`},
		"a number in quotes":             {`"position":7`, `"position":"7"`},
		"an escape":                      {`"token"`, `"tok\u0065n"`},
		"a quote in a string":            {`"token"`, `"\"token"`},
		"a control character":            {`"token"`, "\"tok\ten\""},
		"a string that is not UTF-8":     {`"token"`, "\"tok\xffen\""},
		"half a surrogate":               {`"token"`, "\"tok\xed\xa0\x80en\""},
		"letters outside ASCII":          {`"token"`, `"tökén😀"`},
		"a string without an end":        {`"token"`, `"token`},
		"a string without a beginning":   {`"token"`, `token"`},
		"a time in another zone":         {moment, `"2026-01-02T04:04:05.000678+01:00"`},
		"a time at an offset of zero":    {moment, `"2026-01-02T03:04:05.000678+00:00"`},
		"a time without a zone":          {moment, `"2026-01-02T03:04:05.000678"`},
		"a time with a comma":            {moment, `"2026-01-02T03:04:05,000678Z"`},
		"a time with an hour of a digit": {moment, `"2026-01-02T3:04:05Z"`},
		"a time in lower case":           {moment, `"2026-01-02t03:04:05z"`},
		"an impossible day":              {moment, `"2026-02-29T03:04:05Z"`},
		"the hour 24":                    {moment, `"2026-01-02T24:00:00Z"`},
		"a leap second":                  {moment, `"2026-01-02T23:59:60Z"`},
		"nanoseconds":                    {moment, `"2026-01-02T03:04:05.123456789Z"`},
		"more digits than nanoseconds":   {moment, `"2026-01-02T03:04:05.1234567891Z"`},
		"zeros after the point":          {moment, `"2026-01-02T03:04:05.500Z"`},
		"a point without digits":         {moment, `"2026-01-02T03:04:05.Z"`},
		"an impossible month":            {moment, `"2026-13-02T03:04:05Z"`},
		"the month 0":                    {moment, `"2026-00-02T03:04:05Z"`},
		"the minute 60":                  {moment, `"2026-01-02T03:60:05Z"`},
		"only a Z":                       {moment, `"Z"`},
		"the year 0":                     {moment, `"0000-01-02T03:04:05Z"`},
		"an empty time":                  {moment, `""`},
		"text after the record":          {`}`, `} `},
		"a second record":                {`}`, `}{}`},
		"an end too early":               {`}`, ``},
		"nothing":                        {whole.Participations, `{}`},
	} {
		t.Run(rule, func(t *testing.T) {
			changed := whole
			changed.Participations = strings.Replace(whole.Participations, replace[0], replace[1], 1)
			if changed == whole {
				t.Fatal("nothing was replaced")
			}
			wantGeneric(t, changed)
		})
	}
	wantGeneric(t, whole)
}

// everyField returns the columns of a consumer with every field set.
func everyField() row.Columns {
	c := profile("Ada")
	c.Email, c.Phone = new("ada@example.com"), new("+12025551234")
	p := participation("queue_1", consumer.StatusQueued, moment())
	p.Ticket = new(int64(8))
	p.Position, p.AdmittedAt, p.AdmissionToken, p.ExpiresAt = new(int64(7)), new(moment()), new("token"), new(moment())
	p.LastBidAmount, p.LastBidTime, p.BidCount = new(consumer.Amount("250.00")), new(moment()), new(int64(3))
	p.SelectedVariantID, p.DenyReason = new("variant_1"), new("none yet")
	a := admission(new(moment()))
	a.ExpiresAt = new(moment())
	d := distribution()
	d.Serving = new(int64(5))
	return row.Columns{
		Profile:        canonicalLines([]consumer.Consumer{c}),
		Participations: canonicalLines([]consumer.Participation{p}) + row.DistributionSeparator + canonicalLines([]consumer.Distribution{d}),
		Admissions:     canonicalLines([]consumer.Admission{a}),
	}
}

// TestFieldsStayApart changes the fields to which one record points.
func TestFieldsStayApart(t *testing.T) {
	found := everyField()
	found.Participations += row.Separator + found.Participations
	s, err := found.Snapshot(consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
	if err != nil {
		t.Fatal(err)
	}
	first, second := s.Participations[0], s.Participations[1]
	*first.Position, *first.AdmissionToken, *first.ExpiresAt = 8, "changed", first.ExpiresAt.Add(time.Hour)
	if *second.Position != 7 || *second.AdmissionToken != "token" || !second.ExpiresAt.Equal(moment()) || !second.AdmittedAt.Equal(moment()) {
		t.Errorf("a change of the first record changed the second: %+v", second)
	}
}

// TestCanonicalRecordsAreReadWithFewAllocations fails when a field is added to the
// canonical form but not to its parser, because the generic decoder then does it all.
func TestCanonicalRecordsAreReadWithFewAllocations(t *testing.T) {
	for rule, found := range map[string]row.Columns{
		"every field":     everyField(),
		"a hundred times": repeated(everyField(), 100),
	} {
		t.Run(rule, func(t *testing.T) {
			allocations := testing.AllocsPerRun(100, func() {
				if _, err := found.Snapshot(consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}); err != nil {
					t.Fatal(err)
				}
			})
			// Without the race detector, there are 7 and 3 for each distribution that the
			// consumer won: its optional fields, its digest and its id.
			most := testing.AllocsPerRun(100, func() {
				if _, err := generic(found); err != nil {
					t.Fatal(err)
				}
			}) / 2
			if allocations > most {
				t.Errorf("%v allocations, want %v at most, half of the generic decoder's", allocations, most)
			}
		})
	}
}

func repeated(found row.Columns, n int) row.Columns {
	found.Participations = strings.Repeat(found.Participations+row.Separator, n-1) + found.Participations
	found.Admissions = strings.Repeat(found.Admissions+row.Separator, n-1) + found.Admissions
	return found
}

func FuzzColumns(f *testing.F) {
	whole := everyField()
	f.Add(whole.Profile, whole.Participations, whole.Admissions)
	f.Add(whole.Profile, "", "")
	f.Add(`{"id":"cons_1","createdAt":"2026-01-02T03:04:05Z","updatedAt":"2026-01-02T03:04:05Z"}`, whole.Participations+row.Separator+whole.Participations, `{}`)
	f.Fuzz(func(t *testing.T, profile, participations, admissions string) {
		wantGeneric(t, row.Columns{Profile: profile, Participations: participations, Admissions: admissions})
	})
}

func BenchmarkSnapshot(b *testing.B) {
	found := repeated(everyField(), 3)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := found.Snapshot(consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}); err != nil {
			b.Fatal(err)
		}
	}
}
