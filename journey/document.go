package journey

import (
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// ActiveParticipations is the decoded form of the JSON that [Active.AppendJSON] writes: the
// type of the same name in Fanfare's Consumer Identity API documentation. A Go client of
// the API decodes the field active of GET {prefix}/me into it. Its JSON is that of the
// API: the order of the fields is that of the structs, and an optional field that is
// unset is null or left out as in the API.
type ActiveParticipations struct {
	// Experiences holds a node for every sequence with an active participation, by
	// experience id.
	Experiences map[string]Experience `json:"experiences"`
	// Queues, Draws, Auctions and TimedReleases hold every active participation by the id
	// of its distribution.
	Queues        map[string]QueueState        `json:"queues"`
	Draws         map[string]DrawState         `json:"draws"`
	Auctions      map[string]AuctionState      `json:"auctions"`
	TimedReleases map[string]TimedReleaseState `json:"timedReleases"`
	// Admissions holds the live admissions that no participation carries, by the id of the
	// distribution.
	Admissions map[string]Admission `json:"admissions"`
	// Journeys holds one journey per sequence. The first one is the one to resume first.
	Journeys []Journey `json:"journeys"`
}

// Experience is the part of one experience that the consumer takes part in.
type Experience struct {
	// Sequences holds the nodes by sequence id.
	Sequences map[string]Sequence `json:"sequences"`
}

// Sequence is a node: for each type, the leading active participation in one sequence.
type Sequence struct {
	Waitlist     *WaitlistNode     `json:"waitlist,omitzero"`
	Queue        *QueueNode        `json:"queue,omitzero"`
	Draw         *DrawNode         `json:"draw,omitzero"`
	Auction      *AuctionNode      `json:"auction,omitzero"`
	TimedRelease *TimedReleaseNode `json:"timedRelease,omitzero"`
}

// WaitlistNode is a place on a waitlist.
type WaitlistNode struct {
	WaitlistID string          `json:"waitlistId"`
	SequenceID string          `json:"sequenceId"`
	Status     consumer.Status `json:"status"`
	EnteredAt  time.Time       `json:"enteredAt"`
}

// QueueState is a place in a queue.
type QueueState struct {
	QueueID string          `json:"queueId"`
	Status  consumer.Status `json:"status"`
	// Position is 0 for the next consumer to be admitted, and nil if it is unknown.
	Position       *int64     `json:"position"`
	EnteredAt      time.Time  `json:"enteredAt"`
	AdmittedAt     *time.Time `json:"admittedAt,omitzero"`
	AdmissionToken string     `json:"admissionToken,omitzero"`
	ExpiresAt      *time.Time `json:"expiresAt,omitzero"`
}

// QueueNode is a place in a queue in the node of its sequence, without the position.
type QueueNode struct {
	QueueID        string          `json:"queueId"`
	SequenceID     string          `json:"sequenceId"`
	Status         consumer.Status `json:"status"`
	EnteredAt      time.Time       `json:"enteredAt"`
	AdmittedAt     *time.Time      `json:"admittedAt,omitzero"`
	AdmissionToken string          `json:"admissionToken,omitzero"`
	ExpiresAt      *time.Time      `json:"expiresAt,omitzero"`
}

// DrawState is an entry in a draw.
type DrawState struct {
	DrawID         string          `json:"drawId"`
	Status         consumer.Status `json:"status"`
	EnteredAt      time.Time       `json:"enteredAt"`
	WonAt          *time.Time      `json:"wonAt,omitzero"`
	AdmissionToken string          `json:"admissionToken,omitzero"`
	ExpiresAt      *time.Time      `json:"expiresAt,omitzero"`
}

// DrawNode is an entry in a draw in the node of its sequence.
type DrawNode struct {
	DrawID         string          `json:"drawId"`
	SequenceID     string          `json:"sequenceId"`
	Status         consumer.Status `json:"status"`
	EnteredAt      time.Time       `json:"enteredAt"`
	WonAt          *time.Time      `json:"wonAt,omitzero"`
	AdmissionToken string          `json:"admissionToken,omitzero"`
	ExpiresAt      *time.Time      `json:"expiresAt,omitzero"`
}

// AuctionState is a part in an auction.
type AuctionState struct {
	AuctionID string          `json:"auctionId"`
	Status    consumer.Status `json:"status"`
	EnteredAt time.Time       `json:"enteredAt"`
	// LastBidAmount is an exact decimal, and nil if no bid was recorded.
	LastBidAmount *Amount    `json:"lastBidAmount"`
	LastBidTime   *time.Time `json:"lastBidTime"`
	// BidCount is 0 if it was not recorded.
	BidCount     int64      `json:"bidCount"`
	WonAt        *time.Time `json:"wonAt,omitzero"`
	PaymentToken string     `json:"paymentToken,omitzero"`
	ExpiresAt    *time.Time `json:"expiresAt,omitzero"`
}

// AuctionNode is a part in an auction in the node of its sequence.
type AuctionNode struct {
	AuctionID     string          `json:"auctionId"`
	SequenceID    string          `json:"sequenceId"`
	Status        consumer.Status `json:"status"`
	EnteredAt     time.Time       `json:"enteredAt"`
	LastBidAmount *Amount         `json:"lastBidAmount"`
	LastBidTime   *time.Time      `json:"lastBidTime"`
	BidCount      int64           `json:"bidCount"`
	WonAt         *time.Time      `json:"wonAt,omitzero"`
	PaymentToken  string          `json:"paymentToken,omitzero"`
	ExpiresAt     *time.Time      `json:"expiresAt,omitzero"`
}

// TimedReleaseState is an entry in a timed release.
type TimedReleaseState struct {
	TimedReleaseID    string          `json:"timedReleaseId"`
	Status            consumer.Status `json:"status"`
	EnteredAt         time.Time       `json:"enteredAt"`
	SelectedVariantID string          `json:"selectedVariantId,omitzero"`
	AdmittedAt        *time.Time      `json:"admittedAt,omitzero"`
	AdmissionToken    string          `json:"admissionToken,omitzero"`
	ExpiresAt         *time.Time      `json:"expiresAt,omitzero"`
}

// TimedReleaseNode is an entry in a timed release in the node of its sequence.
type TimedReleaseNode struct {
	TimedReleaseID    string          `json:"timedReleaseId"`
	SequenceID        string          `json:"sequenceId"`
	Status            consumer.Status `json:"status"`
	EnteredAt         time.Time       `json:"enteredAt"`
	SelectedVariantID string          `json:"selectedVariantId,omitzero"`
	AdmittedAt        *time.Time      `json:"admittedAt,omitzero"`
	AdmissionToken    string          `json:"admissionToken,omitzero"`
	ExpiresAt         *time.Time      `json:"expiresAt,omitzero"`
}

// Admission opens the checkout of one sequence.
type Admission struct {
	DistributionType consumer.DistributionType `json:"distributionType"`
	DistributionID   string                    `json:"distributionId"`
	ExperienceID     string                    `json:"experienceId"`
	SequenceID       string                    `json:"sequenceId"`
	AdmissionToken   string                    `json:"admissionToken"`
	AdmittedAt       time.Time                 `json:"admittedAt"`
	ExpiresAt        *time.Time                `json:"expiresAt,omitzero"`
}

// Journey is the point at which the consumer resumes in one sequence.
type Journey struct {
	ExperienceID  string        `json:"experienceId"`
	SequenceID    string        `json:"sequenceId"`
	JourneyStage  JourneyStage  `json:"journeyStage"`
	SequenceStage SequenceStage `json:"sequenceStage"`
	Participation Participation `json:"participation"`
	// Admission is set if and only if JourneyStage is [Admitted].
	Admission *Admission `json:"admission,omitzero"`
}

// Participation is the participation that leads a journey.
type Participation struct {
	Type   consumer.DistributionType `json:"type"`
	ID     string                    `json:"id"`
	Status consumer.Status           `json:"status"`
	// AdmissionToken is set if and only if the journey is admitted.
	AdmissionToken string `json:"admissionToken,omitzero"`
}

// JourneyStage is the coarse stage of a journey.
type JourneyStage string

// The journey stages of the API documentation.
const (
	// Routed means that the consumer was directed to a distribution or a waitlist and is
	// not admitted yet.
	Routed JourneyStage = "routed"
	// Admitted means that the consumer may proceed to the checkout.
	Admitted JourneyStage = "admitted"
)

// SequenceStage is the stage within the sequence.
type SequenceStage string

// The sequence stages of the API documentation.
const (
	// WaitlistEntered means that the consumer is on a waitlist.
	WaitlistEntered SequenceStage = "waitlist_entered"
	// Participating means that the consumer is queued, entered or bidding.
	Participating SequenceStage = "participating"
	// SequenceAdmitted means that the consumer was admitted through the distribution.
	SequenceAdmitted SequenceStage = "admitted"
)

// Amount is an exact decimal. Its JSON is a number with the digits that were recorded.
type Amount consumer.Amount

// MarshalJSON returns the digits unchanged, or null for an invalid amount.
func (a Amount) MarshalJSON() ([]byte, error) {
	if !consumer.Amount(a).Valid() {
		return []byte("null"), nil
	}
	return []byte(a), nil
}

// UnmarshalJSON keeps the digits of a JSON number unchanged.
func (a *Amount) UnmarshalJSON(number []byte) error {
	if !consumer.Amount(number).Valid() {
		return &consumer.ValidationError{Fields: []consumer.FieldError{{
			Field: "amount", Message: "must be a plain decimal number",
		}}}
	}
	*a = Amount(number)
	return nil
}
