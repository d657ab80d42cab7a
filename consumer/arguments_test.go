package consumer_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
)

func TestValidateMergeNamesWhatIsBad(t *testing.T) {
	for rule, c := range map[string]struct {
		organizationID, guestID, consumerID string
		fields                              []string
	}{
		"two consumers":                     {"org_1", "guest_1", "cons_1", nil},
		"ids that differ by letter case":    {"org_1", "CONS_1", "cons_1", nil},
		"a consumer is not its own guest":   {"org_1", "cons_1", "cons_1", []string{"consumerId"}},
		"an impossible organization":        {"a/b", "guest_1", "cons_1", []string{"organizationId"}},
		"an impossible guest":               {"org_1", "me", "cons_1", []string{"guestId"}},
		"an impossible consumer":            {"org_1", "guest_1", "..", []string{"consumerId"}},
		"everything is bad, and named once": {"", "", "", []string{"consumerId", "guestId", "organizationId"}},
	} {
		t.Run(rule, func(t *testing.T) {
			err := consumer.Merge{OrganizationID: c.organizationID, GuestID: c.guestID, ConsumerID: c.consumerID}.Validate()
			if diff := cmp.Diff(c.fields, badFields(t, err)); diff != "" {
				t.Errorf("bad fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestValidatePurgeNamesWhatIsBad(t *testing.T) {
	for rule, c := range map[string]struct {
		before time.Time
		limit  int
		fields []string
	}{
		"a moment and a limit":               {noon, 1, nil},
		"no limit":                           {noon, 0, []string{"limit"}},
		"a negative limit":                   {noon, -1, []string{"limit"}},
		"the zero moment":                    {time.Time{}, 1, []string{"before"}},
		"the year 10000":                     {year10000, 1, []string{"before"}},
		"a year 9999 that is 10000 in UTC":   {beyondInUTC, 1, []string{"before"}},
		"a bad moment and a bad limit":       {beforeInUTC, 0, []string{"before", "limit"}},
		"a moment far beyond what is stored": {time.Unix(1<<60, 0), 1, []string{"before"}},
	} {
		t.Run(rule, func(t *testing.T) {
			if diff := cmp.Diff(c.fields, badFields(t, consumer.Purge{Before: c.before, Limit: c.limit}.Validate())); diff != "" {
				t.Errorf("bad fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestValidateRevocationNamesABadMoment(t *testing.T) {
	for _, c := range []struct {
		at     time.Time
		fields []string
	}{{noon, nil}, {time.Time{}, []string{"at"}}, {year10000, []string{"at"}}} {
		if diff := cmp.Diff(c.fields, badFields(t, consumer.ValidateRevocation(c.at))); diff != "" {
			t.Errorf("bad fields of %v (-want +got):\n%s", c.at, diff)
		}
	}
}

func TestValidateCompletionNamesWhatIsBad(t *testing.T) {
	good := consumer.Completion{
		OrganizationID: "org_1", ConsumerID: "cons_1", DistributionType: consumer.Queue, DistributionID: "queue_1",
		AdmissionToken: "token", OrderID: "order_1", At: noon,
	}
	for rule, c := range map[string]struct {
		edit   func(*consumer.Completion)
		fields []string
	}{
		"a whole completion":       {func(*consumer.Completion) {}, nil},
		"an organization":          {func(c *consumer.Completion) { c.OrganizationID = "a/b" }, []string{"organizationId"}},
		"a consumer":               {func(c *consumer.Completion) { c.ConsumerID = "me" }, []string{"consumerId"}},
		"a waitlist admits nobody": {func(c *consumer.Completion) { c.DistributionType = consumer.Waitlist }, []string{"distributionType"}},
		"no type":                  {func(c *consumer.Completion) { c.DistributionType = "" }, []string{"distributionType"}},
		"a distribution":           {func(c *consumer.Completion) { c.DistributionID = ".." }, []string{"distributionId"}},
		"no token":                 {func(c *consumer.Completion) { c.AdmissionToken = "" }, []string{"admissionToken"}},
		"a token with NUL":         {func(c *consumer.Completion) { c.AdmissionToken = "a\x00" }, []string{"admissionToken"}},
		"no order":                 {func(c *consumer.Completion) { c.OrderID = "" }, []string{"orderId"}},
		"no time":                  {func(c *consumer.Completion) { c.At = time.Time{} }, []string{"at"}},
		"the year 10000":           {func(c *consumer.Completion) { c.At = beyondInUTC }, []string{"at"}},
	} {
		t.Run(rule, func(t *testing.T) {
			completion := good
			c.edit(&completion)
			if diff := cmp.Diff(c.fields, badFields(t, completion.Validate())); diff != "" {
				t.Errorf("bad fields (-want +got):\n%s", diff)
			}
		})
	}
}
