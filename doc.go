// Package rejoin is the root of a library that answers one question for every shopper
// who comes back to a product drop: who am I, what am I in, and where do I go on?
//
// Behind a drop stand queues, draws, auctions, timed releases and waitlists. The
// engines that run them report what happens through a store; the client asks
// GET {prefix}/me after a reload, or follows GET {prefix}/me/events, and resumes from
// the journeys in the answer, up to the admission token that opens the checkout;
// servers look a consumer up with GET {prefix}/{id}.
//
// The packages, in the order in which a request walks through them:
//
//   - [github.com/rejoinhq/rejoin/httpserver]: the two endpoints as plain
//     http.Handlers, for any mux and prefix.
//   - [github.com/rejoinhq/rejoin/auth]: who is calling, by access tokens and API
//     keys. Its authtest issues both for tests.
//   - [github.com/rejoinhq/rejoin/consumer]: the records, their rules, and the Store
//     contract.
//   - [github.com/rejoinhq/rejoin/storage/sqlite] and
//     [github.com/rejoinhq/rejoin/storage/postgres]: the Store on an embedded file,
//     and for more than one machine. storage/storagetest holds any other Store to the
//     contract.
//   - [github.com/rejoinhq/rejoin/journey]: from a snapshot and a moment to the
//     document, as one pure function.
//
// This package holds no code. Its example is the shortest program that uses the
// module.
package rejoin
