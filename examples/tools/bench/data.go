package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

const (
	sqliteName   = "SQLite"
	postgresName = "Postgres"

	organizationID    = "org_bench"
	maxParticipations = 1000
	// fillBatch is the number of records that are generated and written at once.
	fillBatch = 10_000
)

// dataset describes the content of a database: the number of consumers and the number of
// participations of each consumer.
type dataset struct {
	consumers      int
	participations int
	// tickets makes all consumers wait in one queue, each with a ticket.
	tickets bool
}

func (d dataset) String() string {
	if d.tickets {
		return fmt.Sprintf("%d_tickets", d.consumers)
	}
	return fmt.Sprintf("%d_%d", d.consumers, d.participations)
}

// consumerID returns the ID of a consumer. All IDs have the same length, and so have all
// documents of a dataset.
func consumerID(n int) string { return fmt.Sprintf("cons_%08d", n) }

// epoch returns the time at which all records begin. It is the same in every run, so that a
// database can be kept.
func epoch() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// record returns the profile and the participations of one consumer.
func (d dataset) record(n int) consumer.Batch {
	b := consumer.Batch{Consumers: []consumer.Consumer{{
		OrganizationID: organizationID, ID: consumerID(n), CreatedAt: epoch(), UpdatedAt: epoch(),
		Email: new(fmt.Sprintf("ada.%08d@example.com", n)), Phone: new("+12025550123"), FullName: new("Ada Lovelace"),
	}}}
	for i := range d.participations {
		b.Participations = append(b.Participations, participation(n, i))
	}
	if d.tickets {
		b.Participations[0] = waiting(n)
	}
	return b
}

// waiting returns a consumer's place in the queue that all are in. The first ticket is 2, so
// that the first call moves everybody.
func waiting(n int) consumer.Participation {
	p := participation(n, 0)
	p.Status, p.Position, p.Ticket = consumer.StatusQueued, new(int64(n+1)), new(int64(n+2))
	p.AdmittedAt, p.AdmissionToken, p.ExpiresAt = nil, nil, nil
	return p
}

// moved returns the record of the queue that all are in when some tickets were called.
func moved(serving int64, updatedAt time.Time) consumer.Distribution {
	return consumer.Distribution{
		OrganizationID: organizationID, Type: consumer.Queue, ID: participation(0, 0).ID, Serving: &serving, UpdatedAt: updatedAt,
	}
}

// participation returns a consumer's participation number place. The five types alternate,
// beginning with a queue.
func participation(n, place int) consumer.Participation {
	entered := epoch().Add(time.Duration(place) * time.Minute)
	p := consumer.Participation{
		OrganizationID: organizationID, ConsumerID: consumerID(n), EnteredAt: entered, UpdatedAt: entered,
		ExperienceID: fmt.Sprintf("exp_%04d", place), SequenceID: fmt.Sprintf("seq_%04d", place),
	}
	switch place % 5 {
	case 0:
		p.Type, p.ID, p.Status = consumer.Queue, fmt.Sprintf("queue_%04d", place), consumer.StatusAdmitted
		p.Position, p.AdmittedAt = new(int64(0)), new(entered.Add(time.Second))
		p.AdmissionToken = new(fmt.Sprintf("token-%08d-%04d-aaaaaaaaaaaaaaaaaaaa", n, place))
		p.ExpiresAt = new(epoch().AddDate(50, 0, 0))
	case 1:
		p.Type, p.ID, p.Status = consumer.Draw, fmt.Sprintf("draw_%04d", place), consumer.StatusEntered
	case 2:
		p.Type, p.ID, p.Status = consumer.Auction, fmt.Sprintf("auction_%04d", place), consumer.StatusWinning
		p.LastBidAmount, p.LastBidTime, p.BidCount = new(consumer.Amount("250.00")), new(entered.Add(time.Second)), new(int64(3))
	case 3:
		p.Type, p.ID, p.Status = consumer.TimedRelease, fmt.Sprintf("release_%04d", place), consumer.StatusEntered
		p.SelectedVariantID = new("variant_medium")
	case 4:
		p.Type, p.ID, p.Status = consumer.Waitlist, fmt.Sprintf("waitlist_%04d", place), consumer.StatusWaiting
	}
	return p
}

