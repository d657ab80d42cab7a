package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
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
		return errors.New("import: give one file")
	}
	path := flags.Arg(0)
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("import %s: not a regular file, and it is read twice", path)
	}

	p := newProgress(stderr, info.Size())
	organizations, err := checkImport(ctx, p.reader("checked", file))
	if err != nil {
		p.end()
		return fmt.Errorf("import %s: %w", path, err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("import: %w", err)
	}
	database, err := openDatabase(ctx, *url)
	if err != nil {
		return err
	}
	defer database.Close()
	w := &importer{database: database, organizations: organizations}
	_, err = readOrganizations(p.reader("imported", file), func(i, _ int, c *fixtureConsumer) error { return w.add(ctx, i, c) })
	err = errors.Join(err, w.flush(ctx, err))
	p.end()
	if err != nil {
		return fmt.Errorf("import %s: %w", path, err)
	}
	fmt.Fprintf(stdout, "imported %d consumers: %d records applied, %d known already\n", w.consumers, w.result.Applied, w.result.Stale)
	return nil
}

// checkImport reads the whole file and returns what it says of the organizations
// themselves, or an error that names the bad fields. Of the consumers it remembers
// nothing, so that one which stands twice is not noticed: of its two states the newer
// stays.
func checkImport(ctx context.Context, r io.Reader) ([]fixtureOrganization, error) {
	check := fixtureCheck{seen: make(map[string]bool)}
	organizations, err := readOrganizations(r, func(i, j int, c *fixtureConsumer) error {
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
	return organizations, check.err()
}

// importer writes what the second reading of the file finds.
type importer struct {
	database      database
	organizations []fixtureOrganization
	batch         consumer.Batch
	consumers     int
	result        consumer.WriteResult
}

func (w *importer) add(ctx context.Context, organization int, c *fixtureConsumer) error {
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

// flush writes what is left, and the keys of the organizations last, so that they
// open nothing before everything is there.
func (w *importer) flush(ctx context.Context, readError error) error {
	if readError != nil {
		return nil
	}
	now := time.Now()
	for _, o := range w.organizations {
		w.batch.APIKeys = append(w.batch.APIKeys, apiKeys(o.ID, consumer.PublishableKey, o.PublishableKeys, now)...)
		w.batch.APIKeys = append(w.batch.APIKeys, apiKeys(o.ID, consumer.SecretKey, o.SecretKeys, now)...)
	}
	return w.write(ctx)
}

func (w *importer) write(ctx context.Context) error {
	result, err := w.database.Write(ctx, w.batch)
	w.result.Applied += result.Applied
	w.result.Stale += result.Stale
	w.batch = consumer.Batch{}
	return err
}
