// Package conformance tests a deployment of the API over HTTP, from outside: the two
// documented endpoints GET {prefix}/me and GET {prefix}/{id} behind a proxy, with an
// authentication of its own, or in another language. It uses no other package of this module,
// so that the suite and a server do not share a bug.
//
// [Run] is a test with a subtest for each rule. [Check] returns the results to any other
// program, such as one that runs after a deployment.
//
// # What a deployment needs
//
// A [Target] names the address and the keys of one or two organizations, and has two functions:
// Token issues an access token, and Load writes records. The records are JSON in the format of
// package recordjson, so [PostRecords] loads them into every deployment that has the records
// endpoints. The remaining fields are optional. The rules that need one that is missing are
// skipped, with the reason.
//
// # What it leaves behind
//
// Each run writes about 150 new consumers, whose ids begin with "conformance_" and differ
// from run to run, and the consumer of the API documentation, cons_01HXYZ123456789. Use
// organizations that exist only for tests. The suite deletes nothing. Several runs at the same
// time do not disturb each other. A run sends about five hundred requests, one at a time: a
// deployment with a rate limit must allow them.
//
// # What it does not test
//
// It does not test what cannot be caused from outside: responses with 500, 503 and 429, the
// rotation of keys, and the moment at which something expires. The event stream, the records
// endpoints and the webhooks are not among the two documented endpoints.
package conformance
