package journey_test

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// This is a naive implementation of the contract's sections 3 to 5 and 8 without the types
// of the package: a document of maps, filled by plain loops over all records. It expects
// each key once.

type object = map[string]any

// contender is a record that can lead a journey.
type contender struct {
	kind, id, status, token string
	moment                  time.Time
	expiresAt               *time.Time
	group                   int // 0 admitted, 1 participating, 2 on a waitlist
}

var typePlace = map[string]int{"queue": 1, "draw": 2, "auction": 3, "timed_release": 4, "waitlist": 5}

// activeStatuses is 1 for an active status, and 2 for one that admits with a token.
var activeStatuses = map[string]int{
	"queue QUEUED": 1, "queue ADMITTED": 2,
	"draw ENTERED": 1, "draw WON": 2,
	"auction ACTIVE": 1, "auction OUTBID": 1, "auction WINNING": 1, "auction WON": 2,
	"timed_release ENTERED": 2,
	"waitlist WAITING":      1, "waitlist NOTIFIED": 1,
}

func kept(t time.Time) time.Time { return t.Add(-time.Duration(t.Nanosecond() % 1000)).UTC() }

func stamp(t time.Time) string { return kept(t).Format("2006-01-02T15:04:05.999999Z") }

func over(expiresAt *time.Time, now time.Time) bool {
	return expiresAt != nil && !kept(*expiresAt).After(now)
}

func isActive(p consumer.Participation, s consumer.Snapshot, now time.Time) bool {
	return activeStatuses[string(p.Type)+" "+string(p.Status)] > 0 && !over(p.ExpiresAt, now) && !isEnded(p, s, now)
}

// isEnded reports whether the distribution ended the participation.
func isEnded(p consumer.Participation, s consumer.Snapshot, now time.Time) bool {
	for _, d := range s.Distributions {
		if d.Type == p.Type && d.ID == p.ID && over(d.EndedAt, now) {
			return !opensCheckout(p) && (d.WinnerID == nil || *d.WinnerID != p.ConsumerID)
		}
	}
	return false
}

// opensCheckout reports whether the participation admits by its token and status.
func opensCheckout(p consumer.Participation) bool {
	return activeStatuses[string(p.Type)+" "+string(p.Status)] == 2 && p.AdmissionToken != nil && *p.AdmissionToken != ""
}

func isAdmitting(p consumer.Participation, s consumer.Snapshot, now time.Time) bool {
	return isActive(p, s, now) && opensCheckout(p)
}

func isLive(a consumer.Admission, s consumer.Snapshot, now time.Time) bool {
	place := typePlace[string(a.DistributionType)]
	if place == 0 || place == 5 || a.AdmissionToken == "" || a.EndedAt != nil || over(a.ExpiresAt, now) {
		return false
	}
	for _, p := range s.Participations {
		if sameDistribution(p, a) && isAdmitting(p, s, now) {
			return false
		}
	}
	return true
}

func sameDistribution(p consumer.Participation, a consumer.Admission) bool {
	return p.Type == a.DistributionType && p.ID == a.DistributionID &&
		p.ExperienceID == a.ExperienceID && p.SequenceID == a.SequenceID
}

func contenderOf(p consumer.Participation, s consumer.Snapshot, now time.Time) contender {
	c := contender{kind: string(p.Type), id: p.ID, status: string(p.Status), moment: kept(p.EnteredAt), group: 1}
	if p.Type == "waitlist" {
		c.group = 2
	}
	if isAdmitting(p, s, now) {
		c.group, c.token, c.expiresAt = 0, *p.AdmissionToken, p.ExpiresAt
		if p.AdmittedAt != nil {
			c.moment = kept(*p.AdmittedAt)
		}
	}
	return c
}

func contenderOfGrant(a consumer.Admission, s consumer.Snapshot, now time.Time) contender {
	c := contender{
		kind: string(a.DistributionType), id: a.DistributionID, status: "ADMITTED", token: a.AdmissionToken,
		moment: kept(a.AdmittedAt), expiresAt: a.ExpiresAt,
	}
	for _, p := range s.Participations {
		if sameDistribution(p, a) && isActive(p, s, now) {
			c.status = string(p.Status)
		}
	}
	return c
}

// leads reports whether a leads before b.
func leads(a, b contender) bool {
	if a.group != b.group {
		return a.group < b.group
	}
	if !a.moment.Equal(b.moment) {
		return a.moment.After(b.moment)
	}
	if a.kind != b.kind {
		return typePlace[a.kind] < typePlace[b.kind]
	}
	return a.id < b.id
}

