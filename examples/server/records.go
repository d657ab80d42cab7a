package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
)

const (
	showUsage = `
Prints everything that is stored about a consumer, and why each record shows or not, as
GET /api/v1/records/{id} does.
`
	eraseUsage = `
Deletes everything that is stored about a consumer. Later writes about it are refused.
`
	mergeUsage = `
Moves the records of a guest to a consumer and deletes the guest. With -dry-run it only
reports what it would do.
`
	purgeUsage = `
Deletes the records of all organizations that ended or expired, and were updated for the
last time, before a time. A late write can revive what is purged: purge only what is older
than any write can be late.
`
	// purgeLimit is how many records one transaction of a purge deletes.
	purgeLimit = 1000
)

// openConsumer parses the flags of a command about one consumer, whose id is the argument,
// and opens the database.
func (p program) openConsumer(ctx context.Context, flags *flag.FlagSet, args []string, more string) (database, consumer.Key, error) {
	url := flags.String("database", defaultDatabase, databaseUsage)
	organizationID := flags.String("org", "", "the organization's `ID`")
	if _, err := p.parseFlags(flags, args, flags.Name()+" [flags] CONSUMER", more); err != nil {
		return nil, consumer.Key{}, err
	}
	if flags.NArg() != 1 {
		return nil, consumer.Key{}, usagef("give the id of one consumer, after the flags")
	}
	key := consumer.Key{OrganizationID: *organizationID, ConsumerID: flags.Arg(0)}
	if key.Validate() != nil {
		return nil, consumer.Key{}, usagef("-org must be the id of an organization, and the argument that of a consumer")
	}
	database, err := openExisting(ctx, *url)
	return database, key, err
}

func (p program) show(ctx context.Context, args []string) error {
	database, key, err := p.openConsumer(ctx, flag.NewFlagSet("show", flag.ContinueOnError), args, showUsage)
	if err != nil {
		return err
	}
	defer database.Close()
	export, err := database.Export(ctx, key)
	if errors.Is(err, consumer.ErrNotFound) {
		return errors.New("show: nothing is stored about this consumer")
	}
	if err != nil {
		return fmt.Errorf("show: %w", err)
	}
	fmt.Fprintf(p.stdout, "%s\n", journey.AppendRecords(nil, export, time.Now()))
	return nil
}

func (p program) erase(ctx context.Context, args []string) error {
	database, key, err := p.openConsumer(ctx, flag.NewFlagSet("erase", flag.ContinueOnError), args, eraseUsage)
	if err != nil {
		return err
	}
	defer database.Close()
	if err := database.Erase(ctx, key); err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	fmt.Fprintf(p.stdout, "erased %s\n", key.ConsumerID)
	return nil
}

func (p program) merge(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("merge", flag.ContinueOnError)
	guestID := flags.String("guest", "", "the guest's `ID`")
	dryRun := flags.Bool("dry-run", false, "report what the merge would do, and change nothing")
	database, key, err := p.openConsumer(ctx, flags, args, mergeUsage)
	if err != nil {
		return err
	}
	defer database.Close()
	merge := consumer.Merge{OrganizationID: key.OrganizationID, GuestID: *guestID, ConsumerID: key.ConsumerID, DryRun: *dryRun}
	if merge.Validate() != nil {
		return usagef("-guest must be the id of another consumer")
	}
	result, err := database.Merge(ctx, merge)
	if errors.Is(err, consumer.ErrNotFound) {
		return errors.New("merge: the consumer has no profile, or nothing is stored about the guest")
	}
	if err != nil {
		return fmt.Errorf("merge: %w", err)
	}
	verb := "merged"
	if *dryRun {
		verb = "would merge"
	}
	fmt.Fprintf(p.stdout, "%s %s into %s: %d records applied, %d stale\n", verb, *guestID, key.ConsumerID, result.Applied, result.Stale)
	return nil
}

func (p program) purge(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("purge", flag.ContinueOnError)
	url := flags.String("database", defaultDatabase, databaseUsage)
	var age ageValue
	flags.Var(&age, "before", "how long ago a record must have ended, such as 30d or 720h (`AGE`; required)")
	given, err := p.parseFlags(flags, args, "purge [flags]", purgeUsage)
	if err != nil {
		return err
	}
	if err := noArguments(flags); err != nil {
		return err
	}
	if !given["before"] {
		return usagef("-before is required")
	}
	database, err := openExisting(ctx, *url)
	if err != nil {
		return err
	}
	defer database.Close()
	total, err := p.purgeAll(ctx, database, time.Now().Add(-time.Duration(age)))
	fmt.Fprintln(p.stdout, purgedText(total))
	if err != nil {
		return fmt.Errorf("purge: %w", err)
	}
	return nil
}

// purgeAll purges in transactions of purgeLimit records and prints its progress.
func (p program) purgeAll(ctx context.Context, database database, before time.Time) (total consumer.PurgeResult, err error) {
	printed := time.Now()
	for {
		result, err := database.Purge(ctx, consumer.Purge{Before: before, Limit: purgeLimit})
		if err != nil {
			return total, err
		}
		total.Records += result.Records
		total.Members += result.Members
		total.Distributions += result.Distributions
		total.Events += result.Events
		if result.Records+result.Distributions < purgeLimit {
			return total, nil
		}
		if time.Since(printed) > 5*time.Second {
			printed = time.Now()
			fmt.Fprintln(p.stderr, purgedText(total)+" so far")
		}
	}
}

func purgedText(r consumer.PurgeResult) string {
	return fmt.Sprintf("purged %d records (%d of them ended with their distribution), %d distributions and %d events",
		r.Records, r.Members, r.Distributions, r.Events)
}

// ageValue is a duration that may be in days.
type ageValue time.Duration

func (a *ageValue) String() string { return time.Duration(*a).String() }

func (a *ageValue) Set(value string) error {
	if days, isDays := strings.CutSuffix(value, "d"); isDays {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return errors.New("must be a number of days, such as 30d, or a duration, such as 720h")
		}
		*a = ageValue(time.Duration(n) * 24 * time.Hour)
		return nil
	}
	var d durationValue
	if err := d.Set(value); err != nil {
		return err
	}
	if d < 0 {
		return errors.New("must not be negative")
	}
	*a = ageValue(d)
	return nil
}
