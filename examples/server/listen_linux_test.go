package main

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestUnacknowledgedTimeout: an accepted connection has the limit of the listener.
func TestUnacknowledgedTimeout(t *testing.T) {
	listener, err := listen(t.Context(), "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	must(t, err)
	defer client.Close()
	accepted, err := listener.Accept()
	must(t, err)
	defer accepted.Close()
	socket, err := accepted.(*net.TCPConn).SyscallConn()
	must(t, err)
	must(t, socket.Control(func(fd uintptr) {
		milliseconds, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
		if got := time.Duration(milliseconds) * time.Millisecond; err != nil || got != unacknowledgedTimeout || got+15*time.Second >= time.Minute {
			t.Errorf("timeout %v, error %v", got, err)
		}
	}))
}
