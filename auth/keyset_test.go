package auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/auth"
)

func TestNewKeySetOptions(t *testing.T) {
	key := newSigner("issuer").key("a")
	https := "https://user:password@issuer.example/jwks.json?token=hunter2"
	for _, test := range []struct {
		name    string
		options auth.KeySetOptions
		want    string
	}{
		{"no source", auth.KeySetOptions{}, "URL or File or Keys must be set, and exactly one of them"},
		{"two sources", auth.KeySetOptions{URL: https, Keys: []auth.Key{key}}, "URL or File or Keys must be set, and exactly one of them"},
		{"three sources", auth.KeySetOptions{URL: https, File: "x", Keys: []auth.Key{key}}, "URL or File or Keys must be set, and exactly one of them"},
		{"RefreshInterval", auth.KeySetOptions{URL: https, RefreshInterval: -1}, "RefreshInterval must not be negative"},
		{"ForcedRefreshInterval", auth.KeySetOptions{URL: https, ForcedRefreshInterval: -1}, "ForcedRefreshInterval must not be negative"},
		{"StartTimeout", auth.KeySetOptions{URL: https, StartTimeout: -1}, "StartTimeout must not be negative"},
		{"MaxStaleness", auth.KeySetOptions{URL: https, MaxStaleness: -1}, "MaxStaleness must not be negative"},
		{"MaxStaleness below the default interval", auth.KeySetOptions{URL: https, MaxStaleness: time.Minute}, "MaxStaleness must not be shorter than RefreshInterval"},
		{"MaxStaleness below the interval", auth.KeySetOptions{URL: https, MaxStaleness: time.Hour, RefreshInterval: time.Hour + 1}, "MaxStaleness must not be shorter than RefreshInterval"},
		{"URL without host", auth.KeySetOptions{URL: "/jwks?token=hunter2"}, "URL is not an absolute URL"},
		{"malformed URL", auth.KeySetOptions{URL: "https://issuer.example/%zz?token=hunter2"}, "URL is not an absolute URL"},
		{"URL of another scheme", auth.KeySetOptions{URL: "ftp://issuer.example/?token=hunter2"}, "URL must begin with https://"},
		{"http to another host", auth.KeySetOptions{URL: "http://issuer.example/?token=hunter2"}, "URL must begin with https://"},
		{"http to a host named like loopback", auth.KeySetOptions{URL: "http://localhost.example/?token=hunter2"}, "URL must begin with https://"},
		{"kid twice", auth.KeySetOptions{Keys: []auth.Key{key, {ID: "a", Public: newSigner("b").key("").Public}}}, "Keys have two keys with the kid a"},
		{"kid not printable", auth.KeySetOptions{Keys: []auth.Key{{ID: "\n", Public: key.Public}}}, "Keys[0] has an ID"},
		{"65 keys", auth.KeySetOptions{Keys: make65()}, "Keys have more than 64 keys"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := auth.NewKeySet(t.Context(), test.options)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "password") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

func make65() []auth.Key {
	keys := make([]auth.Key, 65)
	for i := range keys {
		keys[i] = newSigner(fmt.Sprint(i)).key("")
	}
	return keys
}

func TestKeySetHTTP(t *testing.T) {
	answer := &transport{}
	answer.serve(jwks(newSigner("issuer").jwk("")))
	for url, allow := range map[string]bool{
		"http://localhost/": false, "http://LOCALHOST:8080/": false, "http://127.0.0.1:1/": false, "http://127.1.2.3/": false,
		"http://[::1]:9/": false, "http://issuer.internal/": true,
	} {
		set, err := auth.NewKeySet(t.Context(), auth.KeySetOptions{URL: url, AllowHTTP: allow, Client: &http.Client{Transport: answer}})
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		_ = set.Close()
	}
}

// The error of a start names the cause and the source, without secrets of the URL.
func TestKeySetStartFails(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer func(*http.Request) (*http.Response, error)
		want   string
	}{
		{"network", func(*http.Request) (*http.Response, error) { return nil, syscall.EHOSTUNREACH }, "no route to host"},
		{"an error that quotes the answer", func(*http.Request) (*http.Response, error) { return nil, errors.New("malformed: sk_live_0") }, "the response is not HTTP, or is cut off"},
		{"status", func(*http.Request) (*http.Response, error) {
			return response(http.StatusInternalServerError, jwks(newSigner("a").jwk("a"))), nil
		}, "the response has status 500"},
		{"no content", func(*http.Request) (*http.Response, error) { return response(http.StatusNoContent, ""), nil }, "the response has status 204"},
		{"foreign", func(*http.Request) (*http.Response, error) { return response(http.StatusOK, "{}"), nil }, "not a JSON object with one array named keys"},
		{"too large", func(*http.Request) (*http.Response, error) {
			return response(http.StatusOK, strings.Repeat(" ", 1<<20+1)), nil
		}, "longer than 1048576 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := &transport{}
			answer.serveFunc(test.answer)
			_, err := auth.NewKeySet(t.Context(), auth.KeySetOptions{
				URL: "https://user:password@issuer.example:8443/jwks.json?token=hunter2", Client: &http.Client{Transport: answer},
			})
			if want := "auth: key set: https://issuer.example:8443/jwks.json: " + test.want; err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			answer.wantReads(t, 1)
		})
	}
}

