package event

import "github.com/rejoinhq/rejoin/consumer"

// Type is the type of an event, as Fanfare's webhook documentation names it.
type Type string

// The types that say something about a record. All others are ignored.
const (
	QueueEntered    Type = "queue.consumer.entered"
	QueueAdmitted   Type = "queue.consumer.admitted"
	QueueCompleted  Type = "queue.consumer.completed"
	QueueLeft       Type = "queue.consumer.left"
	QueueDenied     Type = "queue.consumer.denied"
	DrawEntered     Type = "draw.consumer.entered"
	DrawWon         Type = "draw.consumer.won"
	DrawLost        Type = "draw.consumer.lost"
	BidPlaced       Type = "auction.bid.placed"
	Outbid          Type = "auction.bid.outbid"
	AuctionWon      Type = "auction.consumer.won"
	AuctionSettled  Type = "auction.settled"
	OrderCreated    Type = "order.created"
	OrderCompleted  Type = "order.completed"
	ConsumerCreated Type = "consumer.created"
)

// Known reports whether events of the type say something about a record.
func (t Type) Known() bool { _, known := shapes[t]; return known }

// shape is what the events of one type have in their data, and what they do.
type shape struct {
	// distribution is the type of the participation, or of the distribution record, that
	// the event concerns. It is empty for orders and profiles.
	distribution consumer.DistributionType
	// id names the data field with the id of the distribution or order.
	id string
	// moment names the data field with the time by which the event is ordered.
	moment string
	// status is what the event sets. A bid has two, of which this is the lower one.
	status consumer.Status
	// begins reports that the event begins the participation from nothing.
	begins bool
	// token names the data field with the token of an event that admits.
	token string
	// withoutConsumer and withoutSequence report that the data need no consumerId, or no
	// experienceId and sequenceId.
	withoutConsumer, withoutSequence bool
}

var shapes = map[Type]shape{
	QueueEntered:   {distribution: consumer.Queue, id: "queueId", moment: "enteredAt", status: consumer.StatusQueued, begins: true},
	QueueAdmitted:  {distribution: consumer.Queue, id: "queueId", moment: "admittedAt", status: consumer.StatusAdmitted, token: "admissionToken"},
	QueueCompleted: {distribution: consumer.Queue, id: "queueId", moment: "completedAt", status: consumer.StatusCompleted},
	QueueLeft:      {distribution: consumer.Queue, id: "queueId", moment: "leftAt", status: consumer.StatusLeft},
	QueueDenied:    {distribution: consumer.Queue, id: "queueId", moment: "deniedAt", status: consumer.StatusDenied},
	DrawEntered:    {distribution: consumer.Draw, id: "drawId", moment: "enteredAt", status: consumer.StatusEntered, begins: true},
	DrawWon:        {distribution: consumer.Draw, id: "drawId", moment: "wonAt", status: consumer.StatusWon, token: "admissionToken"},
	DrawLost:       {distribution: consumer.Draw, id: "drawId", moment: "lostAt", status: consumer.StatusLost},
	BidPlaced:      {distribution: consumer.Auction, id: "auctionId", moment: "bidTime", status: consumer.StatusActive},
	Outbid:         {distribution: consumer.Auction, id: "auctionId", moment: "outbidAt", status: consumer.StatusOutbid},
	AuctionWon:     {distribution: consumer.Auction, id: "auctionId", moment: "wonAt", status: consumer.StatusWon, token: "paymentToken"},
	AuctionSettled: {distribution: consumer.Auction, id: "auctionId", moment: "settledAt", withoutConsumer: true, withoutSequence: true},
	OrderCreated:   {id: "orderId", moment: "createdAt"},
	OrderCompleted: {id: "orderId", moment: "completedAt", status: consumer.StatusCompleted, withoutSequence: true},
	ConsumerCreated: {
		moment: "createdAt", withoutSequence: true,
	},
}
