package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/rejoinhq/rejoin/consumer/recordjson"
	"github.com/rejoinhq/rejoin/examples/demo"
)

// makeGreeting returns what the terminal prints once the server accepts connections: the line
// with the address, curl lines that work as they are, and the consumers that were loaded.
func (s *server) makeGreeting(c config, base string, fixture []recordjson.Organization) (string, error) {
	now := time.Now()
	loaded := fixture
	if c.demo {
		loaded = append([]recordjson.Organization{demo.Organization(now)}, fixture...)
	}
	g := demo.Greeting{API: base + apiPrefix, Records: base + recordsPrefix, Now: now}
	if s.tokens.issuer != nil {
		g.Token = s.tokens.issue
	}
	var b strings.Builder
	fmt.Fprintf(&b, "listening on %s\n", base)
	if err := g.WriteCurl(&b, loaded); err != nil {
		return "", err
	}
	if c.demo {
		g.WriteFirstWrite(&b)
	}
	if err := g.WriteConsumers(&b, loaded); err != nil {
		return "", err
	}
	switch {
	case s.tokens.issuer == nil:
		b.WriteString("\nConsumer access tokens come from the issuer of your key set.\n")
	case len(loaded) > 0:
		fmt.Fprintf(&b, "\nThe access tokens are valid for %d hours or until the server stops.\n", int(tokenLifetime.Hours()))
	}
	if s.tokenSocket != nil {
		fmt.Fprintf(&b, "\nFor an access token of any consumer in the database:\n  server token -addr %s -org ORGANIZATION -consumer CONSUMER\n", s.listener.Addr())
	}
	if s.operations.listener != nil {
		fmt.Fprintf(&b, "\n/readyz and /metrics are on %s\n", baseURL(s.operations.listener.Addr()))
	}
	return b.String(), nil
}
