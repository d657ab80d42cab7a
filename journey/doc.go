// Package journey derives the document from which a client resumes: what a
// consumer is in at a moment, and where each of their journeys goes on.
//
// [Derive] is a pure function of a snapshot and a moment. It reads no clock, does
// no I/O, never fails, leaves its input alone, and gives the same answer for any
// order of the same records. The stages are those of the seed's section
// "Understanding Active Participations".
package journey
