package journey_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
)

func TestAppendRecordsHasTheRecordFormat(t *testing.T) {
	export := consumer.Export{
		Consumer:       &consumer.Consumer{ID: "cons_1", Email: new("a@example.com"), CreatedAt: at(-9), UpdatedAt: at(-8)},
		Participations: []consumer.Participation{part("queue", "a", "QUEUED", -5, func(p *consumer.Participation) { p.UpdatedAt, p.Ticket = at(-4), new(int64(7)) })},
		Distributions:  []consumer.Distribution{{Type: "queue", ID: "a", Serving: new(int64(3)), UpdatedAt: at(-1)}},
	}
	p := export.Participations[0]
	want := `{"consumer":{"id":"cons_1","email":"a@example.com","phone":null,"fullName":null,` +
		`"createdAt":"` + at(-9).Format("2006-01-02T15:04:05Z") + `","updatedAt":"` + at(-8).Format("2006-01-02T15:04:05Z") + `"},` +
		`"participations":[{"shows":"active",` + string(p.Version().Canonical[1:]) + `],"admissions":[]}`
	if diff := cmp.Diff(want, string(journey.AppendRecords(nil, export, now))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := string(journey.AppendRecords([]byte("x"), consumer.Export{}, now)); got != `x{"consumer":null,"participations":[],"admissions":[]}` {
		t.Errorf("of nothing: %s", got)
	}
}