type referenceJourney struct {
	experienceID, sequenceID string
	leader                   contender
}

func (j referenceJourney) before(k referenceJourney) bool {
	switch {
	case j.leader.group != k.leader.group:
		return j.leader.group < k.leader.group
	case !j.leader.moment.Equal(k.leader.moment):
		return j.leader.moment.After(k.leader.moment)
	case j.experienceID != k.experienceID:
		return j.experienceID < k.experienceID
	}
	return j.sequenceID < k.sequenceID
}

func reference(s consumer.Snapshot, now time.Time) object {
	maps := map[string]object{"queue": {}, "draw": {}, "auction": {}, "timed_release": {}, "waitlist": {}}
	experiences := object{}
	var found []referenceJourney
	note := func(experienceID, sequenceID string, c contender) {
		for i := range found {
			if found[i].experienceID == experienceID && found[i].sequenceID == sequenceID {
				if leads(c, found[i].leader) {
					found[i].leader = c
				}
				return
			}
		}
		found = append(found, referenceJourney{experienceID, sequenceID, c})
	}
	for _, p := range s.Participations {
		if isActive(p, s, now) {
			maps[string(p.Type)][p.ID] = stateOf(p, s, false)
			note(p.ExperienceID, p.SequenceID, contenderOf(p, s, now))
			if leadsItsType(p, s, now) {
				put(experiences, p, s)
			}
		}
	}
	for _, a := range s.Admissions {
		if isLive(a, s, now) {
			note(a.ExperienceID, a.SequenceID, contenderOfGrant(a, s, now))
		}
	}
	return object{
		"experiences": experiences, "queues": maps["queue"], "draws": maps["draw"], "auctions": maps["auction"],
		"timedReleases": maps["timed_release"], "admissions": referenceAdmissions(s, now), "journeys": inOrder(found),
	}
}

func leadsItsType(p consumer.Participation, s consumer.Snapshot, now time.Time) bool {
	for _, q := range s.Participations {
		if isActive(q, s, now) && q.Type == p.Type && q.ExperienceID == p.ExperienceID && q.SequenceID == p.SequenceID &&
			leads(contenderOf(q, s, now), contenderOf(p, s, now)) {
			return false
		}
	}
	return true
}

func put(experiences object, p consumer.Participation, s consumer.Snapshot) {
	if experiences[p.ExperienceID] == nil {
		experiences[p.ExperienceID] = object{"sequences": object{}}
	}
	sequences := experiences[p.ExperienceID].(object)["sequences"].(object)
	if sequences[p.SequenceID] == nil {
		sequences[p.SequenceID] = object{}
	}
	name := map[string]string{"timed_release": "timedRelease"}[string(p.Type)]
	if name == "" {
		name = string(p.Type)
	}
	sequences[p.SequenceID].(object)[name] = stateOf(p, s, true)
}

// stateOf returns the state in a map or, if node is true, in a node.
func stateOf(p consumer.Participation, s consumer.Snapshot, node bool) object {
	idField := map[string]string{
		"queue": "queueId", "draw": "drawId", "auction": "auctionId", "timed_release": "timedReleaseId", "waitlist": "waitlistId",
	}[string(p.Type)]
	state := object{idField: p.ID, "status": string(p.Status), "enteredAt": stamp(p.EnteredAt)}
	if node {
		state["sequenceId"] = p.SequenceID
	}
	if p.Type == "waitlist" {
		return state
	}
	addOptionalFields(state, p)
	if p.Type == "queue" && !node {
		state["position"] = nil
		if p.Position != nil {
			state["position"] = *p.Position
		}
		for _, d := range s.Distributions {
			if d.Type == "queue" && d.ID == p.ID && d.Serving != nil && p.Ticket != nil && p.Status == "QUEUED" {
				ahead := *p.Ticket - *d.Serving - 1 // those between the last ticket that was called and this one
				if ahead < 0 {
					ahead = 0
				}
				state["position"] = ahead
			}
		}
	}
	if p.Type == "auction" {
		addBids(state, p)
	}
	if p.Type == "timed_release" && p.SelectedVariantID != nil && *p.SelectedVariantID != "" {
		state["selectedVariantId"] = *p.SelectedVariantID
	}
	return state
}

func addOptionalFields(state object, p consumer.Participation) {
	admittedAt, token := "admittedAt", "admissionToken"
	if p.Type == "draw" || p.Type == "auction" {
		admittedAt = "wonAt"
	}
	if p.Type == "auction" {
		token = "paymentToken"
	}
	// No valid record has the zero time, and JSON leaves it out.
	if p.AdmittedAt != nil && !p.AdmittedAt.IsZero() {
		state[admittedAt] = stamp(*p.AdmittedAt)
	}
	if p.AdmissionToken != nil && *p.AdmissionToken != "" {
		state[token] = *p.AdmissionToken
	}
	if p.ExpiresAt != nil {
		state["expiresAt"] = stamp(*p.ExpiresAt)
	}
}

