package consumer_test

import (
	stdjson "encoding/json"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
)

func TestCanonicalJSON(t *testing.T) {
	cases := []struct {
		name   string
		record versioned
		want   string
	}{
		{
			"a profile without the fields that are unset", validConsumer().Normalized(),
			`{"id":"cons_1","createdAt":"2024-12-01T12:00:00Z","updatedAt":"2024-12-01T12:00:00Z"}`,
		},
		{
			"a profile with all fields in the order of the fixture format",
			validConsumer(func(c *consumer.Consumer) {
				c.Email, c.Phone, c.FullName = new("first@example.com"), new("+12025551234"), new("First Last")
				c.UpdatedAt = noon.Add(time.Hour)
			}).Normalized(),
			`{"id":"cons_1","email":"first@example.com","phone":"+12025551234","fullName":"First Last",` +
				`"createdAt":"2024-12-01T12:00:00Z","updatedAt":"2024-12-01T13:00:00Z"}`,
		},
		{
			"a participation without the fields that are unset", validParticipation("waitlist").Normalized(),
			`{"type":"waitlist","id":"dist_1","experienceId":"exp_1","sequenceId":"seq_1","status":"LEFT",` +
				`"enteredAt":"2024-12-01T12:00:00Z","updatedAt":"2024-12-01T12:00:00Z"}`,
		},
		{
			// No type has all of these; the order of the fields is what counts here.
			"a participation with all fields in the order of the fixture format",
			validParticipation("auction", func(p *consumer.Participation) {
				p.Position, p.Ticket, p.BidCount = new(int64(0)), new(int64(1)), new(int64(3))
				p.AdmittedAt, p.ExpiresAt, p.LastBidTime = new(noon.Add(1e9)), new(noon.Add(2e9)), new(noon.Add(3e9))
				p.UpdatedAt = noon.Add(4e9)
				p.LastBidAmount, p.AdmissionToken = new(consumer.Amount("250.00")), new("token")
				p.SelectedVariantID, p.DenyReason = new("variant_1"), new("sold out")
			}).Normalized(),
			`{"type":"auction","id":"dist_1","experienceId":"exp_1","sequenceId":"seq_1","status":"LEFT",` +
				`"enteredAt":"2024-12-01T12:00:00Z","position":0,"ticket":1,"admittedAt":"2024-12-01T12:00:01Z","admissionToken":"token",` +
				`"expiresAt":"2024-12-01T12:00:02Z","updatedAt":"2024-12-01T12:00:04Z","lastBidAmount":"250.00",` +
				`"lastBidTime":"2024-12-01T12:00:03Z","bidCount":3,"selectedVariantId":"variant_1","denyReason":"sold out"}`,
		},
		{
			"an admission without the fields that are unset", validAdmission().Normalized(),
			`{"distributionType":"queue","distributionId":"dist_1","experienceId":"exp_1","sequenceId":"seq_1",` +
				`"admissionToken":"token","admittedAt":"2024-12-01T12:00:00Z","updatedAt":"2024-12-01T12:00:00Z"}`,
		},
		{
			"an admission with all fields in the order of the fixture format",
			validAdmission(func(a *consumer.Admission) {
				a.ExpiresAt, a.EndedAt, a.UpdatedAt = new(noon.Add(1e9)), new(noon.Add(2e9)), noon.Add(3e9)
			}).Normalized(),
			`{"distributionType":"queue","distributionId":"dist_1","experienceId":"exp_1","sequenceId":"seq_1",` +
				`"admissionToken":"token","admittedAt":"2024-12-01T12:00:00Z","expiresAt":"2024-12-01T12:00:01Z",` +
				`"endedAt":"2024-12-01T12:00:02Z","updatedAt":"2024-12-01T12:00:03Z"}`,
		},
		{
			"times in UTC, with the digits of the fraction that are not zero, truncated",
			validConsumer(func(c *consumer.Consumer) {
				c.CreatedAt = noon.Add(500 * time.Millisecond).In(time.FixedZone("east", 3600))
				c.UpdatedAt = noon.Add(123_456_999)
			}).Normalized(),
			`{"id":"cons_1","createdAt":"2024-12-01T12:00:00.5Z","updatedAt":"2024-12-01T12:00:00.123456Z"}`,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, string(c.record.Version().Canonical)); diff != "" {
				t.Errorf("canonical JSON (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCanonicalJSONEscapesNoMoreThanJSONRequires(t *testing.T) {
	cases := []struct{ name, in, want string }{
		{"quotes and backslash", `"\`, `\"\\`},
		{"a slash stays", "/", "/"},
		{"the short escapes", "\b\f\n\r\t", `\b\f\n\r\t`},
		{"other control characters", "\x01\x1f", `\u0001\u001f`},
		{"delete stays", "\x7f", "\x7f"},
		{"HTML stays", "<>&'", "<>&'"},
		{"the line separators of JavaScript stay", "\u2028\u2029", "\u2028\u2029"},
		{"letters outside ASCII stay", "é😀\ufffd", "é😀\ufffd"},
		{"Unicode is not composed", "e\u0301", "e\u0301"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			record := validConsumer(func(p *consumer.Consumer) { p.FullName = &c.in }).Normalized()
			want := `{"id":"cons_1","fullName":"` + c.want + `","createdAt":"2024-12-01T12:00:00Z","updatedAt":"2024-12-01T12:00:00Z"}`
			if diff := cmp.Diff(want, string(record.Version().Canonical)); diff != "" {
				t.Errorf("canonical JSON (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCanonicalJSONIsThatOfTheStructAndReadsBack(t *testing.T) {
	anyRecord(t,
		func(t *rapid.T) { checkCanonical(t, genConsumer().Draw(t, "record"), withoutOwner) },
		func(t *rapid.T) { checkCanonical(t, genParticipation().Draw(t, "record"), participationWithoutOwner) },
		func(t *rapid.T) { checkCanonical(t, genAdmission().Draw(t, "record"), admissionWithoutOwner) },
	)
}

// The organization and the consumer are the record's key and not in its JSON.

func withoutOwner(c consumer.Consumer) consumer.Consumer {
	c.OrganizationID = ""
	return c
}

func participationWithoutOwner(p consumer.Participation) consumer.Participation {
	p.OrganizationID, p.ConsumerID = "", ""
	return p
}

func admissionWithoutOwner(a consumer.Admission) consumer.Admission {
	a.OrganizationID, a.ConsumerID = "", ""
	return a
}

func checkCanonical[R versioned](t *rapid.T, record R, withoutOwner func(R) R) {
	got := record.Version().Canonical
	want, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("canonical JSON (-of the struct +got):\n%s", diff)
	}
	for name, unmarshal := range map[string]func([]byte, any) error{
		"encoding/json":      stdjson.Unmarshal,
		"go-json-experiment": func(data []byte, v any) error { return json.Unmarshal(data, v, json.RejectUnknownMembers(true)) },
	} {
		var back R
		if err := unmarshal(got, &back); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(withoutOwner(record), back); diff != "" {
			t.Errorf("%s (-written +read):\n%s", name, diff)
		}
	}
}

// Invalid records never reach a store, but the order of versions must hold for them
// as well, so their canonical JSON has to tell them apart.
func TestCanonicalJSONTellsStringsApartThatAreNotUTF8(t *testing.T) {
	seen := make(map[string]string)
	for _, s := range []string{"\xff", "\xfe", `\xff`, "\ufffd", "\xff\xff", "\xffé", `"\xff"`, "x\xff", ""} {
		record := validConsumer(func(c *consumer.Consumer) { c.FullName = &s })
		text := string(record.Version().Canonical)
		if other, taken := seen[text]; taken {
			t.Errorf("%q and %q are written alike", s, other)
		}
		seen[text] = s
	}
}