func TestKeySetFile(t *testing.T) {
	first, second := newSigner("first"), newSigner("second")
	path := filepath.Join(t.TempDir(), "jwks.json")
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(jwks(first.jwk("first")))
	set, err := auth.NewKeySet(t.Context(), auth.KeySetOptions{File: path, Now: atNoon})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	verifier := newVerifier(t, auth.VerifierOptions{Keys: set, Now: atNoon})

	write(jwks(second.jwk("second")))
	if _, err := verifier.Verify(t.Context(), second.token(plainHeader, payload(nil))); err != nil {
		t.Errorf("the file was not read again for a token that no key verifies: %v", err)
	}
	_, err = verifier.Verify(t.Context(), first.token(plainHeader, payload(nil)))
	wantReason(t, err, auth.ReasonTokenSignature)

	for name, content := range map[string]string{"empty": "", "foreign": "{}", "no keys": jwks()} {
		write(content)
		if err := set.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "file "+path) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := set.Refresh(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := verifier.Verify(t.Context(), second.token(plainHeader, payload(nil))); err != nil {
		t.Errorf("the last good set was lost: %v", err)
	}
}

func TestKeySetFileRefused(t *testing.T) {
	for path, want := range map[string]string{
		filepath.Join(t.TempDir(), "none"): "no such file or directory",
		t.TempDir():                        "not a regular file",
		os.DevNull:                         "not a regular file",
	} {
		_, err := auth.NewKeySet(t.Context(), auth.KeySetOptions{File: path})
		if want := "auth: key set: file " + path + ": " + want; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// Redirects to another origin are refused.
func TestKeySetRedirects(t *testing.T) {
	body := jwks(newSigner("issuer").jwk("a"))
	serve := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
	elsewhere := httptest.NewServer(http.HandlerFunc(serve))
	defer elsewhere.Close()

	mux := http.NewServeMux()
	mux.HandleFunc("/jwks", serve)
	for path, target := range map[string]string{
		"/same": "/jwks", "/other-port": elsewhere.URL + "/jwks", "/loop": "/loop",
		"/other-host": "http://issuer.example/?token=hunter2", "/other-scheme": "https://127.0.0.1/",
	} {
		mux.Handle(path, http.RedirectHandler(target, http.StatusFound))
	}
	origin := httptest.NewServer(mux)
	defer origin.Close()

	permissive := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	for path, want := range map[string]string{
		"/jwks": "", "/same": "", "/other-port": "redirected to another origin", "/other-host": "redirected to another origin",
		"/other-scheme": "redirected to another origin", "/loop": "too many redirects",
	} {
		for name, client := range map[string]*http.Client{"own client": nil, "the caller's client": permissive} {
			set, err := auth.NewKeySet(t.Context(), auth.KeySetOptions{URL: origin.URL + path, Client: client})
			switch {
			case err == nil:
				_ = set.Close()
				if want != "" {
					t.Errorf("%s, %s: read", path, name)
				}
			case want == "" || err.Error() != "auth: key set: "+origin.URL+path+": "+want:
				t.Errorf("%s, %s: got %v, want %q", path, name, err, want)
			}
		}
	}
	if permissive.CheckRedirect(nil, nil) != nil {
		t.Error("the caller's client was changed")
	}
}

// The default port of a scheme may be present or absent.
func TestKeySetRedirectPorts(t *testing.T) {
	for _, test := range []struct {
		url, target string
		same        bool
	}{
		{"https://issuer.example/", "https://issuer.example:443/keys", true},
		{"https://issuer.example:443/", "https://ISSUER.example/keys", true},
		{"https://issuer.example/", "https://issuer.example:8443/keys", false},
		{"https://issuer.example/", "http://issuer.example/keys", false},
		{"https://issuer.example:8443/", "http://issuer.example:8443/keys", false},
		{"https://issuer.example/", "https://issuer.example.evil.example/keys", false},
		{"http://localhost/", "http://localhost:80/keys", true},
		{"http://localhost/", "http://localhost:443/keys", false},
	} {
		answer := &transport{}
		answer.serveFunc(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/keys" {
				return response(http.StatusOK, jwks(newSigner("issuer").jwk("a"))), nil
			}
			redirect := response(http.StatusFound, "")
			redirect.Header.Set("Location", test.target)
			return redirect, nil
		})
		set, err := auth.NewKeySet(t.Context(), auth.KeySetOptions{URL: test.url, Client: &http.Client{Transport: answer}})
		if (err == nil) != test.same {
			t.Errorf("%s to %s: got %v", test.url, test.target, err)
		}
		if err == nil {
			_ = set.Close()
		} else {
			answer.wantReads(t, 1)
		}
	}
}

func TestKeySetAnswerCutOff(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100000")
		_, _ = w.Write([]byte(jwks(newSigner("issuer").jwk("a"))))
	}))
	defer server.Close()
	if _, err := auth.NewKeySet(t.Context(), auth.KeySetOptions{URL: server.URL}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

func TestKeySetSendsCredentialsOfURL(t *testing.T) {
	answer := &transport{}
	answer.serveFunc(func(r *http.Request) (*http.Response, error) {
		if user, password, _ := r.BasicAuth(); user != "user" || password != "password" || r.URL.RawQuery != "token=hunter2" {
			t.Error("the credentials of the URL were not sent")
		}
		return response(http.StatusOK, jwks(newSigner("issuer").jwk("a"))), nil
	})
	set, err := auth.NewKeySet(t.Context(), auth.KeySetOptions{
		URL: "https://user:password@issuer.example/jwks.json?token=hunter2", Client: &http.Client{Transport: answer},
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = set.Close()
}

// A set copies the keys that it was made with.
func TestKeySetCopiesKeys(t *testing.T) {
	issuer := newSigner("issuer")
	key := auth.Key{Public: append([]byte(nil), issuer.key("").Public...)}
	set := staticSet(t, key)
	clear(key.Public)
	if _, err := newVerifier(t, auth.VerifierOptions{Keys: set, Now: atNoon}).Verify(t.Context(), issuer.token(plainHeader, payload(nil))); err != nil {
		t.Error(err)
	}
}

func TestKeySetStatic(t *testing.T) {
	now := noon
	set, err := auth.NewKeySet(t.Context(), auth.KeySetOptions{Keys: []auth.Key{newSigner("issuer").key("")}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	if !set.FetchedAt().Equal(now) {
		t.Error("keys in memory grow old")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := set.Refresh(ctx); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	}
}
