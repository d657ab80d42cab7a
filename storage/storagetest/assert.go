package storagetest

import (
	"cmp"
	"errors"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
)

// write writes a batch that the store must accept.
func write(t *testing.T, store consumer.Writer, batch consumer.Batch) consumer.WriteResult {
	t.Helper()
	result, err := store.Write(t.Context(), batch)
	if err != nil {
		t.Fatalf("Write: %v", err)
	}
	return result
}

// wantWrite writes a batch and compares the result.
func wantWrite(t *testing.T, store consumer.Writer, batch consumer.Batch, applied, stale int) {
	t.Helper()
	want := consumer.WriteResult{Applied: applied, Stale: stale}
	if got := write(t, store, batch); got != want {
		t.Errorf("Write returned %+v, want %+v", got, want)
	}
}

// wantRefused writes a batch that the store must reject with an error.
func wantRefused(t *testing.T, store consumer.Writer, batch consumer.Batch, want error) {
	t.Helper()
	result, err := store.Write(t.Context(), batch)
	if !errors.Is(err, want) {
		t.Errorf("Write returned the error %v, want %v", err, want)
	}
	if result != (consumer.WriteResult{}) {
		t.Errorf("Write returned %+v with the error", result)
	}
}

// wantInvalidFields requires a validation error with exactly these fields.
func wantInvalidFields(t *testing.T, err error, fields ...string) {
	t.Helper()
	var invalid *consumer.ValidationError
	if !errors.As(err, &invalid) || !errors.Is(err, consumer.ErrInvalid) {
		t.Fatalf("the error is %v, want a *consumer.ValidationError that matches ErrInvalid", err)
	}
	var got []string
	for _, f := range invalid.Fields {
		got = append(got, f.Field)
	}
	if diff := gocmp.Diff(fields, got); diff != "" {
		t.Errorf("bad fields (-want +got):\n%s", diff)
	}
}

// snapshot reads the person of the cases, who must have a profile.
func snapshot(t *testing.T, store consumer.Reader) consumer.Snapshot {
	t.Helper()
	s, err := store.Snapshot(t.Context(), consumer.Key{OrganizationID: organization, ConsumerID: person})
	if err != nil {
		t.Fatalf("Snapshot: %v", err)
	}
	return s
}

// wantSnapshot compares a snapshot with the records of a batch, in any order.
func wantSnapshot(t *testing.T, store consumer.Reader, want consumer.Batch) {
	t.Helper()
	profile := want.Consumers[0]
	got, err := store.Snapshot(t.Context(), consumer.Key{OrganizationID: profile.OrganizationID, ConsumerID: profile.ID})
	if err != nil {
		t.Fatalf("Snapshot: %v", err)
	}
	wanted := consumer.Snapshot{
		Consumer: profile, Participations: want.Participations, Admissions: want.Admissions, Distributions: want.Distributions,
	}
	if diff := gocmp.Diff(ordered(wanted), ordered(got)); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
	alone, err := store.Consumer(t.Context(), consumer.Key{OrganizationID: profile.OrganizationID, ConsumerID: profile.ID})
	if err != nil {
		t.Fatalf("Consumer: %v", err)
	}
	if diff := gocmp.Diff(profile, alone); diff != "" {
		t.Errorf("profile (-want +got):\n%s", diff)
	}
}

// wantParticipation writes a profile and compares the person's only participation.
func wantParticipation(t *testing.T, store consumer.Store, want consumer.Participation) {
	t.Helper()
	write(t, store, profiles(profile()))
	wantSnapshot(t, store, together(profiles(profile()), participations(want)))
}

// wantNotFound requires ErrNotFound from both methods of a Reader.
func wantNotFound(t *testing.T, store consumer.Reader, organizationID, consumerID string) {
	t.Helper()
	if c, err := store.Consumer(t.Context(), consumer.Key{OrganizationID: organizationID, ConsumerID: consumerID}); !errors.Is(err, consumer.ErrNotFound) {
		t.Errorf("Consumer(%q, %q) returned %v and the error %v, want ErrNotFound", organizationID, consumerID, c, err)
	}
	if s, err := store.Snapshot(t.Context(), consumer.Key{OrganizationID: organizationID, ConsumerID: consumerID}); !errors.Is(err, consumer.ErrNotFound) {
		t.Errorf("Snapshot(%q, %q) returned %v and the error %v, want ErrNotFound", organizationID, consumerID, s, err)
	}
}

// ordered returns the snapshot with its records in the order of their keys.
func ordered(s consumer.Snapshot) consumer.Snapshot {
	s.Participations = slices.Clone(s.Participations)
	slices.SortFunc(s.Participations, compareParticipations)
	s.Admissions = slices.Clone(s.Admissions)
	slices.SortFunc(s.Admissions, compareAdmissions)
	s.Distributions = slices.Clone(s.Distributions)
	slices.SortFunc(s.Distributions, compareDistributions)
	return s
}

func compareParticipations(a, b consumer.Participation) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
}

func compareAdmissions(a, b consumer.Admission) int {
	return cmp.Or(cmp.Compare(a.DistributionType, b.DistributionType), cmp.Compare(a.DistributionID, b.DistributionID))
}

func compareDistributions(a, b consumer.Distribution) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
}
