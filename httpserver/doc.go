// Package httpserver provides HTTP handlers for the two endpoints of the consumer identity
// API: GET {prefix}/me returns the consumer's own document, and GET {prefix}/{id} is the
// look-up by a server.
//
// [New] validates its options. The handlers of an [API] can be mounted on any mux under any
// prefix, together ([API.Handler]) or one by one ([API.Me], [API.Events], [API.Consumer]),
// with their OpenAPI description ([API.OpenAPI]). The caller keeps control of the mux, TLS
// and timeouts. [DiscardBody] protects the other handlers of the same server from request
// bodies that they don't read. Package probe has handlers for health and readiness.
//
// A request passes through the layers in one direction. The authenticator identifies the
// caller, the store returns one snapshot, package journey derives the document as of one
// time, and the response is written in one piece. An access log, traces and metrics by
// OpenTelemetry are optional.
package httpserver
