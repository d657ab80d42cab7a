package journey_test

import (
	stdjson "encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
)

func TestDeriveAcceptsAnyInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkInvariants(t, genWildSnapshot().Draw(t, "snapshot"), genMoment().Draw(t, "now"))
	})
}

func TestDeriveHoldsTheInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := genSnapshot().Draw(t, "snapshot")
		checkInvariants(t, records, now)
		checkNothingOverIsShown(t, records)
	})
}

func TestDeriveAgreesWithTheReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := genStoredSnapshot().Draw(t, "snapshot")
		want, err := stdjson.Marshal(reference(records, now))
		if err != nil {
			t.Fatal(err)
		}
		got := documentJSON(t, derive(records, now))
		if diff := cmp.Diff(decoded(t, string(want)), decoded(t, got)); diff != "" {
			t.Errorf("document (-reference +got):\n%s", diff)
		}
	})
}

// decoded keeps the digits of numbers.
func decoded(t rapid.TB, text string) (document any) {
	t.Helper()
	decoder := stdjson.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&document); err != nil {
		t.Fatal(err)
	}
	return document
}

func TestDeriveDoesNotDependOnTheOrderOfItsInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := genSnapshot().Draw(t, "snapshot")
		permuted := consumer.Snapshot{
			Participations: rapid.Permutation(records.Participations).Draw(t, "participations"),
			Admissions:     rapid.Permutation(records.Admissions).Draw(t, "admissions"),
			Distributions:  rapid.Permutation(records.Distributions).Draw(t, "distributions"),
		}
		if diff := cmp.Diff(derive(records, now), derive(permuted, now)); diff != "" {
			t.Errorf("document (-in order +permuted):\n%s", diff)
		}
	})
}

func TestDeriveDoesNotDependOnTheZoneOfNow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := genSnapshot().Draw(t, "snapshot")
		there := now.In(time.FixedZone("east", 7200))
		if diff := cmp.Diff(derive(records, now), derive(records, there)); diff != "" {
			t.Errorf("document (-UTC +another zone):\n%s", diff)
		}
	})
}

func TestDeriveLeavesItsInputAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := genSnapshot().Draw(t, "snapshot")
		before := deepCopy(records)
		derive(records, now)
		checkUntouched(t, before, records)
	})
}

func TestDeriveSharesNoMemoryWithItsInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := genSnapshot().Draw(t, "snapshot")
		before := deepCopy(records)
		active := derive(records, now)
		scribble(reflect.ValueOf(active))
		checkUntouched(t, before, records)
	})
}

// checkUntouched compares zones as well, which go-cmp does not.
func checkUntouched(t *rapid.T, before, after consumer.Snapshot) {
	for i := range before.Participations {
		if !reflect.DeepEqual(before.Participations[i], after.Participations[i]) {
			t.Errorf("participation %d changed (-before +after):\n%s", i, cmp.Diff(before.Participations[i], after.Participations[i]))
		}
	}
	for i := range before.Admissions {
		if !reflect.DeepEqual(before.Admissions[i], after.Admissions[i]) {
			t.Errorf("admission %d changed (-before +after):\n%s", i, cmp.Diff(before.Admissions[i], after.Admissions[i]))
		}
	}
	for i := range before.Distributions {
		if !reflect.DeepEqual(before.Distributions[i], after.Distributions[i]) {
			t.Errorf("distribution %d changed (-before +after):\n%s", i, cmp.Diff(before.Distributions[i], after.Distributions[i]))
		}
	}
}

// scribble overwrites everything that the document points to, the innermost first.
func scribble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			scribble(v.Elem())
			v.Elem().SetZero()
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return // its zone is shared by all
		}
		for i := range v.NumField() {
			scribble(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			scribble(v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			scribble(v.MapIndex(key))
		}
	}
}

func TestDocumentReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkReadsBack(t, derive(genSnapshot().Draw(t, "snapshot"), now)) })
}

// checkReadsBack compares texts, because a pointer to the zero time, which no valid record
// has, is left out.
func checkReadsBack(t rapid.TB, active journey.ActiveParticipations) {
	t.Helper()
	text := documentJSON(t, active)
	var standard, experiment journey.ActiveParticipations
	if err := stdjson.Unmarshal([]byte(text), &standard); err != nil {
		t.Fatalf("encoding/json: %v", err)
	}
	if err := json.Unmarshal([]byte(text), &experiment, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("go-json-experiment: %v", err)
	}
	if diff := cmp.Diff(text, documentJSON(t, standard)); diff != "" {
		t.Errorf("encoding/json (-written +read and written):\n%s", diff)
	}
	if diff := cmp.Diff(text, documentJSON(t, experiment)); diff != "" {
		t.Errorf("go-json-experiment (-written +read and written):\n%s", diff)
	}
}

// checkNothingOverIsShown looks for the tokens of records that expired, ended or are
// not active: each record has a token of its own.
func checkNothingOverIsShown(t *rapid.T, records consumer.Snapshot) {
	text := documentJSON(t, derive(records, now))
	current := newestOf(records)
	for _, p := range records.Participations {
		if !isActive(p, current, now) && p.AdmissionToken != nil && *p.AdmissionToken != "" && strings.Contains(text, `"`+*p.AdmissionToken+`"`) {
			t.Errorf("%s shows in %s", *p.AdmissionToken, text)
		}
	}
	for _, a := range records.Admissions {
		if (a.EndedAt != nil || over(a.ExpiresAt, now)) && a.AdmissionToken != "" && strings.Contains(text, `"`+a.AdmissionToken+`"`) {
			t.Errorf("%s shows in %s", a.AdmissionToken, text)
		}
	}
}

