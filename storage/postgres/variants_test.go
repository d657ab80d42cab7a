package postgres_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
	"github.com/rejoinhq/rejoin/storage/storagetest"
)

// variantsVariable, when set, makes TestVariants run the whole suite with each variant, which
// takes minutes.
const variantsVariable = "REJOIN_TEST_VARIANTS"

// variant is a way in which a Store reaches its database.
type variant struct {
	name string
	// start returns a function that returns options for an empty database.
	start func(t *testing.T) func(t *testing.T) postgres.Options
}

func variants() []variant {
	foreign := func(mode string) func(*testing.T) func(*testing.T) postgres.Options {
		return func(*testing.T) func(*testing.T) postgres.Options {
			return func(t *testing.T) postgres.Options {
				return postgres.Options{URL: withParameter(t, foreignDatabase(t), "default_query_exec_mode", mode)}
			}
		}
	}
	return []variant{
		{"another program's settings with prepared statements", foreign("cache_statement")},
		{"another program's settings in exec mode", foreign("exec")},
		{"another program's settings with the simple protocol", foreign("simple_protocol")},
		{"PgBouncer in exec mode", func(t *testing.T) func(*testing.T) postgres.Options {
			through := pgBouncer(t, "1.18")
			return func(t *testing.T) postgres.Options {
				database := foreignDatabase(t)
				return postgres.Options{URL: withParameter(t, through(t, database), "default_query_exec_mode", "exec"), ListenURL: database}
			}
		}},
		{"PgBouncer with prepared statements", func(t *testing.T) func(*testing.T) postgres.Options {
			through := pgBouncer(t, "1.21", "max_prepared_statements=100")
			return func(t *testing.T) postgres.Options {
				database := postgrestest.URL(t)
				return postgres.Options{URL: through(t, database), ListenURL: database}
			}
		}},
	}
}

// pgBouncer starts PgBouncer and returns a function that makes the URL of a database on the
// same server lead through it.
func pgBouncer(t *testing.T, version string, settings ...string) func(t *testing.T, database string) string {
	t.Helper()
	pooled, err := url.Parse(postgrestest.PgBouncer(t, postgrestest.URL(t), version, settings...))
	if err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T, database string) string {
		t.Helper()
		u, err := url.Parse(database)
		if err != nil {
			t.Fatal(err)
		}
		through := *pooled
		through.Path = u.Path
		return through.String()
	}
}

// TestVariants runs the suite with every variant if the variable is set, and otherwise uses
// every method.
func TestVariants(t *testing.T) {
	t.Parallel()
	for _, v := range variants() {
		t.Run(v.name, func(t *testing.T) {
			options := v.start(t)
			open := func(t *testing.T) *postgres.Store {
				store := openWith(t, options(t))
				if err := store.Migrate(t.Context()); err != nil {
					t.Fatalf("Migrate: %v", err)
				}
				return store
			}
			if os.Getenv(variantsVariable) == "" {
				useEveryMethod(t, open(t))
				return
			}
			storagetest.Run(t, func(t *testing.T) (any, consumer.Store) { return open(t), nil })
		})
	}
}

func TestExecModes(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			useEveryMethod(t, newStore(t, withParameter(t, postgrestest.URL(t), "default_query_exec_mode", mode)))
		})
	}
}

