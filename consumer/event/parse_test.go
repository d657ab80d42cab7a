package event_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
)

// body returns an event with the given data, which are JSON members.
func body(kind event.Type, data string) string {
	return `{"id":"whk_1","type":"` + string(kind) + `","timestamp":"2024-12-01T09:00:00Z","organizationId":"org_1","data":{` + data + `}}`
}

const (
	subject = `"consumerId":"cons_1","experienceId":"exp_1","sequenceId":"seq_1"`
	nine    = `"2024-12-01T09:00:00Z"`
)

// complete holds the least data of each type.
var complete = map[event.Type]string{
	event.QueueEntered:    subject + `,"queueId":"d_1","enteredAt":` + nine,
	event.QueueAdmitted:   subject + `,"queueId":"d_1","admittedAt":` + nine + `,"admissionToken":"t"`,
	event.QueueCompleted:  subject + `,"queueId":"d_1","completedAt":` + nine,
	event.QueueLeft:       subject + `,"queueId":"d_1","leftAt":` + nine,
	event.QueueDenied:     subject + `,"queueId":"d_1","deniedAt":` + nine,
	event.DrawEntered:     subject + `,"drawId":"d_1","enteredAt":` + nine,
	event.DrawWon:         subject + `,"drawId":"d_1","wonAt":` + nine + `,"admissionToken":"t"`,
	event.DrawLost:        subject + `,"drawId":"d_1","lostAt":` + nine,
	event.BidPlaced:       subject + `,"auctionId":"d_1","bidTime":` + nine + `,"bidId":"b_1","bidAmount":"1"`,
	event.Outbid:          subject + `,"auctionId":"d_1","outbidAt":` + nine,
	event.AuctionWon:      subject + `,"auctionId":"d_1","wonAt":` + nine + `,"paymentToken":"t"`,
	event.AuctionSettled:  `"auctionId":"d_1","settledAt":` + nine,
	event.OrderCreated:    subject + `,"orderId":"d_1","createdAt":` + nine,
	event.OrderCompleted:  `"consumerId":"cons_1","orderId":"d_1","completedAt":` + nine,
	event.ConsumerCreated: `"consumerId":"cons_1","createdAt":` + nine,
}

func TestEveryFieldThatIsNeededIsNamedWhenItIsMissingOrNull(t *testing.T) {
	for kind, data := range complete {
		e, err := event.Parse([]byte(body(kind, data)))
		if err != nil {
			t.Errorf("%s is refused though complete: %v", kind, err)
		}
		if !e.At.Equal(at(0)) || e.ID != "whk_1" || e.OrganizationID != "org_1" {
			t.Errorf("%s was read as %+v", kind, e)
		}
		members := strings.Split(data, ",")
		for i, member := range members {
			name := strings.Split(member, `"`)[1]
			without := strings.Join(append(append([]string{}, members[:i]...), members[i+1:]...), ",")
			for _, bad := range []string{without, without + `,"` + name + `":null`} {
				bad = strings.TrimPrefix(bad, ",")
				wantFields(t, body(kind, bad), "data."+name)
			}
			wantFields(t, body(kind, data+`,"`+name+`":`+strings.SplitN(member, ":", 2)[1]), "data."+name)
			wantFields(t, body(kind, strings.Replace(data, member, `"`+name+`":7`, 1)), "data."+name)
			wantFields(t, body(kind, strings.Replace(data, member, `"`+name+`":""`, 1)), "data."+name)
		}
	}
}

func wantFields(t *testing.T, text string, want ...string) {
	t.Helper()
	_, err := event.Parse([]byte(text))
	var invalid *consumer.ValidationError
	if !errors.As(err, &invalid) {
		t.Errorf("%s: error %v, want a validation error", text, err)
		return
	}
	var got []string
	for _, f := range invalid.Fields {
		got = append(got, f.Field)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", text, diff)
	}
}

