package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	driver "modernc.org/sqlite"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// analyzedFile returns a file with statistics over enough consumers that a plan
// matters.
func analyzedFile(t *testing.T) string {
	t.Helper()
	path := newPath(t)
	store := newStore(t, path)
	var all consumer.Batch
	for n := range 500 {
		one := aConsumer(fmt.Sprintf("cons_%d", n))
		all.Consumers = append(all.Consumers, one.Consumers...)
		all.Participations = append(all.Participations, one.Participations...)
		all.Admissions = append(all.Admissions, one.Admissions...)
	}
	if _, err := store.Write(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	execRaw(t, openRaw(t, path), `ANALYZE`)
	return path
}

func TestSnapshotSearchesByPrimaryKey(t *testing.T) {
	var plan []struct {
		ID, Parent, NotUsed int
		Detail              string
	}
	store := openStore(t, analyzedFile(t))
	err := store.Readers().SelectContext(t.Context(), &plan, `EXPLAIN QUERY PLAN `+sqlite.SnapshotStatement,
		"org_1", "cons_1", consumer.TerminalRank)
	if err != nil {
		t.Fatal(err)
	}
	searched := 0
	for _, step := range plan {
		if strings.HasPrefix(step.Detail, "SCAN") {
			t.Errorf("the plan scans: %s", step.Detail)
		}
		if strings.HasPrefix(step.Detail, "SEARCH") && strings.Contains(step.Detail, "USING PRIMARY KEY (organization_id=? AND ") {
			searched++
		}
	}
	if searched != 3 {
		t.Errorf("%d of 3 tables are searched by primary key: %+v", searched, plan)
	}
}

// TestSnapshotIsPlannedOnce counts how often SQLite asks the authorizer, which it
// does whenever it plans a statement.
func TestSnapshotIsPlannedOnce(t *testing.T) {
	conn, err := openRaw(t, analyzedFile(t)).Connx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	asked := 0
	if err := conn.Raw(func(c any) error {
		return c.(driver.AuthorizerRegisterer).RegisterAuthorizer(
			func(driver.AuthorizerActionCode, string, string, string, string) driver.AuthorizerReturnCode {
				asked++
				return driver.AuthorizerOK
			})
	}); err != nil {
		t.Fatal(err)
	}
	runs := func(text string) (planned bool) {
		statement, err := conn.PreparexContext(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		defer statement.Close()
		if asked == 0 {
			t.Fatal("the authorizer is not asked")
		}
		asked = 0
		for n := range 100 {
			rows, err := statement.QueryContext(t.Context(), "org_1", fmt.Sprintf("cons_%d", n), consumer.TerminalRank)
			if err != nil {
				t.Fatal(err)
			}
			drain(t, rows)
		}
		return asked > 0
	}
	if runs(sqlite.SnapshotStatement) {
		t.Error("the statement is planned anew at its runs")
	}
	if !runs(strings.ReplaceAll(sqlite.SnapshotStatement, "+?", "?")) {
		t.Log("without the plus signs it is not planned anew either: they may go")
	}
}

func drain(t *testing.T, rows *sql.Rows) {
	t.Helper()
	n := 0
	for rows.Next() {
		n++
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || n != 1 {
		t.Fatalf("%d rows, error %v", n, err)
	}
}

func TestUnreadableRecordIsUnavailableAndNotQuoted(t *testing.T) {
	path := newPath(t)
	store := newStore(t, path)
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	execRaw(t, openRaw(t, path), `UPDATE participations SET record = '{"type":"queue","admissionToken":secret-token'`)
	_, err := store.Snapshot(t.Context(), "org_1", "cons_1")
	if !errors.Is(err, consumer.ErrUnavailable) {
		t.Errorf("Snapshot returned the error %v, want ErrUnavailable", err)
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error quotes the record: %v", err)
	}
}

// TestKeyIsValidUntilItExpiresOrIsRevoked sets what another program has set: this
// one does not revoke keys yet.
func TestKeyIsValidUntilItExpiresOrIsRevoked(t *testing.T) {
	moment := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, column := range []string{"expires_at", "revoked_at"} {
		t.Run(column, func(t *testing.T) {
			path := newPath(t)
			store := newStore(t, path)
			key := consumer.APIKey{OrganizationID: "org_1", Kind: consumer.SecretKey, Digest: [32]byte{1}, CreatedAt: moment}
			if _, err := store.Write(t.Context(), consumer.Batch{APIKeys: []consumer.APIKey{key}}); err != nil {
				t.Fatal(err)
			}
			execRaw(t, openRaw(t, path), `UPDATE api_keys SET `+column+` = ?`, moment.UnixMicro())
			for rule, c := range map[string]struct {
				now  time.Time
				want error
			}{
				"valid just before":     {moment.Add(-time.Microsecond), nil},
				"invalid at the moment": {moment, consumer.ErrNotFound},
				"invalid afterwards":    {moment.Add(time.Hour), consumer.ErrNotFound},
			} {
				if _, err := store.OrganizationByKey(t.Context(), key.Digest, c.now); !errors.Is(err, c.want) {
					t.Errorf("%s: OrganizationByKey returned the error %v, want %v", rule, err, c.want)
				}
			}
		})
	}
}
