package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
)

// bulkWriter is a Writer that records its batches. It applies the records of a consumer
// that it has none of, and counts all others as stale.
type bulkWriter struct {
	erased         map[string]bool
	stored         map[string]int // records by consumer
	taken, refused []consumer.Batch
	fail           func(consumer.Batch) error // asked before each write
}

func newBulkWriter(erased ...string) *bulkWriter {
	w := &bulkWriter{
		erased: make(map[string]bool), stored: make(map[string]int),
		fail: func(consumer.Batch) error { return nil },
	}
	for _, id := range erased {
		w.erased[id] = true
	}
	return w
}

func (w *bulkWriter) Write(ctx context.Context, batch consumer.Batch) (consumer.WriteResult, error) {
	if err := errors.Join(ctx.Err(), w.fail(batch)); err != nil {
		return consumer.WriteResult{}, err
	}
	if _, err := batch.Prepare(); err != nil {
		return consumer.WriteResult{}, err
	}
	records := recordsByConsumer(batch)
	for id := range records {
		if w.erased[id] {
			w.refused = append(w.refused, batch)
			return consumer.WriteResult{}, fmt.Errorf("write: %w", consumer.ErrErased)
		}
	}
	w.taken = append(w.taken, batch)
	var result consumer.WriteResult
	for id, n := range records {
		if w.stored[id] == 0 {
			result.Applied += n
		} else {
			result.Stale += n
		}
		w.stored[id] += n
	}
	return result, nil
}

func (w *bulkWriter) writes() int { return len(w.taken) + len(w.refused) }

func recordsByConsumer(batch consumer.Batch) map[string]int {
	records := make(map[string]int)
	for _, c := range batch.Consumers {
		records[c.ID]++
	}
	for _, p := range batch.Participations {
		records[p.ConsumerID]++
	}
	for _, a := range batch.Admissions {
		records[a.ConsumerID]++
	}
	for _, d := range batch.Distributions {
		records[string(d.Type)+" "+d.ID]++
	}
	return records
}

func countRecords(batch consumer.Batch) int {
	return len(batch.Consumers) + len(batch.Participations) + len(batch.Admissions) + len(batch.Distributions)
}

func bulkID(n int) string { return fmt.Sprintf("cons_%d", n) }

func participationOf(id string) consumer.Participation {
	return validParticipation("queue", func(p *consumer.Participation) { p.ConsumerID = id })
}

// oneRecordEach returns a batch with one participation for each of several consumers.
func oneRecordEach(consumers int) consumer.Batch {
	var batch consumer.Batch
	for n := range consumers {
		batch.Participations = append(batch.Participations, participationOf(bulkID(n)))
	}
	return batch
}

func writeBulk(t *testing.T, w consumer.Writer, batch consumer.Batch) consumer.BulkResult {
	t.Helper()
	result, err := consumer.WriteBulk(t.Context(), w, batch)
	if err != nil {
		t.Fatalf("WriteBulk: %v", err)
	}
	return result
}

func checkBulk(t *testing.T, got consumer.BulkResult, applied, stale int, refused ...string) {
	t.Helper()
	if got.Applied != applied || got.Stale != stale {
		t.Errorf("applied %d and stale %d, want %d and %d", got.Applied, got.Stale, applied, stale)
	}
	var ids []string
	for _, r := range got.Refused {
		ids = append(ids, r.ConsumerID)
	}
	if diff := cmp.Diff(refused, ids); diff != "" {
		t.Errorf("refused consumers (-want +got):\n%s", diff)
	}
}

func TestWriteBulkWritesAboutAThousandRecordsAtATime(t *testing.T) {
	w := newBulkWriter()
	checkBulk(t, writeBulk(t, w, oneRecordEach(3500)), 3500, 0)
	var sizes []int
	for _, batch := range w.taken {
		sizes = append(sizes, countRecords(batch))
	}
	if diff := cmp.Diff([]int{1000, 1000, 1000, 500}, sizes); diff != "" {
		t.Errorf("records per write (-want +got):\n%s", diff)
	}
}

