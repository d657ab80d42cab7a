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

// TestTextSeparatesRecords holds the assumption on which snapshots are framed.
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
			participations = append(participations, string(p.AppendCanonical(nil)))
			admissions = append(admissions, string(a.AppendCanonical(nil)))
		}
		found := row.Found{
			Profile:        string(want.Consumer.AppendCanonical(nil)),
			Participations: strings.Join(participations, row.Separator),
			Admissions:     strings.Join(admissions, row.Separator),
		}
		got, err := found.Snapshot("org_1", "cons_1")
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("snapshot (-want +got):\n%s", diff)
		}
		export, err := found.Export("org_1", "cons_1")
		if err != nil {
			rt.Fatal(err)
		}
		if len(export.Participations) != len(want.Participations) || len(export.Admissions) != len(want.Admissions) {
			rt.Fatalf("the export holds %d and %d records, want %d", len(export.Participations), len(export.Admissions), len(participations))
		}
	})
}

func TestUnreadableRecordIsUnavailable(t *testing.T) {
	good := string(profile("Ada").AppendCanonical(nil))
	for rule, found := range map[string]row.Found{
		"no profile":          {},
		"a cut-off profile":   {Profile: good[:len(good)-1]},
		"two profiles":        {Profile: good + good},
		"a bad participation": {Profile: good, Participations: `{"enteredAt":"secret"}`},
		"a bad admission":     {Profile: good, Admissions: "{}\nsecret"},
	} {
		t.Run(rule, func(t *testing.T) {
			_, err := found.Snapshot("org_1", "cons_1")
			wantDamaged(t, err)
			if len(found.Profile) > 0 {
				_, err = found.Export("org_1", "cons_1")
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
	found := row.Found{Profiles: string(ada.AppendCanonical(nil)) + row.Separator + string(bob.AppendCanonical(nil))}
	got, err := found.Consumers("org_1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]consumer.Consumer{"cons_1": ada, "cons_2": bob}, got); diff != "" {
		t.Errorf("consumers (-want +got):\n%s", diff)
	}
	if none, err := (row.Found{}).Consumers("org_1"); err != nil || none == nil || len(none) != 0 {
		t.Errorf("of nothing: %v and the error %v, want an empty map", none, err)
	}
	_, err = row.Found{Profiles: "{}\nsecret"}.Consumers("org_1")
	wantDamaged(t, err)
}

func TestExportIsInOrderWhateverTheDatabases(t *testing.T) {
	var records []string
	for _, id := range []string{"b", "B", "a"} {
		records = append(records, string(participation(id, consumer.StatusLeft, moment()).AppendCanonical(nil)))
	}
	export, err := row.Found{Participations: strings.Join(records, row.Separator)}.Export("org_1", "cons_1")
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

func TestExportOfNothingIsNotFound(t *testing.T) {
	if _, err := (row.Found{}).Export("org_1", "cons_1"); !errors.Is(err, consumer.ErrNotFound) {
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
