// Package consumer is the language of the module: a [Consumer] with its
// participations and admissions in product drops, the statuses they go through,
// the rules that a record must obey, the rule that decides between two writes of
// the same record, and the [Store] contract that keeps them.
//
// Everything belongs to one organization, and nothing ever crosses from one to
// another. Ids are opaque and case-sensitive; see [ValidID].
//
// An optional value is a pointer: nil means that it is unset, and a pointer to an
// empty string is refused, never read as unset. Times are kept in UTC with
// microseconds; finer input is truncated, not rounded.
//
// The package knows nothing of SQL, HTTP or tokens, so that importing it compiles
// no driver.
package consumer
