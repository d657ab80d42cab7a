package main

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// pageFiles is the testers' page. It has no build step, and asks nothing of any other
// server.
//
//go:embed page
var pageFiles embed.FS

// pagePaths are the testers' page at / and what belongs to it, by their exact paths. The
// desk answers what the page asks for beside the API; without one the page only says what
// it would need, and has no keys and no buttons.
func pagePaths(desk *demoDesk) (map[string]http.Handler, error) {
	paths := make(map[string]http.Handler)
	files := map[string]string{"/": "about.html", "/page/page.css": "page.css", "/page/icon.svg": "icon.svg"}
	if desk != nil {
		files["/"], files["/checkout"] = "index.html", "checkout.html"
		for _, script := range []string{"page.js", "connection.js", "cards.js", "document.js"} {
			files["/page/"+script] = script
		}
		maps.Copy(paths, desk.paths())
	}
	for route, name := range files {
		content, err := pageFiles.ReadFile(path.Join("page", name))
		if err != nil {
			return nil, err
		}
		paths[route] = staticFile(name, content)
	}
	for route, handler := range paths {
		paths[route] = withPageHeaders(handler)
	}
	return paths, nil
}

func withPageHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range pageHeaders {
			w.Header().Set(name, value)
		}
		next.ServeHTTP(w, r)
	})
}

// pageHeaders keep the page to itself: it loads and asks nothing from elsewhere, nobody
// frames or opens it, and no address of it, which may hold an admission token, is told
// to another site.
var pageHeaders = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
}

// contentTypes are fixed here, because the machine's own table may say otherwise.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// staticFile serves an embedded file, fresh after every change of the program.
func staticFile(name string, content []byte) http.Handler {
	sum := sha256.Sum256(content)
	etag := `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	return readOnly(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentTypes[path.Ext(name)])
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", etag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	})
}

// readOnly answers GET and HEAD.
func readOnly(serve http.HandlerFunc) http.Handler {
	return allowing(serve, http.MethodGet, http.MethodHead)
}

// allowing refuses other methods, in the form of the API's own errors.
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
