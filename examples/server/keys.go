package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
)

const keysUsage = `
  keys create -org ORG -kind publishable|secret [-live] [-expires 2160h]
              create a key and print it, this once; only its hash is stored
  keys list   -org ORG
              list the keys of an organization, never the keys themselves
  keys revoke -org ORG ID
              make a key invalid, by the id that list shows

A running server notices a new or revoked key within 10 seconds.
`

// runKeys manages the API keys in a database.
func runKeys(ctx context.Context, args []string, getenv func(string) string, stdout, _ io.Writer) error {
	var action string
	if len(args) > 0 && args[0] != "-h" && args[0] != "-help" && args[0] != "--help" {
		action, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet("keys", flag.ContinueOnError)
	url := flags.String("database", defaultDatabase, databaseUsage)
	var k keyCommand
	flags.StringVar(&k.organizationID, "org", "", "the organization's `ID`")
	flags.StringVar(&k.kind, "kind", "", "create: publishable or secret (`KIND`)")
	flags.BoolVar(&k.live, "live", false, "create: a key that begins with pk_live_ or sk_live_ instead of pk_test_ or sk_test_")
	flags.DurationVar(&k.expires, "expires", 0, "create: how long the key is valid (`DURATION`; default: until it is revoked)")
	if _, err := parseFlags(flags, args, getenv, stdout, "keys ACTION [flags]", keysUsage); err != nil {
		return err
	}
	k.arguments = flags.Args()
	run, known := map[string]func(context.Context, database, io.Writer) error{
		"create": k.create, "list": k.list, "revoke": k.revoke,
	}[action]
	switch {
	case !known:
		return errors.New("keys: say create, list or revoke; keys -help explains")
	case len(k.arguments) > 1:
		return fmt.Errorf("keys: flags go before the id, and there is one id only: %q", k.arguments[1])
	case !consumer.ValidID(k.organizationID):
		return errors.New("keys: -org must be the id of an organization")
	}
	if action != "create" && isMissing(*url) {
		return fmt.Errorf("keys: -database %s: there is no such file", *url)
	}
	if err := k.checkCreate(); action == "create" && err != nil { // before it makes a file
		return fmt.Errorf("keys create: %w", err)
	}
	database, err := openDatabase(ctx, *url)
	if err != nil {
		return err
	}
	defer database.Close()
	if err := run(ctx, database, stdout); err != nil {
		return fmt.Errorf("keys %s: %w", action, err)
	}
	return nil
}

// keyCommand is what an action on keys was given.
type keyCommand struct {
	organizationID string
	kind           string
	live           bool
	expires        time.Duration
	arguments      []string
}

// checkCreate says what of a new key is wrong.
func (k *keyCommand) checkCreate() error {
	switch {
	case len(k.arguments) > 0:
		return fmt.Errorf("unexpected argument %q", k.arguments[0])
	case k.kind != consumer.PublishableKey && k.kind != consumer.SecretKey:
		return errors.New("-kind must be publishable or secret")
	case k.expires < 0:
		return errors.New("-expires must not be negative")
	}
	return nil
}

func (k *keyCommand) create(ctx context.Context, database database, stdout io.Writer) error {
	key, err := auth.GenerateAPIKey(auth.APIKeyKind(k.kind), k.live)
	if err != nil {
		return err
	}
	record := consumer.APIKey{
		OrganizationID: k.organizationID, Kind: k.kind, Digest: auth.APIKeyDigest(key), CreatedAt: time.Now(),
	}
	if k.expires > 0 {
		record.ExpiresAt = new(record.CreatedAt.Add(k.expires))
	}
	if _, err := database.Write(ctx, consumer.Batch{APIKeys: []consumer.APIKey{record}}); err != nil {
		return err
	}
	fmt.Fprintln(stdout, key)
	return nil
}

func (k *keyCommand) list(ctx context.Context, database database, stdout io.Writer) error {
	if len(k.arguments) > 0 {
		return fmt.Errorf("unexpected argument %q", k.arguments[0])
	}
	keys, err := database.APIKeys(ctx, k.organizationID)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tKIND\tCREATED\tSTATE")
	for _, key := range keys {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", key.ID(), key.Kind, key.CreatedAt.Format(time.RFC3339), keyState(key, time.Now()))
	}
	return table.Flush()
}

func keyState(key consumer.APIKey, now time.Time) string {
	switch {
	case key.RevokedAt != nil:
		return "revoked " + key.RevokedAt.Format(time.RFC3339)
	case !key.ValidAt(now):
		return "expired " + key.ExpiresAt.Format(time.RFC3339)
	case key.ExpiresAt != nil:
		return "valid until " + key.ExpiresAt.Format(time.RFC3339)
	}
	return "valid"
}

func (k *keyCommand) revoke(ctx context.Context, database database, stdout io.Writer) error {
	if len(k.arguments) != 1 {
		return errors.New("give the id of one key, as keys list shows it, behind the flags")
	}
	keys, err := database.APIKeys(ctx, k.organizationID)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if key.ID() != k.arguments[0] {
			continue
		}
		if err := database.RevokeAPIKey(ctx, k.organizationID, key.Digest, time.Now()); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "revoked %s\n", key.ID())
		return nil
	}
	return errors.New("the organization has no key with this id")
}
