// Package httpservertest runs the whole API in memory for the tests of programs that use
// it: a server on loopback, an organization with keys, access tokens, a clock that the test
// moves, and a store that fails on command. It needs no database and no other network.
package httpservertest