func TestBadFields(t *testing.T) {
	entered, bid, created := complete[event.QueueEntered], complete[event.BidPlaced], complete[event.ConsumerCreated]
	for _, c := range []struct {
		rule string
		text string
		want []string
	}{
		{"an empty object lacks all of the envelope", `{}`, []string{"id", "type", "organizationId", "data"}},
		{"data is an object", `{"id":"w","type":"queue.consumer.left","organizationId":"o","data":[]}`, []string{"data"}},
		{"null data is missing", `{"id":"w","type":"queue.consumer.left","organizationId":"o","data":null}`, []string{"data"}},
		{"an unknown type has bad fields all the same", `{"id":"a b","type":"draw.completed","organizationId":"o","data":{}}`, []string{"id"}},
		{"bad fields are named in the order of the body, missing ones last", `{"data":{"leftAt":"x","queueId":"a b","consumerId":"c"},"type":"queue.consumer.left","id":"","organizationId":"o"}`,
			[]string{"data.leftAt", "data.queueId", "data.experienceId", "data.sequenceId", "id"}},
		{"a consumer is not called me", body(event.QueueEntered, strings.Replace(entered, "cons_1", "me", 1)), []string{"data.consumerId"}},
		{"a position is a whole number", body(event.QueueEntered, entered+`,"position":1.5`), []string{"data.position"}},
		{"a position is not negative", body(event.QueueEntered, entered+`,"position":-1`), []string{"data.position"}},
		{"a position is not a string", body(event.QueueEntered, entered+`,"position":"1"`), []string{"data.position"}},
		{"a position is at most 2^53-1", body(event.QueueEntered, entered+`,"position":9007199254740992`), []string{"data.position"}},
		{"a moment is RFC 3339", body(event.QueueEntered, strings.Replace(entered, "09:00:00Z", "09:00:00", 1)), []string{"data.enteredAt"}},
		{"a moment has a year from 1", body(event.QueueEntered, strings.Replace(entered, "2024-12-01T09", "0000-12-01T09", 1)), []string{"data.enteredAt"}},
		{"an amount has no sign", body(event.BidPlaced, strings.Replace(bid, `"bidAmount":"1"`, `"bidAmount":"-1"`, 1)), []string{"data.bidAmount"}},
		{"an amount is a string", body(event.BidPlaced, strings.Replace(bid, `"bidAmount":"1"`, `"bidAmount":1`, 1)), []string{"data.bidAmount"}},
		{"isHighestBid is a boolean", body(event.BidPlaced, bid+`,"isHighestBid":"true"`), []string{"data.isHighestBid"}},
		{"an email is one", body(event.ConsumerCreated, created+`,"email":"nobody"`), []string{"data.email"}},
		{"a phone number is E.164", body(event.ConsumerCreated, created+`,"phone":"12025551234"`), []string{"data.phone"}},
		{"all bad fields of a profile are named", body(event.ConsumerCreated, created+`,"phone":"1","email":"x","fullName":"\u0000"`), []string{"data.phone", "data.email", "data.fullName"}},
		{"a reason is not empty", body(event.QueueDenied, complete[event.QueueDenied]+`,"reason":""`), []string{"data.reason"}},
		{"an expiry is a moment", body(event.DrawWon, complete[event.DrawWon]+`,"expiresAt":"soon"`), []string{"data.expiresAt"}},
		{"a winner is an id", body(event.AuctionSettled, complete[event.AuctionSettled]+`,"winnerId":"a b"`), []string{"data.winnerId"}},
		{"a used field that occurs twice is bad, also when the last is null", body(event.QueueEntered, entered+`,"queueId":null`), []string{"data.queueId"}},
	} {
		t.Run(c.rule, func(t *testing.T) { wantFields(t, c.text, c.want...) })
	}
}

