package tests_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rejoinhq/rejoin/httpserver"
)

// withAccessLog writes the access log to a buffer, as one JSON object per line.
func withAccessLog(log *bytes.Buffer) func(*httpserver.Options) {
	return func(o *httpserver.Options) { o.AccessLog = slog.New(slog.NewJSONHandler(log, nil)) }
}

// logged returns the lines of the log without their times, and empties the log.
func logged(t *testing.T, log *bytes.Buffer) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for text := range strings.Lines(log.String()) {
		var line map[string]any
		must(t, json.Unmarshal([]byte(text), &line))
		if took, ok := line["duration"].(float64); !ok || took <= 0 || line["time"] == nil {
			t.Errorf("duration %v, time %v", line["duration"], line["time"])
		}
		delete(line, "duration")
		delete(line, "time")
		lines = append(lines, line)
	}
	log.Reset()
	return lines
}

func TestAccessLog(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, withAccessLog(&log), withOrigins("https://a.example"))
	etag := w.me().Header.Get("ETag")
	log.Reset()
	line := func(method, route string, status, bytes int, organization string) map[string]any {
		line := map[string]any{
			"level": "INFO", "msg": "request", "requestId": "r1",
			"method": method, "route": route, "status": float64(status), "bytes": float64(bytes),
		}
		if organization != "" {
			line["organizationId"] = organization
		}
		return line
	}
	const me, byID = prefix + "/me", prefix + "/{id}"
	asConsumer := []string{"X-Publishable-Key", publishable, "Authorization", "Bearer " + w.token(org, "cons_1")}
	asServer := []string{"Authorization", "Bearer " + secret}
	for name, test := range map[string]struct {
		method, path string
		headers      []string
		want         map[string]any
	}{
		"a document":         {"GET", prefix + "/me", asConsumer, line("GET", me, 200, -1, org)},
		"a HEAD request":     {"HEAD", prefix + "/me", asConsumer, line("HEAD", me, 200, 0, org)},
		"an unchanged one":   {"GET", prefix + "/me", append([]string{"If-None-Match", etag}, asConsumer...), line("GET", me, 304, 0, org)},
		"a look-up":          {"GET", prefix + "/cons_1", asServer, line("GET", byID, 200, -1, org)},
		"an unknown one":     {"GET", prefix + "/cons_2", asServer, line("GET", byID, 404, -1, org)},
		"no credentials":     {"GET", prefix + "/me", nil, line("GET", me, 401, -1, "")},
		"an unknown path":    {"GET", "/nowhere", nil, line("GET", "other", 404, -1, "")},
		"another method":     {"POST", prefix + "/me", nil, line("POST", me, 405, -1, "")},
		"an invented method": {"eyJhbGciOiJFZERTQSJ9", prefix + "/me", nil, line("_OTHER", me, 405, -1, "")},
		"a preflight request": {"OPTIONS", prefix + "/me", []string{"Origin", "https://a.example", "Access-Control-Request-Method", "GET"},
			line("OPTIONS", me, 204, 0, "")},
	} {
		t.Run(name, func(t *testing.T) {
			response := w.do(test.method, test.path, append([]string{"X-Request-Id", "r1"}, test.headers...)...)
			if test.want["bytes"] == float64(-1) {
				test.want["bytes"] = float64(len(body(t, response)))
			}
			if diff := cmp.Diff([]map[string]any{test.want}, logged(t, &log)); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("a handler mounted alone has no prefix", func(t *testing.T) {
		do(w.api.Me(), "GET", "/x")
		do(w.api.Consumer(), "GET", "/y")
		lines := logged(t, &log)
		if len(lines) != 2 || lines[0]["route"] != "/me" || lines[1]["route"] != "/{id}" {
			t.Errorf("lines %v", lines)
		}
	})
	t.Run("a panic", func(t *testing.T) {
		w.store.panics = "marker-secret"
		w.me()
		if lines := logged(t, &log); len(lines) != 1 || lines[0]["status"] != float64(500) || lines[0]["organizationId"] != org {
			t.Errorf("lines %v", lines)
		}
	})
	t.Run("an aborted response", func(t *testing.T) {
		w.store.panics = http.ErrAbortHandler
		func() {
			defer func() { _ = recover() }()
			w.me()
		}()
		if lines := logged(t, &log); len(lines) != 1 || lines[0]["status"] != float64(0) {
			t.Errorf("lines %v", lines)
		}
	})
}

// The access log contains no credential that a client sends, wherever it is, and no data of
// a document.
func TestAccessLogIsClean(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, withAccessLog(&log))
	token := w.token(org, "cons_1")
	credentials := []string{token, publishable, secret, "sk_test_nobody_knows_this_1"}
	for _, credential := range credentials {
		for _, path := range []string{prefix + "/me", prefix + "/" + credential, "/" + credential, prefix + "/me?token=" + credential} {
			for _, method := range []string{"GET", "POST", credential} {
				w.do(method, path, "X-Request-Id", credential, "Authorization", "Bearer "+credential, "X-Publishable-Key", credential,
					"User-Agent", credential, "Origin", credential, "Referer", credential, "Traceparent", credential)
			}
		}
	}
	w.me()
	w.do("GET", prefix+"/cons_1", "Authorization", "Bearer "+secret)
	for _, private := range append(credentials, "nobody_knows", "marker@example.com", "Jerry", "cons_1", "eyJ") {
		if strings.Contains(log.String(), private) {
			t.Errorf("the access log contains private data:\n%s", log.String())
		}
	}
	if lines, want := strings.Count(log.String(), "\n"), len(credentials)*4*3+2; lines != want {
		t.Errorf("%d lines, want %d", lines, want)
	}
}

func TestAccessLogKeepsItsLevelAndContext(t *testing.T) {
	t.Run("a handler without level info gets no line", func(t *testing.T) {
		var log bytes.Buffer
		newWorld(t, func(o *httpserver.Options) {
			o.AccessLog = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
		}).me()
		if log.Len() > 0 {
			t.Errorf("logged:\n%s", log.String())
		}
	})
	t.Run("attributes of the logger are kept", func(t *testing.T) {
		var log bytes.Buffer
		newWorld(t, func(o *httpserver.Options) {
			o.AccessLog = slog.New(slog.NewJSONHandler(&log, nil)).With("service", "shop")
		}).me()
		if lines := logged(t, &log); len(lines) != 1 || lines[0]["service"] != "shop" {
			t.Errorf("lines %v", lines)
		}
	})
	t.Run("a traced request has a trace id", func(t *testing.T) {
		var log bytes.Buffer
		w := newWorld(t, withAccessLog(&log), func(o *httpserver.Options) { o.TracerProvider = sdktrace.NewTracerProvider() })
		w.me()
		if lines := logged(t, &log); len(lines) != 1 || len(lines[0]["traceId"].(string)) != 32 {
			t.Errorf("lines %v", lines)
		}
	})
}

// The logged number of bytes is what a client receives.
func TestAccessLogCountsWhatIsSent(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, withAccessLog(&log))
	server := httptest.NewServer(w)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+prefix+"/cons_1", nil)
	must(t, err)
	r.Header.Set("Authorization", "Bearer "+secret)
	response, err := http.DefaultClient.Do(r)
	must(t, err)
	received := len(body(t, response))
	must(t, response.Body.Close())
	server.Close() // waits for the handler, which logs last
	if lines := logged(t, &log); strconv.Itoa(received) != response.Header.Get("Content-Length") || lines[0]["bytes"] != float64(received) {
		t.Errorf("%d bytes received, line %v", received, lines)
	}
}
