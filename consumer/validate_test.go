package consumer_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
)

type validator interface{ Validate() error }

// refusal is a record and the sorted names of its invalid fields.
type refusal struct {
	name   string
	record validator
	want   []string
}

func checkRefusals(t *testing.T, cases []refusal) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, badFields(t, c.record.Validate())); diff != "" {
				t.Errorf("bad fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConsumerValidate(t *testing.T) {
	profile := func(name string, edit func(*consumer.Consumer), want ...string) refusal {
		return refusal{name, validConsumer(edit), want}
	}
	email := func(name, value string, want ...string) refusal {
		return profile("email: "+name, func(c *consumer.Consumer) { c.Email = &value }, want...)
	}
	phone := func(name, value string, want ...string) refusal {
		return profile("phone: "+name, func(c *consumer.Consumer) { c.Phone = &value }, want...)
	}
	checkRefusals(t, []refusal{
		profile("a profile may have no email, phone and name", func(*consumer.Consumer) {}),
		profile("an organization's id is needed", func(c *consumer.Consumer) { c.OrganizationID = "" }, "organizationId"),
		profile("an organization may be called me", func(c *consumer.Consumer) { c.OrganizationID = "me" }),
		profile("an organization's id is of the alphabet", func(c *consumer.Consumer) { c.OrganizationID = "a/b" }, "organizationId"),
		profile("an id is needed", func(c *consumer.Consumer) { c.ID = "" }, "id"),
		profile("an id is of the alphabet", func(c *consumer.Consumer) { c.ID = "a b" }, "id"),
		profile("a consumer is never called me", func(c *consumer.Consumer) { c.ID = "me" }, "id"),
		profile("ids differ by letter case, so ME is one", func(c *consumer.Consumer) { c.ID = "ME" }),
		profile("a consumer is never called . .", func(c *consumer.Consumer) { c.ID = ".." }, "id"),
		profile("an id has 128 characters at most", func(c *consumer.Consumer) { c.ID = strings.Repeat("x", 129) }, "id"),

		email("as it is usual", "first.last@example.com"),
		email("in any letter case", "First.LAST@Example.COM"),
		email("with a plus", "first+drop@example.com"),
		email("an empty string is not unset", "", "email"),
		email("without an at sign", "example.com", "email"),
		email("without a domain", "first@", "email"),
		email("with a space", "first last@example.com", "email"),
		email("two of them", "a@example.com,b@example.com", "email"),
		email("with NUL", "first@example.com\x00", "email"),
		email("invalid UTF-8", "first\xff@example.com", "email"),

		phone("E.164", "+12025551234"),
		phone("15 digits", "+123456789012345"),
		phone("16 digits", "+1234567890123456", "phone"),
		phone("an empty string is not unset", "", "phone"),
		phone("without plus", "12025551234", "phone"),
		phone("a country code never begins with zero", "+02025551234", "phone"),
		phone("with spaces", "+1 202 555 1234", "phone"),
		phone("with a dash", "+1-2025551234", "phone"),
		phone("letters", "+1202555CALL", "phone"),
		phone("a newline at the end", "+12025551234\n", "phone"),
		phone("NUL at the end", "+12025551234\x00", "phone"),

		profile("a name is any Unicode", func(c *consumer.Consumer) { c.FullName = new("Zoë 😀 \u2028 e\u0301") }),
		profile("an empty name is not unset", func(c *consumer.Consumer) { c.FullName = new("") }, "fullName"),
		profile("a name has no NUL", func(c *consumer.Consumer) { c.FullName = new("a\x00b") }, "fullName"),
		profile("a name is UTF-8", func(c *consumer.Consumer) { c.FullName = new("a\xc3") }, "fullName"),

		profile("createdAt is needed, and alone is bad with the default of updatedAt",
			func(c *consumer.Consumer) { c.CreatedAt = time.Time{} }, "createdAt"),
		profile("createdAt in the year 10000", func(c *consumer.Consumer) { c.CreatedAt = year10000 }, "createdAt"),
		profile("updatedAt is required", func(c *consumer.Consumer) { c.UpdatedAt = time.Time{} }, "updatedAt"),
		profile("a given updatedAt is judged on its own", func(c *consumer.Consumer) { c.UpdatedAt = year10000 }, "updatedAt"),
		profile("both moments given and bad", func(c *consumer.Consumer) { c.CreatedAt, c.UpdatedAt = year10000, year10000 }, "createdAt", "updatedAt"),
		profile("a bad createdAt with a good updatedAt", func(c *consumer.Consumer) { c.CreatedAt, c.UpdatedAt = time.Time{}, noon }, "createdAt"),

		profile("every bad field is named", func(c *consumer.Consumer) {
			c.OrganizationID, c.ID = "", "me"
			c.Email, c.Phone, c.FullName = new("x"), new("x"), new("")
			c.CreatedAt, c.UpdatedAt = time.Time{}, beyondInUTC
		}, "createdAt", "email", "fullName", "id", "organizationId", "phone", "updatedAt"),
	})
}

func TestParticipationValidateForeignFields(t *testing.T) {
	checkRefusals(t, foreignFieldCases())
}

// optionalFields are the fields that a participation may leave out, and the types
// that have them.
var optionalFields = []struct {
	name  string
	set   func(*consumer.Participation)
	types []consumer.DistributionType
}{
	{"position", func(p *consumer.Participation) { p.Position = new(int64(0)) }, []consumer.DistributionType{"queue"}},
	{"admittedAt", func(p *consumer.Participation) { p.AdmittedAt = new(noon) }, []consumer.DistributionType{"queue", "draw", "auction", "timed_release"}},
	{"admissionToken", func(p *consumer.Participation) { p.AdmissionToken = new("token") }, []consumer.DistributionType{"queue", "draw", "auction", "timed_release"}},
	{"expiresAt", func(p *consumer.Participation) { p.ExpiresAt = new(noon) }, []consumer.DistributionType{"queue", "draw", "auction", "timed_release", "waitlist"}},
	{"lastBidAmount", func(p *consumer.Participation) { p.LastBidAmount = new(consumer.Amount("0")) }, []consumer.DistributionType{"auction"}},
	{"lastBidTime", func(p *consumer.Participation) { p.LastBidTime = new(noon) }, []consumer.DistributionType{"auction"}},
	{"ticket", func(p *consumer.Participation) { p.Ticket = new(int64(1)) }, []consumer.DistributionType{"queue"}},
	{"bidCount", func(p *consumer.Participation) { p.BidCount = new(int64(0)) }, []consumer.DistributionType{"auction"}},
	{"selectedVariantId", func(p *consumer.Participation) { p.SelectedVariantID = new("variant_1") }, []consumer.DistributionType{"timed_release"}},
	{"denyReason", func(p *consumer.Participation) { p.DenyReason = new("sold out") }, []consumer.DistributionType{"queue", "draw", "auction"}},
}

func foreignFieldCases() []refusal {
	var cases []refusal
	for _, kind := range allTypes() {
		all := refusal{name: "all optional fields of a " + string(kind)}
		full := validParticipation(kind)
		for _, field := range optionalFields {
			c := refusal{name: field.name + " of a " + string(kind), record: validParticipation(kind, field.set)}
			if !slices.Contains(field.types, kind) {
				c.want = []string{field.name}
				all.want = append(all.want, field.name)
			}
			field.set(&full)
			cases = append(cases, c)
		}
		all.record = full
		slices.Sort(all.want)
		cases = append(cases, all)
	}
	return cases
}

func TestParticipationValidateStatus(t *testing.T) {
	var cases []refusal
	for _, kind := range allTypes() {
		row := contractTable[kind]
		for _, status := range allStatuses() {
			c := refusal{
				name:   string(kind) + " " + string(status),
				record: validParticipation(kind, func(p *consumer.Participation) { p.Status = status }),
			}
			if !slices.Contains(slices.Concat(row.active, row.terminal), status) {
				c.want = []string{"status"}
			}
			cases = append(cases, c)
		}
	}
	checkRefusals(t, cases)
}

func TestParticipationValidateTokenOnlyWhereItAdmitsOrIsOver(t *testing.T) {
	var cases []refusal
	for _, kind := range allTypes() {
		row := contractTable[kind]
		for _, status := range slices.Concat(row.active, row.terminal) {
			c := refusal{
				name: string(kind) + " " + string(status),
				record: validParticipation(kind, func(p *consumer.Participation) {
					p.Status, p.AdmissionToken = status, new("token")
				}),
			}
			if kind == "waitlist" || !slices.Contains(slices.Concat(row.admitting, row.terminal), status) {
				c.want = []string{"admissionToken"}
			}
			cases = append(cases, c)
		}
	}
	checkRefusals(t, cases)
}

func TestParticipationValidateValues(t *testing.T) {
	of := func(kind consumer.DistributionType, name string, edit func(*consumer.Participation), want ...string) refusal {
		return refusal{name, validParticipation(kind, edit), want}
	}
	amount := func(name string, value consumer.Amount, want ...string) refusal {
		return of("auction", "lastBidAmount: "+name, func(p *consumer.Participation) { p.LastBidAmount = &value }, want...)
	}
	checkRefusals(t, []refusal{
		of("queue", "an organization's id is needed", func(p *consumer.Participation) { p.OrganizationID = "" }, "organizationId"),
		of("queue", "a consumer's id is needed", func(p *consumer.Participation) { p.ConsumerID = "" }, "consumerId"),
		of("queue", "a consumer is never called me", func(p *consumer.Participation) { p.ConsumerID = "me" }, "consumerId"),
		of("queue", "a distribution may be called me", func(p *consumer.Participation) { p.ID, p.ExperienceID, p.SequenceID = "me", "me", "me" }),
		of("queue", "an id outside the alphabet", func(p *consumer.Participation) { p.ID = "queue/1" }, "id"),
		of("queue", "an experience's id outside the alphabet", func(p *consumer.Participation) { p.ExperienceID = "é" }, "experienceId"),
		of("queue", "an experience's id is needed", func(p *consumer.Participation) { p.ExperienceID = "" }, "experienceId"),
		of("queue", "a sequence's id of 129 characters", func(p *consumer.Participation) { p.SequenceID = strings.Repeat("s", 129) }, "sequenceId"),
		of("queue", "a sequence's id is no dot", func(p *consumer.Participation) { p.SequenceID = "." }, "sequenceId"),

		of("raffle", "an unknown type", func(*consumer.Participation) {}, "type"),
		of("", "no type", func(*consumer.Participation) {}, "type"),
		of("QUEUE", "a type in another letter case", func(*consumer.Participation) {}, "type"),
		of("timedRelease", "a type as the document's map is called", func(*consumer.Participation) {}, "type"),
		of("queue", "no status", func(p *consumer.Participation) { p.Status = "" }, "status"),

		of("queue", "a position below zero", func(p *consumer.Participation) { p.Position = new(int64(-1)) }, "position"),
		of("queue", "the greatest position", func(p *consumer.Participation) { p.Position = new(int64(1<<53 - 1)) }),
		of("queue", "a position that JSON readers round", func(p *consumer.Participation) { p.Position = new(int64(1 << 53)) }, "position"),
		of("draw", "a bad value in a foreign field is one bad field", func(p *consumer.Participation) { p.Position = new(int64(-1)) }, "position"),
		of("auction", "a bidCount below zero", func(p *consumer.Participation) { p.BidCount = new(int64(-1)) }, "bidCount"),

		of("queue", "an empty token is not unset", func(p *consumer.Participation) { p.AdmissionToken = new("") }, "admissionToken"),
		of("queue", "an empty token of a status without one is one bad field",
			func(p *consumer.Participation) { p.Status, p.AdmissionToken = "QUEUED", new("") }, "admissionToken"),
		of("queue", "NUL in a token", func(p *consumer.Participation) { p.AdmissionToken = new("a\x00") }, "admissionToken"),
		of("queue", "a token that is not UTF-8", func(p *consumer.Participation) { p.AdmissionToken = new("\xff") }, "admissionToken"),
		of("queue", "an empty denyReason is not unset", func(p *consumer.Participation) { p.DenyReason = new("") }, "denyReason"),
		of("queue", "NUL in a denyReason", func(p *consumer.Participation) { p.DenyReason = new("\x00") }, "denyReason"),
		of("queue", "a denyReason of any Unicode", func(p *consumer.Participation) { p.DenyReason = new(" \n\u202e😀") }),
		of("timed_release", "an empty selectedVariantId is not unset", func(p *consumer.Participation) { p.SelectedVariantID = new("") }, "selectedVariantId"),
		of("timed_release", "a selectedVariantId outside the alphabet", func(p *consumer.Participation) { p.SelectedVariantID = new("a b") }, "selectedVariantId"),

		amount("digits stay as recorded", "250.00"),
		amount("an empty string is not unset", "", "lastBidAmount"),
		amount("superfluous zeros", "007", "lastBidAmount"),
		amount("an exponent", "1e5", "lastBidAmount"),
		amount("signed", "-1", "lastBidAmount"),
		amount("signed with plus", "+1", "lastBidAmount"),
		amount("two points", "1.2.3", "lastBidAmount"),
		amount("13 digits", "1234567890123", "lastBidAmount"),
		amount("9 digits behind the point", "1.123456789", "lastBidAmount"),

		of("queue", "every bad field is named", func(p *consumer.Participation) {
			p.OrganizationID, p.ConsumerID, p.ID, p.ExperienceID, p.SequenceID = "", "me", "a/b", ".", ""
			p.Status, p.EnteredAt = "WON", time.Time{}
			p.BidCount, p.AdmissionToken = new(int64(1)), new("")
		}, "admissionToken", "bidCount", "consumerId", "enteredAt", "experienceId", "id", "organizationId", "sequenceId", "status"),
		of("raffle", "with an unknown type the other bad fields are named too", func(p *consumer.Participation) {
			p.ID, p.EnteredAt = "", year10000
		}, "enteredAt", "id", "type"),
	})
}

func TestParticipationValidateMoments(t *testing.T) {
	set := map[string]func(*consumer.Participation, time.Time){
		"admittedAt":  func(p *consumer.Participation, m time.Time) { p.AdmittedAt = &m },
		"enteredAt":   func(p *consumer.Participation, m time.Time) { p.EnteredAt = m },
		"expiresAt":   func(p *consumer.Participation, m time.Time) { p.ExpiresAt = &m },
		"lastBidTime": func(p *consumer.Participation, m time.Time) { p.LastBidTime = &m },
		"updatedAt":   func(p *consumer.Participation, m time.Time) { p.UpdatedAt = m },
	}
	var cases []refusal
	for field, setTo := range set {
		for name, moment := range badMoments() {
			if field == "updatedAt" && strings.HasPrefix(name, "zero") {
				continue // that is how it is left out
			}
			cases = append(cases, refusal{
				name:   field + " " + name,
				record: validParticipation("auction", func(p *consumer.Participation) { setTo(p, moment) }),
				want:   []string{field},
			})
		}
		for name, moment := range goodMoments() {
			cases = append(cases, refusal{
				name:   field + " " + name,
				record: validParticipation("auction", func(p *consumer.Participation) { setTo(p, moment) }),
			})
		}
	}
	checkRefusals(t, cases)
}

func badMoments() map[string]time.Time {
	return map[string]time.Time{
		"zero":                             {},
		"zero but for nanoseconds":         time.Time{}.Add(999),
		"in the year 10000":                year10000,
		"in the year 10000 of UTC only":    beyondInUTC,
		"before the year 1 in UTC only":    beforeInUTC,
		"hundred thousands of years ahead": time.Date(290000, 1, 1, 0, 0, 0, 0, time.UTC),
		"before the year 1":                time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

func goodMoments() map[string]time.Time {
	return map[string]time.Time{
		"at the end of the year 9999":           time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		"in the year 10000 of its zone only":    time.Date(10000, 1, 1, 0, 30, 0, 0, time.FixedZone("east", 3600)),
		"before the year 1 of its zone only":    time.Date(0, 12, 31, 23, 30, 0, 0, time.FixedZone("west", -3600)),
		"a microsecond after the zero moment":   time.Time{}.Add(time.Microsecond),
		"before 1970, with finer than the kept": time.Date(1969, 1, 1, 0, 0, 0, 1, time.UTC),
	}
}

func TestParticipationValidateDefaultOfUpdatedAtIsNoSecondBadField(t *testing.T) {
	of := func(name string, edit func(*consumer.Participation), want ...string) refusal {
		return refusal{name, validParticipation("auction", edit), want}
	}
	checkRefusals(t, []refusal{
		of("enteredAt zero", func(p *consumer.Participation) { p.EnteredAt = time.Time{} }, "enteredAt"),
		of("updatedAt is required", func(p *consumer.Participation) { p.UpdatedAt = time.Time{} }, "updatedAt"),
		of("enteredAt in the year 10000", func(p *consumer.Participation) { p.EnteredAt = year10000 }, "enteredAt"),
		of("lastBidTime in the year 10000", func(p *consumer.Participation) { p.LastBidTime = new(year10000) }, "lastBidTime"),
		of("enteredAt and updatedAt given and bad",
			func(p *consumer.Participation) { p.EnteredAt, p.UpdatedAt = year10000, year10000 }, "enteredAt", "updatedAt"),
		of("enteredAt zero and updatedAt good",
			func(p *consumer.Participation) { p.EnteredAt, p.UpdatedAt = time.Time{}, noon }, "enteredAt"),
	})
}

func TestAdmissionValidate(t *testing.T) {
	of := func(name string, edit func(*consumer.Admission), want ...string) refusal {
		return refusal{name, validAdmission(edit), want}
	}
	kind := func(kind consumer.DistributionType, want ...string) refusal {
		return of("of type "+string(kind), func(a *consumer.Admission) { a.DistributionType = kind }, want...)
	}
	checkRefusals(t, []refusal{
		kind("queue"), kind("draw"), kind("auction"), kind("timed_release"),
		kind("waitlist", "distributionType"), kind("", "distributionType"), kind("raffle", "distributionType"),
		of("an organization's id is needed", func(a *consumer.Admission) { a.OrganizationID = "" }, "organizationId"),
		of("a consumer is never called me", func(a *consumer.Admission) { a.ConsumerID = "me" }, "consumerId"),
		of("a distribution's id is needed", func(a *consumer.Admission) { a.DistributionID = "" }, "distributionId"),
		of("a distribution may be called me", func(a *consumer.Admission) { a.DistributionID = "me" }),
		of("an experience's id is needed", func(a *consumer.Admission) { a.ExperienceID = "" }, "experienceId"),
		of("a sequence's id outside the alphabet", func(a *consumer.Admission) { a.SequenceID = "a\n" }, "sequenceId"),
		of("a token is needed", func(a *consumer.Admission) { a.AdmissionToken = "" }, "admissionToken"),
		of("NUL in a token", func(a *consumer.Admission) { a.AdmissionToken = "a\x00" }, "admissionToken"),
		of("a token that is not UTF-8", func(a *consumer.Admission) { a.AdmissionToken = "\xff" }, "admissionToken"),
		of("admittedAt is needed, and alone is bad with the default of updatedAt",
			func(a *consumer.Admission) { a.AdmittedAt = time.Time{} }, "admittedAt"),
		of("admittedAt in the year 10000", func(a *consumer.Admission) { a.AdmittedAt = year10000 }, "admittedAt"),
		of("updatedAt is required", func(a *consumer.Admission) { a.UpdatedAt = time.Time{} }, "updatedAt"),
		of("expiresAt zero is not unset", func(a *consumer.Admission) { a.ExpiresAt = new(time.Time{}) }, "expiresAt"),
		of("expiresAt in the year 10000 of UTC only", func(a *consumer.Admission) { a.ExpiresAt = new(beyondInUTC) }, "expiresAt"),
		of("endedAt zero is not unset", func(a *consumer.Admission) { a.EndedAt = new(time.Time{}) }, "endedAt"),
		of("endedAt in the year 10000", func(a *consumer.Admission) { a.EndedAt = new(year10000) }, "endedAt"),
		of("updatedAt in the year 10000", func(a *consumer.Admission) { a.UpdatedAt = year10000 }, "updatedAt"),
		of("every bad field is named", func(a *consumer.Admission) { *a = consumer.Admission{UpdatedAt: year10000} },
			"admissionToken", "admittedAt", "consumerId", "distributionId", "distributionType",
			"experienceId", "organizationId", "sequenceId", "updatedAt"),
	})
}

func TestAPIKeyValidate(t *testing.T) {
	of := func(name string, edit func(*consumer.APIKey), want ...string) refusal {
		return refusal{name, validKey(edit), want}
	}
	checkRefusals(t, []refusal{
		of("secret", func(*consumer.APIKey) {}),
		of("publishable", func(k *consumer.APIKey) { k.Kind = "publishable" }),
		of("another kind", func(k *consumer.APIKey) { k.Kind = "admin" }, "kind"),
		of("no kind", func(k *consumer.APIKey) { k.Kind = "" }, "kind"),
		of("every bad field is named", func(k *consumer.APIKey) { *k = consumer.APIKey{} }, "createdAt", "digest", "kind", "organizationId"),
	})
}

func TestEveryValidRecordIsAccepted(t *testing.T) {
	accepted := func(t *rapid.T, record validator) {
		if err := record.Validate(); err != nil {
			t.Errorf("refused: %v", err)
		}
	}
	anyRecord(t,
		func(t *rapid.T) { accepted(t, genConsumer().Draw(t, "record")) },
		func(t *rapid.T) { accepted(t, genParticipation().Draw(t, "record")) },
		func(t *rapid.T) { accepted(t, genAdmission().Draw(t, "record")) },
	)
}

// A value can be secret or personal, and the text of an error can be logged.
func TestErrorsNeverRepeatAValue(t *testing.T) {
	const marker = "pLaNtEd"
	planted := rapid.SampledFrom([]string{marker, marker + "\x00", "\xff" + marker, marker + " @", "/" + marker, ""})
	number := rapid.SampledFrom([]int64{-714253, 0})
	anyRecord(t,
		func(t *rapid.T) {
			checkNothingRepeated(t, marker, consumer.Consumer{
				OrganizationID: planted.Draw(t, "organizationId"), ID: planted.Draw(t, "id"),
				Email: new(planted.Draw(t, "email")), Phone: new(planted.Draw(t, "phone")), FullName: new(planted.Draw(t, "fullName")),
			})
		},
		func(t *rapid.T) {
			kinds := append(allTypes(), marker)
			checkNothingRepeated(t, marker, consumer.Participation{
				OrganizationID: planted.Draw(t, "organizationId"), ConsumerID: planted.Draw(t, "consumerId"),
				Type: rapid.SampledFrom(kinds).Draw(t, "type"), Status: marker,
				ID: planted.Draw(t, "id"), ExperienceID: planted.Draw(t, "experienceId"), SequenceID: planted.Draw(t, "sequenceId"),
				AdmissionToken: new(planted.Draw(t, "admissionToken")), DenyReason: new(planted.Draw(t, "denyReason")),
				LastBidAmount: new(consumer.Amount(planted.Draw(t, "lastBidAmount"))), SelectedVariantID: new(planted.Draw(t, "selectedVariantId")),
				Position: new(number.Draw(t, "position")), BidCount: new(number.Draw(t, "bidCount")),
			})
		},
		func(t *rapid.T) {
			checkNothingRepeated(t, marker, consumer.Admission{
				OrganizationID: planted.Draw(t, "organizationId"), ConsumerID: planted.Draw(t, "consumerId"),
				DistributionType: marker, DistributionID: planted.Draw(t, "distributionId"),
				ExperienceID: planted.Draw(t, "experienceId"), SequenceID: planted.Draw(t, "sequenceId"),
				AdmissionToken: planted.Draw(t, "admissionToken"),
			})
		},
	)
}

func checkNothingRepeated(t *rapid.T, marker string, record validator) {
	err := record.Validate()
	if err == nil {
		t.Fatal("a record without moments was accepted")
	}
	for _, secret := range []string{marker, "714253"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error repeats a value: %s", err)
		}
	}
}

func TestValidationErrorIsErrInvalidAndNothingElse(t *testing.T) {
	err := validConsumer(func(c *consumer.Consumer) { c.ID = "me" }).Validate()
	if !errors.Is(err, consumer.ErrInvalid) {
		t.Errorf("%v is not ErrInvalid", err)
	}
	for _, other := range []error{consumer.ErrNotFound, consumer.ErrErased, consumer.ErrConflict, consumer.ErrUnavailable, consumer.ErrSchema} {
		if errors.Is(err, other) {
			t.Errorf("%v is %v", err, other)
		}
	}
}

func TestValidationErrorIsOneLine(t *testing.T) {
	err := &consumer.ValidationError{Fields: []consumer.FieldError{
		{Field: "email", Message: "must be an email address"},
		{Field: "participations[3].status", Message: "must be one of WAITING"},
	}}
	const want = "email must be an email address; participations[3].status must be one of WAITING"
	if got := err.Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
