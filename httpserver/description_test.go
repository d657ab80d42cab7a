package httpserver_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// described is the OpenAPI description, read once.
var described = sync.OnceValues(func() (*openapi3.T, error) {
	openapi3filter.RegisterBodyDecoder(eventStream, decodeStream)
	return openapi3.NewLoader().LoadFromFile("openapi.json")
})

const eventStream = "text/event-stream"

// checkDescribed says what of an answer is not as the description has it: the status,
// a header that is missing, malformed or not described, or the body. Every answer that
// a test of this package asks a world for goes through it.
func checkDescribed(method, target string, response *http.Response) error {
	path := describedPath(target)
	if path == "" || method == http.MethodOptions {
		return nil // described in prose only
	}
	description, err := described()
	if err != nil {
		return err
	}
	item := description.Paths.Value(path)
	request, err := http.NewRequest(http.MethodGet, "http://example.com", nil)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	response.Body = io.NopCloser(bytes.NewReader(text)) // for the test itself
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: request,
			Route:   &routers.Route{Spec: description, Path: path, PathItem: item, Method: http.MethodGet, Operation: item.Get},
		},
		Status:  response.StatusCode,
		Header:  response.Header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	input.SetBodyBytes(text)
	if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
		return fmt.Errorf("%s of %s: %w", response.Status, path, err)
	}
	if response.Header.Get("Content-Type") == eventStream {
		if err := checkEventData(description, text); err != nil {
			return fmt.Errorf("%s of %s: %w", response.Status, path, err)
		}
	}
	return checkHeaders(path, item.Get.Responses.Status(response.StatusCode), response)
}

// checkHeaders is what the library leaves out: headers that are not described, and the
// whole of 304.
func checkHeaders(path string, answer *openapi3.ResponseRef, response *http.Response) error {
	if answer == nil {
		return fmt.Errorf("%s of %s is not described", response.Status, path)
	}
	for name, header := range answer.Value.Headers {
		if header.Value.Required && response.Header.Get(name) == "" {
			return fmt.Errorf("%s of %s has no %s", response.Status, path, name)
		}
	}
	for name, values := range response.Header {
		if describedHeader(answer, name) == "" && !leftOut(name, values) {
			return fmt.Errorf("%s of %s has a %s that is not described", response.Status, path, name)
		}
	}
	return nil
}

// leftOut reports whether a header is one that descriptions leave to HTTP, or one of
// CORS, which is described in prose.
func leftOut(name string, values []string) bool {
	return slices.Contains([]string{"Connection", "Content-Length", "Content-Type"}, name) ||
		strings.HasPrefix(name, "Access-Control-") || name == "Vary" && slices.Equal(values, []string{"Origin"})
}

// describedHeader is a header's name in the letter case of the description.
func describedHeader(answer *openapi3.ResponseRef, name string) string {
	for written := range answer.Value.Headers {
		if strings.EqualFold(written, name) {
			return written
		}
	}
	return ""
}

// describedPath is the path of the description that a request below the prefix falls
// under, "" for none.
func describedPath(target string) string {
	target, _, _ = strings.Cut(target, "?")
	escaped, below := strings.CutPrefix(target, prefix+"/")
	segment, err := url.PathUnescape(escaped)
	switch {
	case !below, err != nil, segment == "":
		return ""
	case segment == "me", escaped == "me/events":
		return "/" + segment
	case strings.Contains(escaped, "/"):
		return ""
	}
	return "/{id}"
}
