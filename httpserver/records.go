package httpserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/recordjson"
	"github.com/rejoinhq/rejoin/httpserver/internal/httpjson"
	"github.com/rejoinhq/rejoin/httpserver/internal/observe"
	"github.com/rejoinhq/rejoin/journey"
)

const (
	// maxRecordsBody is the largest body of a write, in bytes.
	maxRecordsBody = 1 << 20
	// maxRecords is how many records a write may hold.
	maxRecords = 1000
)

// RecordStore is what the records endpoints need of a store.
type RecordStore interface {
	consumer.Writer
	consumer.Lifecycle
}

// Records returns a handler for everything under a prefix, such as "/api/v1/records": the
// endpoints by which servers write the records of their organization, with a secret key.
//   - POST {prefix} writes a batch, {"consumers":[…],"distributions":[…]} in the record
//     format: all of it or nothing. The response is {"applied":n,"stale":n}.
//   - GET {prefix}/{id} shows everything that is stored about a consumer, and why each
//     record is part of the document or not.
//   - DELETE {prefix}/{id} erases a consumer.
//   - POST {prefix}/{id}/merge merges the guest {"guestId":"…"} into the consumer. With
//     "dryRun":true it only responds with what a merge would do.
//
// Every other path is 404. Without [Options.Records], every path is. A client that got no
// response can repeat its request: nothing is applied twice. Mount the handler like that
// of [API.Handler].
func (a *API) Records(prefix string) http.Handler {
	prefix = cleanPrefix(prefix)
	write := a.methodsEndpoint(prefix, methods{http.MethodPost: a.serveWrite}, a.authenticateServer)
	consumer := a.methodsEndpoint(prefix+"/{id}", methods{http.MethodGet: a.serveRecords, http.MethodDelete: a.serveErase}, a.authenticateServer)
	merge := a.methodsEndpoint(prefix+"/{id}/merge", methods{http.MethodPost: a.serveMerge}, a.authenticateServer)
	other := a.instrument("", a.withErrors(func(http.ResponseWriter, *http.Request) error { return errPathNotFound }))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		segments, ok := segmentsBelow(prefix, r.URL)
		switch {
		case !ok || a.records.store == nil:
			other.ServeHTTP(w, r)
		case len(segments) == 0:
			write.ServeHTTP(w, r)
		case len(segments) == 1:
			r.SetPathValue(pathID, segments[0])
			consumer.ServeHTTP(w, r)
		case len(segments) == 2 && segments[1] == "merge":
			r.SetPathValue(pathID, segments[0])
			merge.ServeHTTP(w, r)
		default:
			other.ServeHTTP(w, r)
		}
	})
}

// methods are the endpoints of a path. GET serves HEAD too.
type methods map[string]func(http.ResponseWriter, *http.Request, context.Context, string) error

