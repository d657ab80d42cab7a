//go:build !linux

package main

import "syscall"

// limitUnacknowledged does nothing: the platform has no TCP_USER_TIMEOUT.
func limitUnacknowledged(_, _ string, _ syscall.RawConn) error { return nil }
