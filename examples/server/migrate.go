package main

import (
	"context"
	"flag"
	"fmt"
	"io"
)

// runMigrate brings a database to the schema that the program needs, or says where it
// stands.
func runMigrate(ctx context.Context, args []string, getenv func(string) string, stdout, _ io.Writer) error {
	flags := flag.NewFlagSet("migrate", flag.ContinueOnError)
	url := flags.String("database", defaultDatabase, databaseUsage)
	status := flags.Bool("status", false, "change nothing, only say where the database stands")
	if _, err := parseFlags(flags, args, getenv, stdout, "migrate [flags]", ""); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("migrate: unexpected argument %q", flags.Arg(0))
	}
	if *status && isMissing(*url) {
		fmt.Fprintln(stdout, "there is no such file yet; run migrate")
		return nil
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
		fmt.Fprintf(stdout, "schema version %d: current\n", before)
		return nil
	case *status:
		fmt.Fprintf(stdout, "schema version %d: this program needs %d; run migrate\n", before, required)
		return nil
	}
	if err := database.Migrate(ctx); err != nil {
		return fmt.Errorf("-database: %w", err)
	}
	fmt.Fprintf(stdout, "schema version %d: migrated from %d\n", required, before)
	return nil
}
