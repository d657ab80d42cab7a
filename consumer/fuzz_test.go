package consumer_test

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
)

// FuzzParticipation holds that no record that JSON can bring makes the package
// panic, and that a valid one is the same after its canonical JSON was read back.
func FuzzParticipation(f *testing.F) {
	for _, kind := range allTypes() {
		f.Add(validParticipation(kind).Version().Canonical)
		full := validParticipation(kind)
		for _, field := range optionalFields {
			field.set(&full)
		}
		f.Add(full.Version().Canonical)
	}
	f.Add([]byte(`{"type":"queue","id":"q","status":"QUEUED","enteredAt":"9999-12-31T23:59:59.9999999-01:00","position":-1}`))
	f.Add([]byte(`{"type":"auction","admissionToken":"\u0000","lastBidAmount":"1e5","lastBidTime":"0000-01-01T00:00:00Z"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p := consumer.Participation{}
		if json.Unmarshal(data, &p) != nil {
			return
		}
		p.OrganizationID, p.ConsumerID = "org_1", "cons_1"
		normal := p.Normalized()
		text := normal.Version().Canonical
		if normal.Version().Compare(normal.Version()) != 0 {
			t.Error("a version must equal itself")
		}
		if p.Validate() != nil {
			badFields(t, p.Validate())
			return
		}
		back := consumer.Participation{OrganizationID: "org_1", ConsumerID: "cons_1"}
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if diff := cmp.Diff(normal, back); diff != "" {
			t.Errorf("read back (-written +read):\n%s", diff)
		}
	})
}
