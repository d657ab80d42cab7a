package recordjson_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/recordjson"
)

// checkKey takes every key of 8 characters that begins with pk_ or sk_.
func checkKey(key string) (consumer.APIKeyKind, error) {
	switch {
	case len(key) != 8:
		return "", errors.New("must have 8 characters")
	case strings.HasPrefix(key, "pk_"):
		return consumer.PublishableKey, nil
	}
	return consumer.SecretKey, nil
}

var fixtureOptions = recordjson.Options{DefaultUpdatedAt: true, CheckAPIKey: checkKey}

func TestReadFixture(t *testing.T) {
	got, err := recordjson.ReadFixture(strings.NewReader(`{"organizations":[
		{"consumers":[{"id":"c"},{"id":"d","participations":[`+queue+`]}],"id":"o","distributions":[{"type":"draw","id":"x","updatedAt":"2024-01-01T00:00:00Z"}],"publishableKeys":["pk_00001","pk_00002"],"secretKeys":["sk_00001"]},
		{"id":"p"},
		{"id":"q","consumers":[{"id":"c"}],"secretKeys":null}
	]}`), fixtureOptions)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, o := range got {
		lines = append(lines, fmt.Sprint(o.ID, o.PublishableKeys, o.SecretKeys))
		for _, c := range o.Consumers {
			lines = append(lines, fmt.Sprint(o.ID, " ", c.ID, " ", len(c.Participations)))
		}
	}
	want := []string{"o[pk_00001 pk_00002] [sk_00001]", "o c 0", "o d 1", "p[] []", "q[] []", "q c 0"}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if batch := got[0].Batch(); len(batch.Participations) != 1 || len(batch.Distributions) != 1 || batch.Distributions[0].OrganizationID != "o" {
		t.Errorf("batch %+v", batch)
	}
}

func TestReadGoldenFixture(t *testing.T) {
	file, err := os.Open("../../examples/server/testdata/fixture.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	options := fixtureOptions
	options.CheckAPIKey = func(key string) (consumer.APIKeyKind, error) {
		return map[string]consumer.APIKeyKind{"pk": consumer.PublishableKey, "sk": consumer.SecretKey}[key[:2]], nil
	}
	organizations, err := recordjson.ReadFixture(file, options)
	if err != nil || len(organizations) != 1 {
		t.Fatalf("%d organizations, error %v", len(organizations), err)
	}
	if _, err := organizations[0].Batch().Prepare(); err != nil {
		t.Error(err)
	}
}

func TestBadFieldsOfAFixture(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want []string
	}{
		"nothing":                       {`{}`, []string{"organizations"}},
		"null":                          {`{"organizations":null}`, []string{"organizations"}},
		"an object instead of the list": {`{"organizations":{}}`, []string{"organizations"}},
		"a list for an organization":    {`{"organizations":[[]]}`, []string{"organizations[0]"}},
		"the body of a write":           {`{"consumers":[]}`, []string{"consumers", "organizations"}},
		"no id":                         {`{"organizations":[{"x":1}]}`, []string{"organizations[0].x", "organizations[0].id"}},
		"an impossible id":              {`{"organizations":[{"id":"a/b","consumers":7}]}`, []string{"organizations[0].id", "organizations[0].consumers"}},
		"an organization twice":         {`{"organizations":[{"id":"o"},{"id":"o"}]}`, []string{"organizations[1].id"}},
		"a consumer twice":              {`{"organizations":[{"id":"o","consumers":[{"id":"c"},{"id":"c"}]},{"id":"p","consumers":[{"id":"c"}]}]}`, []string{"organizations[0].consumers[1].id"}},
		"a key twice":                   {`{"organizations":[{"id":"o","secretKeys":["sk_00001"]},{"id":"p","secretKeys":["sk_00001","sk_00002"]}]}`, []string{"organizations[1].secretKeys[0]"}},
		"a malformed key":               {`{"organizations":[{"id":"o","secretKeys":["sk_1",1,null,[]]}]}`, []string{"organizations[0].secretKeys[0]", "organizations[0].secretKeys[1]", "organizations[0].secretKeys[2]", "organizations[0].secretKeys[3]"}},
		"a key of the other kind":       {`{"organizations":[{"id":"o","publishableKeys":["sk_00001"],"secretKeys":["pk_00001"]}]}`, []string{"organizations[0].publishableKeys[0]", "organizations[0].secretKeys[0]"}},
		"keys that are one string":      {`{"organizations":[{"id":"o","publishableKeys":"pk_00001"}]}`, []string{"organizations[0].publishableKeys"}},
		"a distribution":                {`{"organizations":[{"id":"o","distributions":[{"type":"queue","id":"q"},{}]}]}`, []string{"organizations[0].distributions[0].updatedAt", "organizations[0].distributions[1].type", "organizations[0].distributions[1].id", "organizations[0].distributions[1].updatedAt"}},
		"a record":                      {`{"organizations":[{"id":"o"},{"id":"p","consumers":[{"id":"c"},{"id":"d","admissions":[{}]}]}]}`, []string{"organizations[1].consumers[1].admissions[0].distributionType", "organizations[1].consumers[1].admissions[0].distributionId", "organizations[1].consumers[1].admissions[0].experienceId", "organizations[1].consumers[1].admissions[0].sequenceId", "organizations[1].consumers[1].admissions[0].admissionToken", "organizations[1].consumers[1].admissions[0].admittedAt"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := recordjson.ReadFixture(strings.NewReader(test.body), fixtureOptions)
			if diff := cmp.Diff(test.want, badFields(t, err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), "k_0000") {
				t.Errorf("the error repeats a key: %v", err)
			}
		})
	}
}

