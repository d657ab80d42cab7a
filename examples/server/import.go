package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"slices"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

const importUsage = `
Loads a fixture of any size: it is read as a stream, checked as a whole before
anything is written, and then written in transactions of about a thousand records.
Run again, after a crash too, it ends in the same state.
`

// importBatch is how many records are handed to the database at a time.
const importBatch = 1000

// mostReported bounds how many bad fields one run names.
const mostReported = 20

// runImport loads a fixture that may be larger than memory.
func runImport(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("import", flag.ContinueOnError)
	url := flags.String("database", defaultDatabase, databaseUsage)
	if _, err := parseFlags(flags, args, getenv, stdout, "import [flags] FILE", importUsage); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("import: give one file, behind the flags")
	}
	path := flags.Arg(0)
	file, size, err := openRegular(path)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	defer file.Close()

	p := newProgress(stderr, size)
	organizations, err := checkImport(ctx, file, p)
	if err != nil {
		p.end()
		return fmt.Errorf("import %s: %w", path, err)
	}
	database, err := openDatabase(ctx, *url)
	if err != nil {
		return err
	}
	defer database.Close()
	if key := foreignKey(ctx, database, organizations); key != "" {
		return fmt.Errorf("import %s: %s belongs to another organization in -database", path, key)
	}
	w := &importer{database: database, organizations: organizations}
	err = reread(file, p.reader("imported", file), func(i, _ int, c *fixtureConsumer) error { return w.add(ctx, i, c) })
	if err == nil {
		err = w.finish(ctx)
	}
	p.end()
	if err != nil {
		return fmt.Errorf("import %s: %w", path, err)
	}
	fmt.Fprintf(stdout, "imported %d consumers: %d records applied, %d known already\n", w.consumers, w.result.Applied, w.result.Stale)
	if n := len(w.result.Refused); n > 0 {
		fmt.Fprintf(stdout, "%d of them were erased from the database before and stay so, the first %s\n", n, w.result.Refused[0].ConsumerID)
	}
	return nil
}

// openRegular opens a file that can be read several times. To open a pipe would wait
// for who writes to it.
func openRegular(path string) (*os.File, int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is not a regular file", path)
	}
	file, err := os.Open(path)
	return file, info.Size(), err
}

// reread reads a file from its beginning, through a reader of it.
func reread(file *os.File, r io.Reader, visit func(organization, position int, c *fixtureConsumer) error) error {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := readOrganizations(r, visit)
	return err
}

// checkImport reads the whole file and returns what it says of the organizations
// themselves, or an error that names the bad fields. Of each consumer it remembers
// eight bytes, to notice one that stands twice.
func checkImport(ctx context.Context, file *os.File, p *progress) ([]fixtureOrganization, error) {
	check := fixtureCheck{seen: make(map[string]bool)}
	ids := newSeenIDs()
	organizations, err := readOrganizations(p.reader("checked", file), func(i, j int, c *fixtureConsumer) error {
		ids.add(i, c.ID)
		one := fixtureCheck{seen: make(map[string]bool)}
		one.consumer("", *c, consumerPath(i, j))
		check.fields = append(check.fields, one.fields...)
		if len(check.fields) >= mostReported {
			return check.err()
		}
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	for i, o := range organizations {
		check.organization(o, i)
	}
	if again := ids.again(); len(again) > 0 {
		if err := check.repeated(file, ids, again); err != nil {
			return nil, err
		}
	}
	return organizations, check.err()
}

// repeated reads the file once more and names the consumers that stand twice.
func (check *fixtureCheck) repeated(file *os.File, ids *seenIDs, again map[uint64]bool) error {
	return reread(file, file, func(i, j int, c *fixtureConsumer) error {
		if again[ids.hash(i, c.ID)] {
			check.once("consumer", fmt.Sprint(i, " ", c.ID), consumerPath(i, j)+".id")
		}
		return nil
	})
}

// seenIDs remembers consumers by a hash of eight bytes, whose seed nobody knows.
type seenIDs struct {
	seed   maphash.Seed
	hashes []uint64
}

func newSeenIDs() *seenIDs { return &seenIDs{seed: maphash.MakeSeed()} }

func (s *seenIDs) hash(organization int, id string) uint64 {
	return maphash.String(s.seed, fmt.Sprint(organization, " ", id))
}

func (s *seenIDs) add(organization int, id string) {
	s.hashes = append(s.hashes, s.hash(organization, id))
}

// again returns the hashes that were added more than once: of the same id, or, once in
// a very long time, of two.
func (s *seenIDs) again() map[uint64]bool {
	slices.Sort(s.hashes)
	found := make(map[uint64]bool)
	for i := 1; i < len(s.hashes); i++ {
		if s.hashes[i] == s.hashes[i-1] {
			found[s.hashes[i]] = true
		}
	}
	return found
}

// importer writes what the second reading of the file finds.
type importer struct {
	database      database
	organizations []fixtureOrganization
	batch         consumer.Batch
	consumers     int
	result        consumer.BulkResult
}

// errChanged says that the second reading found another file than the one that was
// checked. What was written until then is whole, and true of the file at that moment.
var errChanged = errors.New("the file changed while it was imported; run it again")

func (w *importer) add(ctx context.Context, organization int, c *fixtureConsumer) error {
	if organization >= len(w.organizations) {
		return errChanged
	}
	c.adopt(w.organizations[organization].ID)
	w.consumers++
	w.batch.Consumers = append(w.batch.Consumers, c.Consumer)
	w.batch.Participations = append(w.batch.Participations, c.Participations...)
	w.batch.Admissions = append(w.batch.Admissions, c.Admissions...)
	if len(w.batch.Consumers)+len(w.batch.Participations)+len(w.batch.Admissions) < importBatch {
		return nil
	}
	return w.write(ctx)
}

// finish writes what is left, and the keys of the organizations last, so that they
// open nothing before everything is there.
func (w *importer) finish(ctx context.Context) error {
	now := time.Now()
	for _, o := range w.organizations {
		w.batch.APIKeys = append(w.batch.APIKeys, apiKeys(o.ID, consumer.PublishableKey, o.PublishableKeys, now)...)
		w.batch.APIKeys = append(w.batch.APIKeys, apiKeys(o.ID, consumer.SecretKey, o.SecretKeys, now)...)
	}
	return w.write(ctx)
}

func (w *importer) write(ctx context.Context) error {
	result, err := consumer.WriteBulk(ctx, w.database, w.batch)
	w.result.Applied += result.Applied
	w.result.Stale += result.Stale
	w.result.Refused = append(w.result.Refused, result.Refused...)
	w.batch = consumer.Batch{}
	for _, refusal := range result.Refused {
		if !errors.Is(refusal.Err, consumer.ErrErased) {
			return errors.Join(err, errChanged)
		}
	}
	return err
}
