// Package event turns the webhook events of Fanfare's API into the records of package
// consumer.
//
// [Parse] decodes and validates one event. [Fold] derives the participations and the
// profile of one consumer from the set of all events about that consumer. It has no clock
// and performs no I/O. Its result does not depend on the order of the events, nor on how
// often an event was delivered, so a receiver may store events as they come and fold the
// whole set after each one.
//
// # The events
//
// An event of a type that [Known] does not report is ignored by a receiver. Of an event
// that is used, the data fields below are required next to consumerId, experienceId and
// sequenceId. The moment orders the events.
//
//	type                       names                 moment       sets
//	queue.consumer.entered     queueId               enteredAt    QUEUED, from nothing
//	queue.consumer.admitted    queueId               admittedAt   ADMITTED, with admissionToken
//	queue.consumer.completed   queueId               completedAt  COMPLETED
//	queue.consumer.left        queueId               leftAt       LEFT
//	queue.consumer.denied      queueId               deniedAt     DENIED, with reason
//	draw.consumer.entered      drawId                enteredAt    ENTERED, from nothing
//	draw.consumer.won          drawId                wonAt        WON, with admissionToken
//	draw.consumer.lost         drawId                lostAt       LOST
//	auction.bid.placed         auctionId, bidId      bidTime      WINNING or ACTIVE, with bidAmount
//	auction.bid.outbid         auctionId             outbidAt     OUTBID
//	auction.consumer.won       auctionId             wonAt        WON, with paymentToken
//	auction.settled            auctionId             settledAt    the distribution record
//	order.created              orderId               createdAt    the sequence of an order
//	order.completed            orderId               completedAt  COMPLETED where an order was admitted
//	consumer.created                                 createdAt    the profile
//
// auction.settled concerns no consumer and needs auctionId and settledAt only.
// order.completed and consumer.created need no experienceId and no sequenceId.
//
// # In a store
//
// A store that implements [Recorder] keeps events and the records that follow from them. Its
// other methods treat them as follows:
//   - Export returns the records that count. A consumer of whom there are only events is
//     not unknown.
//   - Erase deletes the events about a consumer. Later ones are ignored.
//   - Merge moves the guest's events to the consumer and folds all of them together. It
//     counts each distribution of the guest once. It needs nothing but events of the guest.
//   - Purge deletes a participation with its events, and a distribution with those that
//     settled it: what counts decides whether it is over. The events about orders of a
//     consumer go with the last participation that follows from events. Otherwise the rest
//     of the events could begin the participation again.
package event
