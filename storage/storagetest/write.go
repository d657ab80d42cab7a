package storagetest

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
)

func writeCases() []storeCase {
	return []storeCase{
		{"it returns the number of applied records", func(t *testing.T, store consumer.Store) {
			wantWrite(t, store, together(profiles(profile()), participations(participation()), admissions(admission())), 3, 0)
		}},
		{"an empty batch changes nothing", func(t *testing.T, store consumer.Store) {
			wantWrite(t, store, consumer.Batch{}, 0, 0)
		}},
		{"the same write again is stale and changes nothing", func(t *testing.T, store consumer.Store) {
			batch := together(profiles(profile()), participations(participation()), admissions(admission()))
			write(t, store, batch)
			wantWrite(t, store, batch, 0, 3)
			wantSnapshot(t, store, batch)
		}},
		{"new and stale records of one batch are counted apart", func(t *testing.T, store consumer.Store) {
			write(t, store, participations(participation()))
			wantWrite(t, store, participations(participation(), participation(inDistribution("queue_2"))), 1, 1)
		}},
		{"API keys are not counted", func(t *testing.T, store consumer.Store) {
			wantWrite(t, store, together(profiles(profile()), keys(apiKey("pk_test_1"))), 1, 0)
		}},
		{"a record that a batch holds several times counts once, and its greatest version wins", testRepeatedInBatch},
		{"a newer write replaces the whole record, nothing is merged", testNothingIsMerged},
		{"records may arrive before the profile of their consumer", func(t *testing.T, store consumer.Store) {
			records := together(participations(participation()), admissions(admission()))
			write(t, store, records)
			write(t, store, profiles(profile()))
			wantSnapshot(t, store, together(profiles(profile()), records))
		}},
		{"a batch may concern many consumers and organizations", testManyConsumers},
		{"a record without UpdatedAt is rejected, and the error names updatedAt", func(t *testing.T, store consumer.Store) {
			_, err := store.Write(t.Context(), together(
				profiles(profile(func(c *consumer.Consumer) { c.UpdatedAt = time.Time{} })),
				participations(participation(), participation(func(p *consumer.Participation) { p.ID, p.UpdatedAt = "queue_2", time.Time{} })),
				admissions(admission(func(a *consumer.Admission) { a.UpdatedAt = time.Time{} }))))
			wantInvalidFields(t, err, "consumers[0].updatedAt", "participations[1].updatedAt", "admissions[0].updatedAt")
			wantNotFound(t, store, organization, person)
		}},
		{"the batch is neither modified nor retained", testBatchIsNotKept},
		{"every bad field of every record is named", testEveryBadFieldIsNamed},
		{"nothing is written when one record in the middle is bad", func(t *testing.T, store consumer.Store) {
			wantAllOrNothing(t, store, consumer.ErrInvalid, participation(func(p *consumer.Participation) {
				p.ID, p.Status = "queue_bad", consumer.StatusWaiting
			}))
		}},
		{"nothing is written when one consumer in the middle was erased", func(t *testing.T, store consumer.Store) {
			erase(t, store, organization, otherPerson)
			wantAllOrNothing(t, store, consumer.ErrErased, participation(func(p *consumer.Participation) { p.ConsumerID = otherPerson }))
		}},
		{"an invalid field is reported before an erased consumer, and that before a taken key", func(t *testing.T, store consumer.Store) {
			erase(t, store, organization, person)
			write(t, store, keys(apiKey("pk_test_1")))
			taken := apiKey("pk_test_1")
			taken.OrganizationID = otherOrganization
			bad := participations(participation(func(p *consumer.Participation) { p.Status = consumer.StatusWaiting }))
			wantRefused(t, store, together(profiles(profile()), bad, keys(taken)), consumer.ErrInvalid)
			wantRefused(t, store, together(profiles(profile()), keys(taken)), consumer.ErrErased)
		}},
		{"nothing is written when an API key is taken", func(t *testing.T, store consumer.Store) {
			write(t, store, keys(apiKey("pk_test_1")))
			taken := apiKey("pk_test_1")
			taken.OrganizationID = otherOrganization
			wantRefused(t, store, together(profiles(profile()), participations(participation()), admissions(admission()),
				keys(apiKey("pk_test_2"), taken)), consumer.ErrConflict)
			wantNotFound(t, store, organization, person)
			wantKeyNotFound(t, store, sha256.Sum256([]byte("pk_test_2")))
			wantWrite(t, store, together(participations(participation()), admissions(admission())), 2, 0)
		}},
	}
}