// TestWriteBulkWritesAConsumerAtOnce has the records of each consumer far apart.
func TestWriteBulkWritesAConsumerAtOnce(t *testing.T) {
	batch := oneRecordEach(1500)
	batch.Participations = slices.Repeat(batch.Participations, 3)
	for n := range 1500 {
		batch.Consumers = append(batch.Consumers, validConsumer(func(c *consumer.Consumer) { c.ID = bulkID(n) }))
		batch.Admissions = append(batch.Admissions, validAdmission(func(a *consumer.Admission) { a.ConsumerID = bulkID(n) }))
	}
	batch.Participations = append(batch.Participations, slices.Repeat([]consumer.Participation{participationOf("large")}, 2500)...)
	w := newBulkWriter()
	checkBulk(t, writeBulk(t, w, batch), 10_000, 0)
	whole := recordsByConsumer(batch)
	for _, taken := range w.taken {
		for id, n := range recordsByConsumer(taken) {
			if n != whole[id] {
				t.Fatalf("a write holds %d of the %d records of %s", n, whole[id], id)
			}
		}
		if n, large := countRecords(taken), recordsByConsumer(taken)["large"]; n-large > 1000+4 {
			t.Errorf("a write holds %d records", n)
		}
	}
}

// TestWriteBulkWritesDistributions: a distribution is about no consumer, so it is written or
// refused by itself.
func TestWriteBulkWritesDistributions(t *testing.T) {
	batch := oneRecordEach(2)
	batch.Participations[0].Status = "NONE"
	for n := range 1500 {
		batch.Distributions = append(batch.Distributions, validDistribution("queue", func(d *consumer.Distribution) { d.ID = bulkID(n) }))
	}
	batch.Distributions[7].Type = "waitlist"
	w := newBulkWriter()
	result := writeBulk(t, w, batch)
	checkBulk(t, result, 1500, 0, bulkID(0), "")
	if diff := cmp.Diff([]string{"distributions[7].type"}, badFields(t, result.Refused[1].Err)); diff != "" {
		t.Errorf("bad fields (-want +got):\n%s", diff)
	}
	want := consumer.Refusal{Distribution: batch.Distributions[7].Key(), Records: 1, Err: result.Refused[1].Err}
	if got := result.Refused[1]; got != want {
		t.Errorf("refused %+v, want %+v", got, want)
	}
	if len(w.taken) != 2 || batch.Records() != 1502 {
		t.Errorf("%d writes of a batch of %d records", len(w.taken), batch.Records())
	}
}

func TestWriteBulkOfNothingWritesNothing(t *testing.T) {
	bad := participationOf("cons_bad")
	bad.Status = ""
	for name, batch := range map[string]consumer.Batch{
		"an empty batch":                    {},
		"a batch of which all is malformed": {Participations: []consumer.Participation{bad}},
	} {
		w := newBulkWriter()
		writeBulk(t, w, batch)
		if w.writes() != 0 {
			t.Errorf("%s leads to %d writes", name, w.writes())
		}
	}
}

func TestWriteBulkNamesBadFieldsByTheirPathInTheWholeBatch(t *testing.T) {
	batch := oneRecordEach(2000)
	batch.Participations[1700].Status = "NONE"
	batch.Consumers = []consumer.Consumer{
		validConsumer(func(c *consumer.Consumer) { c.ID = bulkID(3) }),
		validConsumer(func(c *consumer.Consumer) { c.ID, c.Email = bulkID(1700), new("nobody") }),
	}
	batch.Admissions = []consumer.Admission{
		validAdmission(func(a *consumer.Admission) { a.ConsumerID, a.SequenceID = "me", "" }),
		validAdmission(func(a *consumer.Admission) { a.ConsumerID = bulkID(1700) }),
	}
	w := newBulkWriter()
	result := writeBulk(t, w, batch)
	checkBulk(t, result, 2000, 0, bulkID(1700), "me")
	for i, want := range [][]string{
		{"consumers[1].email", "participations[1700].status"},
		{"admissions[0].consumerId", "admissions[0].sequenceId"},
	} {
		if diff := cmp.Diff(want, badFields(t, result.Refused[i].Err)); diff != "" {
			t.Errorf("bad fields (-want +got):\n%s", diff)
		}
	}
	if n := result.Refused[0].Records; n != 3 {
		t.Errorf("the refusal counts %d records, want 3", n)
	}
	if w.stored[bulkID(1700)] != 0 {
		t.Error("a part of what was refused is written")
	}
}

