package consumer

import (
	"context"
	"errors"
)

// BulkResult says what became of the records of [WriteBulk], API keys not counted.
type BulkResult struct {
	WriteResult
	// Refused lists the consumers of whom nothing was written, in the order of
	// [Batch.ConsumerKeys].
	Refused []Refusal
}

// Refusal is what [WriteBulk] did not write.
type Refusal struct {
	ConsumerKey
	// Records is the number of records about the consumer, its profile included.
	Records int
	// Err is a [*ValidationError], with the paths of the fields in the batch as it was
	// given, or [ErrErased].
	Err error
}

// bulkRecords is how many records one transaction of WriteBulk holds, give or take
// those of the last consumer: enough that waiting for the disk once per transaction
// costs little, and few enough that nobody waits long for their turn to write.
const bulkRecords = 1000

// WriteBulk writes any number of records in transactions of about a thousand, and
// doesn't let what is refused stop the rest. All that the batch holds about one
// consumer is one write: it is applied as a whole or refused as a whole. API keys
// are written with the first transaction.
//
// It returns an error only for what is nobody's fault but the store's, such as
// [ErrUnavailable], the context's error, or an [ErrConflict] or [*ValidationError] of
// an API key. The result then says what was done before, and the same call may be
// repeated: what was applied will count as stale.
func WriteBulk(ctx context.Context, w Writer, batch Batch) (BulkResult, error) {
	keys := batch.APIKeys
	if _, err := (Batch{APIKeys: keys}).Prepare(); err != nil {
		return BulkResult{}, err
	}
	units := splitByConsumer(batch)
	var result WriteResult
	var err error
	for valid := notRefused(units); err == nil && len(valid)+len(keys) > 0; {
		n := countUnits(valid, bulkRecords)
		err = writeUnits(ctx, w, valid[:n], keys, &result)
		valid, keys = valid[n:], nil
	}
	return BulkResult{result, refusals(units)}, err
}

// unit is all that a batch holds about one consumer.
type unit struct {
	Batch
	key ConsumerKey
	// fields are the bad ones, by their paths in the whole batch.
	fields []FieldError
	erased bool
}

func (u *unit) records() int { return len(u.Consumers) + len(u.Participations) + len(u.Admissions) }

// refused returns why nothing of the unit is written, as far as is known.
func (u *unit) refused() error {
	if u.erased {
		return ErrErased
	}
	return validationError(u.fields)
}

// splitByConsumer takes a batch apart, in the order in which the consumers appear.
func splitByConsumer(b Batch) []*unit {
	var units []*unit
	index := make(map[ConsumerKey]*unit)
	for _, key := range b.ConsumerKeys() {
		u := &unit{key: key}
		units = append(units, u)
		index[key] = u
	}
	for i, c := range b.Consumers {
		u := index[ConsumerKey{c.OrganizationID, c.ID}]
		u.Consumers = append(u.Consumers, c)
		u.fields = append(u.fields, fieldErrorsAt("consumers", i, c.Normalized())...)
	}
	for i, p := range b.Participations {
		u := index[ConsumerKey{p.OrganizationID, p.ConsumerID}]
		u.Participations = append(u.Participations, p)
		u.fields = append(u.fields, fieldErrorsAt("participations", i, p.Normalized())...)
	}
	for i, a := range b.Admissions {
		u := index[ConsumerKey{a.OrganizationID, a.ConsumerID}]
		u.Admissions = append(u.Admissions, a)
		u.fields = append(u.fields, fieldErrorsAt("admissions", i, a.Normalized())...)
	}
	return units
}

func notRefused(units []*unit) []*unit {
	var valid []*unit
	for _, u := range units {
		if u.refused() == nil {
			valid = append(valid, u)
		}
	}
	return valid
}

func refusals(units []*unit) []Refusal {
	var all []Refusal
	for _, u := range units {
		if err := u.refused(); err != nil {
			all = append(all, Refusal{u.key, u.records(), err})
		}
	}
	return all
}

// countUnits returns how many units in front make up about the given number of
// records, at least one if there is any.
func countUnits(units []*unit, records int) int {
	for i, u := range units {
		if records -= u.records(); records <= 0 {
			return i + 1
		}
	}
	return len(units)
}

// writeUnits writes units, and keys beside them, in one transaction. When a consumer
// among them was erased, it tries each half by itself, until only erased ones are
// left out: one of a thousand is found with some twenty writes.
func writeUnits(ctx context.Context, w Writer, units []*unit, keys []APIKey, result *WriteResult) error {
	written, err := w.Write(ctx, join(units, keys))
	switch {
	case err == nil:
		result.Applied += written.Applied
		result.Stale += written.Stale
		return nil
	case !errors.Is(err, ErrErased) || len(units) == 0:
		return err
	case len(units) == 1 && len(keys) == 0:
		units[0].erased = true
		return nil
	}
	half := len(units) / 2 // none of one unit, whose keys are then written alone
	if err := writeUnits(ctx, w, units[:half], keys, result); err != nil {
		return err
	}
	return writeUnits(ctx, w, units[half:], nil, result)
}

func join(units []*unit, keys []APIKey) Batch {
	batch := Batch{APIKeys: keys}
	for _, u := range units {
		batch.Consumers = append(batch.Consumers, u.Consumers...)
		batch.Participations = append(batch.Participations, u.Participations...)
		batch.Admissions = append(batch.Admissions, u.Admissions...)
	}
	return batch
}
