package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
)

const keysUsage = `
  keys create -database URL -org ORG -kind publishable|secret [-label TEXT] [-live] [-expires 2160h]
              create a key and print it once; only its hash is stored
  keys list   -org ORG
              list the keys of an organization by their ids
  keys revoke -org ORG ID
              make a key invalid, by the id that create and list print

A running server notices a new or revoked key within 10 seconds.
`

// keys manages the API keys in a database.
func (p program) keys(ctx context.Context, args []string) error {
	var action string
	if len(args) > 0 && (args[0] == "create" || args[0] == "list" || args[0] == "revoke") {
		action, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet("keys", flag.ContinueOnError)
	k := keysCommand{program: p}
	flags.StringVar(&k.url, "database", defaultDatabase, databaseUsage+"; create needs it")
	flags.StringVar(&k.organizationID, "org", "", "the organization's `ID`")
	flags.StringVar((*string)(&k.kind), "kind", "", "create: publishable or secret (`KIND`)")
	flags.StringVar(&k.label, "label", "", "create: what the key is for (`TEXT`), which list shows")
	flags.BoolVar(&k.live, "live", false, "create: a key that begins with pk_live_ or sk_live_ instead of pk_test_ or sk_test_")
	durationVar(flags, &k.expires, "expires", 0, "create: how long the key is valid (`DURATION`; default: until it is revoked)")
	given, err := p.parseFlags(flags, args, "keys ACTION [flags]", keysUsage)
	if err != nil {
		return err
	}
	k.arguments = flags.Args()
	switch {
	case action == "":
		return usagef("give create, list or revoke after keys")
	case len(k.arguments) > 1:
		return usagef("flags go before the id, and there is one id only")
	case !consumer.ValidID(k.organizationID):
		return usagef("-org must be the id of an organization")
	case action == "create" && !given["database"]:
		return usagef("create needs -database")
	}
	if err := checkDatabaseURL(k.url); err != nil {
		return err
	}
	switch action {
	case "create":
		return k.create(ctx)
	case "list":
		return k.list(ctx)
	}
	return k.revoke(ctx)
}

// keysCommand has the flags and arguments of an action on keys.
type keysCommand struct {
	program
	url            string
	organizationID string
	kind           consumer.APIKeyKind
	label          string
	live           bool
	expires        time.Duration
	arguments      []string
}

// create prints the key on stdout and all other information on stderr, so that a script
// can store the key without showing it.
func (k *keysCommand) create(ctx context.Context) error {
	switch {
	case len(k.arguments) > 0:
		return usagef("unexpected argument after the flags")
	case k.kind != consumer.PublishableKey && k.kind != consumer.SecretKey:
		return usagef("-kind must be publishable or secret")
	case k.expires < 0:
		return usagef("-expires must not be negative")
	}
	database, err := openDatabase(ctx, k.url)
	if err != nil {
		return err
	}
	defer database.Close()
	known, err := database.APIKeys(ctx, k.organizationID)
	if err != nil {
		return fmt.Errorf("keys create: %w", err)
	}
	key, err := auth.GenerateAPIKey(k.kind, k.live)
	if err != nil {
		return err
	}
	record := consumer.APIKey{
		OrganizationID: k.organizationID, Kind: k.kind, Digest: auth.APIKeyDigest(key), Label: k.label, CreatedAt: time.Now(),
	}
	if record.Validate() != nil {
		return usagef("-label must have at most 100 characters and no control characters")
	}
	if k.expires > 0 {
		record.ExpiresAt = new(record.CreatedAt.Add(k.expires))
	}
	if _, err := database.Write(ctx, consumer.Batch{APIKeys: []consumer.APIKey{record}}); err != nil {
		return fmt.Errorf("keys create: %w", err)
	}
	fmt.Fprintln(k.stdout, key)
	fmt.Fprintf(k.stderr, "created %s key %s of organization %s%s\n", k.kind, record.ID(), k.organizationID, quotedLabel(record))
	if len(known) == 0 {
		fmt.Fprintf(k.stderr, "warning: organization %s had no key before; check its id if it is not new\n", k.organizationID)
	}
	return nil
}

func (k *keysCommand) list(ctx context.Context) error {
	if len(k.arguments) > 0 {
		return usagef("unexpected argument after the flags")
	}
	database, err := openExisting(ctx, k.url)
	if err != nil {
		return err
	}
	defer database.Close()
	keys, err := database.APIKeys(ctx, k.organizationID)
	if err != nil {
		return fmt.Errorf("keys list: %w", err)
	}
	table := tabwriter.NewWriter(k.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tKIND\tCREATED\tSTATE\tLABEL")
	for _, key := range keys {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", key.ID(), key.Kind, key.CreatedAt.Format(time.RFC3339), keyState(key, time.Now()), key.Label)
	}
	return table.Flush()
}

// quotedLabel returns the label of a key for the end of a sentence.
func quotedLabel(key consumer.APIKey) string {
	if key.Label == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", key.Label)
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

func (k *keysCommand) revoke(ctx context.Context) error {
	if len(k.arguments) != 1 {
		return usagef("revoke needs the id of one key, as keys list prints it, after the flags")
	}
	database, err := openExisting(ctx, k.url)
	if err != nil {
		return err
	}
	defer database.Close()
	keys, err := database.APIKeys(ctx, k.organizationID)
	if err != nil {
		return fmt.Errorf("keys revoke: %w", err)
	}
	for _, key := range keys {
		if key.ID() != k.arguments[0] {
			continue
		}
		if err := database.RevokeAPIKey(ctx, k.organizationID, key.Digest, time.Now()); err != nil {
			return fmt.Errorf("keys revoke: %w", err)
		}
		fmt.Fprintf(k.stdout, "revoked %s\n", key.ID())
		return nil
	}
	return errors.New("keys revoke: the organization has no key with this id")
}
