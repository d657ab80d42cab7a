package row_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

func moment() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 678_000, time.UTC) }

func participation(id string, status consumer.Status, updatedAt time.Time) consumer.Participation {
	return consumer.Participation{
		OrganizationID: "org_1", ConsumerID: "cons_1", Type: consumer.Queue, ID: id,
		ExperienceID: "exp_1", SequenceID: "seq_1", Status: status, EnteredAt: moment(), UpdatedAt: updatedAt,
	}
}

func admission(endedAt *time.Time) consumer.Admission {
	return consumer.Admission{
		OrganizationID: "org_1", ConsumerID: "cons_1", DistributionType: consumer.Draw, DistributionID: "draw_1",
		ExperienceID: "exp_1", SequenceID: "seq_1", AdmissionToken: "token",
		AdmittedAt: moment(), UpdatedAt: moment(), EndedAt: endedAt,
	}
}

func profile(name string) consumer.Consumer {
	return consumer.Consumer{
		OrganizationID: "org_1", ID: "cons_1", FullName: &name, CreatedAt: moment(), UpdatedAt: moment(),
	}
}

func distribution() consumer.Distribution {
	return consumer.Distribution{
		OrganizationID: "org_1", Type: consumer.Auction, ID: "auction_1",
		EndedAt: new(moment()), WinnerID: new("cons_1"), UpdatedAt: moment(),
	}
}

func TestRowHoldsTheVersion(t *testing.T) {
	expiring := admission(new(moment()))
	expiring.ExpiresAt = new(moment().Add(time.Second))
	got := row.FromBatch(consumer.Batch{
		Consumers:      []consumer.Consumer{profile("Ada")},
		Participations: []consumer.Participation{participation("queue_1", consumer.StatusLeft, moment())},
		Admissions:     []consumer.Admission{expiring},
		Distributions:  []consumer.Distribution{distribution()},
	}, nil)
	const micros = 1_767_323_045_000_678
	winner := consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}.Digest()
	want := row.Rows{
		Consumers: []row.Row{{
			Key: row.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}, UpdatedAt: micros, StatusRank: 0,
			Record: string(profile("Ada").Version().Canonical),
		}},
		Participations: []row.Row{{
			Key:       row.Key{OrganizationID: "org_1", ConsumerID: "cons_1", Type: "queue", ID: "queue_1"},
			UpdatedAt: micros, StatusRank: consumer.TerminalRank + 2,
			Record: string(participation("queue_1", consumer.StatusLeft, moment()).Version().Canonical),
		}},
		Admissions: []row.Row{{
			Key:       row.Key{OrganizationID: "org_1", ConsumerID: "cons_1", Type: "draw", ID: "draw_1"},
			UpdatedAt: micros, StatusRank: consumer.TerminalRank, ExpiresAt: new(int64(micros + 1_000_000)),
			Record: string(expiring.Version().Canonical),
		}},
		Distributions: []row.Row{{
			Key:       row.Key{OrganizationID: "org_1", Type: "auction", ID: "auction_1"},
			UpdatedAt: micros, StatusRank: distribution().Version().Rank, EndedAt: new(int64(micros)),
			WinnerDigest: winner[:], Record: string(distribution().Version().Canonical),
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestGreatestVersionOfARecordRemains(t *testing.T) {
	later := moment().Add(time.Microsecond)
	for rule, c := range map[string]struct{ less, greater consumer.Participation }{
		"the later moment": {
			participation("queue_1", consumer.StatusLeft, moment()), participation("queue_1", consumer.StatusQueued, later),
		},
		"then the higher rank": {
			participation("queue_1", consumer.StatusQueued, moment()), participation("queue_1", consumer.StatusAdmitted, moment()),
		},
	} {
		t.Run(rule, func(t *testing.T) {
			want := row.FromBatch(consumer.Batch{Participations: []consumer.Participation{c.greater}}, nil)
			for _, order := range [][]consumer.Participation{{c.less, c.greater}, {c.greater, c.less}, {c.greater, c.less, c.greater}} {
				if diff := cmp.Diff(want, row.FromBatch(consumer.Batch{Participations: order}, nil)); diff != "" {
					t.Errorf("rows (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestRowsAreInTheOrderOfTheirKeys(t *testing.T) {
	got := row.FromBatch(consumer.Batch{Participations: []consumer.Participation{
		participation("c", consumer.StatusQueued, moment()), participation("B", consumer.StatusQueued, moment()),
		participation("a", consumer.StatusQueued, moment()),
	}}, nil)
	var ids []string
	for _, r := range got.Participations {
		ids = append(ids, r.ID)
	}
	if !slices.Equal(ids, []string{"B", "a", "c"}) {
		t.Errorf("the order is %v", ids)
	}
}

func TestRecordsOfMergedGuestsAreTheConsumers(t *testing.T) {
	guest := consumer.Key{OrganizationID: "org_1", ConsumerID: "guest_1"}
	digest := guest.Digest()
	merged, err := row.NewMerged([]consumer.Key{guest}, [][32]byte{digest}, []row.Former{{Digest: digest[:], SuccessorID: new("cons_1")}})
	if err != nil {
		t.Fatal(err)
	}
	guests, consumers := participation("queue_1", consumer.StatusLeft, moment()), participation("queue_1", consumer.StatusQueued, moment())
	guests.ConsumerID = guest.ConsumerID
	guestsProfile := profile("Guest")
	guestsProfile.ID = guest.ConsumerID
	got := row.FromBatch(consumer.Batch{
		Consumers: []consumer.Consumer{guestsProfile}, Participations: []consumer.Participation{guests, consumers},
	}, merged)
	guests.ConsumerID = "cons_1"
	want := row.FromBatch(consumer.Batch{Participations: []consumer.Participation{guests}}, nil)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestErasedConsumersAreListedInTheOrderOfTheKeys(t *testing.T) {
	keys := []consumer.Key{{OrganizationID: "org_1", ConsumerID: "b"}, {OrganizationID: "org_1", ConsumerID: "x"}, {OrganizationID: "org_1", ConsumerID: "a"}}
	digests := [][32]byte{keys[0].Digest(), keys[1].Digest(), keys[2].Digest()}
	_, err := row.NewMerged(keys, digests, []row.Former{{Digest: digests[2][:]}, {Digest: digests[0][:]}})
	var erased *consumer.ErasedError
	if !errors.As(err, &erased) || !slices.Equal(erased.Consumers, []consumer.Key{keys[0], keys[2]}) {
		t.Errorf("the error is %#v", err)
	}
}

func TestTimeIsTheInverseOfMicros(t *testing.T) {
	for _, want := range []*time.Time{
		nil, new(moment()), new(time.Unix(0, 0).UTC()), new(time.Unix(-1, 1000).UTC()),
		new(time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC)), new(time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)),
	} {
		if diff := cmp.Diff(want, row.Time(row.Micros(want))); diff != "" {
			t.Errorf("time (-want +got):\n%s", diff)
		}
	}
	if zone := row.Time(row.Micros(new(time.Now()))).Location(); zone != time.UTC {
		t.Errorf("the zone is %v, want UTC", zone)
	}
}

func TestValidIDsOmitsInvalidIDs(t *testing.T) {
	got := row.ValidIDs([]string{"cons_1", "", "a/b", "cons_1", "\x00", "\xff", `"`, "CONS_1", "ä", "..", "~"})
	if diff := cmp.Diff([]string{"cons_1", "cons_1", "CONS_1", "~"}, got); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}
