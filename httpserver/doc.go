// Package httpserver answers the two endpoints of the consumer identity API with
// plain http.Handlers: the consumer's own document, GET {prefix}/me, and the
// look-up by a server, GET {prefix}/{id}.
//
// [New] validates its options once. The handlers of an [API] are then mounted on
// any mux under any prefix, both together ([API.Handler]) or each alone ([API.Me],
// [API.Events], [API.Consumer]), and their OpenAPI description beside them
// ([API.OpenAPI]). The mux, TLS and timeouts stay the caller's.
//
// A request walks in one direction: the authenticator says who is calling, the
// store gives one snapshot, package journey derives the document at one moment,
// and the answer is written in one piece. An access log, traces and metrics
// (OpenTelemetry) of it are options. [Health] and [Readiness] answer probes.
package httpserver
