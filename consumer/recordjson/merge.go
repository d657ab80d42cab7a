package recordjson

import (
	"io"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/rejoinhq/rejoin/consumer"
)

var mergeFields = []field[consumer.Merge]{
	text("guestId", func(m *consumer.Merge) *string { return &m.GuestID }),
	flag("dryRun", func(m *consumer.Merge) *bool { return &m.DryRun }),
}

// ReadMerge reads the body of a merge into the consumer with the given key, {"guestId":"…"},
// which may have "dryRun":true. Its errors are those of [ReadRecords].
func ReadMerge(r io.Reader, key consumer.Key) (consumer.Merge, error) {
	d := newDecoder(r, 0)
	merge := consumer.Merge{OrganizationID: key.OrganizationID, ConsumerID: key.ConsumerID}
	err := d.document(func() error {
		begin := len(d.bad)
		given, _, err := readFields(&d, &merge, mergeFields, nothingElse)
		if err != nil {
			return err
		}
		broken := brokenFields(merge.Validate())
		for i := range broken {
			broken[i].Field = "guestId" // also when it is the consumer itself
		}
		d.explain(begin, given, []string{"guestId"}, slices.CompactFunc(broken, func(a, b consumer.FieldError) bool { return a.Field == b.Field }))
		return nil
	})
	if err != nil {
		return consumer.Merge{}, err
	}
	return merge, nil
}

func flag[R any](name string, in func(*R) *bool) field[R] {
	return field[R]{name: name, set: func(record *R, value jsontext.Value) string {
		switch value.Kind() {
		case 't', 'f':
			*in(record) = value.Kind() == 't'
			return ""
		}
		return "must be true or false"
	}}
}
