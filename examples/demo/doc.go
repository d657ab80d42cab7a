// Package demo is the demonstration of the example server: an organization with consumers
// in every stage, engines that move them, and a page for testers that shows the document
// of a consumer and lets the engines act.
//
// None of it is needed to serve the API. The keys of the organization are well known, so a
// server with this data must listen on a loopback address only.
package demo
