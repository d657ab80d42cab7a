package main

import (
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// Every path of the page, and nobody else's, has the headers that keep it to itself.
func TestPageHeaders(t *testing.T) {
	s := boot(t, "-demo", "-database", "sqlite::memory:")
	for path, contentType := range map[string]string{
		"/": "text/html; charset=utf-8", "/checkout?token=t": "text/html; charset=utf-8", "/page/page.css": "text/css; charset=utf-8",
		"/page/page.js": "text/javascript; charset=utf-8", "/page/icon.svg": "image/svg+xml", "/demo/consumers": "application/json; charset=utf-8",
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodDelete} {
			r, err := http.NewRequestWithContext(t.Context(), method, s.base+path, nil)
			must(t, err)
			response, err := http.DefaultClient.Do(r)
			must(t, err)
			must(t, response.Body.Close())
			for name, value := range pageHeaders {
				if got := response.Header.Get(name); got != value {
					t.Errorf("%s %s: %s: %s", method, path, name, got)
				}
			}
			if method == http.MethodDelete {
				if response.StatusCode != 405 || response.Header.Get("Allow") != "GET, HEAD" {
					t.Errorf("%s %s: %s", method, path, response.Status)
				}
			} else if got := response.Header.Get("Content-Type"); response.StatusCode != 200 || got != contentType {
				t.Errorf("%s %s: %s as %s", method, path, response.Status, got)
			}
		}
	}
	if policy := pageHeaders["Content-Security-Policy"]; strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("the policy is %s", policy)
	}
	response, err := http.Get(s.base + apiPrefix + "/me")
	must(t, err)
	must(t, response.Body.Close())
	if response.Header.Get("Content-Security-Policy") != "" {
		t.Error("the page's headers are on the API too")
	}
}

// A browser that has a file is not sent it again.
func TestPageFilesAreValidated(t *testing.T) {
	s := boot(t, "-demo", "-database", "sqlite::memory:")
	response, err := http.Get(s.base + "/page/page.css")
	must(t, err)
	must(t, response.Body.Close())
	if status, text := s.get(s.base+"/page/page.css", http.Header{"If-None-Match": {response.Header.Get("ETag")}}); status != 304 || text != "" {
		t.Errorf("%d", status)
	}
}

var foreign = regexp.MustCompile(`(?:https?:)?//[a-z0-9-]+\.[a-z]|@import|url\(`)

// Every embedded file is served with the demonstration, and none speaks of another server.
func TestPageFilesAreItsOwn(t *testing.T) {
	s := boot(t, "-demo", "-database", "sqlite::memory:")
	must(t, fs.WalkDir(pageFiles, "page", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := pageFiles.ReadFile(path)
		text := strings.ReplaceAll(string(content), "http://www.w3.org/2000/svg", "")
		if found := foreign.FindString(text); found != "" {
			t.Errorf("%s: %s", path, found)
		}
		if strings.HasSuffix(path, ".html") {
			if strings.Contains(text, "style=") || strings.Contains(text, " onclick=") || strings.Contains(text, "<script>") {
				t.Errorf("%s has what its policy refuses", path)
			}
			return err
		}
		if status, _ := s.get(s.base+"/"+path, nil); status != 200 {
			t.Errorf("/%s: %d", path, status)
		}
		return err
	}))
}

// The address of the checkout holds a token, which reaches neither the log nor the page.
func TestCheckoutKeepsTheToken(t *testing.T) {
	s := boot(t, "-demo", "-database", "sqlite::memory:")
	const token = "demo-admission-HUNTER2"
	status, text := s.get(s.base+"/checkout?token="+token, nil)
	s.stop()
	if status != 200 || strings.Contains(text, token) || strings.Contains(s.stderr.String(), token) {
		t.Errorf("%d, log %s", status, s.stderr)
	}
}
