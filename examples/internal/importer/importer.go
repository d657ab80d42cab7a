// Package importer loads a fixture that may be larger than memory into a store.
package importer

import (
	"context"
	"errors"
	"io"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/recordjson"
)

// batchRecords is how many records are given to the store at a time.
const batchRecords = 1000

// ErrChanged reports that the file is not the one that was checked. What was written until
// then was in the file.
var ErrChanged = errors.New("the file changed while it was imported; run the import again")

// Result counts what [Import] did.
type Result struct {
	// Consumers is the number of consumers in the file.
	Consumers int
	// Applied is the number of records that changed what is stored. Known is the number of
	// records that are stored already, and Older of those of which a newer version is.
	Applied, Known, Older int
	// Erased are the consumers that stay erased, of whom nothing was written.
	Erased []consumer.Key
}

// Store is what an import needs of a store.
type Store interface {
	consumer.DistributionReader
	consumer.Writer
	consumer.Lifecycle
}

// Check reads a whole fixture and returns its organizations without their records, or an
// error that names the bad fields.
func Check(ctx context.Context, r io.Reader, options recordjson.Options) ([]recordjson.Organization, error) {
	return recordjson.WalkFixture(r, options, recordjson.Visitor{
		Consumer:     func(int, recordjson.Consumer) error { return ctx.Err() },
		Distribution: func(int, consumer.Distribution) error { return ctx.Err() },
	})
}

// Import reads a fixture that [Check] accepted and writes it in transactions of about a
// thousand records. It ends with keys, so that they are of no use before everything is
// there.
func Import(ctx context.Context, store Store, r io.Reader, options recordjson.Options, organizations []recordjson.Organization, keys []consumer.APIKey) (Result, error) {
	i := importer{ctx: ctx, store: store, organizations: organizations}
	_, err := recordjson.WalkFixture(r, options, recordjson.Visitor{Consumer: i.addConsumer, Distribution: i.addDistribution})
	if errors.Is(err, consumer.ErrInvalid) {
		err = ErrChanged
	}
	if err == nil {
		i.batch.APIKeys = keys
		err = i.write()
	}
	return i.result, err
}

type importer struct {
	ctx           context.Context
	store         Store
	organizations []recordjson.Organization
	batch         consumer.Batch
	result        Result
}

func (i *importer) addConsumer(organization int, c recordjson.Consumer) error {
	if organization >= len(i.organizations) {
		return ErrChanged
	}
	i.result.Consumers++
	c.AppendTo(&i.batch, i.organizations[organization].ID)
	return i.writeIfLarge()
}

func (i *importer) addDistribution(organization int, d consumer.Distribution) error {
	if organization >= len(i.organizations) {
		return ErrChanged
	}
	d.OrganizationID = i.organizations[organization].ID
	i.batch.Distributions = append(i.batch.Distributions, d)
	return i.writeIfLarge()
}

func (i *importer) writeIfLarge() error {
	if i.batch.Records() < batchRecords {
		return nil
	}
	return i.write()
}

func (i *importer) write() error {
	batch := i.batch
	i.batch = consumer.Batch{}
	result, err := consumer.WriteBulk(i.ctx, i.store, batch)
	i.result.Applied += result.Applied
	for _, refusal := range result.Refused {
		if !errors.Is(refusal.Err, consumer.ErrErased) {
			return errors.Join(err, ErrChanged)
		}
		i.result.Erased = append(i.result.Erased, refusal.Key)
	}
	if err != nil || result.Stale == 0 {
		return err
	}
	older, err := i.older(batch)
	i.result.Older += older
	i.result.Known += result.Stale - older
	return err
}

// older counts the records of a batch of which the store has a newer version. Of
// distributions, whose winner a store does not return, it compares updatedAt only.
func (i *importer) older(batch consumer.Batch) (older int, err error) {
	written := make(map[consumer.Key][]record)
	for _, c := range batch.Consumers {
		key := consumer.Key{OrganizationID: c.OrganizationID, ConsumerID: c.ID}
		written[key] = append(written[key], profileRecord(c))
	}
	for _, p := range batch.Participations {
		key := consumer.Key{OrganizationID: p.OrganizationID, ConsumerID: p.ConsumerID}
		written[key] = append(written[key], participationRecord(p))
	}
	for _, a := range batch.Admissions {
		key := consumer.Key{OrganizationID: a.OrganizationID, ConsumerID: a.ConsumerID}
		written[key] = append(written[key], admissionRecord(a))
	}
	for key, records := range written {
		stored, err := i.store.Export(i.ctx, key)
		if errors.Is(err, consumer.ErrNotFound) {
			continue // erased
		}
		if err != nil {
			return older, err
		}
		older += countOlder(records, stored)
	}
	for _, d := range batch.Distributions {
		stored, err := i.store.Distribution(i.ctx, d.Key())
		if err != nil {
			return older, err
		}
		if d.Normalized().UpdatedAt.Before(stored.UpdatedAt) {
			older++
		}
	}
	return older, nil
}

// record is the version of a profile, participation or admission.
type record struct {
	id      [3]string // its list, type and id, as far as it has them
	version consumer.Version
}

func profileRecord(c consumer.Consumer) record {
	return record{[3]string{"consumers"}, c.Normalized().Version()}
}

func participationRecord(p consumer.Participation) record {
	return record{[3]string{"participations", string(p.Type), p.ID}, p.Normalized().Version()}
}

func admissionRecord(a consumer.Admission) record {
	return record{[3]string{"admissions", string(a.DistributionType), a.DistributionID}, a.Normalized().Version()}
}

func countOlder(records []record, stored consumer.Export) (older int) {
	versions := make(map[[3]string]consumer.Version)
	add := func(r record) { versions[r.id] = r.version }
	if stored.Consumer != nil {
		add(profileRecord(*stored.Consumer))
	}
	for _, p := range stored.Participations {
		add(participationRecord(p))
	}
	for _, a := range stored.Admissions {
		add(admissionRecord(a))
	}
	for _, r := range records {
		if version, found := versions[r.id]; found && r.version.Compare(version) < 0 {
			older++
		}
	}
	return older
}
