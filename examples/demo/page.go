package demo

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pageFiles is the testers' page. It has no build step and loads nothing from another
// server.
//
//go:embed page
var pageFiles embed.FS

// Options configures the testers' page.
type Options struct {
	// Store has the records of the demonstration, which [Batch] sets up.
	Store Store
	// Token issues an access token for a consumer.
	Token func(organizationID, consumerID string, now time.Time) (string, error)
	// Logger gets the errors of the store.
	Logger *slog.Logger
	// Now is the clock. It defaults to time.Now.
	Now func() time.Time
}

// Page returns the testers' page, which is at /, with a handler for each exact path.
func Page(options Options) map[string]http.Handler {
	handlers := newBackend(options).handlers()
	maps.Copy(handlers, files(map[string]string{
		"/": "index.html", "/checkout": "checkout.html", "/page/page.css": "page.css", "/page/icon.svg": "icon.svg",
		"/page/page.js": "page.js", "/page/connection.js": "connection.js", "/page/cards.js": "cards.js", "/page/document.js": "document.js",
	}))
	return withPageHeaders(handlers)
}

// AboutPage returns the page at / of a server without the demonstration. It explains what
// the demonstration needs and has neither keys nor buttons.
func AboutPage() map[string]http.Handler {
	return withPageHeaders(files(map[string]string{"/": "about.html", "/page/page.css": "page.css", "/page/icon.svg": "icon.svg"}))
}

func files(names map[string]string) map[string]http.Handler {
	handlers := make(map[string]http.Handler)
	for route, name := range names {
		content, err := pageFiles.ReadFile(path.Join("page", name))
		if err != nil {
			panic(err) // a file that is not embedded, which every test of the page would find
		}
		handlers[route] = staticFile(name, content)
	}
	return handlers
}

func withPageHeaders(handlers map[string]http.Handler) map[string]http.Handler {
	for route, next := range handlers {
		handlers[route] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for name, value := range pageHeaders {
				w.Header().Set(name, value)
			}
			next.ServeHTTP(w, r)
		})
	}
	return handlers
}

// pageHeaders isolate the page: it loads nothing from elsewhere, no other page frames or
// opens it, and its address, which may hold an admission token, is not sent to other
// sites.
var pageHeaders = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
}

// contentTypes are fixed, because the table of the machine may differ.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// staticFile serves an embedded file. It ignores ranges, with which a request of a few
// bytes can ask for a small file many times over.
func staticFile(name string, content []byte) http.Handler {
	sum := sha256.Sum256(content)
	etag := `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	return readOnly(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", etag)
		if matches(r.Header.Values("If-None-Match"), etag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Type", contentTypes[path.Ext(name)])
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		_, _ = w.Write(content) // an error means that the client left
	})
}

// matches reports whether an entity tag is among those of If-None-Match (RFC 9110, section
// 13.1.2), which compares them weakly.
func matches(values []string, etag string) bool {
	for tag := range strings.SplitSeq(strings.Join(values, ","), ",") {
		if tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/"); tag == etag || tag == "*" {
			return true
		}
	}
	return false
}

// readOnly serves GET and HEAD.
func readOnly(serve http.HandlerFunc) http.Handler {
	return allowing(serve, http.MethodGet, http.MethodHead)
}

// allowing refuses other methods in the form of the API's errors.
func allowing(serve http.HandlerFunc, methods ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(methods, r.Method) {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			refuse(w, http.StatusMethodNotAllowed, "Method not allowed", "")
			return
		}
		serve(w, r)
	})
}
