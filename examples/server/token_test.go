package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rejoinhq/rejoin/auth/authtest"
)

// TestToken: a server with a database alone prints a command, and the token that this
// command prints opens /me.
func TestToken(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, url string) {
		succeed(t, "import", "-database", url, "testdata/fixture.json")
		s := boot(t, "-database", url)
		if strings.Contains(s.stdout, "No consumer") || !strings.Contains(s.stdout, "server token -addr "+strings.TrimPrefix(s.base, "http://")) {
			t.Errorf("printed:\n%s", s.stdout)
		}
		addr := strings.TrimPrefix(s.base, "http://")
		for _, server := range [][]string{{"-addr", addr}, {"-addr", addr, "-database", url}, {"-database", url}} {
			token := strings.TrimSpace(succeed(t, append([]string{"token", "-org", "org_01HXYZ123456789", "-consumer", "cons_01HXYZ123456789"}, server...)...))
			if status, text := s.me("pk_test_golden0000000000000000", token); status != 200 {
				t.Errorf("%v: %d %s", server, status, text)
			}
		}
		status, stdout, stderr := execute(t, "token", "-addr", addr, "-org", "org_1", "-consumer", "unknown")
		if status != 0 || stdout == "" || !strings.Contains(stderr, "no profile of this consumer") {
			t.Errorf("an unknown consumer: status %d, stdout %q, stderr %q", status, stdout, stderr)
		}
		s.stop()
		if status, _, stderr := execute(t, "token", "-addr", addr, "-org", "org_1", "-consumer", "cons_1"); status != 1 || !strings.Contains(stderr, "no such server") {
			t.Errorf("after the server: status %d: %s", status, stderr)
		}
	})
}

// TestTokenOfAnotherIssuer: a server with the operator's key set issues no tokens.
func TestTokenOfAnotherIssuer(t *testing.T) {
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	must(t, err)
	jwks := filepath.Join(t.TempDir(), "jwks.json")
	must(t, os.WriteFile(jwks, issuer.JWKS(), 0o600))
	s := boot(t, "-database", "sqlite::memory:", "-jwks-file", jwks)
	if strings.Contains(s.stdout, "server token") {
		t.Errorf("printed:\n%s", s.stdout)
	}
	if status, _, stderr := execute(t, "token", "-addr", strings.TrimPrefix(s.base, "http://"), "-org", "o", "-consumer", "c"); status != 1 || !strings.Contains(stderr, "no such server") {
		t.Errorf("status %d: %s", status, stderr)
	}
}

// TestServerWithoutASocketDirectory: a server that cannot make the socket works without it.
func TestServerWithoutASocketDirectory(t *testing.T) {
	p := program{getenv: func(name string) string {
		return map[string]string{"XDG_RUNTIME_DIR": filepath.Join(t.TempDir(), "missing", "directory")}[name]
	}}
	s := bootProgram(t, p, "-database", "sqlite::memory:")
	if status, _ := s.get(s.base+"/healthz", http.Header{}); status != 200 || strings.Contains(s.stdout, "server token") {
		t.Errorf("status %d, printed:\n%s", status, s.stdout)
	}
}
