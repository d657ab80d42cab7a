package consumer_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
)

func TestBatchPrepareNamesEveryBadFieldByItsPath(t *testing.T) {
	batch := consumer.Batch{
		Consumers: []consumer.Consumer{validConsumer(func(c *consumer.Consumer) { c.Email, c.Phone = new("x"), new("") })},
		Participations: []consumer.Participation{
			validParticipation("queue"), validParticipation("draw"), validParticipation("auction"),
			validParticipation("waitlist", func(p *consumer.Participation) { p.Status = "WON" }),
			validParticipation("queue", func(p *consumer.Participation) { p.EnteredAt = year10000 }),
		},
		Admissions: []consumer.Admission{
			validAdmission(),
			validAdmission(func(a *consumer.Admission) { a.DistributionType = "waitlist" }),
		},
		Distributions: []consumer.Distribution{validDistribution("queue"), validDistribution("draw", serving(1))},
		APIKeys:       []consumer.APIKey{validKey(func(k *consumer.APIKey) { k.Kind = "" })},
	}
	_, err := batch.Prepare()
	want := []string{
		"admissions[1].distributionType", "apiKeys[0].kind", "consumers[0].email", "consumers[0].phone",
		"distributions[1].serving", "participations[3].status", "participations[4].enteredAt",
	}
	if diff := cmp.Diff(want, badFields(t, err)); diff != "" {
		t.Errorf("bad fields (-want +got):\n%s", diff)
	}
}

func TestBatchPrepareNamesTheRecordsInTheirOrder(t *testing.T) {
	bad := validParticipation("queue", func(p *consumer.Participation) { p.Status = "" })
	_, err := consumer.Batch{
		Admissions:     []consumer.Admission{validAdmission(func(a *consumer.Admission) { a.SequenceID = "" })},
		Participations: []consumer.Participation{bad, validParticipation("queue"), bad},
	}.Prepare()
	var invalid *consumer.ValidationError
	if !errors.As(err, &invalid) {
		t.Fatalf("got the error %v, want a ValidationError", err)
	}
	var got []string
	for _, f := range invalid.Fields {
		got = append(got, f.Field)
	}
	want := []string{"participations[0].status", "participations[2].status", "admissions[0].sequenceId"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bad fields in order (-want +got):\n%s", diff)
	}
}

func TestBatchPrepareNormalizesEveryRecordOfACopy(t *testing.T) {
	odd := noon.In(time.FixedZone("east", 3600)).Add(1999)
	batch := consumer.Batch{
		Consumers:      []consumer.Consumer{validConsumer(func(c *consumer.Consumer) { c.CreatedAt, c.UpdatedAt = odd, odd })},
		Participations: []consumer.Participation{validParticipation("queue", func(p *consumer.Participation) { p.EnteredAt, p.UpdatedAt = odd, odd })},
		Admissions:     []consumer.Admission{validAdmission(func(a *consumer.Admission) { a.AdmittedAt, a.UpdatedAt = odd, odd })},
		Distributions:  []consumer.Distribution{validDistribution("draw", endedAt(odd), func(d *consumer.Distribution) { d.UpdatedAt = odd })},
		APIKeys:        []consumer.APIKey{validKey(func(k *consumer.APIKey) { k.CreatedAt = odd })},
	}
	prepared, err := batch.Prepare()
	if err != nil {
		t.Fatal(err)
	}
	checkNormalTimes(t, noon.Add(time.Microsecond), []time.Time{
		prepared.Consumers[0].CreatedAt, prepared.Consumers[0].UpdatedAt,
		prepared.Participations[0].EnteredAt, prepared.Participations[0].UpdatedAt,
		prepared.Admissions[0].AdmittedAt, prepared.Admissions[0].UpdatedAt,
		*prepared.Distributions[0].EndedAt, prepared.Distributions[0].UpdatedAt,
		prepared.APIKeys[0].CreatedAt,
	})
	if batch.Consumers[0].CreatedAt != odd || batch.Participations[0].EnteredAt != odd ||
		batch.Admissions[0].AdmittedAt != odd || *batch.Distributions[0].EndedAt != odd || batch.APIKeys[0].CreatedAt != odd {
		t.Error("the receiver was normalized")
	}
}

func TestBatchPrepareOfNothing(t *testing.T) {
	if prepared, err := (consumer.Batch{}).Prepare(); err != nil || len(prepared.ConsumerKeys()) != 0 {
		t.Errorf("got %v and the error %v, want an empty batch", prepared, err)
	}
}

func TestBatchConsumerKeysNamesEachConsumerOnce(t *testing.T) {
	batch := consumer.Batch{
		Consumers: []consumer.Consumer{validConsumer(), validConsumer(func(c *consumer.Consumer) { c.ID = "cons_2" })},
		Participations: []consumer.Participation{
			validParticipation("queue"),
			validParticipation("queue", func(p *consumer.Participation) { p.OrganizationID = "org_2" }),
		},
		Admissions: []consumer.Admission{validAdmission(func(a *consumer.Admission) { a.ConsumerID = "CONS_1" }), validAdmission()},
		APIKeys:    []consumer.APIKey{validKey(func(k *consumer.APIKey) { k.OrganizationID = "org_3" })},
	}
	want := []consumer.Key{{"org_1", "cons_1"}, {"org_1", "cons_2"}, {"org_2", "cons_1"}, {"org_1", "CONS_1"}}
	if diff := cmp.Diff(want, batch.ConsumerKeys()); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}
