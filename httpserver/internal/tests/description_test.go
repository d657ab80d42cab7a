package tests_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// described returns the OpenAPI description.
var described = sync.OnceValues(func() (*openapi3.T, error) {
	openapi3filter.RegisterBodyDecoder(eventStream, decodeStream)
	return openapi3.NewLoader().LoadFromFile("../../openapi.json")
})

// describedRecords is the OpenAPI description of the records endpoints, read once.
var describedRecords = sync.OnceValues(func() (*openapi3.T, error) {
	return openapi3.NewLoader().LoadFromFile("../../openapi-records.json")
})

const eventStream = "text/event-stream"

// checkDescribed returns an error if a response differs from the description: in its status,
// in its body, or by a header that is missing, malformed or not described. It checks every
// response that a test requests from a world.
func checkDescribed(method, target string, response *http.Response) error {
	path := describedPath(target)
	if path == "" || method == http.MethodOptions {
		return nil // described in prose only
	}
	description, err := described()
	if err != nil {
		return err
	}
	return checkResponse(description, http.MethodGet, path, response)
}

// checkResponse compares a response with the description of an operation.
func checkResponse(description *openapi3.T, method, path string, response *http.Response) error {
	item := description.Paths.Value(path)
	operation := item.GetOperation(method)
	if operation == nil {
		operation = item.GetOperation(slices.Sorted(maps.Keys(item.Operations()))[0]) // all have the same 405
	}
	request, err := http.NewRequest(method, "http://example.com", nil)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	response.Body = io.NopCloser(bytes.NewReader(text)) // the test reads it again
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: request,
			Route:   &routers.Route{Spec: description, Path: path, PathItem: item, Method: method, Operation: operation},
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
	return checkHeaders(path, operation.Responses.Status(response.StatusCode), response)
}

// checkHeaders checks what the library doesn't: headers that are not described, and
// responses with 304.
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

// leftOut reports whether a header needs no description, because HTTP defines it or because
// it belongs to CORS, which is described in prose.
func leftOut(name string, values []string) bool {
	return slices.Contains([]string{"Connection", "Content-Length", "Content-Type"}, name) ||
		strings.HasPrefix(name, "Access-Control-") || name == "Vary" && slices.Equal(values, []string{"Origin"})
}

// describedHeader returns a header's name in the letter case of the description.
func describedHeader(answer *openapi3.ResponseRef, name string) string {
	for written := range answer.Value.Headers {
		if strings.EqualFold(written, name) {
			return written
		}
	}
	return ""
}

// describedPath returns the path of the description for the path of a request, or "".
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
