// Package probe responds to the probes of orchestrators and load balancers: [Health] says
// that the process is alive, and [Readiness] says whether it should receive traffic.
//
// Both handlers are independent of the API in package httpserver and can be mounted on a
// listener of their own.
package probe