func TestWriteBulkFindsTheErasedWithFewWrites(t *testing.T) {
	const consumers, chunks = 5000, 5
	erased := []string{bulkID(7), bulkID(8), bulkID(1234), bulkID(4999)}
	w := newBulkWriter(erased...)
	result := writeBulk(t, w, oneRecordEach(consumers))
	checkBulk(t, result, consumers-len(erased), 0, erased...)
	for _, r := range result.Refused {
		if r.Err != consumer.ErrErased || r.Records != 1 || r.OrganizationID != "org_1" {
			t.Errorf("a refusal is %+v", r)
		}
	}
	// Each of them costs at most two writes for every halving of a thousand.
	if most := chunks + len(erased)*2*10; w.writes() > most {
		t.Errorf("%d writes, want at most %d", w.writes(), most)
	}
	if len(w.stored) != consumers-len(erased) {
		t.Errorf("%d consumers are written, want %d", len(w.stored), consumers-len(erased))
	}
}

func TestWriteBulkOfErasedConsumersOnly(t *testing.T) {
	w := newBulkWriter(bulkID(0), bulkID(1), bulkID(2))
	checkBulk(t, writeBulk(t, w, oneRecordEach(3)), 0, 0, bulkID(0), bulkID(1), bulkID(2))
}

func TestWriteBulkListsTheRefusedInTheOrderOfTheBatch(t *testing.T) {
	batch := oneRecordEach(6)
	batch.Participations[0].Status, batch.Participations[4].Status = "", ""
	w := newBulkWriter(bulkID(1), bulkID(5))
	checkBulk(t, writeBulk(t, w, batch), 2, 0, bulkID(0), bulkID(1), bulkID(4), bulkID(5))
}

func TestWriteBulkAgainIsStale(t *testing.T) {
	w := newBulkWriter(bulkID(3))
	writeBulk(t, w, oneRecordEach(2500))
	checkBulk(t, writeBulk(t, w, oneRecordEach(2500)), 0, 2499, bulkID(3))
}

func TestWriteBulkWritesAPIKeysOnceAndFirst(t *testing.T) {
	for name, c := range map[string]struct {
		consumers int
		erased    []string
	}{
		"without records":                     {0, nil},
		"with several transactions":           {2500, nil},
		"when the only consumer was erased":   {1, []string{bulkID(0)}},
		"when the first consumer was erased":  {1500, []string{bulkID(0)}},
		"when one in the middle was erased":   {1500, []string{bulkID(999)}},
		"when all of the consumers are gone":  {3, []string{bulkID(0), bulkID(1), bulkID(2)}},
		"when one of two consumers is erased": {2, []string{bulkID(0)}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newBulkWriter(c.erased...)
			batch := oneRecordEach(c.consumers)
			batch.APIKeys = []consumer.APIKey{validKey(), validKey(func(k *consumer.APIKey) { k.Digest[0] = 1 })}
			checkBulk(t, writeBulk(t, w, batch), c.consumers-len(c.erased), 0, c.erased...)
			for i, taken := range w.taken {
				if first := i == 0; (len(taken.APIKeys) == 2) != first {
					t.Errorf("write %d of %d holds %d keys", i, len(w.taken), len(taken.APIKeys))
				}
			}
		})
	}
}

func TestWriteBulkWithABadAPIKeyWritesNothing(t *testing.T) {
	w := newBulkWriter()
	batch := oneRecordEach(1)
	batch.APIKeys = []consumer.APIKey{validKey(), validKey(func(k *consumer.APIKey) { k.Kind = "" })}
	result, err := consumer.WriteBulk(t.Context(), w, batch)
	if diff := cmp.Diff([]string{"apiKeys[1].kind"}, badFields(t, err)); diff != "" {
		t.Errorf("bad fields (-want +got):\n%s", diff)
	}
	checkBulk(t, result, 0, 0)
	if w.writes() != 0 {
		t.Error("something is written")
	}
}

