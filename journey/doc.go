// Package journey derives the document from which a client resumes: what a
// consumer is in at a moment, and where each of their journeys goes on.
//
// [Derive] is a pure function of a snapshot and a moment. It reads no clock, does
// no I/O, never fails, leaves its input alone, and gives the same answer for any
// order of the same records. The stages are those of the seed's section
// "Understanding Active Participations".
//
// What it finds out is a [View]. A server writes it with [View.AppendJSON] and keeps
// the bytes until [View.NextChange]; a Go program reads [View.Journeys], or looks
// things up in [View.Active].
package journey