func (m methods) allowed() string {
	names := []string{http.MethodOptions}
	for name := range m {
		names = append(names, name)
		if name == http.MethodGet {
			names = append(names, http.MethodHead)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// authenticateServer returns the organization of a request with a secret key.
func (a *API) authenticateServer(w http.ResponseWriter, r *http.Request, ctx context.Context) (organizationID string, err error) {
	caller, err := a.auth.AuthenticateServer(ctx, r)
	if err != nil {
		return "", unauthenticated{errSecretKeyRequired, err}
	}
	observe.SetOrganization(w, caller.OrganizationID)
	return caller.OrganizationID, a.admitServer(w, caller)
}

// methodsEndpoint returns a handler that finds the endpoint of a method, and then
// authenticates the caller, before a body is read.
func (a *API) methodsEndpoint(
	route string, m methods, authenticate func(http.ResponseWriter, *http.Request, context.Context) (organizationID string, err error),
) http.Handler {
	allowed := m.allowed()
	return a.instrument(route, a.withErrors(func(w http.ResponseWriter, r *http.Request) error {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		serve, ok := m[method]
		switch {
		case r.Method == http.MethodOptions:
			w.Header().Set("Allow", allowed)
			w.WriteHeader(http.StatusNoContent)
			return nil
		case !ok:
			w.Header().Set("Allow", allowed)
			return errMethodNotAllowed
		case method == http.MethodGet && r.ContentLength != 0:
			return detailedError{httpError: errBadRequest, message: httpjson.UnwantedBody(r.Method).Message}
		}
		ctx, cancel := context.WithTimeout(r.Context(), a.timeout)
		defer cancel()
		organizationID, err := authenticate(w, r, ctx)
		if err != nil {
			return err
		}
		return serve(w, r, ctx, organizationID)
	}))
}

// segmentsBelow returns the decoded segments of a path below the prefix, none for the
// prefix itself. As in segmentBelow, nothing is cleaned.
func segmentsBelow(prefix string, u *url.URL) (segments []string, ok bool) {
	rest, below := strings.CutPrefix(u.EscapedPath(), prefix)
	if !below {
		return nil, false
	}
	if rest == "" {
		return nil, true
	}
	if rest[0] != '/' {
		return nil, false
	}
	for escaped := range strings.SplitSeq(rest[1:], "/") {
		segment, err := url.PathUnescape(escaped)
		if err != nil || segment == "" {
			return nil, false
		}
		segments = append(segments, segment)
	}
	return segments, true
}

// serveWrite writes a batch.
func (a *API) serveWrite(w http.ResponseWriter, r *http.Request, ctx context.Context, organizationID string) error {
	body, err := readJSONBody(r)
	if err != nil {
		return err
	}
	records, err := recordjson.ReadRecords(bytes.NewReader(body), recordjson.Options{MaxRecords: maxRecords})
	if err != nil {
		return invalidBody(err)
	}
	var result consumer.WriteResult
	err = a.records.observe(ctx, func(ctx context.Context) (err error) {
		result, err = a.records.store.Write(ctx, records.Batch(organizationID))
		return err
	})
	var erased *consumer.ErasedError
	if errors.As(err, &erased) {
		return detailedError{httpError: errConsumerErased, details: erasedDetails(records, erased)}
	}
	return respondWithResult(w, result, err)
}

// erasedDetails names the consumers of a write that were erased, in the order of the body.
func erasedDetails(records recordjson.Records, erased *consumer.ErasedError) []httpjson.Detail {
	var details []httpjson.Detail
	for i, c := range records.Consumers {
		if slices.ContainsFunc(erased.Consumers, func(key consumer.Key) bool { return key.ConsumerID == c.ID }) {
			details = append(details, httpjson.Detail{Field: fmt.Sprintf("consumers[%d].id", i), Message: "names a consumer that was erased"})
		}
	}
	return details
}

// serveRecords shows everything that is stored about a consumer.
func (a *API) serveRecords(w http.ResponseWriter, r *http.Request, ctx context.Context, organizationID string) error {
	key, err := recordsKey(r, organizationID)
	if err != nil {
		return err
	}
	var export consumer.Export
	err = a.records.observe(ctx, func(ctx context.Context) (err error) {
		export, err = a.records.store.Export(ctx, key)
		return err
	})
	if err != nil {
		return err
	}
	httpjson.Write(w, http.StatusOK, journey.AppendRecords(nil, export, a.now()))
	return nil
}

// serveErase erases a consumer.
func (a *API) serveErase(w http.ResponseWriter, r *http.Request, ctx context.Context, organizationID string) error {
	key, err := recordsKey(r, organizationID)
	if err != nil {
		return err
	}
	if err := a.records.observe(ctx, func(ctx context.Context) error { return a.records.store.Erase(ctx, key) }); err != nil {
		return err
	}
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// serveMerge merges a guest into a consumer.
func (a *API) serveMerge(w http.ResponseWriter, r *http.Request, ctx context.Context, organizationID string) error {
	key, err := recordsKey(r, organizationID)
	if err != nil {
		return err
	}
	body, err := readJSONBody(r)
	if err != nil {
		return err
	}
	merge, err := recordjson.ReadMerge(bytes.NewReader(body), key)
	if err != nil {
		return invalidBody(err)
	}
	var result consumer.WriteResult
	err = a.records.observe(ctx, func(ctx context.Context) (err error) {
		result, err = a.records.store.Merge(ctx, merge)
		return err
	})
	return respondWithResult(w, result, err)
}

// recordsKey returns the key of the consumer that the path names.
func recordsKey(r *http.Request, organizationID string) (consumer.Key, error) {
	key := consumer.Key{OrganizationID: organizationID, ConsumerID: r.PathValue(pathID)}
	if key.Validate() != nil {
		return consumer.Key{}, consumer.ErrNotFound
	}
	return key, nil
}

// respondWithResult responds with the counts of a write, or returns its error.
func respondWithResult(w http.ResponseWriter, result consumer.WriteResult, err error) error {
	if err != nil {
		return invalidBody(err)
	}
	body := []byte(`{"applied":` + strconv.Itoa(result.Applied) + `,"stale":` + strconv.Itoa(result.Stale) + `}`)
	httpjson.Write(w, http.StatusOK, body)
	return nil
}

// readJSONBody returns the body of a request that must be JSON.
func readJSONBody(r *http.Request) ([]byte, error) {
	contentType := r.Header.Values("Content-Type")
	if len(contentType) != 1 || len(r.Header.Values("Content-Encoding")) > 0 {
		return nil, errUnsupportedMediaType
	}
	mediaType, _, err := mime.ParseMediaType(contentType[0])
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) || mediaType != "application/json" {
		return nil, errUnsupportedMediaType
	}
	return readBody(r, maxRecordsBody)
}

// readBody returns the body of a request if it has at most max bytes.
func readBody(r *http.Request, max int64) ([]byte, error) {
	if r.ContentLength > max {
		return nil, errPayloadTooLarge
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, max+1))
	switch {
	case int64(len(body)) > max:
		return nil, errPayloadTooLarge
	case err != nil:
		return nil, detailedError{httpError: errBadRequest, message: "The body did not arrive completely."}
	}
	return body, nil
}

// invalidBody returns the error to respond with when a body is invalid. It returns every
// other error as it is.
func invalidBody(err error) error {
	var syntax *recordjson.SyntaxError
	var invalid *consumer.ValidationError
	switch {
	case errors.Is(err, recordjson.ErrTooManyRecords):
		return detailedError{httpError: errPayloadTooLarge, message: fmt.Sprintf("A write has at most %d records.", maxRecords)}
	case errors.As(err, &syntax):
		return detailedError{httpError: errBadRequest, message: "The body " + syntax.Error() + "."}
	case errors.As(err, &invalid):
		details := make([]httpjson.Detail, len(invalid.Fields))
		for i, f := range invalid.Fields {
			details[i] = httpjson.Detail{Field: f.Field, Message: f.Message}
		}
		return detailedError{httpError: errValidationFailed, details: details}
	}
	return err
}