func TestWriteBulkReturnsTheStoresErrorWithWhatWasDone(t *testing.T) {
	for _, want := range []error{consumer.ErrUnavailable, consumer.ErrConflict, consumer.ErrSchema, context.DeadlineExceeded} {
		w := newBulkWriter(bulkID(3))
		w.fail = func(batch consumer.Batch) error {
			if recordsByConsumer(batch)[bulkID(1500)] > 0 {
				return fmt.Errorf("write: %w", want)
			}
			return nil
		}
		batch := oneRecordEach(3000)
		batch.Participations[5].Status = ""
		result, err := consumer.WriteBulk(t.Context(), w, batch)
		if !errors.Is(err, want) {
			t.Errorf("the error is %v, want %v", err, want)
		}
		checkBulk(t, result, 999, 0, bulkID(3), bulkID(5)) // a thousand valid ones without the erased one

		w.fail = newBulkWriter().fail
		checkBulk(t, writeBulk(t, w, batch), 3000-2-999, 999, bulkID(3), bulkID(5))
	}
}

func TestWriteBulkEndsInTheMiddleOfASearchWhenTheStoreFails(t *testing.T) {
	w := newBulkWriter(bulkID(2))
	w.fail = func(batch consumer.Batch) error {
		if len(batch.Participations) == 1 {
			return consumer.ErrUnavailable
		}
		return nil
	}
	result, err := consumer.WriteBulk(t.Context(), w, oneRecordEach(4))
	if !errors.Is(err, consumer.ErrUnavailable) {
		t.Errorf("the error is %v, want ErrUnavailable", err)
	}
	checkBulk(t, result, 2, 0)
}

func TestWriteBulkEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := newBulkWriter()
	w.fail = func(consumer.Batch) error {
		if len(w.taken) == 1 {
			cancel()
		}
		return ctx.Err()
	}
	result, err := consumer.WriteBulk(ctx, w, oneRecordEach(3000))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v, want context.Canceled", err)
	}
	checkBulk(t, result, 1000, 0)
}

// TestWriteBulkEndsWithAnyWriter has a Writer that returns ErrErased for any batch.
func TestWriteBulkEndsWithAnyWriter(t *testing.T) {
	w := newBulkWriter()
	w.fail = func(consumer.Batch) error { return consumer.ErrErased }
	_, err := consumer.WriteBulk(t.Context(), w, consumer.Batch{APIKeys: []consumer.APIKey{validKey()}})
	if !errors.Is(err, consumer.ErrErased) {
		t.Errorf("the error is %v, want ErrErased", err)
	}
}

// TestWriteBulkLosesNoRecord requires that every record is applied, stale or refused, and
// that the store has exactly those that were not refused.
func TestWriteBulkLosesNoRecord(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, bad := newBulkWriter(), make(map[string]bool)
		var batch consumer.Batch
		for n := range rapid.IntRange(0, 12).Draw(rt, "consumers") {
			id := bulkID(n)
			records := slices.Repeat([]consumer.Participation{participationOf(id)}, rapid.SampledFrom([]int{1, 2, 400}).Draw(rt, "records"))
			bad[id] = rapid.IntRange(0, 4).Draw(rt, "bad") == 0
			w.erased[id] = rapid.IntRange(0, 4).Draw(rt, "erased") == 0
			if bad[id] {
				records[len(records)-1].Status = ""
			}
			batch.Participations = append(batch.Participations, records...)
		}
		result, err := consumer.WriteBulk(rt.Context(), w, batch)
		if err != nil {
			rt.Fatalf("WriteBulk: %v", err)
		}
		stored := recordsByConsumer(batch)
		refused := 0
		for _, r := range result.Refused {
			if r.Records != stored[r.ConsumerID] || errors.Is(r.Err, consumer.ErrInvalid) != bad[r.ConsumerID] ||
				errors.Is(r.Err, consumer.ErrErased) == bad[r.ConsumerID] || !bad[r.ConsumerID] && !w.erased[r.ConsumerID] {
				rt.Fatalf("a refusal is %+v", r)
			}
			refused += r.Records
			delete(stored, r.ConsumerID)
		}
		if diff := cmp.Diff(stored, w.stored); diff != "" {
			rt.Fatalf("stored records by consumer (-want +got):\n%s", diff)
		}
		if result.Applied+refused != countRecords(batch) || result.Stale != 0 {
			rt.Fatalf("of %d records %+v, and %d refused", countRecords(batch), result.WriteResult, refused)
		}
	})
}
