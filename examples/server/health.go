package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"time"
)

// healthTimeout is how long a server may take to report whether it is ready.
const healthTimeout = 3 * time.Second

const healthUsage = `
Exits with 0 if the server is ready (GET /readyz), and with 1 otherwise.
`

// health asks a server on this machine whether it is ready. It is for the health checks of
// container engines: the image holds no other program that could ask.
func (p program) health(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("health", flag.ContinueOnError)
	addr := flags.String("addr", defaultAddr, "`HOST:PORT` that the server listens on")
	opsAddr := flags.String("ops-addr", "", "the server's -ops-addr, if it has one (`HOST:PORT`)")
	given, err := p.parseFlags(flags, args, "health [flags]", healthUsage)
	if err != nil {
		return err
	}
	if err := noArguments(flags); err != nil {
		return err
	}
	if given["ops-addr"] {
		*addr = *opsAddr
	}
	url, err := readinessURL(*addr)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return usagef("-addr must be HOST:PORT")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // without a proxy
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("health: %s answers %s", url, response.Status)
	}
	fmt.Fprintln(p.stdout, "ready")
	return nil
}

// readinessURL returns the URL of a server's readiness. A server on all interfaces is
// reached on the loopback interface too.
func readinessURL(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", usagef("-addr must be HOST:PORT")
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port) + "/readyz", nil
}