// store is the part of an adapter that the benchmark uses.
type store interface {
	consumer.Store
	io.Closer
	Migrate(context.Context) error
}

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// openStore opens and migrates the database at a URL, like the example server.
func openStore(ctx context.Context, url string) (store, error) {
	opened, err := openUnmigrated(ctx, url)
	if err != nil {
		return nil, err
	}
	if err := opened.Migrate(ctx); err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return opened, nil
}

func openUnmigrated(ctx context.Context, url string) (store, error) {
	if isPostgres(url) {
		opened, err := postgres.Open(ctx, postgres.Options{URL: url})
		if err != nil {
			return nil, err
		}
		return opened, nil
	}
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok {
		return nil, errors.New("the database must be sqlite:PATH or postgres://…")
	}
	opened, err := sqlite.Open(ctx, sqlite.Options{Path: path})
	if err != nil {
		return nil, err
	}
	return opened, nil
}

// databases creates one database for each dataset.
type databases struct {
	dir            string
	server         *postgresServer // nil if only SQLite is measured
	publishableKey string
	progress       *progress
	ready          map[string]string // URLs of the filled databases, by database and dataset
}

// open returns the URL of a database with a dataset.
func (d *databases) open(ctx context.Context, database string, data dataset) (string, error) {
	name := database + " " + data.String()
	if url, ok := d.ready[name]; ok {
		return url, nil
	}
	url, err := d.create(ctx, database, data)
	if err != nil {
		return "", err
	}
	if err := d.fill(ctx, url, database, data); err != nil {
		return "", fmt.Errorf("%s, %s consumers with %d participations: %w", database, grouped(data.consumers), data.participations, err)
	}
	d.ready[name] = url
	return url, nil
}

func (d *databases) create(ctx context.Context, database string, data dataset) (string, error) {
	if database == postgresName {
		return d.server.create(ctx, data)
	}
	return "sqlite:" + filepath.Join(d.dir, "bench_"+data.String()+".db"), nil
}

// fill writes the dataset, unless an earlier run has written it, and the API key of this run.
func (d *databases) fill(ctx context.Context, url, database string, data dataset) (err error) {
	s, err := openStore(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	key := consumer.APIKey{
		OrganizationID: organizationID, Kind: consumer.PublishableKey,
		Digest: auth.APIKeyDigest(d.publishableKey), CreatedAt: epoch(),
	}
	if _, err := s.Write(ctx, consumer.Batch{APIKeys: []consumer.APIKey{key}}); err != nil {
		return err
	}
	full, err := isFull(ctx, s, data)
	if err != nil || full {
		return err
	}
	if err := d.writeAll(ctx, s, database, data); err != nil {
		return err
	}
	if database == postgresName {
		return execute(ctx, url, `VACUUM ANALYZE`) // which the server would do later by itself
	}
	return nil
}

// isFull reports whether the consumer that is written last is there.
func isFull(ctx context.Context, s store, data dataset) (bool, error) {
	snapshot, err := s.Snapshot(ctx, consumer.Key{OrganizationID: organizationID, ConsumerID: consumerID(data.consumers - 1)})
	if errors.Is(err, consumer.ErrNotFound) {
		return false, nil
	}
	return len(snapshot.Participations) == data.participations, err
}

func (d *databases) writeAll(ctx context.Context, s store, database string, data dataset) error {
	start := time.Now()
	atOnce := max(1, fillBatch/(1+data.participations))
	for first := 0; first < data.consumers; first += atOnce {
		var batch consumer.Batch
		for n := first; n < min(first+atOnce, data.consumers); n++ {
			one := data.record(n)
			batch.Consumers = append(batch.Consumers, one.Consumers...)
			batch.Participations = append(batch.Participations, one.Participations...)
		}
		result, err := consumer.WriteBulk(ctx, s, batch)
		if err != nil {
			return err
		}
		if len(result.Refused) > 0 {
			return result.Refused[0].Err
		}
		d.progress.update("%s: writing %s consumers with %d participations, %d %%", database,
			grouped(data.consumers), data.participations, 100*(first+len(batch.Consumers))/data.consumers)
	}
	d.progress.done("%s: wrote %s consumers with %d participations in %.1f s", database,
		grouped(data.consumers), data.participations, time.Since(start).Seconds())
	return nil
}
