package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Sequences of the rules' records.
const (
	sequence1 = `"experienceId":"exp_1#","sequenceId":"seq_1#"`
	sequence2 = `"experienceId":"exp_1#","sequenceId":"seq_2#"`
	sequence3 = `"experienceId":"exp_2#","sequenceId":"seq_1#"`
	sequence4 = `"experienceId":"exp_2#","sequenceId":"seq_2#"`
)

// record returns a participation in the first sequence that was entered at a time relative to
// now. The text more begins with a comma.
func record(kind, id, status, entered string, more ...string) string {
	return recordIn(sequence1, kind, id, status, entered, more...)
}

// recordIn is like record, in any sequence.
func recordIn(sequence, kind, id, status, entered string, more ...string) string {
	text := fmt.Sprintf(`{"type":%q,"id":"%s#",%s,"status":%q,"enteredAt":"@%s"`, kind, id, sequence, status, entered)
	for _, m := range more {
		text += m
	}
	return text + "}"
}

// token is what a participation has when it admits, for record.
func token(token, admitted string) string {
	return fmt.Sprintf(`,"admissionToken":%q,"admittedAt":"@%s"`, token, admitted)
}

// grant returns an admission in the first sequence. The text more begins with a comma.
func grant(kind, id, token, admitted string, more ...string) string {
	return grantIn(sequence1, kind, id, token, admitted, more...)
}

// grantIn is like grant, in any sequence.
func grantIn(sequence, kind, id, token, admitted string, more ...string) string {
	text := fmt.Sprintf(`{"distributionType":%q,"distributionId":"%s#",%s,"admissionToken":%q,"admittedAt":"@%s"`, kind, id, sequence, token, admitted)
	for _, m := range more {
		text += m
	}
	return text + "}"
}

// hasJourneys expects the journeys of a document in their order. Each is a line in the form of
// journey.String.
func (r *response) hasJourneys(want ...string) {
	value := r.active("journeys")
	if value == nil {
		return
	}
	var journeys []journey
	if err := json.Unmarshal(value, &journeys); err != nil {
		r.failf("active.journeys: %w", err)
		return
	}
	lines, wanted := "", ""
	for _, j := range journeys {
		lines += j.String() + "\n"
	}
	for _, line := range want {
		wanted += r.check.expand(line) + "\n"
	}
	if lines != wanted {
		r.failf("the journeys differ (- want, + got):\n%s", difference(wanted, lines))
	}
}

// journey is an element of active.journeys.
type journey struct {
	ExperienceID  string `json:"experienceId"`
	SequenceID    string `json:"sequenceId"`
	JourneyStage  string `json:"journeyStage"`
	SequenceStage string `json:"sequenceStage"`
	Participation struct {
		Type           string `json:"type"`
		ID             string `json:"id"`
		Status         string `json:"status"`
		AdmissionToken string `json:"admissionToken"`
	} `json:"participation"`
	Admission *struct {
		DistributionType string `json:"distributionType"`
		DistributionID   string `json:"distributionId"`
		ExperienceID     string `json:"experienceId"`
		SequenceID       string `json:"sequenceId"`
		AdmissionToken   string `json:"admissionToken"`
		AdmittedAt       string `json:"admittedAt"`
	} `json:"admission"`
}

// String returns a line such as "exp_1 seq_1 routed/participating: queue queue_1 QUEUED", or
// "exp_1 seq_1 admitted/admitted: queue queue_1 ADMITTED token; queue queue_1 exp_1 seq_1 token
// 2024-12-01T09:15:00Z" with the admission after the semicolon.
func (j journey) String() string {
	p := j.Participation
	line := fmt.Sprintf("%s %s %s/%s: %s %s %s", j.ExperienceID, j.SequenceID, j.JourneyStage, j.SequenceStage, p.Type, p.ID, p.Status)
	if p.AdmissionToken != "" {
		line += " " + p.AdmissionToken
	}
	if a := j.Admission; a != nil {
		line += fmt.Sprintf("; %s %s %s %s %s %s", a.DistributionType, a.DistributionID, a.ExperienceID, a.SequenceID, a.AdmissionToken, a.AdmittedAt)
	}
	return line
}

// admitted is the line of an admitted journey in the first sequence.
func admitted(kind, id, status, token, since string) string {
	return admittedIn("exp_1# seq_1#", kind, id, status, token, since)
}

// admittedIn is like admitted, in any sequence.
func admittedIn(sequence, kind, id, status, token, since string) string {
	return fmt.Sprintf("%s admitted/admitted: %s %s# %s %s; %s %s# %s %s @%s", sequence, kind, id, status, token, kind, id, sequence, token, since)
}

// participating is the line of a journey in the first sequence without an admission.
func participating(kind, id, status string) string {
	return fmt.Sprintf("exp_1# seq_1# routed/participating: %s %s# %s", kind, id, status)
}

// journeys is a rule about the journeys of a consumer.
func journeys(name, records string, want ...string) *rule {
	return &rule{name: name, records: records, test: func(c *check) { c.me("GET").hasJourneys(want...) }}
}

// hasNothingActive expects a document in which nothing is active.
func (r *response) hasNothingActive() {
	if !r.hasStatus(http.StatusOK) {
		return
	}
	for _, name := range []string{"experiences", "queues", "draws", "auctions", "timedReleases", "admissions"} {
		r.hasActive(name, `{}`)
	}
	r.hasActive("journeys", `[]`)
}