func TestWalkFixture(t *testing.T) {
	var visited []string
	visitor := recordjson.Visitor{
		Consumer: func(i int, c recordjson.Consumer) error {
			visited = append(visited, fmt.Sprint(i, " ", c.ID))
			return nil
		},
		Distribution: func(i int, d consumer.Distribution) error {
			visited = append(visited, fmt.Sprint(i, " ", d.Type, " ", d.ID))
			return nil
		},
	}
	organizations, err := recordjson.WalkFixture(strings.NewReader(`{"organizations":[
		{"id":"o","consumers":[{"id":"a"},{"id":"b"}]},{"id":"p"},
		{"id":"q","distributions":[{"type":"queue","id":"x","updatedAt":"2024-01-01T00:00:00Z"}],"consumers":[{"id":"a"}]}]}`), fixtureOptions, visitor)
	if err != nil || len(organizations) != 3 || organizations[0].Consumers != nil || organizations[2].Distributions != nil {
		t.Errorf("organizations %v, error %v", organizations, err)
	}
	if diff := cmp.Diff([]string{"0 a", "0 b", "2 queue x", "2 a"}, visited); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWalkFixtureStops: nothing is visited after the first bad field, and reading stops when
// there are enough.
func TestWalkFixtureStops(t *testing.T) {
	var visited []string
	visitor := recordjson.Visitor{Consumer: func(_ int, c recordjson.Consumer) error {
		visited = append(visited, c.ID)
		return nil
	}}
	options := fixtureOptions
	options.MaxErrors = 2
	_, err := recordjson.WalkFixture(strings.NewReader(`{"organizations":[{"id":"o","consumers":[{"id":"a"},{"x":1},{"id":"b"},{"y":1},`),
		options, visitor)
	if diff := cmp.Diff([]string{"organizations[0].consumers[1].x", "organizations[0].consumers[1].id"}, badFields(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a"}, visited); diff != "" {
		t.Errorf("visited (-want +got):\n%s", diff)
	}
}

func TestVisitorErrors(t *testing.T) {
	failed := errors.New("failed")
	visitor := recordjson.Visitor{
		Consumer:     func(int, recordjson.Consumer) error { return failed },
		Distribution: func(int, consumer.Distribution) error { return failed },
	}
	for _, list := range []string{`"consumers":[{"id":"a"}]`, `"distributions":[{"type":"queue","id":"q","updatedAt":"2024-01-01T00:00:00Z"}]`} {
		if _, err := recordjson.WalkFixture(strings.NewReader(`{"organizations":[{`+list+`}]}`), fixtureOptions, visitor); !errors.Is(err, failed) {
			t.Errorf("error %v", err)
		}
	}
}
