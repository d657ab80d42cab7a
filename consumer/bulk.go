package consumer

import (
	"context"
	"errors"
)

// BulkResult reports what [WriteBulk] did with the records of a batch, without API keys.
type BulkResult struct {
	WriteResult
	// Refused lists the consumers and distributions that were not written: the consumers
	// in the order of [Batch.ConsumerKeys], then the distributions in the order of the
	// batch.
	Refused []Refusal
}

// Refusal is a consumer or a distribution that [WriteBulk] did not write.
type Refusal struct {
	// Key is the consumer. It is zero for a distribution.
	Key
	// Distribution is zero for a consumer.
	Distribution DistributionKey
	// Records is the number of records about it, including a profile.
	Records int
	// Err is a [*ValidationError], with the paths of the fields in the whole batch, or
	// [ErrErased].
	Err error
}

// bulkRecords is about how many records WriteBulk writes in one transaction. With that
// many, the wait for the disk at the end of a transaction costs little per record, and
// other writers do not wait for long.
const bulkRecords = 1000

// WriteBulk writes any number of records in transactions of about a thousand. A record
// that is refused does not stop the others. All that the batch holds about one consumer
// is one write, which is applied or refused as a whole. The first transaction writes the
// API keys.
//
// WriteBulk returns an error only if the store fails, such as [ErrUnavailable] or the
// error of ctx, or if an API key is refused with [ErrConflict] or a [*ValidationError].
// The result then reports what was written before. The call may be repeated: what was
// applied then counts as stale.
func WriteBulk(ctx context.Context, w Writer, batch Batch) (BulkResult, error) {
	keys := batch.APIKeys
	if _, err := (Batch{APIKeys: keys}).Prepare(); err != nil {
		return BulkResult{}, err
	}
	units := split(batch)
	var result WriteResult
	var err error
	for valid := notRefused(units); err == nil && len(valid)+len(keys) > 0; {
		n := countUnits(valid, bulkRecords)
		err = writeUnits(ctx, w, valid[:n], keys, &result)
		valid, keys = valid[n:], nil
	}
	return BulkResult{result, refusals(units)}, err
}

// unit is all that a batch holds about one consumer, or one distribution.
type unit struct {
	Batch
	key          Key
	distribution DistributionKey
	// fields are the bad fields by their paths in the whole batch.
	fields []FieldError
	erased bool
}

// refused returns why the unit is not written, or nil.
func (u *unit) refused() error {
	if u.erased {
		return ErrErased
	}
	return validationError(u.fields)
}

// split returns the units of a batch: the consumers in the order in which they appear,
// then the distributions.
func split(b Batch) []*unit {
	var units []*unit
	consumers := make(map[Key]*unit)
	for _, key := range b.ConsumerKeys() {
		u := &unit{key: key}
		units = append(units, u)
		consumers[key] = u
	}
	for i, c := range b.Consumers {
		u := consumers[Key{c.OrganizationID, c.ID}]
		u.Consumers = append(u.Consumers, c)
		u.fields = append(u.fields, fieldErrorsAt("consumers", i, c.Normalized())...)
	}
	for i, p := range b.Participations {
		u := consumers[Key{p.OrganizationID, p.ConsumerID}]
		u.Participations = append(u.Participations, p)
		u.fields = append(u.fields, fieldErrorsAt("participations", i, p.Normalized())...)
	}
	for i, a := range b.Admissions {
		u := consumers[Key{a.OrganizationID, a.ConsumerID}]
		u.Admissions = append(u.Admissions, a)
		u.fields = append(u.fields, fieldErrorsAt("admissions", i, a.Normalized())...)
	}
	for i, d := range b.Distributions {
		units = append(units, &unit{
			Batch:        Batch{Distributions: []Distribution{d}},
			distribution: d.Key(),
			fields:       fieldErrorsAt("distributions", i, d.Normalized()),
		})
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
			all = append(all, Refusal{u.key, u.distribution, u.Records(), err})
		}
	}
	return all
}

// countUnits returns how many of the first units hold about the given number of records:
// at least one, if there is any.
func countUnits(units []*unit, records int) int {
	for i, u := range units {
		if records -= u.Records(); records <= 0 {
			return i + 1
		}
	}
	return len(units)
}

// writeUnits writes units and API keys in one transaction. If a consumer among them was
// erased, it writes each half by itself, until only erased consumers are left out: to
// find one in a thousand takes some twenty writes.
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
	half := len(units) / 2 // none if there is one unit, whose keys are then written alone
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
		batch.Distributions = append(batch.Distributions, u.Distributions...)
	}
	return batch
}
