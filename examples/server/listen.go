package main

import (
	"context"
	"net"
	"time"
)

// unacknowledgedTimeout is how long a connection may have data that its peer does not
// acknowledge. A phone without a signal closes nothing, and the heartbeats of its event
// stream fit into the socket's buffer, so without this limit the connection would occupy
// its place for a quarter of an hour. Together with keep-alive probes, which begin after
// 15 s without traffic, such a peer is found within a minute.
const unacknowledgedTimeout = 40 * time.Second

// listen listens on a TCP address with unacknowledgedTimeout, where the platform has such a
// limit.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	config := net.ListenConfig{Control: limitUnacknowledged}
	return config.Listen(ctx, "tcp", addr)
}
