package journey

import (
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// Active is everything that a consumer is in at one moment. Its JSON is the seed's
// ActiveParticipations: field order as in the structs, maps and Journeys never
// null, times in RFC 3339 and UTC with at most microseconds.
//
// It shares nothing with the snapshot that it was derived from.
type Active struct {
	// Experiences holds a node for every sequence with an active participation, by
	// experience id.
	Experiences map[string]Experience `json:"experiences"`
	// Queues, Draws, Auctions and TimedReleases hold every active participation by
	// the id of its distribution.
	Queues        map[string]QueueState        `json:"queues"`
	Draws         map[string]DrawState         `json:"draws"`
	Auctions      map[string]AuctionState      `json:"auctions"`
	TimedReleases map[string]TimedReleaseState `json:"timedReleases"`
	// Admissions holds the live admissions that no participation carries, by
	// distribution id.
	Admissions map[string]Admission `json:"admissions"`
	// Journeys holds one journey per sequence, the one to resume first in front.
	Journeys []Journey `json:"journeys"`
}

// Experience is the part of one experience that the consumer is in.
type Experience struct {
	// Sequences holds the nodes by sequence id.
	Sequences map[string]Sequence `json:"sequences"`
}

// Sequence is a node: per type, the leading active participation in one sequence.
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
	// Position is 0 for the next to be admitted, nil when it is not known.
	Position *int64 `json:"position"`
	QueueEntry
}

// QueueNode is a place in a queue as a sequence's node shows it, without position.
type QueueNode struct {
	QueueID    string          `json:"queueId"`
	SequenceID string          `json:"sequenceId"`
	Status     consumer.Status `json:"status"`
	QueueEntry
}

// QueueEntry is what state and node of a queue have in common.
type QueueEntry struct {
	EnteredAt      time.Time  `json:"enteredAt"`
	AdmittedAt     *time.Time `json:"admittedAt,omitzero"`
	AdmissionToken string     `json:"admissionToken,omitzero"`
	ExpiresAt      *time.Time `json:"expiresAt,omitzero"`
}

// DrawState is an entry in a draw.
type DrawState struct {
	DrawID string `json:"drawId"`
	DrawEntry
}

// DrawNode is an entry in a draw as a sequence's node shows it.
type DrawNode struct {
	DrawID     string `json:"drawId"`
	SequenceID string `json:"sequenceId"`
	DrawEntry
}

// DrawEntry is what state and node of a draw have in common.
type DrawEntry struct {
	Status         consumer.Status `json:"status"`
	EnteredAt      time.Time       `json:"enteredAt"`
	WonAt          *time.Time      `json:"wonAt,omitzero"`
	AdmissionToken string          `json:"admissionToken,omitzero"`
	ExpiresAt      *time.Time      `json:"expiresAt,omitzero"`
}

// AuctionState is a part in an auction.
type AuctionState struct {
	AuctionID string `json:"auctionId"`
	AuctionEntry
}

// AuctionNode is a part in an auction as a sequence's node shows it.
type AuctionNode struct {
	AuctionID  string `json:"auctionId"`
	SequenceID string `json:"sequenceId"`
	AuctionEntry
}

// AuctionEntry is what state and node of an auction have in common.
type AuctionEntry struct {
	Status    consumer.Status `json:"status"`
	EnteredAt time.Time       `json:"enteredAt"`
	// LastBidAmount is an exact decimal, nil without a recorded bid.
	LastBidAmount *Amount    `json:"lastBidAmount"`
	LastBidTime   *time.Time `json:"lastBidTime"`
	// BidCount is 0 when it was not recorded.
	BidCount     int64      `json:"bidCount"`
	WonAt        *time.Time `json:"wonAt,omitzero"`
	PaymentToken string     `json:"paymentToken,omitzero"`
	ExpiresAt    *time.Time `json:"expiresAt,omitzero"`
}

// TimedReleaseState is an entry in a timed release.
type TimedReleaseState struct {
	TimedReleaseID string `json:"timedReleaseId"`
	TimedReleaseEntry
}

// TimedReleaseNode is an entry in a timed release as a sequence's node shows it.
type TimedReleaseNode struct {
	TimedReleaseID string `json:"timedReleaseId"`
	SequenceID     string `json:"sequenceId"`
	TimedReleaseEntry
}

// TimedReleaseEntry is what state and node of a timed release have in common.
type TimedReleaseEntry struct {
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

// Journey is where the consumer goes on in one sequence.
type Journey struct {
	ExperienceID  string        `json:"experienceId"`
	SequenceID    string        `json:"sequenceId"`
	JourneyStage  JourneyStage  `json:"journeyStage"`
	SequenceStage SequenceStage `json:"sequenceStage"`
	Participation Participation `json:"participation"`
	// Admission is set exactly when JourneyStage is [Admitted].
	Admission *Admission `json:"admission,omitzero"`
}

// Participation is what leads a journey.
type Participation struct {
	Type   consumer.DistributionType `json:"type"`
	ID     string                    `json:"id"`
	Status consumer.Status           `json:"status"`
	// AdmissionToken is set exactly when the journey is admitted.
	AdmissionToken string `json:"admissionToken,omitzero"`
}

// JourneyStage is the coarse stage of a journey.
type JourneyStage string

// The stages of the seed's section "Journey Stages".
const (
	// Routed: directed to a distribution or a waitlist, not yet admitted.
	Routed JourneyStage = "routed"
	// Admitted: may proceed to the checkout.
	Admitted JourneyStage = "admitted"
)

// SequenceStage is the stage within the sequence.
type SequenceStage string

// The stages of the seed's section "Sequence Stages".
const (
	// WaitlistEntered: on a waitlist.
	WaitlistEntered SequenceStage = "waitlist_entered"
	// Participating: queued, entered or bidding.
	Participating SequenceStage = "participating"
	// SequenceAdmitted: admitted through the distribution.
	SequenceAdmitted SequenceStage = "admitted"
)

// Amount is an exact decimal that JSON shows as a number with the digits that were
// recorded.
type Amount consumer.Amount

// MarshalJSON writes the digits as they are. An amount that is none becomes null,
// so that one bad record cannot spoil a document.
func (a Amount) MarshalJSON() ([]byte, error) {
	if !consumer.Amount(a).Valid() {
		return []byte("null"), nil
	}
	return []byte(a), nil
}

// UnmarshalJSON keeps the digits of a JSON number as they are.
func (a *Amount) UnmarshalJSON(number []byte) error {
	if !consumer.Amount(number).Valid() {
		return &consumer.ValidationError{Fields: []consumer.FieldError{{
			Field: "amount", Message: "must be a plain decimal number",
		}}}
	}
	*a = Amount(number)
	return nil
}