func testRepeatedInBatch(t *testing.T, store consumer.Store) {
	older, newer := participation(), participation(becoming(consumer.StatusAdmitted, at(1)))
	wantWrite(t, store, participations(older, newer, older, newer), 1, 3)
	wantParticipation(t, store, newer)
	older.ID, newer.ID = "queue_2", "queue_2"
	wantWrite(t, store, participations(newer, older), 1, 1)
	wantWrite(t, store, participations(older, older), 0, 2)
}

func testNothingIsMerged(t *testing.T, store consumer.Store) {
	write(t, store, together(profiles(profile()), participations(participation(func(p *consumer.Participation) {
		p.Status, p.AdmissionToken, p.Position, p.ExpiresAt = consumer.StatusAdmitted, new("token"), new(int64(1)), new(at(9))
	})), admissions(admission(func(a *consumer.Admission) { a.ExpiresAt = new(at(9)) }))))

	newer := together(
		profiles(profile(func(c *consumer.Consumer) { c.Email, c.Phone, c.UpdatedAt = nil, nil, at(1) })),
		participations(participation(becoming(consumer.StatusQueued, at(1)))),
		admissions(admission(func(a *consumer.Admission) { a.UpdatedAt = at(1) })))
	wantWrite(t, store, newer, 3, 0)
	wantSnapshot(t, store, newer)
}

func testManyConsumers(t *testing.T, store consumer.Store) {
	var all consumer.Batch
	var each []consumer.Batch
	for _, organizationID := range []string{organization, otherOrganization} {
		for i := range 5 {
			id := fmt.Sprintf("cons_%d", i)
			one := together(
				profiles(profile(func(c *consumer.Consumer) { c.OrganizationID, c.ID = organizationID, id })),
				participations(participation(func(p *consumer.Participation) {
					p.OrganizationID, p.ConsumerID, p.Position = organizationID, id, new(int64(i))
				})),
				admissions(admission(func(a *consumer.Admission) {
					a.OrganizationID, a.ConsumerID, a.AdmissionToken = organizationID, id, organizationID+id
				})))
			each = append(each, one)
			all = together(all, one)
		}
	}
	wantWrite(t, store, all, 30, 0)
	for _, one := range each {
		wantSnapshot(t, store, one)
	}
}

func testBatchIsNotKept(t *testing.T, store consumer.Store) {
	build := func() consumer.Batch {
		return together(
			profiles(profile()),
			participations(participation(func(p *consumer.Participation) { p.Position = new(int64(7)) }),
				participation(inDistribution("a_queue_before"))),
			admissions(admission(func(a *consumer.Admission) { a.ExpiresAt = new(at(9)) })))
	}
	batch := build()
	write(t, store, batch)
	if diff := gocmp.Diff(build(), batch); diff != "" {
		t.Errorf("the batch changed (-want +got):\n%s", diff)
	}
	*batch.Consumers[0].Email = "changed@example.com"
	*batch.Participations[0].Position = 8
	*batch.Admissions[0].ExpiresAt = at(99)
	wantSnapshot(t, store, build())
}

func testEveryBadFieldIsNamed(t *testing.T, store consumer.Store) {
	_, err := store.Write(t.Context(), together(
		profiles(profile(), profile(func(c *consumer.Consumer) { c.Email, c.Phone = new("nobody"), new("12") })),
		participations(participation(), participation(func(p *consumer.Participation) { p.SequenceID, p.Status = "", "ENTERED" })),
		admissions(admission(func(a *consumer.Admission) { a.AdmissionToken = "" })),
		keys(consumer.APIKey{OrganizationID: organization, Kind: "private", CreatedAt: at(0)}),
	))
	wantInvalidFields(t, err,
		"consumers[1].email", "consumers[1].phone",
		"participations[1].sequenceId", "participations[1].status",
		"admissions[0].admissionToken", "apiKeys[0].kind", "apiKeys[0].digest")
	wantNotFound(t, store, organization, person)
}

// wantAllOrNothing writes valid records with one among them that is rejected.
func wantAllOrNothing(t *testing.T, store consumer.Store, want error, refused consumer.Participation) {
	t.Helper()
	good := together(
		profiles(profile()),
		participations(participation(), participation(inDistribution("queue_2"))),
		admissions(admission()))
	bad := good
	bad.Participations = []consumer.Participation{good.Participations[0], refused, good.Participations[1]}
	wantRefused(t, store, bad, want)
	wantNotFound(t, store, organization, person)
	wantWrite(t, store, good, 4, 0) // nothing of it was there
}
