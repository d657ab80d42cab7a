// Package tests holds the tests of package httpserver, and package observe below it those of
// httpserver/internal/observe. They check every response against the OpenAPI description, run
// on both databases, and read what an OpenTelemetry SDK collects.
//
// They are in packages that nobody imports because go mod tidy downloads what the tests of
// imported packages need. A module that imports httpserver would download two databases, an
// OpenAPI library and the SDK, which it doesn't use.
package tests