// useEveryMethod uses the parameters and results of all types that the statements have.
func useEveryMethod(t *testing.T, store *postgres.Store) {
	t.Helper()
	batch := aConsumer("cons_1")
	batch.Consumers[0].FullName = new("Zażółć 🎟 \\ '")
	batch.Participations[0].ExpiresAt = new(moment())
	batch.Participations = append(batch.Participations, aConsumer("cons_1").Participations[0])
	batch.Participations[1].ID = "queue_that_does_not_expire"
	batch.APIKeys = []consumer.APIKey{
		{OrganizationID: "org_1", Kind: consumer.SecretKey, Digest: [32]byte{0, 1, 0x5c, 0xff}, CreatedAt: moment()},
		{OrganizationID: "org_1", Kind: consumer.PublishableKey, Digest: [32]byte{2}, CreatedAt: moment().Add(1), ExpiresAt: new(moment().Add(time.Hour))},
	}
	if result, err := store.Write(t.Context(), batch); err != nil || result.Applied != 4 {
		t.Fatalf("Write returned %+v and the error %v", result, err)
	}
	key := consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}
	if snapshot, err := store.Snapshot(t.Context(), key); err != nil || len(snapshot.Participations) != 2 || *snapshot.Consumer.FullName != *batch.Consumers[0].FullName {
		t.Errorf("Snapshot returned %+v and the error %v", snapshot, err)
	}
	if records := values[string](t, store.Primary(), `SELECT encode(convert_to(record, 'UTF8'), 'hex') FROM consumers`); len(records) != 1 || !strings.Contains(records[0], hex.EncodeToString([]byte("Zażółć 🎟"))) {
		t.Errorf("the stored profile is %v", records)
	}
	if organization, err := store.OrganizationByAPIKey(t.Context(), batch.APIKeys[0].Digest, moment()); err != nil || organization != "org_1" {
		t.Errorf("OrganizationByAPIKey returned %q and the error %v", organization, err)
	}
	if err := store.RevokeAPIKey(t.Context(), "org_1", batch.APIKeys[0].Digest, moment()); err != nil {
		t.Errorf("RevokeAPIKey: %v", err)
	}
	keys, err := store.APIKeys(t.Context(), "org_1")
	if err != nil || len(keys) != 2 || keys[0].Digest != batch.APIKeys[0].Digest || keys[0].RevokedAt == nil || keys[1].RevokedAt != nil || keys[1].ExpiresAt == nil {
		t.Errorf("APIKeys returned %v and the error %v", keys, err)
	}
	if profiles, err := store.Consumers(t.Context(), "org_1", []string{"cons_1", "cons_2"}); err != nil || len(profiles) != 1 {
		t.Errorf("Consumers returned %v and the error %v", profiles, err)
	}
	if result, err := store.Purge(t.Context(), consumer.Purge{Before: moment().Add(time.Second), Limit: 10}); err != nil || result.Records != 1 {
		t.Errorf("Purge returned %+v and the error %v", result, err)
	}
	auction := consumer.Distribution{OrganizationID: "org_1", Type: consumer.Auction, ID: "auction_1", EndedAt: new(moment()), WinnerID: new("cons_1"), UpdatedAt: moment()}
	queue := consumer.Distribution{OrganizationID: "org_1", Type: consumer.Queue, ID: "queue_that_does_not_expire", Serving: new(int64(7)), UpdatedAt: moment()}
	if result, err := store.Write(t.Context(), consumer.Batch{Distributions: []consumer.Distribution{auction, queue}}); err != nil || result.Applied != 2 {
		t.Errorf("Write returned %+v and the error %v", result, err)
	}
	if d, err := store.Distribution(t.Context(), queue.Key()); err != nil || *d.Serving != 7 {
		t.Errorf("Distribution returned %+v and the error %v", d, err)
	}
	guest := aConsumer("cons_guest")
	if _, err := store.Write(t.Context(), guest); err != nil {
		t.Fatal(err)
	}
	if result, err := store.Merge(t.Context(), consumer.Merge{OrganizationID: "org_1", GuestID: "cons_guest", ConsumerID: "cons_1"}); err != nil || result.Applied != 1 || result.Stale != 1 {
		t.Errorf("Merge returned %+v and the error %v", result, err)
	}
	if result, err := store.Write(t.Context(), guest); err != nil || result.Stale != 3 {
		t.Errorf("Write about the merged guest returned %+v and the error %v", result, err)
	}
	if result, err := store.Purge(t.Context(), consumer.Purge{Before: moment().Add(time.Second), Limit: 10}); err != nil || result.Distributions != 1 {
		t.Errorf("Purge returned %+v and the error %v", result, err)
	}
	if export, err := store.Export(t.Context(), key); err != nil || len(export.Participations) != 2 || len(export.Admissions) != 1 {
		t.Errorf("Export returned %+v and the error %v", export, err)
	}
	if err := store.Erase(t.Context(), key); err != nil {
		t.Errorf("Erase: %v", err)
	}
	for _, erased := range []consumer.Batch{batch, guest} {
		if _, err := store.Write(t.Context(), erased); !errors.Is(err, consumer.ErrErased) {
			t.Errorf("Write returned the error %v, want ErrErased", err)
		}
	}
	if err := store.Ping(t.Context()); err != nil {
		t.Errorf("Ping: %v", err)
	}
}

// foreignSettings are defaults that another program may need in the same database. Each of
// them changes how the server reads, writes or plans something.
var foreignSettings = []string{
	`client_encoding = 'LATIN1'`,
	`bytea_output = 'escape'`,
	`array_nulls = off`,
	`standard_conforming_strings = off`,
	`escape_string_warning = on`,
	`backslash_quote = off`,
	`datestyle = 'SQL, DMY'`,
	`intervalstyle = 'sql_standard'`,
	`timezone = 'Asia/Kathmandu'`,
	`extra_float_digits = -15`,
	`default_transaction_isolation = 'serializable'`,
	`default_transaction_deferrable = on`,
	`transform_null_equals = on`,
	`quote_all_identifiers = on`,
	`row_security = off`,
	`xmlbinary = 'hex'`,
	`plan_cache_mode = 'force_generic_plan'`,
	`client_min_messages = 'debug1'`,
	`check_function_bodies = off`,
	`enable_indexscan = off`,
	`enable_hashagg = off`,
}

// foreignDatabase returns the URL of an empty database that has these defaults.
func foreignDatabase(t *testing.T) string {
	t.Helper()
	database := postgrestest.URL(t)
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	raw := openRaw(t, database)
	for _, setting := range foreignSettings {
		execRaw(t, raw, fmt.Sprintf(`ALTER DATABASE %s SET %s`, u.Path[1:], setting))
	}
	t.Cleanup(func() {
		if _, err := raw.Exec(context.Background(), fmt.Sprintf(`ALTER DATABASE %s RESET ALL`, u.Path[1:])); err != nil {
			t.Error(err)
		}
	})
	return database
}
