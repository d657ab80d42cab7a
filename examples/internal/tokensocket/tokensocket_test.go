//go:build unix

package tokensocket

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// socketDir returns a directory whose path is short enough for sockets.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rejoin")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "sockets")
}

func serve(t *testing.T, dir, addr string) *Server {
	t.Helper()
	s, err := Serve(dir, Info{Addr: addr}, func(r Request) Response {
		return Response{Token: addr + " " + r.OrganizationID + " " + r.ConsumerID}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestAsk(t *testing.T) {
	dir := socketDir(t)
	anyServer := func(Info) bool { return true }
	ask := func(matches func(Info) bool) string {
		t.Helper()
		response, err := Ask(dir, matches, Request{"org_1", "cons_1"})
		if err != nil {
			return err.Error()
		}
		return response.Token
	}
	if got := ask(anyServer); !strings.Contains(got, "no such server") {
		t.Errorf("without a server: %s", got)
	}
	serve(t, dir, "127.0.0.1:1")
	if got := ask(anyServer); got != "127.0.0.1:1 org_1 cons_1" {
		t.Errorf("with one server: %s", got)
	}
	second := serve(t, dir, "127.0.0.1:2")
	if got := ask(anyServer); !strings.Contains(got, "give -addr, one of 127.0.0.1:1, 127.0.0.1:2") {
		t.Errorf("with two servers: %s", got)
	}
	isSecond := func(i Info) bool { return i.Addr == "127.0.0.1:2" }
	if got := ask(isSecond); got != "127.0.0.1:2 org_1 cons_1" {
		t.Errorf("the second server: %s", got)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	if got := ask(isSecond); !strings.Contains(got, "no such server") {
		t.Errorf("after the second server: %s", got)
	}
	// The socket of a server that was killed.
	if err := os.WriteFile(filepath.Join(dir, "1-3.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := ask(anyServer); got != "127.0.0.1:1 org_1 cons_1" {
		t.Errorf("with a dead socket: %s", got)
	}
}

// TestForeignDirectory: sockets in a directory that others can enter are not used.
func TestForeignDirectory(t *testing.T) {
	dir := socketDir(t)
	serve(t, dir, "127.0.0.1:1")
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Ask(dir, func(Info) bool { return true }, Request{}); err == nil || !strings.Contains(err.Error(), "private") {
		t.Errorf("Ask: %v", err)
	}
	if _, err := Serve(dir, Info{Addr: "127.0.0.1:2"}, nil); err == nil || !strings.Contains(err.Error(), "private") {
		t.Errorf("Serve: %v", err)
	}
}
