package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	driver "modernc.org/sqlite"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// analyzedFile returns a file with statistics and with so many records that plans differ.
func analyzedFile(t *testing.T) string {
	t.Helper()
	path := newPath(t)
	store := newStore(t, path)
	var all consumer.Batch
	for n := range 500 {
		one := aConsumer(fmt.Sprintf("cons_%d", n))
		all.Consumers = append(all.Consumers, one.Consumers...)
		for i := range 4 {
			p, a := one.Participations[0], one.Admissions[0]
			p.ID, a.DistributionID = fmt.Sprintf("queue_%d", i), fmt.Sprintf("queue_%d", i)
			if i == 0 {
				p.Status, a.ExpiresAt = consumer.StatusLeft, &a.AdmittedAt
			}
			all.Participations, all.Admissions = append(all.Participations, p), append(all.Admissions, a)
		}
	}
	if _, err := store.Write(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	execRaw(t, openRaw(t, path), `ANALYZE`)
	return path
}

// TestSnapshotIsPlannedOnce counts the calls of the authorizer, which SQLite calls when it
// plans a statement.
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
		t.Error("the statement is planned again when it runs")
	}
	if !runs(strings.ReplaceAll(sqlite.SnapshotStatement, "+?", "?")) {
		t.Log("without the plus signs it is not planned again either: they can be removed")
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

func TestDamagedRecordIsAPermanentErrorWithoutTheRecord(t *testing.T) {
	path := newPath(t)
	store := newStore(t, path)
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	execRaw(t, openRaw(t, path), `UPDATE participations SET record = '{"type":"queue","admissionToken":secret-token'`)
	_, err := store.Snapshot(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
	if err == nil || errors.Is(err, consumer.ErrUnavailable) {
		t.Errorf("Snapshot returned the error %v, want one that is not ErrUnavailable", err)
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error quotes the record: %v", err)
	}
}
