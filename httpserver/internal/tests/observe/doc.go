// Package observe holds the tests of httpserver/internal/observe. Package tests says why they
// are here.
package observe
