package httpserver

import (
	"bytes"
	_ "embed"
	"net/http"
	"net/url"
)

// description is the OpenAPI description, kept by hand. The tests hold every answer of
// this package against it.
//
//go:embed openapi.json
var description []byte

// describedServer is the place in the description where the prefix goes.
const describedServer = `"url": "/api/v1/consumers"`

// OpenAPI answers with the OpenAPI 3.1 description of the endpoints, on whatever path
// it is mounted, "/openapi.json" by custom. The prefix is the path below which clients
// find the endpoints, and stands in the description as the server's URL: the prefix of
// [API.Handler], behind what a proxy or http.StripPrefix takes away.
//
// The description is public: no credentials are asked for, scripts of every origin may
// read it, and caches may keep it for five minutes. Mount it without a method in the
// pattern: it answers other methods itself.
func (a *API) OpenAPI(prefix string) http.Handler {
	body := describe(prefix)
	etag := entityTag(body)
	return a.outermost("/openapi.json", a.endpoint(func(w http.ResponseWriter, r *http.Request) error {
		answer(w, r, body, etag, "Access-Control-Allow-Origin", "*", "Cache-Control", "public, max-age=300")
		return nil
	}))
}

// describe is the description with the prefix as the URL of its one server. Escaped, a
// prefix holds nothing that JSON or a template of OpenAPI would read as its own.
func describe(prefix string) []byte {
	server := (&url.URL{Path: cleanPrefix(prefix)}).EscapedPath()
	if server == "" {
		server = "/"
	}
	return bytes.Replace(description, []byte(describedServer), []byte(`"url": "`+server+`"`), 1)
}
