// Package journey derives what a consumer sees: the participations and admissions that are
// active at a time, and the journeys from which a client resumes after a reload.
//
// [Derive] is a pure function of a snapshot and a time. It reads no clock, does no I/O,
// never fails, does not modify its input, and returns the same result for the same records
// in any order. Its result is an [Active]. A server writes it with [Active.AppendJSON] and
// can keep the bytes until [Active.NextChange]. A Go program reads [Active.Journeys]. A Go
// client of the API decodes the JSON into [ActiveParticipations].
//
// The following rules are complete. The package consumer documents the types, their
// statuses, and which of several writes of one record remains.
//
// # What is active
//
// A participation is active if
//   - its status is an active status of its type,
//   - it has no ExpiresAt, or one after the time, and
//   - its distribution has no EndedAt, or one after the time. The end of a distribution does
//     not matter if the participation admits or if its consumer is the winner.
//
// A participation admits if it holds a token and its status is ADMITTED, WON, or ENTERED of
// a timed release. An active participation that admits is admitting.
//
// An admission is live if it holds a token, has no EndedAt, and has no ExpiresAt or one
// after the time. The end of a participation or distribution does not end it. If an
// admitting participation has the type, the distribution id and the sequence of a live
// admission, it carries the admission, which is then shown nowhere.
//
// Nothing else is shown, and an unknown type or status is not active.
//
// # What is shown where
//
// The maps queues, draws, auctions and timedReleases hold every active participation of
// their type by its distribution id. Waitlists have no map.
//
// The map admissions holds every live admission that no participation carries, by its
// distribution id. If admissions of several types have the same id, the one that would
// lead a journey is shown.
//
// The map experiences has a node for each sequence with an active participation. A node
// holds, for each type, the active participation that would lead a journey. It shows the
// state of the maps with the sequence id and, for a queue, without the position.
//
// The position of a queue is the recorded one. If the status is QUEUED, the participation
// has a ticket and the distribution has a serving, the position is
// max(0, ticket − serving − 1).
//
// # Journeys
//
// There is one journey for each experience and sequence with an active participation or a
// live admission. Its stages depend on the strongest of these:
//
//	strongest                                        journeyStage  sequenceStage
//	an admitting participation or a live admission   admitted      admitted
//	an active queue, draw, auction or timed release  routed        participating
//	an active waitlist                               routed        waitlist_entered
//
// Among those of the strongest kind, one leads the journey: the one with the latest time,
// then the first one by type in the order queue, draw, auction, timed release, waitlist,
// then the first one by the byte order of the distribution id. The time is AdmittedAt for
// an admission and for an admitting participation, or EnteredAt if AdmittedAt is unset, and
// EnteredAt for any other participation.
//
// The participation of the journey is the leader. If an admission leads, it is the active
// participation with the same type, distribution id and sequence, with the token of the
// admission, or, if there is none, the status ADMITTED with the type and id of the
// admission. The admission of the journey is present if and only if the stage is admitted.
//
// Journeys are ordered by stage: admitted, then participating, then waitlist_entered; then
// by the time of the leader, the latest first; then by the byte order of the experience id
// and the sequence id. So the first journey is the one to resume first.
package journey
