// Package rejoin is the root of a library that answers one question for every shopper who
// comes back to a product drop: who am I, what am I in, and where do I go on?
//
// The engines behind a drop run queues, draws, auctions, timed releases and waitlists.
// They write records into a store. A client calls GET {prefix}/me after a reload, or
// follows GET {prefix}/me/events, and resumes from the journeys of the response, up to the
// admission token that opens the checkout. Servers look up a consumer with
// GET {prefix}/{id}. The API is Fanfare's Consumer Identity API, as publicly documented.
//
// This package has no code. Its example is the shortest program that uses the module.
//
// # Packages
//
//   - [github.com/rejoinhq/rejoin/consumer] defines the records, their rules, and the
//     roles of a store. It imports no SQL, HTTP or tokens. Its package event folds the
//     webhook events of the API's owner into records, and its package recordjson reads
//     the record format.
//   - [github.com/rejoinhq/rejoin/journey] is a pure function from a snapshot and a time
//     to the document.
//   - [github.com/rejoinhq/rejoin/auth] identifies callers by access tokens and API keys.
//     Its package authtest issues both in tests.
//   - [github.com/rejoinhq/rejoin/storage/sqlite] and
//     [github.com/rejoinhq/rejoin/storage/postgres] implement the store on an embedded
//     file and for more than one machine. Package storage/memory implements it in memory,
//     for tests. Package storage/storagetest tests any other implementation of a role.
//   - [github.com/rejoinhq/rejoin/httpserver] has the endpoints as http.Handlers, for any
//     mux and prefix. Its package probe has health and readiness, and its package
//     httpservertest runs the whole API in the tests of its users.
//
// # A request
//
// A request for the document goes through the packages once, in one direction. Nothing
// calls back.
//
//  1. httpserver names and observes the request, and finds its endpoint.
//  2. auth identifies the caller: the publishable key by its digest, the access token by
//     its signature and claims, or both from a cache.
//  3. httpserver looks into its cache of documents. The cache follows the change feed of
//     the store, so a document leaves it when a record changes or expires.
//  4. Otherwise the store reads a snapshot: one consistent statement in one round trip.
//     Concurrent requests for one consumer share it.
//  5. journey derives what is active at the time of the request.
//  6. httpserver encodes the document and responds, with 304 if the client has it.
//
// An event stream goes through the same steps each time that the change feed notifies of
// its consumer or of one of its distributions, and when something expires.
//
// # A write
//
//  1. An engine calls [consumer.Writer], or POST {records} with a secret key. Package
//     consumer validates and normalizes the whole batch, and names every invalid field.
//  2. The store writes the batch in one transaction. For each record the statement itself
//     compares the version with the stored one, so no order of writers can make an older
//     write replace a newer one.
//  3. The transaction refuses the batch if a consumer of it was erased, and writes records
//     about a merged guest to the consumer that it was merged into.
//  4. The change feed notifies every process of the consumers and distributions that
//     changed. A distribution is one record, so moving a queue costs the same with ten
//     members and with a million: nothing fans out.
//
// # Decisions
//
// Time comes from outside: each request has one time, and the clock is an option. What
// expired is decided when a document is derived, so nothing has to clean up in time.
//
// Package-level state, init functions, goroutines that cannot be stopped and panics across
// the API do not occur. A constructor validates all options at once.
//
// Adapters translate the errors of their drivers to those of package consumer in one place,
// by code and never by text, and httpserver translates those to responses in one place.
// What a client reads and what the log says are two texts.
package rejoin
