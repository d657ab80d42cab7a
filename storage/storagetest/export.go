package storagetest

import (
	"encoding/json"
	"errors"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
)

func exportCases() []storeCase {
	return []storeCase{
		{"it holds everything that is stored about a consumer", func(t *testing.T, store consumer.Store) {
			batch := everyField()
			write(t, store, together(batch, movedToOther(batch)))
			wantExport(t, store, batch)
		}},
		{"what ended and what expired is in it", func(t *testing.T, store consumer.Store) {
			batch := together(profiles(profile()),
				participations(participation(becoming(consumer.StatusDenied, at(1)), func(p *consumer.Participation) { p.DenyReason = new("late") })),
				admissions(admission(ended(at(1)), func(a *consumer.Admission) { a.ExpiresAt = new(at(-9)) })))
			write(t, store, batch)
			wantExport(t, store, batch)
		}},
		{"the records are in the byte order of their type, then of their id", testExportIsOrdered},
		{"the profile is nil when it did not arrive yet", func(t *testing.T, store consumer.Store) {
			write(t, store, participations(participation(becoming(consumer.StatusLeft, at(1)))))
			wantExport(t, store, participations(participation(becoming(consumer.StatusLeft, at(1)))))
		}},
		{"a single admission is something", func(t *testing.T, store consumer.Store) {
			write(t, store, admissions(admission()))
			wantExport(t, store, admissions(admission()))
		}},
		{"the slices are never nil", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			if e := export(t, store); e.Participations == nil || e.Admissions == nil {
				t.Errorf("the slices are %#v and %#v, want none nil", e.Participations, e.Admissions)
			}
		}},
		{"its JSON is one document in the format of the records", testExportAsJSON},
		{"it belongs to the caller", func(t *testing.T, store consumer.Store) {
			batch := everyField()
			write(t, store, batch)
			e := export(t, store)
			*e.Consumer.Email, e.Participations[0].ID, *e.Admissions[0].ExpiresAt = "changed@example.com", "changed", at(99)
			wantExport(t, store, batch)
		}},
		{"a consumer about whom nothing is stored is not found", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			for _, id := range []string{otherPerson, "CONS_1", "", "me", "a/b", "\x00", person + "\x00", "\xff"} {
				wantNoExport(t, store, organization, id)
				wantNoExport(t, store, id, person)
			}
			wantNoExport(t, store, otherOrganization, person)
		}},
		{"an erased consumer is not found", func(t *testing.T, store consumer.Store) {
			write(t, store, everyField())
			erase(t, store, organization, person)
			wantNoExport(t, store, organization, person)
		}},
	}
}

// export exports the person of the cases.
func export(t *testing.T, store consumer.Lifecycle) consumer.Export {
	t.Helper()
	e, err := store.Export(t.Context(), consumer.Key{OrganizationID: organization, ConsumerID: person})
	if err != nil {
		t.Fatalf("Export: %v", err)
	}
	return e
}

// wantExport compares the person's export with a batch in the same order.
func wantExport(t *testing.T, store consumer.Lifecycle, want consumer.Batch) {
	t.Helper()
	wanted := consumer.Export{
		Participations: append([]consumer.Participation{}, want.Participations...),
		Admissions:     append([]consumer.Admission{}, want.Admissions...),
	}
	if len(want.Consumers) > 0 {
		wanted.Consumer = &want.Consumers[0]
	}
	if diff := gocmp.Diff(wanted, export(t, store)); diff != "" {
		t.Errorf("export (-want +got):\n%s", diff)
	}
}

func wantNoExport(t *testing.T, store consumer.Lifecycle, organizationID, consumerID string) {
	t.Helper()
	e, err := store.Export(t.Context(), consumer.Key{OrganizationID: organizationID, ConsumerID: consumerID})
	if !errors.Is(err, consumer.ErrNotFound) || e.Consumer != nil || e.Participations != nil || e.Admissions != nil {
		t.Errorf("Export(%q, %q) returned %+v and the error %v, want ErrNotFound alone", organizationID, consumerID, e, err)
	}
}

func testExportIsOrdered(t *testing.T, store consumer.Store) {
	want := profiles(profile())
	for _, kind := range []consumer.DistributionType{"auction", "draw", "queue", "timed_release", "waitlist"} {
		for _, id := range []string{"-", "1", "10", "2", "A", "Z", "_", "a", "a.b", "ab", "~"} {
			want.Participations = append(want.Participations, participation(inDistribution(id), func(p *consumer.Participation) {
				p.Type, p.Status = kind, consumer.StatusLeft
			}))
			if kind.Admits() {
				want.Admissions = append(want.Admissions, admission(func(a *consumer.Admission) {
					a.DistributionType, a.DistributionID = kind, id
				}))
			}
		}
	}
	for i := range want.Participations { // the last first
		write(t, store, participations(want.Participations[len(want.Participations)-1-i]))
	}
	write(t, store, admissions(want.Admissions...))
	write(t, store, profiles(profile()))
	wantExport(t, store, want)
}

func testExportAsJSON(t *testing.T, store consumer.Store) {
	write(t, store, together(
		profiles(profile(func(c *consumer.Consumer) { c.Phone = nil })),
		participations(participation(becoming(consumer.StatusLeft, at(1))))))
	wantJSON(t, export(t, store), `{"consumer":{"id":"cons_1","email":"ada@example.com","fullName":"Ada Lovelace",`+
		`"createdAt":"2026-01-02T03:04:05Z","updatedAt":"2026-01-02T03:04:05Z"},`+
		`"participations":[{"type":"queue","id":"queue_1","experienceId":"exp_1","sequenceId":"seq_1","status":"LEFT",`+
		`"enteredAt":"2026-01-02T03:04:05Z","updatedAt":"2026-01-02T03:04:06Z"}],"admissions":[]}`)

	write(t, store, movedToOther(admissions(admission())))
	other, err := store.Export(t.Context(), consumer.Key{OrganizationID: organization, ConsumerID: otherPerson})
	if err != nil {
		t.Fatalf("Export: %v", err)
	}
	wantJSON(t, other, `{"consumer":null,"participations":[],"admissions":[{"distributionType":"timed_release",`+
		`"distributionId":"release_1","experienceId":"exp_1","sequenceId":"seq_1","admissionToken":"token_1",`+
		`"admittedAt":"2026-01-02T03:04:05Z","updatedAt":"2026-01-02T03:04:05Z"}]}`)
}

func wantJSON(t *testing.T, e consumer.Export, want string) {
	t.Helper()
	got, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, string(got)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}
