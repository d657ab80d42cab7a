package tests_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// decodeStream decodes server-sent events as the description shows them: one object for
// each event, with its fields by name. It ignores comments and events without data.
func decodeStream(wire io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
	events, event := []any{}, map[string]any{}
	lines := bufio.NewScanner(wire)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "":
			if _, ok := event["data"]; ok {
				events = append(events, event)
			}
			event = map[string]any{}
		case name == "data" && event["data"] != nil:
			event["data"] = fmt.Sprint(event["data"], "\n", value)
		case name == "event", name == "id", name == "data":
			event[name] = value
		case name != "" && name != "retry":
			return nil, fmt.Errorf("a field %q", name)
		}
	}
	return events, lines.Err()
}

// checkEventData checks the data of events against the schema of their content, which a
// validator of JSON Schema ignores.
func checkEventData(description *openapi3.T, wire []byte) error {
	events, err := decodeStream(bytes.NewReader(wire), nil, nil, nil)
	if err != nil {
		return err
	}
	for _, event := range events.([]any) {
		fields := event.(map[string]any)
		var data any
		if err := json.Unmarshal([]byte(fields["data"].(string)), &data); err != nil {
			return err
		}
		for _, kind := range description.Components.Schemas["StreamEvent"].Value.OneOf {
			properties := kind.Value.Properties
			if properties["event"].Value.Const != fields["event"] {
				continue
			}
			if err := properties["data"].Value.ContentSchema.Value.VisitJSON(data, openapi3.EnableJSONSchema2020()); err != nil {
				return fmt.Errorf("data of %s: %w", fields["event"], err)
			}
		}
	}
	return nil
}

func TestDescribedStream(t *testing.T) {
	const nothing = `{"experiences":{},"queues":{},"draws":{},"auctions":{},"timedReleases":{},"admissions":{},"journeys":[]}`
	const journey = `"experienceId":"e","sequenceId":"s","journeyStage":"routed","sequenceStage":"participating","participation":{"type":"queue","id":"q","status":"QUEUED"`
	with := func(journey string) string { return strings.Replace(nothing, "[]", "[{"+journey+"}]", 1) }
	for name, test := range map[string]struct {
		wire string
		good bool
	}{
		"a journey":                       {"event: active\nid: 1\ndata: " + with(journey+"}") + "\n\n", true},
		"a routed journey with a token":   {"event: active\nid: 1\ndata: " + with(journey+`,"admissionToken":"t"}`) + "\n\n", false},
		"the state":                       {"event: active\nid: 1\ndata: " + nothing + "\n\n", true},
		"comments and retry between":      {"retry: 2000\n\n: heartbeat\n\nevent: active\nid: 1\ndata: " + nothing + "\n\n: heartbeat\n\n", true},
		"the end by the token":            {"event: end\ndata: {\"reason\":\"token_expired\"}\n\n", true},
		"the end by the server":           {"event: end\ndata: {\"reason\":\"shutdown\"}\n\n", true},
		"nothing yet":                     {": heartbeat\n\n", true},
		"a state without id":              {"event: active\ndata: " + nothing + "\n\n", false},
		"a state with a field too many":   {"event: active\nid: 1\ndata: {\"x\":1," + nothing[1:] + "\n\n", false},
		"a state with a field too few":    {"event: active\nid: 1\ndata: {}\n\n", false},
		"an end for an unknown reason":    {"event: end\ndata: {\"reason\":\"boredom\"}\n\n", false},
		"an event that nobody knows":      {"event: other\nid: 1\ndata: {}\n\n", false},
		"an event without a name":         {"id: 1\ndata: " + nothing + "\n\n", false},
		"a field that nobody knows":       {"event: active\nid: 1\nx: 1\ndata: " + nothing + "\n\n", false},
		"data that is no JSON":            {"event: end\ndata: reason\n\n", false},
		"the state with a line of spaces": {"event: active\nid: 1\ndata: " + nothing + "\n  \n", false},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkDescribed("GET", prefix+"/me/events", &http.Response{
				StatusCode: 200,
				Header: http.Header{
					"Cache-Control": {"private, no-cache, no-transform"}, "Content-Type": {"text/event-stream"},
					"Vary": {"Authorization, X-Publishable-Key"}, "X-Accel-Buffering": {"no"},
					"X-Content-Type-Options": {"nosniff"}, "X-Request-Id": {"a"},
				},
				Body: io.NopCloser(strings.NewReader(test.wire)),
			})
			if (err == nil) != test.good {
				t.Errorf("error %v", err)
			}
		})
	}
}

// The text of a stream in the description decodes to its example.
func TestStreamInProseIsTheExample(t *testing.T) {
	document, err := described()
	must(t, err)
	_, wire, _ := strings.Cut(document.Paths.Value("/me/events").Get.Description, "```\n")
	wire, _, _ = strings.Cut(wire, "```")
	wire += "\n" // the end of the last event, which the description leaves out
	events, err := decodeStream(strings.NewReader(wire), nil, nil, nil)
	must(t, err)
	if want := plain(document.Components.Examples["Stream"].Value.Value); !reflect.DeepEqual(events, want) {
		t.Errorf("the prose has %v, the example %v", events, want)
	}
	must(t, checkEventData(document, []byte(wire)))
}
