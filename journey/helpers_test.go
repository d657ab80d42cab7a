package journey_test

import (
	stdjson "encoding/json"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
)

// now is the time of every request in these tests.
var now = time.Date(2024, 12, 1, 12, 0, 0, 0, time.UTC)

// at returns a time some minutes before or after now.
func at(minutes int) time.Time { return now.Add(time.Duration(minutes) * time.Minute) }

type (
	participationEdit func(*consumer.Participation)
	admissionEdit     func(*consumer.Admission)
)

// part is a participation in experience e1, sequence s1.
func part(kind consumer.DistributionType, id string, status consumer.Status, entered int, edits ...participationEdit) consumer.Participation {
	p := consumer.Participation{
		OrganizationID: "org_1", ConsumerID: "cons_1",
		Type: kind, ID: id, ExperienceID: "e1", SequenceID: "s1",
		Status: status, EnteredAt: at(entered),
	}
	for _, edit := range edits {
		edit(&p)
	}
	return p
}

func token(token string) participationEdit {
	return func(p *consumer.Participation) { p.AdmissionToken = &token }
}

func admitted(minutes int) participationEdit {
	return func(p *consumer.Participation) { p.AdmittedAt = new(at(minutes)) }
}

func expires(minutes int) participationEdit {
	return func(p *consumer.Participation) { p.ExpiresAt = new(at(minutes)) }
}

func within(experienceID, sequenceID string) participationEdit {
	return func(p *consumer.Participation) { p.ExperienceID, p.SequenceID = experienceID, sequenceID }
}

func ticket(n int64) participationEdit {
	return func(p *consumer.Participation) { p.Ticket = &n }
}

type distributionEdit func(*consumer.Distribution)

// dist is the record of a distribution.
func dist(kind consumer.DistributionType, id string, edits ...distributionEdit) consumer.Distribution {
	d := consumer.Distribution{OrganizationID: "org_1", Type: kind, ID: id, UpdatedAt: at(-9999)}
	for _, edit := range edits {
		edit(&d)
	}
	return d
}

func serving(n int64) distributionEdit {
	return func(d *consumer.Distribution) { d.Serving = &n }
}

func distEnds(minutes int) distributionEdit {
	return func(d *consumer.Distribution) { d.EndedAt = new(at(minutes)) }
}

func won(consumerID string) distributionEdit {
	return func(d *consumer.Distribution) { d.WinnerID = &consumerID }
}

// grant is an admission in experience e1, sequence s1.
func grant(kind consumer.DistributionType, id, token string, admitted int, edits ...admissionEdit) consumer.Admission {
	a := consumer.Admission{
		OrganizationID: "org_1", ConsumerID: "cons_1",
		DistributionType: kind, DistributionID: id, ExperienceID: "e1", SequenceID: "s1",
		AdmissionToken: token, AdmittedAt: at(admitted),
	}
	for _, edit := range edits {
		edit(&a)
	}
	return a
}

func grantExpires(minutes int) admissionEdit {
	return func(a *consumer.Admission) { a.ExpiresAt = new(at(minutes)) }
}

func grantEnded(minutes int) admissionEdit {
	return func(a *consumer.Admission) { a.EndedAt = new(at(minutes)) }
}

func grantWithin(experienceID, sequenceID string) admissionEdit {
	return func(a *consumer.Admission) { a.ExperienceID, a.SequenceID = experienceID, sequenceID }
}

// snapshot takes participations, admissions and distributions in any order.
func snapshot(records ...any) consumer.Snapshot {
	s := consumer.Snapshot{Consumer: consumer.Consumer{OrganizationID: "org_1", ID: "cons_1", CreatedAt: at(-9999)}}
	for _, record := range records {
		switch r := record.(type) {
		case consumer.Participation:
			s.Participations = append(s.Participations, r)
		case consumer.Admission:
			s.Admissions = append(s.Admissions, r)
		case consumer.Distribution:
			s.Distributions = append(s.Distributions, r)
		}
	}
	return s
}

// derive returns the decoded document.
func derive(records consumer.Snapshot, now time.Time) journey.ActiveParticipations {
	return journey.Derive(records, now).Decoded()
}

// Expected journeys in experience e1 and sequence s1.

func participating(kind consumer.DistributionType, id string, status consumer.Status) journey.Journey {
	return journey.Journey{
		ExperienceID: "e1", SequenceID: "s1", JourneyStage: "routed", SequenceStage: "participating",
		Participation: journey.Participation{Type: kind, ID: id, Status: status},
	}
}

func waiting(id string, status consumer.Status) journey.Journey {
	j := participating("waitlist", id, status)
	j.SequenceStage = "waitlist_entered"
	return j
}

func admittedTo(kind consumer.DistributionType, id string, status consumer.Status, token string, moment int) journey.Journey {
	return journey.Journey{
		ExperienceID: "e1", SequenceID: "s1", JourneyStage: "admitted", SequenceStage: "admitted",
		Participation: journey.Participation{Type: kind, ID: id, Status: status, AdmissionToken: token},
		Admission:     new(shownAdmission(kind, id, token, moment)),
	}
}

func shownAdmission(kind consumer.DistributionType, id, token string, moment int) journey.Admission {
	return journey.Admission{
		DistributionType: kind, DistributionID: id, ExperienceID: "e1", SequenceID: "s1",
		AdmissionToken: token, AdmittedAt: at(moment),
	}
}

func moved(j journey.Journey, experienceID, sequenceID string) journey.Journey {
	j.ExperienceID, j.SequenceID = experienceID, sequenceID
	if j.Admission != nil {
		j.Admission.ExperienceID, j.Admission.SequenceID = experienceID, sequenceID
	}
	return j
}

func until(j journey.Journey, minutes int) journey.Journey {
	j.Admission.ExpiresAt = new(at(minutes))
	return j
}

// documentJSON marshals a value with two JSON packages and requires the same bytes, except
// for the escapes in strings.
func documentJSON(t rapid.TB, v any) string {
	t.Helper()
	experiment, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		t.Fatalf("go-json-experiment: %v", err)
	}
	standard, err := stdjson.Marshal(v)
	if err != nil {
		t.Fatalf("encoding/json: %v", err)
	}
	if err := (*jsontext.Value)(&standard).Format(); err != nil {
		t.Fatalf("encoding/json wrote no JSON: %v", err)
	}
	if diff := cmp.Diff(string(standard), string(experiment)); diff != "" {
		t.Errorf("the JSON packages differ (-encoding/json +go-json-experiment):\n%s", diff)
	}
	return string(experiment)
}
