package demo

import (
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// servePage serves the testers' page on a database of its own.
func servePage(t *testing.T) (base string) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: sqlite.Memory})
	must(t, err)
	t.Cleanup(func() { _ = store.Close() })
	must(t, store.Migrate(t.Context()))
	batch, err := Batch(t.Context(), store, time.Now())
	must(t, err)
	_, err = store.Write(t.Context(), batch)
	must(t, err)
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	must(t, err)
	mux := http.NewServeMux()
	for route, handler := range Page(Options{
		Store: store, Logger: slog.New(slog.DiscardHandler),
		Token: func(organizationID, consumerID string, now time.Time) (string, error) {
			return issuer.Token(authtest.Claims{OrganizationID: organizationID, ConsumerID: consumerID, IssuedAt: now})
		},
	}) {
		if route == "/" {
			route = "/{$}"
		}
		mux.Handle(route, handler)
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// request sends a request and returns the response with its body.
func request(t *testing.T, method, url, body string, headers http.Header) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	must(t, err)
	for name, values := range headers {
		if name == "Host" {
			r.Host = values[0]
		}
		r.Header[name] = values
	}
	response, err := http.DefaultClient.Do(r)
	must(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	return response, string(text)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestPageHeaders: every path of the page has the headers that isolate it.
func TestPageHeaders(t *testing.T) {
	base := servePage(t)
	for path, contentType := range map[string]string{
		"/": "text/html; charset=utf-8", "/checkout?token=t": "text/html; charset=utf-8", "/page/page.css": "text/css; charset=utf-8",
		"/page/page.js": "text/javascript; charset=utf-8", "/page/icon.svg": "image/svg+xml", "/demo/consumers": "application/json; charset=utf-8",
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodDelete} {
			response, _ := request(t, method, base+path, "", nil)
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
}

// TestPageFilesAreValidated: a browser that has a file does not get it again, and ranges
// are ignored.
func TestPageFilesAreValidated(t *testing.T) {
	base := servePage(t)
	whole, css := request(t, http.MethodGet, base+"/page/page.css", "", nil)
	etag := whole.Header.Get("ETag")
	for tags, want := range map[string]int{etag: 304, `"x", W/` + etag: 304, "*": 304, `"x"`: 200, "": 200} {
		headers := http.Header{"If-None-Match": {tags}}
		if response, text := request(t, http.MethodGet, base+"/page/page.css", "", headers); response.StatusCode != want || (text == css) != (want == 200) {
			t.Errorf("If-None-Match %s: %d with %d bytes", tags, response.StatusCode, len(text))
		}
	}
	ranges := http.Header{"Range": {"bytes=" + strings.Repeat("0-,", 30) + "0-"}}
	if response, text := request(t, http.MethodGet, base+"/page/page.css", "", ranges); response.StatusCode != 200 || text != css {
		t.Errorf("ranges: %d with %d bytes", response.StatusCode, len(text))
	}
	if response, text := request(t, http.MethodHead, base+"/page/page.css", "", nil); text != "" || response.ContentLength != int64(len(css)) {
		t.Errorf("HEAD: Content-Length %d", response.ContentLength)
	}
}

var foreign = regexp.MustCompile(`(?:https?:)?//[a-z0-9-]+\.[a-z]|@import|url\(`)

// TestPageFilesAreItsOwn: every embedded file is served, and none refers to another server.
func TestPageFilesAreItsOwn(t *testing.T) {
	base := servePage(t)
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
				t.Errorf("%s has what its policy forbids", path)
			}
			return err
		}
		if response, _ := request(t, http.MethodGet, base+"/"+path, "", nil); response.StatusCode != 200 {
			t.Errorf("/%s: %s", path, response.Status)
		}
		return err
	}))
}

const leaveQueue = `{"consumerId":"cons_demo_queue","action":"leave","type":"queue","distributionId":"queue_demo_sneaker"}`

