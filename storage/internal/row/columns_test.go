package row_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// TestTextSeparatesRecords tests that no record contains the separator.
func TestTextSeparatesRecords(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := consumer.Snapshot{Consumer: profile(rapid.String().Draw(rt, "name"))}
		var participations, admissions []string
		for range rapid.IntRange(0, 4).Draw(rt, "records") {
			p := participation("queue_1", consumer.StatusDenied, moment())
			p.DenyReason = new(rapid.String().Draw(rt, "reason"))
			a := admission(nil)
			a.AdmissionToken = rapid.String().Draw(rt, "token")
			want.Participations, want.Admissions = append(want.Participations, p), append(want.Admissions, a)
			participations = append(participations, string(p.Version().Canonical))
			admissions = append(admissions, string(a.Version().Canonical))
		}
		found := row.Columns{
			Profile:        string(want.Consumer.Version().Canonical),
			Participations: strings.Join(participations, row.Separator),
			Admissions:     strings.Join(admissions, row.Separator),
		}
		got, err := found.Snapshot(consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("snapshot (-want +got):\n%s", diff)
		}
		export, err := found.Export(consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
		if err != nil {
			rt.Fatal(err)
		}
		if len(export.Participations) != len(want.Participations) || len(export.Admissions) != len(want.Admissions) {
			rt.Fatalf("the export holds %d and %d records, want %d", len(export.Participations), len(export.Admissions), len(participations))
		}
	})
}

func TestUnreadableRecordIsDamaged(t *testing.T) {
	good := string(profile("Ada").Version().Canonical)
	for rule, found := range map[string]row.Columns{
		"no profile":          {},
		"a cut-off profile":   {Profile: good[:len(good)-1]},
		"two profiles":        {Profile: good + good},
		"a bad participation": {Profile: good, Participations: `{"enteredAt":"secret"}`},
		"a bad admission":     {Profile: good, Admissions: "{}\nsecret"},
		"a bad distribution":  {Profile: good, Participations: string(participation("queue_1", consumer.StatusQueued, moment()).Version().Canonical) + "\tsecret"},
	} {
		t.Run(rule, func(t *testing.T) {
			_, err := found.Snapshot(consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
			wantDamaged(t, err)
			if len(found.Profile) > 0 {
				_, err = found.Export(consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
				wantDamaged(t, err)
			}
		})
	}
}

func wantDamaged(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, row.ErrDamaged) || strings.Contains(err.Error(), "secret") {
		t.Errorf("the error is %v, want ErrDamaged without the record", err)
	}
}

func TestConsumersComeBackByID(t *testing.T) {
	ada, bob := profile("Ada\n"), profile("Bob")
	bob.ID = "cons_2"
	found := row.Columns{Profiles: string(ada.Version().Canonical) + row.Separator + string(bob.Version().Canonical)}
	got, err := found.Consumers("org_1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]consumer.Consumer{"cons_1": ada, "cons_2": bob}, got); diff != "" {
		t.Errorf("consumers (-want +got):\n%s", diff)
	}
	if none, err := (row.Columns{}).Consumers("org_1"); err != nil || none == nil || len(none) != 0 {
		t.Errorf("of nothing: %v and the error %v, want an empty map", none, err)
	}
	_, err = row.Columns{Profiles: "{}\nsecret"}.Consumers("org_1")
	wantDamaged(t, err)
}

func TestExportIsSorted(t *testing.T) {
	var records []string
	for _, id := range []string{"b", "B", "a"} {
		records = append(records, string(participation(id, consumer.StatusLeft, moment()).Version().Canonical))
	}
	export, err := row.Columns{Participations: strings.Join(records, row.Separator)}.Export(consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
	if err != nil {
		t.Fatal(err)
	}
	var want []consumer.Participation
	for _, id := range []string{"B", "a", "b"} {
		want = append(want, participation(id, consumer.StatusLeft, moment()))
	}
	if diff := cmp.Diff(consumer.Export{Participations: want, Admissions: []consumer.Admission{}}, export); diff != "" {
		t.Errorf("export (-want +got):\n%s", diff)
	}
}

func TestWinnerOfADistribution(t *testing.T) {
	member := string(participation("auction_1", consumer.StatusQueued, moment()).Version().Canonical)
	for rule, c := range map[string]struct {
		winner, mergedInto string
		want               *string
	}{
		"the consumer":                         {"cons_1", "", new("cons_1")},
		"another consumer":                     {"cons_2", "", nil},
		"a guest that was merged into it":      {"guest_1", "cons_1", new("cons_1")},
		"a guest that was merged into another": {"guest_1", "cons_2", nil},
	} {
		t.Run(rule, func(t *testing.T) {
			d := distribution()
			d.WinnerID = &c.winner
			columns := row.Columns{
				Profile:        string(profile("Ada").Version().Canonical),
				Participations: member + row.DistributionSeparator + c.mergedInto + string(d.Version().Canonical),
			}
			s, err := columns.Snapshot(consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
			if err != nil {
				t.Fatal(err)
			}
			d.WinnerID = c.want
			if diff := cmp.Diff([]consumer.Distribution{d}, s.Distributions); diff != "" {
				t.Errorf("distributions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDistributionHasNoWinner(t *testing.T) {
	got, err := row.Distribution("org_1", string(distribution().Version().Canonical))
	if err != nil {
		t.Fatal(err)
	}
	want := distribution()
	want.WinnerID = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("distribution (-want +got):\n%s", diff)
	}
	_, err = row.Distribution("org_1", "secret")
	wantDamaged(t, err)
}

func TestExportOfNothingIsNotFound(t *testing.T) {
	if _, err := (row.Columns{}).Export(consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}); !errors.Is(err, consumer.ErrNotFound) {
		t.Errorf("the error is %v, want ErrNotFound", err)
	}
}

func TestAPIKeyDecodes(t *testing.T) {
	want := consumer.APIKey{
		OrganizationID: "org_1", Kind: consumer.SecretKey, Digest: [32]byte{1, 31: 2},
		CreatedAt: moment(), RevokedAt: new(moment()),
	}
	stored := row.APIKey{Digest: want.Digest[:], Kind: "secret", CreatedAt: moment().UnixMicro(), RevokedAt: row.Micros(want.RevokedAt)}
	got, err := stored.Decode("org_1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("key (-want +got):\n%s", diff)
	}
	for _, digest := range [][]byte{nil, want.Digest[:31], append(want.Digest[:], 0)} {
		stored.Digest = digest
		_, err := stored.Decode("org_1")
		wantDamaged(t, err)
	}
}
