package recordjson_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/recordjson"
)

// secret marks values that no error may repeat.
const secret = "pLaNtEd"

// values are JSON texts for any field: some are right for a few fields and wrong for others.
var values = []string{
	`"c1"`, `"c2"`, `"a/b"`, `""`, `null`, `7`, `-1`, `1.5`, `true`, `[]`, `{"x":[{}]}`, `"queue"`, `"draw"`, `"auction"`, `"waitlist"`,
	`"QUEUED"`, `"ADMITTED"`, `"WON"`, `"LEFT"`, `"2024-01-01T00:00:00Z"`, `"2024-02-30T00:00:00Z"`, `"250.00"`, `"a@example.com"`,
	`"` + secret + `"`, `"` + secret + `\u0000"`, `{"` + secret + ` @":1}`,
}

// object draws a JSON object of a few members, some of them twice.
func object(t *rapid.T, names []string, value func(t *rapid.T, name string) string) string {
	var members []string
	for _, name := range rapid.SliceOfN(rapid.SampledFrom(names), 0, len(names)+2).Draw(t, "names") {
		members = append(members, fmt.Sprintf("%q:%s", name, value(t, name)))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func jsonNames(record any) []string {
	var names []string
	for i := range reflect.TypeOf(record).NumField() {
		name, _, _ := strings.Cut(reflect.TypeOf(record).Field(i).Tag.Get("json"), ",")
		if name != "-" {
			names = append(names, name)
		}
	}
	return names
}

// likely draws a value that is right for the field in most cases, so that some of the
// records are valid.
func likely(t *rapid.T, name string) string {
	right := map[string][]string{
		"type": {`"queue"`, `"draw"`}, "distributionType": {`"queue"`}, "status": {`"ADMITTED"`, `"LEFT"`, `"QUEUED"`},
		"email": {`"a@example.com"`, `null`}, "phone": {`null`}, "fullName": {`"n"`}, "position": {`7`, `null`}, "ticket": {`8`, `null`}, "serving": {`9`, `null`}, "winnerId": {`null`}, "lastBidAmount": {`null`, `"250.00"`},
		"lastBidTime": {`null`}, "bidCount": {`null`}, "selectedVariantId": {`null`}, "denyReason": {`null`, `"r"`}, "admissionToken": {`"t"`},
	}
	choice, known := right[name]
	switch {
	case strings.HasSuffix(name, "At"):
		choice = []string{`"2024-01-01T00:00:00Z"`, `"2024-12-01T09:05:00.123456+01:00"`}
	case !known:
		choice = []string{`"c1"`, `"c2"`, `"c3"`}
	}
	if rapid.IntRange(0, 15).Draw(t, "odd") == 0 {
		choice = values
	}
	return rapid.SampledFrom(choice).Draw(t, name)
}

// body draws the body of a write.
func body(t *rapid.T) string {
	list := func(t *rapid.T, record any) string {
		names := jsonNames(record)
		var elements []string
		for range rapid.IntRange(0, 3).Draw(t, "records") {
			if rapid.IntRange(0, 2).Draw(t, "any") == 0 {
				elements = append(elements, object(t, append(names, "unknown"), likely))
				continue
			}
			var members []string // each once, in any order
			for _, name := range rapid.Permutation(names).Draw(t, "order") {
				members = append(members, fmt.Sprintf("%q:%s", name, likely(t, name)))
			}
			elements = append(elements, "{"+strings.Join(members, ",")+"}")
		}
		return "[" + strings.Join(elements, ",") + "]"
	}
	consumerValue := func(t *rapid.T, name string) string {
		switch name {
		case "participations":
			return list(t, consumer.Participation{})
		case "admissions":
			return list(t, consumer.Admission{})
		}
		return likely(t, name)
	}
	names := append(jsonNames(consumer.Consumer{}), "participations", "admissions", "unknown")
	var consumers []string
	for range rapid.IntRange(0, 3).Draw(t, "consumers") {
		consumers = append(consumers, object(t, names, consumerValue))
	}
	lists := []string{`"consumers":[` + strings.Join(consumers, ",") + `]`, `"distributions":` + list(t, consumer.Distribution{})}
	return "{" + strings.Join(rapid.Permutation(lists).Draw(t, "lists"), ",") + "}"
}

// places returns, for each path of a document, the order in which its value ends. The path
// of a member that an object does not have is ordered after all of the object's members.
func places(t *rapid.T, document string) func(path string) int {
	d := jsontext.NewDecoder(strings.NewReader(document), jsontext.AllowDuplicateNames(true))
	order := map[string]int{}
	next := 0
	walked := map[string]bool{}
	var walk func(path string)
	walk = func(path string) {
		if walked[path] { // the second of two members with the same name
			_ = d.SkipValue()
			return
		}
		walked[path] = true
		token, err := d.ReadToken()
		if err != nil {
			t.Fatal(err)
		}
		switch token.Kind() {
		case '{':
			for d.PeekKind() != '}' {
				name, _ := d.ReadToken()
				walk(strings.TrimPrefix(path+"."+name.String(), "."))
			}
			_, _ = d.ReadToken()
		case '[':
			for i := 0; d.PeekKind() != ']'; i++ {
				walk(fmt.Sprintf("%s[%d]", path, i))
			}
			_, _ = d.ReadToken()
		case 'n':
			if !strings.HasSuffix(path, ".unknown") {
				return // as if it were left out
			}
		}
		next++
		order[path] = next
	}
	walk("")
	return func(path string) int {
		if place, found := order[path]; found {
			return place
		}
		return order[path[:strings.LastIndex(path, ".")]]
	}
}

// The bad fields are in the order of the input, no value is repeated, and what is accepted
// is what the JSON library and Validate accept.
func TestReadRecordsProperties(t *testing.T) {
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		text := body(t)
		options := recordjson.Options{DefaultUpdatedAt: rapid.Bool().Draw(t, "default"), MaxErrors: 1000}
		got, err := recordjson.ReadRecords(strings.NewReader(text), options)
		if err == nil {
			accepted++
			checkAccepted(t, text, options, got)
			return
		}
		if strings.Contains(err.Error(), secret) {
			t.Fatalf("the error repeats a value: %v", err)
		}
		var invalid *consumer.ValidationError
		if !errors.As(err, &invalid) {
			t.Fatalf("error %v", err)
		}
		place := places(t, text)
		before := 0
		seen := map[consumer.FieldError]bool{}
		for _, f := range invalid.Fields {
			if f.Message == "appears twice in the same object" {
				continue // at its second place
			}
			if place(f.Field) < before {
				t.Fatalf("%s comes too late in %v\n%s", f.Field, err, text)
			}
			before = place(f.Field)
			if seen[f] {
				t.Fatalf("%s is reported twice in %v", f.Field, err)
			}
			seen[f] = true
		}
		// With a lower limit, the first of them are reported.
		options.MaxErrors = rapid.IntRange(1, len(invalid.Fields)).Draw(t, "limit")
		_, err = recordjson.ReadRecords(strings.NewReader(text), options)
		var first *consumer.ValidationError
		if !errors.As(err, &first) || !slices.Equal(first.Fields, invalid.Fields[:options.MaxErrors]) {
			t.Fatalf("with a limit: %v, want the first %d of %v", err, options.MaxErrors, invalid)
		}
	})
	if accepted == 0 {
		t.Error("no input was valid, so nothing was compared")
	}
}