// TestBackendGuard: only the page itself, on a loopback address, may use the backend.
func TestBackendGuard(t *testing.T) {
	base := servePage(t)
	port := base[strings.LastIndex(base, ":"):]
	for name, test := range map[string]struct {
		host    string
		headers http.Header
		get     int
		post    int
	}{
		"its own page":                       {"127.0.0.1" + port, http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {base}}, 200, 204},
		"a program that is no browser":       {"localhost" + port, nil, 200, 204},
		"the loopback address of IPv6":       {"[::1]" + port, nil, 200, 204},
		"a host without a port":              {"localhost", nil, 200, 204},
		"a page of another site":             {"127.0.0.1" + port, http.Header{"Sec-Fetch-Site": {"cross-site"}}, 200, 403},
		"a page of another port":             {"127.0.0.1" + port, http.Header{"Sec-Fetch-Site": {"same-site"}}, 200, 403},
		"another origin, of an old browser":  {"127.0.0.1" + port, http.Header{"Origin": {"https://shop.example.com"}}, 200, 403},
		"a name that was made to point here": {"rebound.example.com" + port, http.Header{"Sec-Fetch-Site": {"same-origin"}}, 403, 403},
		"a name that begins like loopback":   {"127.0.0.1.example.com" + port, nil, 403, 403},
		"localhost of another domain":        {"localhost.example.com", nil, 403, 403},
	} {
		t.Run(name, func(t *testing.T) {
			for method, want := range map[string]int{http.MethodGet: test.get, http.MethodPost: test.post} {
				path := map[string]string{http.MethodGet: "/demo/consumers", http.MethodPost: "/demo/start-over"}[method]
				headers := http.Header{"Host": {test.host}}
				for name, values := range test.headers {
					headers[name] = values
				}
				response, text := request(t, method, base+path, "", headers)
				status := response.StatusCode
				if status != want || status == 403 && (!strings.HasPrefix(text, `{"error":"Forbidden"`) || strings.Contains(text, "pk_test")) {
					t.Errorf("%s: %d, want %d: %.80s", method, status, want, text)
				}
			}
		})
	}
}

func TestBackendRefusals(t *testing.T) {
	base := servePage(t)
	with := func(old, new string) string { return strings.Replace(leaveQueue, old, new, 1) }
	for name, test := range map[string]struct {
		body    string
		headers http.Header
		want    int
	}{
		"a form":                    {"consumerId=cons_demo_queue", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 415},
		"text":                      {leaveQueue, http.Header{"Content-Type": {"text/plain"}}, 415},
		"too large":                 {leaveQueue + strings.Repeat(" ", maxCommandBytes), nil, 413},
		"an empty body":             {"", nil, 400},
		"a list":                    {"[]", nil, 400},
		"an unknown field":          {with("{", `{"now":true,`), nil, 400},
		"a field twice":             {with("{", `{"action":"enter",`), nil, 400},
		"an unknown action":         {with("leave", "dance"), nil, 400},
		"another distribution":      {with("queue_demo_sneaker", "queue_x"), nil, 400},
		"another consumer":          {with("cons_demo_queue", "cons_x"), nil, 404},
		"not possible in the state": {with("cons_demo_queue", "cons_demo_plain"), nil, 409},
	} {
		t.Run(name, func(t *testing.T) {
			headers := http.Header{"Content-Type": {"application/json"}}
			for name, values := range test.headers {
				headers[name] = values
			}
			response, text := request(t, http.MethodPost, base+"/demo/act", test.body, headers)
			if status := response.StatusCode; status != test.want || !strings.HasPrefix(text, `{"error":"`) {
				t.Errorf("%d, want %d: %s", status, test.want, text)
			}
		})
	}
	_, text := request(t, http.MethodGet, base+"/demo/consumers", "", nil)
	var response roster
	must(t, json.Unmarshal([]byte(text), &response))
	for _, c := range response.Consumers {
		if c.ID == "cons_demo_queue" && c.Situation != "in queue" {
			t.Errorf("a refused command was carried out: %s", c.Situation)
		}
	}
}