func addBids(state object, p consumer.Participation) {
	state["lastBidAmount"], state["lastBidTime"], state["bidCount"] = nil, nil, 0
	if p.LastBidAmount != nil {
		state["lastBidAmount"] = json.Number(*p.LastBidAmount)
	}
	if p.LastBidTime != nil {
		state["lastBidTime"] = stamp(*p.LastBidTime)
	}
	if p.BidCount != nil {
		state["bidCount"] = *p.BidCount
	}
}

func admissionObject(experienceID, sequenceID string, c contender) object {
	o := object{
		"distributionType": c.kind, "distributionId": c.id, "experienceId": experienceID, "sequenceId": sequenceID,
		"admissionToken": c.token, "admittedAt": stamp(c.moment),
	}
	if c.expiresAt != nil {
		o["expiresAt"] = stamp(*c.expiresAt)
	}
	return o
}

func referenceAdmissions(s consumer.Snapshot, now time.Time) object {
	shown := object{}
	for _, a := range s.Admissions {
		if !isLive(a, s, now) {
			continue
		}
		first := true
		for _, b := range s.Admissions {
			if b.DistributionID == a.DistributionID && isLive(b, s, now) &&
				leads(contenderOfGrant(b, s, now), contenderOfGrant(a, s, now)) {
				first = false
			}
		}
		if first {
			shown[a.DistributionID] = admissionObject(a.ExperienceID, a.SequenceID, contenderOfGrant(a, s, now))
		}
	}
	return shown
}

// inOrder sorts by selection.
func inOrder(found []referenceJourney) []any {
	ordered := []any{}
	for len(found) > 0 {
		first := 0
		for i := range found {
			if found[i].before(found[first]) {
				first = i
			}
		}
		ordered = append(ordered, journeyObject(found[first]))
		found = append(found[:first:first], found[first+1:]...)
	}
	return ordered
}

func journeyObject(j referenceJourney) object {
	participation := object{"type": j.leader.kind, "id": j.leader.id, "status": j.leader.status}
	o := object{"experienceId": j.experienceID, "sequenceId": j.sequenceID, "participation": participation}
	switch j.leader.group {
	case 0:
		o["journeyStage"], o["sequenceStage"] = "admitted", "admitted"
		participation["admissionToken"] = j.leader.token
		o["admission"] = admissionObject(j.experienceID, j.sequenceID, j.leader)
	case 1:
		o["journeyStage"], o["sequenceStage"] = "routed", "participating"
	case 2:
		o["journeyStage"], o["sequenceStage"] = "routed", "waitlist_entered"
	}
	return o
}

// The classification of records in section 9 of the contract.

func participationShows(p consumer.Participation, s consumer.Snapshot, now time.Time) string {
	ends := map[string]string{
		"queue": "COMPLETED DENIED LEFT EXPIRED", "draw": "COMPLETED LOST DENIED LEFT EXPIRED",
		"auction": "COMPLETED LOST DENIED LEFT EXPIRED", "timed_release": "COMPLETED LEFT EXPIRED", "waitlist": "CONVERTED LEFT",
	}
	terminal := p.Status != "" && slices.Contains(strings.Fields(ends[string(p.Type)]), string(p.Status))
	switch {
	case !terminal && activeStatuses[string(p.Type)+" "+string(p.Status)] == 0:
		return "unknown"
	case terminal, isEnded(p, s, now):
		return "ended"
	case over(p.ExpiresAt, now):
		return "expired"
	case p.Type == "waitlist" && !leadsItsType(p, s, now):
		return "hidden"
	}
	return "active"
}

func admissionShows(a consumer.Admission, s consumer.Snapshot, now time.Time) string {
	place := typePlace[string(a.DistributionType)]
	switch {
	case place == 0 || place == 5 || a.AdmissionToken == "":
		return "unknown"
	case a.EndedAt != nil:
		return "ended"
	case over(a.ExpiresAt, now):
		return "expired"
	case !isLive(a, s, now):
		return "carried"
	}
	for _, b := range s.Admissions {
		if b.DistributionID == a.DistributionID && isLive(b, s, now) && leads(contenderOfGrant(b, s, now), contenderOfGrant(a, s, now)) {
			return "hidden"
		}
	}
	return "active"
}