func TestParse(t *testing.T) {
	admitted := complete[event.QueueAdmitted]
	for _, c := range []struct {
		rule string
		text string
		want func(*event.Event)
	}{
		{"fields that the type does not use are ignored, whatever they hold", body(event.QueueAdmitted, admitted+`,"position":"x","reason":7,"other":{"a":1,"a":2}`), func(*event.Event) {}},
		{"names are case-sensitive", body(event.QueueAdmitted, admitted+`,"ExpiresAt":"x"`), func(*event.Event) {}},
		{"null counts as absent", body(event.QueueAdmitted, admitted+`,"expiresAt":null`), func(*event.Event) {}},
		{"moments are in UTC", body(event.QueueAdmitted, strings.Replace(admitted, "09:00:00Z", "10:00:00+01:00", 1)), func(*event.Event) {}},
		{"moments are truncated to microseconds", body(event.QueueAdmitted, strings.Replace(admitted, "09:00:00Z", "09:00:00.0000019Z", 1)),
			func(e *event.Event) { e.At = at(0).Add(time.Microsecond) }},
		{"optional fields are kept", body(event.QueueAdmitted, admitted+`,"enteredAt":"2024-12-01T08:59:59Z","expiresAt":"2024-12-01T09:15:00Z"`),
			func(e *event.Event) { e.EnteredAt, e.ExpiresAt = new(at(-1)), new(at(900)) }},
		{"the timestamp of the envelope is not looked at", strings.Replace(body(event.QueueAdmitted, admitted), `"timestamp":"2024-12-01T09:00:00Z"`, `"timestamp":7`, 1), func(*event.Event) {}},
	} {
		t.Run(c.rule, func(t *testing.T) {
			want := of(event.QueueAdmitted, "whk_1", 0, func(e *event.Event) { e.Token = "t" }, c.want)
			got, err := event.Parse([]byte(c.text))
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestParseIgnoresOtherTypes(t *testing.T) {
	e, err := event.Parse([]byte(`{"id":"w","type":"draw.completed","organizationId":"o","data":{"consumerId":7}}`))
	if !errors.Is(err, event.ErrIgnored) || e.ID != "w" || e.OrganizationID != "o" {
		t.Errorf("got %+v and %v", e, err)
	}
}

func TestParseOfWhatIsNoObject(t *testing.T) {
	for _, text := range []string{"", "null", "7", `"x"`, "[]", "{", "{}{}", "{} x", `{"id":}`, "{\"id\":\"\xff\"}", `{"id" "x"}`} {
		if _, err := event.Parse([]byte(text)); !errors.Is(err, event.ErrMalformed) {
			t.Errorf("%q: %v", text, err)
		}
		if id, ok := event.Organization([]byte(text)); ok {
			t.Errorf("%q has the organization %q", text, id)
		}
	}
}

func TestOrganization(t *testing.T) {
	for text, want := range map[string]string{
		`{"organizationId":"org_1"}`:                                   "org_1",
		`{"data":{"organizationId":"org_2"},"organizationId":"org_1"}`: "org_1",
		`{"organizationId":"org_1","organizationId":"org_1"}`:          "",
		`{"organizationId":"org_1","\u006frganizationId":"org_2"}`:     "",
		`{"OrganizationId":"org_1"}`:                                   "",
		`{"organizationId":7}`:                                         "",
		`{"organizationId":"a b"}`:                                     "",
		`{"organizationId":null}`:                                      "",
		`{}`:                                                           "",
	} {
		got, ok := event.Organization([]byte(text))
		if got != want || ok != (want != "") {
			t.Errorf("%s: %q, %t", text, got, ok)
		}
	}
}

// The events are Fanfare's own examples, one of each type and two that are ignored.
func TestDocumentedEvents(t *testing.T) {
	text, err := os.ReadFile("testdata/events.json")
	if err != nil {
		t.Fatal(err)
	}
	var bodies []json.RawMessage
	if err := json.Unmarshal(text, &bodies); err != nil {
		t.Fatal(err)
	}
	types := make(map[event.Type]bool)
	for _, body := range bodies {
		e, err := event.Parse(body)
		if err != nil && !errors.Is(err, event.ErrIgnored) {
			t.Errorf("%s: %v", body, err)
		}
		types[e.Type] = true
		if ignored := errors.Is(err, event.ErrIgnored); ignored != (e.Type == "draw.completed" || e.Type == "distribution.closed") {
			t.Errorf("%s: %v", e.Type, err)
		}
	}
	for kind := range complete {
		if !types[kind] {
			t.Errorf("no example of %s", kind)
		}
	}
}

// FuzzParse holds that Parse accepts only events that fold into valid records, and that the
// stored form loses nothing.
func FuzzParse(f *testing.F) {
	for kind, data := range complete {
		f.Add([]byte(body(kind, data)))
		f.Add([]byte(body(kind, data+`,"position":3,"expiresAt":`+nine+`,"email":"a@b.example","winnerId":"c"`)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := event.Parse(text)
		organization, ok := event.Organization(text)
		if err != nil {
			return
		}
		if !ok || organization != e.OrganizationID {
			t.Fatalf("the organization is %q, but without the rest %q", e.OrganizationID, organization)
		}
		if prepared, err := e.Prepare(); err != nil {
			t.Fatalf("a parsed event is not valid: %v", err)
		} else if diff := cmp.Diff(e, prepared); diff != "" {
			t.Fatalf("a parsed event is not as a store keeps it (-parsed +prepared):\n%s", diff)
		}
		stored, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		read := event.Event{OrganizationID: e.OrganizationID, ConsumerID: e.ConsumerID, WinnerID: e.WinnerID}
		if err := json.Unmarshal(stored, &read); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, read); diff != "" {
			t.Fatalf("the stored form loses something (-parsed +read):\n%s", diff)
		}
		of := consumer.Key{OrganizationID: e.OrganizationID, ConsumerID: e.ConsumerID}
		records := event.Fold(of, []event.Event{e})
		for _, p := range records.Participations {
			if err := p.Validate(); err != nil {
				t.Fatalf("it folds into an invalid participation: %v", err)
			}
		}
		if records.Profile != nil {
			if err := records.Profile.Validate(); err != nil {
				t.Fatalf("it folds into an invalid profile: %v", err)
			}
		}
	})
}
