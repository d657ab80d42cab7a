package observe

import (
	"net/http"
	"strconv"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// otherMethod replaces every method that the semantic conventions don't know. A method is
// text of the client's, and could be a credential.
const otherMethod = "_OTHER"

// methods are the methods that the semantic conventions for HTTP know, and otherMethod.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPost, http.MethodPut, http.MethodPatch,
	http.MethodDelete, http.MethodConnect, http.MethodTrace, "QUERY", otherMethod,
}

// series is what the requests of one route, method and scheme have in common. It is
// prepared when the handler is made, because a request takes a few microseconds.
type series struct {
	route       string
	method      string
	spanName    string
	spanOptions []trace.SpanStartOption
	attributes  []attribute.KeyValue

	mu       sync.Mutex
	byStatus map[int][]metric.RecordOption
}

// routeSeries holds all series of a route.
type routeSeries map[seriesKey]*series

type seriesKey struct {
	method string
	secure bool
}

func newRouteSeries(route string) routeSeries {
	all := make(routeSeries)
	for _, method := range methods {
		all[seriesKey{method, false}] = newSeries(route, method, "http")
		all[seriesKey{method, true}] = newSeries(route, method, "https")
	}
	return all
}

func newSeries(route, method, scheme string) *series {
	s := &series{route: route, method: method, spanName: spanName(route, method), byStatus: make(map[int][]metric.RecordOption)}
	s.attributes = []attribute.KeyValue{semconv.HTTPRequestMethodKey.String(method), semconv.URLScheme(scheme)}
	if route != "" {
		s.attributes = append(s.attributes, semconv.HTTPRoute(route))
	}
	s.spanOptions = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(s.attributes...)}
	return s
}

// spanName returns the name that the semantic conventions prescribe.
func spanName(route, method string) string {
	if method == otherMethod {
		method = "HTTP"
	}
	if route == "" {
		return method
	}
	return method + " " + route
}

// of returns the series of a request.
func (all routeSeries) of(r *http.Request) *series {
	s, known := all[seriesKey{r.Method, r.TLS != nil}]
	if !known {
		s = all[seriesKey{otherMethod, r.TLS != nil}]
	}
	return s
}

// measurementOptions returns the attributes of a measurement. They are made once for each
// status that the handlers respond with.
func (s *series) measurementOptions(status int) []metric.RecordOption {
	s.mu.Lock()
	defer s.mu.Unlock()
	options, known := s.byStatus[status]
	if !known {
		all := append(statusAttributes(status), s.attributes...)
		options = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(all...))}
		s.byStatus[status] = options
	}
	return options
}

// statusAttributes returns the attributes of a status. A connection that was given up
// without a response has none.
func statusAttributes(status int) []attribute.KeyValue {
	switch {
	case status == 0:
		return nil
	case status >= http.StatusInternalServerError:
		return []attribute.KeyValue{semconv.HTTPResponseStatusCode(status), semconv.ErrorTypeKey.String(strconv.Itoa(status))}
	}
	return []attribute.KeyValue{semconv.HTTPResponseStatusCode(status)}
}

func organizationID(id string) attribute.KeyValue {
	return attribute.String("rejoin.organization.id", id)
}
