package tests_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver/internal/httpjson"
	"github.com/rejoinhq/rejoin/journey"
)

// profile and meDocument are the Consumer and ConsumerMe of the API documentation. The
// handlers append them field by field. The tests of responses and of package journey check
// that the bytes are those of such structs.
type profile struct {
	ID        string    `json:"id"`
	Email     *string   `json:"email"`
	Phone     *string   `json:"phone"`
	FullName  *string   `json:"fullName"`
	CreatedAt time.Time `json:"createdAt"`
}

type meDocument struct {
	profile
	Active journey.ActiveParticipations `json:"active"`
}

// The structs and the schemas have the same fields, of the same types, that are required,
// omitted and null in the same cases. This includes fields that no test sets.
func TestSchemasAreTheStructs(t *testing.T) {
	document, err := described()
	must(t, err)
	c := comparison{seen: map[string]bool{}}
	for name, kind := range map[string]reflect.Type{
		"Consumer":   reflect.TypeFor[profile](),
		"ConsumerMe": reflect.TypeFor[meDocument](),
		"Error":      reflect.TypeFor[httpjson.Error](),
	} {
		c.same(name, kind, &openapi3.SchemaRef{Ref: schemaRef + name, Value: document.Components.Schemas[name].Value}, false)
	}
	for _, difference := range c.differences {
		t.Error(difference)
	}
	t.Run("every schema describes a struct", func(t *testing.T) {
		stream := []string{"ActiveEvent", "EndEvent", "StreamEnd"}
		for name, schema := range document.Components.Schemas {
			if schema.Value.Type.Is("object") && !c.seen[schemaRef+name] && !slices.Contains(stream, name) {
				t.Errorf("%s describes no struct", name)
			}
		}
	})
}

const schemaRef = "#/components/schemas/"

// comparison collects the differences between types and schemas.
type comparison struct {
	seen        map[string]bool
	differences []string
}

func (c *comparison) differ(place, format string, args ...any) {
	c.differences = append(c.differences, place+": "+fmt.Sprintf(format, args...))
}

func (c *comparison) same(place string, kind reflect.Type, schema *openapi3.SchemaRef, nullable bool) {
	c.seen[schema.Ref] = true
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	want := []string{jsonType(kind)}
	if nullable {
		want = append(want, "null")
	}
	if got := typesOf(schema.Value); !slices.Equal(got, want) {
		c.differ(place, "the schema is %v, the struct %v", got, want)
		return
	}
	switch {
	case kind == reflect.TypeFor[time.Time]() && schema.Value.Format != "date-time":
		c.differ(place, "the schema has the format %q", schema.Value.Format)
	case kind.Kind() == reflect.Map:
		c.same(place+".*", kind.Elem(), schema.Value.AdditionalProperties.Schema, false)
	case kind.Kind() == reflect.Slice:
		c.same(place+"[]", kind.Elem(), schema.Value.Items, false)
	case want[0] == "object":
		c.sameFields(place, kind, schema.Value)
	}
}

func (c *comparison) sameFields(place string, kind reflect.Type, schema *openapi3.Schema) {
	if closed := schema.AdditionalProperties.Has; closed == nil || *closed {
		c.differ(place, "the schema allows other fields")
	}
	properties := maps.Clone(schema.Properties)
	var required []string
	for _, field := range reflect.VisibleFields(kind) {
		name, omitted := strings.CutSuffix(field.Tag.Get("json"), ",omitzero")
		if field.Anonymous {
			continue
		}
		property, ok := properties[name]
		if !ok {
			c.differ(place, "the schema has no %s", name)
			continue
		}
		delete(properties, name)
		if !omitted {
			required = append(required, name)
		}
		c.same(place+"."+name, field.Type, property, field.Type.Kind() == reflect.Pointer && !omitted)
	}
	for name := range properties {
		c.differ(place, "the struct has no %s", name)
	}
	if diff := cmp.Diff(required, schema.Required); diff != "" {
		c.differ(place, "always there (-struct +schema):\n%s", diff)
	}
}

// jsonType returns the JSON type of a Go type.
func jsonType(kind reflect.Type) string {
	switch {
	case kind == reflect.TypeFor[time.Time]():
		return "string"
	case kind == reflect.TypeFor[journey.Amount]():
		return "number"
	}
	switch kind.Kind() {
	case reflect.String:
		return "string"
	case reflect.Int, reflect.Int64:
		return "integer"
	case reflect.Struct, reflect.Map:
		return "object"
	case reflect.Slice:
		return "array"
	}
	return kind.String() // matches no schema
}

// typesOf returns the types that a schema allows.
func typesOf(schema *openapi3.Schema) []string {
	types := schema.Type.Slice()
	for _, member := range schema.AnyOf {
		types = append(types, typesOf(member.Value)...)
	}
	return slices.Compact(types)
}

func TestEnumsAreTheConstants(t *testing.T) {
	document, err := described()
	must(t, err)
	var admitting []consumer.DistributionType
	for _, kind := range consumer.DistributionTypes() {
		if kind.Admits() {
			admitting = append(admitting, kind)
		}
	}
	for name, want := range map[string][]any{
		"QueueStatus":        anys(consumer.Queue.ActiveStatuses()),
		"DrawStatus":         anys(consumer.Draw.ActiveStatuses()),
		"AuctionStatus":      anys(consumer.Auction.ActiveStatuses()),
		"TimedReleaseStatus": anys(consumer.TimedRelease.ActiveStatuses()),
		"WaitlistStatus":     anys(consumer.Waitlist.ActiveStatuses()),
		"DistributionType":   anys(consumer.DistributionTypes()),
		"AdmittingType":      anys(admitting),
		"JourneyStage":       anys([]journey.JourneyStage{journey.Routed, journey.Admitted}),
		"SequenceStage":      anys([]journey.SequenceStage{journey.WaitlistEntered, journey.Participating, journey.SequenceAdmitted}),
	} {
		if diff := cmp.Diff(want, document.Components.Schemas[name].Value.Enum); diff != "" {
			t.Errorf("%s (-Go +description):\n%s", name, diff)
		}
	}
}

func anys[S ~string](all []S) []any {
	var strings []any
	for _, s := range all {
		strings = append(strings, string(s))
	}
	return strings
}
