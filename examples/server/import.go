package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rejoinhq/rejoin/examples/internal/importer"
	"github.com/rejoinhq/rejoin/examples/internal/progress"
)

const importUsage = `
Loads a fixture of any size, or standard input if FILE is -. The fixture is read as a
stream, checked as a whole before anything is written, and then written in transactions of
about a thousand records. Run again, after a crash too, it leads to the same state.
`

func (p program) importFixture(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("import", flag.ContinueOnError)
	url := flags.String("database", defaultDatabase, databaseUsage)
	if _, err := p.parseFlags(flags, args, "import [flags] FILE", importUsage); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return usagef("give one file, after the flags")
	}
	if err := checkDatabaseURL(*url); err != nil {
		return err
	}
	name := flags.Arg(0)
	file, size, err := p.openImport(name)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	defer file.Close()
	result, err := p.importFile(ctx, file, size, *url)
	if err != nil {
		return fmt.Errorf("import %s: %w", name, bounded(err))
	}
	fmt.Fprintf(p.stdout, "imported %d consumers: %d records applied, %d known already, %d older than what is stored\n",
		result.Consumers, result.Applied, result.Known, result.Older)
	if n := len(result.Erased); n > 0 {
		fmt.Fprintf(p.stdout, "%d of them were erased from the database before and stay so, the first %s\n", n, result.Erased[0].ConsumerID)
	}
	return nil
}

// openImport opens a file, or a copy of standard input, which can be read only once.
func (p program) openImport(name string) (*os.File, int64, error) {
	if name != "-" {
		return openRegular(name)
	}
	spool, err := os.CreateTemp("", "rejoin-import-*.json") // readable by this user only
	if err != nil {
		return nil, 0, err
	}
	_ = os.Remove(spool.Name()) // the open file remains; where it does not, the system cleans up
	size, err := io.Copy(spool, p.stdin)
	if err != nil {
		return nil, 0, errors.Join(err, spool.Close())
	}
	return spool, size, nil
}

func (p program) importFile(ctx context.Context, file *os.File, size int64, url string) (importer.Result, error) {
	bar := progress.New(p.stderr, size)
	defer bar.End()
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return importer.Result{}, err
	}
	organizations, err := importer.Check(ctx, bar.Reader("checked", file), fixtureOptions)
	if err != nil {
		return importer.Result{}, err
	}
	database, err := openDatabase(ctx, url)
	if err != nil {
		return importer.Result{}, err
	}
	defer database.Close()
	if key := foreignKey(ctx, database, organizations); key != "" {
		return importer.Result{}, fmt.Errorf("%s belongs to another organization in -database", key)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return importer.Result{}, err
	}
	return importer.Import(ctx, database, bar.Reader("imported", file), fixtureOptions, organizations, apiKeys(organizations, time.Now()))
}