// plain is the format without any of the strictness.
type plain struct {
	Consumers []struct {
		consumer.Consumer
		Participations []consumer.Participation `json:"participations"`
		Admissions     []consumer.Admission     `json:"admissions"`
	} `json:"consumers"`
	Distributions []consumer.Distribution `json:"distributions"`
}

func checkAccepted(t *rapid.T, text string, options recordjson.Options, got recordjson.Records) {
	var want plain
	if err := json.Unmarshal([]byte(text), &want, json.RejectUnknownMembers(true)); err != nil {
		t.Fatalf("accepted although %v\n%s", err, text)
	}
	for i, c := range got.Consumers {
		w := want.Consumers[i]
		if c.Profile == nil {
			c.Profile = &consumer.Consumer{ID: c.ID}
		}
		if options.DefaultUpdatedAt {
			w.UpdatedAt = c.Profile.UpdatedAt
			for j := range w.Participations {
				w.Participations[j].UpdatedAt = c.Participations[j].UpdatedAt
			}
			for j := range w.Admissions {
				w.Admissions[j].UpdatedAt = c.Admissions[j].UpdatedAt
			}
		}
		if diff := cmp.Diff(w.Consumer, *c.Profile) + cmp.Diff(w.Participations, c.Participations, cmpopts.EquateEmpty()) +
			cmp.Diff(w.Admissions, c.Admissions, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff(want.Distributions, got.Distributions, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if _, err := got.Batch("org_1").Prepare(); err != nil {
		t.Fatalf("the batch is invalid: %v", err)
	}
}

// Every field of a record can be read.
func TestEveryFieldIsKnown(t *testing.T) {
	for list, record := range map[string]any{"": consumer.Consumer{}, "participations": consumer.Participation{}, "admissions": consumer.Admission{}, "distributions": consumer.Distribution{}} {
		var members []string
		for _, name := range jsonNames(record) {
			members = append(members, fmt.Sprintf("%q:false", name)) // wrong for every field
		}
		object := "{" + strings.Join(members, ",") + "}"
		switch list {
		case "":
			object = `{"consumers":[` + object + `]}`
		case "distributions":
			object = `{"distributions":[` + object + `]}`
		default:
			object = fmt.Sprintf(`{"consumers":[{"id":"c",%q:[%s]}]}`, list, object)
		}
		_, err := recordjson.ReadRecords(strings.NewReader(object), recordjson.Options{})
		if got := len(badFields(t, err)); got != len(members) || strings.Contains(err.Error(), "is not a field") {
			t.Errorf("%s: %d bad fields, want %d: %v", list, got, len(members), err)
		}
	}
}

func FuzzReadRecords(f *testing.F) {
	f.Add([]byte(`{"consumers":[{"id":"c",` + profile + `,"participations":[` + queue + `],"admissions":[` + admission + `]}],"distributions":[{"type":"queue","id":"q","serving":1}]}`))
	f.Add([]byte(`{"consumers":[{"id":"c","id":1,"x":{"y":[null]},"email":"\ud800"}]} x`))
	f.Fuzz(func(t *testing.T, text []byte) {
		records, err := recordjson.ReadRecords(bytes.NewReader(text), recordjson.Options{MaxRecords: 1000})
		chunked, chunkedErr := recordjson.ReadRecords(struct{ io.Reader }{bytes.NewReader(text)}, recordjson.Options{MaxRecords: 1000})
		if fmt.Sprint(err) != fmt.Sprint(chunkedErr) || !cmp.Equal(records, chunked) {
			t.Fatalf("%v and %v", err, chunkedErr)
		}
		var invalid *consumer.ValidationError
		switch {
		case errors.As(err, &invalid):
			if n := len(invalid.Fields); n == 0 || n > 100 || !jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true)) {
				t.Fatalf("%d bad fields: %v", n, err)
			}
		case err == nil:
			if _, err := records.Batch("org_1").Prepare(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzReadFixture(f *testing.F) {
	f.Add([]byte(`{"organizations":[{"id":"o","publishableKeys":["pk_00001"],"secretKeys":["sk_00001"],"consumers":[{"id":"c",` + profile + `}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		organizations, err := recordjson.ReadFixture(bytes.NewReader(text), fixtureOptions)
		if err != nil {
			return
		}
		for _, o := range organizations {
			if _, err := o.Batch().Prepare(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
