package httpserver

import (
	"bytes"
	_ "embed"
	"net/http"
	"net/url"
	"path"
)

// description is the OpenAPI description. It is written by hand, and the tests check every
// response of this package against it.
//
//go:embed openapi.json
var description []byte

// recordsDescription is the OpenAPI description of the records endpoints. Its paths begin
// with the last segment of the prefix, because a path of a description begins with a slash
// and the prefix itself is a path.
//
//go:embed openapi-records.json
var recordsDescription []byte

// describedServer is the text in the description that contains the prefix.
const describedServer = `"url": "/api/v1/consumers"`

// OpenAPI returns a handler for the OpenAPI 3.1 description of the endpoints, on any path,
// usually "/openapi.json". The prefix is the path below which clients find the endpoints.
// It is the server's URL in the description: the prefix of [API.Handler] after anything
// that a proxy or [http.StripPrefix] removes.
//
// The description is public. It requires no credentials, scripts of every origin may read
// it, and caches may store it for five minutes. Mount it on a pattern without a method: it
// responds to other methods itself.
func (a *API) OpenAPI(prefix string) http.Handler {
	return a.describedBy(describe(prefix))
}

// RecordsOpenAPI returns a handler for the OpenAPI 3.1 description of the endpoints of
// [API.Records] below the prefix. Like that of [API.OpenAPI], it can have any path.
func (a *API) RecordsOpenAPI(prefix string) http.Handler {
	server, base := path.Split(cleanPrefix(prefix))
	body := bytes.ReplaceAll(recordsDescription, []byte(`"/records`), []byte(`"/`+(&url.URL{Path: base}).EscapedPath()))
	return a.describedBy(bytes.Replace(body, []byte(`"url": "/api/v1"`), []byte(`"url": "`+serverURL(server)+`"`), 1))
}

// describedBy returns a handler for a description.
func (a *API) describedBy(body []byte) http.Handler {
	etag := entityTag(body)
	return a.instrument("/openapi.json", a.withErrors(readOnly(func(w http.ResponseWriter, r *http.Request) error {
		respond(w, r, body, etag, "Access-Control-Allow-Origin", "*", "Cache-Control", "public, max-age=300")
		return nil
	})))
}

// describe returns the description with the prefix as the URL of its server. An escaped
// path contains no character that is special in JSON or in a URL template.
func describe(prefix string) []byte {
	return bytes.Replace(description, []byte(describedServer), []byte(`"url": "`+serverURL(prefix)+`"`), 1)
}

// serverURL returns a prefix as the URL of a server in a description.
func serverURL(prefix string) string {
	if prefix = cleanPrefix(prefix); prefix == "" {
		return "/"
	}
	return (&url.URL{Path: prefix}).EscapedPath()
}
