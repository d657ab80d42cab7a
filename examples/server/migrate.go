package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
)

// errPending reports that migrations are pending, which was printed.
var errPending = errors.New("migrations are pending")

const migrateUsage = `
Brings a database to the schema that this program needs. With -status it changes nothing,
reports the version of the schema, and exits with 1 if migrations are pending.
`

func (p program) migrate(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("migrate", flag.ContinueOnError)
	url := flags.String("database", defaultDatabase, databaseUsage)
	status := flags.Bool("status", false, "report the version and change nothing")
	if _, err := p.parseFlags(flags, args, "migrate [flags]", migrateUsage); err != nil {
		return err
	}
	if err := errors.Join(noArguments(flags), checkDatabaseURL(*url)); err != nil {
		return err
	}
	if *status && isMissing(*url) {
		fmt.Fprintln(p.stdout, "there is no such file yet; run migrate")
		return errPending
	}
	database, err := openUnmigrated(ctx, *url)
	if err != nil {
		return err
	}
	defer database.Close()
	before, required, err := database.SchemaVersion(ctx)
	if err != nil {
		return fmt.Errorf("-database: %w", err)
	}
	switch {
	case before == required:
		fmt.Fprintf(p.stdout, "schema version %d: current\n", before)
		return nil
	case *status:
		fmt.Fprintf(p.stdout, "schema version %d: this program needs %d; run migrate\n", before, required)
		return errPending
	}
	if err := database.Migrate(ctx); err != nil {
		return fmt.Errorf("-database: %w", err)
	}
	fmt.Fprintf(p.stdout, "schema version %d: migrated from %d\n", required, before)
	return nil
}