type sequence struct{ experienceID, sequenceID string }

// checkInvariants checks what is true of every document.
func checkInvariants(t rapid.TB, records consumer.Snapshot, now time.Time) {
	t.Helper()
	active := derive(records, now)
	checkNothingIsNil(t, active)
	seen := make(map[sequence]bool)
	for i, j := range active.Journeys {
		key := sequence{j.ExperienceID, j.SequenceID}
		if seen[key] {
			t.Errorf("two journeys of %q %q", j.ExperienceID, j.SequenceID)
		}
		seen[key] = true
		checkStage(t, j)
		checkFound(t, active, j)
		if i > 0 && stagePlace(active.Journeys[i-1]) > stagePlace(j) {
			t.Errorf("journey %d is %s after %s", i, j.SequenceStage, active.Journeys[i-1].SequenceStage)
		}
	}
	if diff := cmp.Diff(sequencesOf(newestOf(records), now), seen); diff != "" {
		t.Errorf("sequences with a journey (-want +got):\n%s", diff)
	}
}

func checkNothingIsNil(t rapid.TB, a journey.ActiveParticipations) {
	t.Helper()
	if a.Experiences == nil || a.Queues == nil || a.Draws == nil || a.Auctions == nil ||
		a.TimedReleases == nil || a.Admissions == nil || a.Journeys == nil {
		t.Errorf("a map or the journeys are nil: %+v", a)
	}
	for id, experience := range a.Experiences {
		if len(experience.Sequences) == 0 {
			t.Errorf("experience %q has no sequence", id)
		}
	}
}

func stagePlace(j journey.Journey) int {
	return strings.Index("admitted participating waitlist_entered", string(j.SequenceStage))
}

func checkStage(t rapid.TB, j journey.Journey) {
	t.Helper()
	p, a := j.Participation, j.Admission
	if (j.JourneyStage == "admitted") != (a != nil) || (j.SequenceStage == "admitted") != (a != nil) || (p.AdmissionToken != "") != (a != nil) {
		t.Errorf("admission, token and the two stages of one journey must go together: %+v", j)
	}
	if (j.SequenceStage == "waitlist_entered") != (p.Type == "waitlist") {
		t.Errorf("a %s leads the stage %s", p.Type, j.SequenceStage)
	}
	if a != nil && (a.DistributionType != p.Type || a.DistributionID != p.ID || a.AdmissionToken != p.AdmissionToken ||
		a.ExperienceID != j.ExperienceID || a.SequenceID != j.SequenceID) {
		t.Errorf("admission and participation of one journey differ: %+v, %+v", p, *a)
	}
}

// checkFound requires the leader of a journey in the maps or nodes, unless it is a hidden
// admission.
func checkFound(t rapid.TB, a journey.ActiveParticipations, j journey.Journey) {
	t.Helper()
	id := j.Participation.ID
	found := false
	switch j.Participation.Type {
	case "queue":
		_, found = a.Queues[id]
	case "draw":
		_, found = a.Draws[id]
	case "auction":
		_, found = a.Auctions[id]
	case "timed_release":
		_, found = a.TimedReleases[id]
	case "waitlist":
		node := a.Experiences[j.ExperienceID].Sequences[j.SequenceID].Waitlist
		found = node != nil && node.WaitlistID == id
	}
	if _, granted := a.Admissions[id]; !found && !(j.Admission != nil && granted) {
		t.Errorf("the leader of %+v is in no map and no node", j)
	}
}

// newestOf returns, for each key, the record that a store would have kept.
func newestOf(records consumer.Snapshot) consumer.Snapshot {
	return consumer.Snapshot{
		Participations: newest(records.Participations, partKey, consumer.Participation.Normalized),
		Admissions:     newest(records.Admissions, grantKey, consumer.Admission.Normalized),
		Distributions:  newest(records.Distributions, distributionKey, consumer.Distribution.Normalized),
	}
}

func newest[R interface{ Version() consumer.Version }](all []R, key func(R) string, normalized func(R) R) []R {
	byKey := make(map[string]R)
	for _, record := range all {
		record = normalized(record)
		if other, found := byKey[key(record)]; !found || record.Version().Compare(other.Version()) > 0 {
			byKey[key(record)] = record
		}
	}
	var kept []R
	for _, record := range byKey {
		kept = append(kept, record)
	}
	return kept
}

// sequencesOf returns the sequences that must have a journey.
func sequencesOf(records consumer.Snapshot, now time.Time) map[sequence]bool {
	all := make(map[sequence]bool)
	for _, p := range records.Participations {
		if isActive(p, records, now) {
			all[sequence{p.ExperienceID, p.SequenceID}] = true
		}
	}
	for _, a := range records.Admissions {
		if isLive(a, records, now) {
			all[sequence{a.ExperienceID, a.SequenceID}] = true
		}
	}
	return all
}

// TestDocumentIsTheSameBytesEveryTime: an ETag is a hash of the bytes.
func TestDocumentIsTheSameBytesEveryTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := genSnapshot().Draw(t, "snapshot")
		once, twice := documentJSON(t, derive(records, now)), documentJSON(t, derive(records, now))
		if once != twice {
			t.Errorf("once %s\ntwice %s", once, twice)
		}
	})
}
