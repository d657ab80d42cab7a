package sqlite_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// TestStatementsSearch holds that no statement reads a table from end to end, with
// statistics or without.
func TestStatementsSearch(t *testing.T) {
	analyzed := openStore(t, analyzedFile(t))
	fresh := newStore(t, newPath(t))
	const ofConsumer = "USING PRIMARY KEY (organization_id=? AND consumer_id=?)"
	const profileByID = "SEARCH consumers USING PRIMARY KEY (organization_id=? AND id=?)"
	moment := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixMicro()
	for name, c := range map[string]struct {
		statement  string
		parameters []any
		searches   []string
	}{
		"a snapshot": {sqlite.SnapshotStatement, []any{"org_1", "cons_1", consumer.TerminalRank}, []string{
			"SEARCH admissions " + ofConsumer, profileByID, "SEARCH participations " + ofConsumer,
		}},
		"several profiles": {sqlite.ProfilesStatement, []any{"org_1", `["cons_1"]`}, []string{profileByID}},
		"an export": {sqlite.ExportStatement, []any{"org_1", "cons_1"}, []string{
			"SEARCH admissions " + ofConsumer, profileByID, "SEARCH participations " + ofConsumer,
		}},
		"a guest's participations": {sqlite.MoveParticipations, []any{"org_1", "cons_1", "cons_2"}, []string{
			"SEARCH participations " + ofConsumer,
		}},
		"a guest's admissions": {sqlite.MoveAdmissions, []any{"org_1", "cons_1", "cons_2"}, []string{
			"SEARCH admissions " + ofConsumer,
		}},
		"participations to purge": {sqlite.OverParticipations, []any{moment, 100}, []string{
			"SEARCH participations USING INDEX participations_over (over_at<?)",
		}},
		"a participation that is purged": {sqlite.DeleteParticipation, []any{"org_1", "cons_1", "queue", "queue_1"}, []string{
			"SEARCH participations USING PRIMARY KEY (organization_id=? AND consumer_id=? AND type=? AND id=?)",
		}},
		"admissions to purge": {sqlite.OverAdmissions, []any{moment, 100}, []string{
			"SEARCH admissions USING INDEX admissions_over (over_at<?)",
		}},
		"an admission that is purged": {sqlite.DeleteAdmission, []any{"org_1", "cons_1", "queue", "queue_1"}, []string{
			"SEARCH admissions USING PRIMARY KEY (organization_id=? AND consumer_id=? AND distribution_type=? AND distribution_id=?)",
		}},
	} {
		for kind, store := range map[string]*sqlite.Store{"without statistics": fresh, "with statistics": analyzed} {
			t.Run(name+" "+kind, func(t *testing.T) {
				searches := searchesOf(t, store, c.statement, c.parameters...)
				slices.Sort(c.searches)
				if diff := cmp.Diff(c.searches, searches); diff != "" {
					t.Errorf("searches (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// searchesOf returns, in the order of their text, the steps of a plan that look
// something up in a table of ours.
func searchesOf(t *testing.T, store *sqlite.Store, statement string, parameters ...any) []string {
	t.Helper()
	var plan []struct {
		ID, Parent, NotUsed int
		Detail              string
	}
	if err := store.Readers().SelectContext(t.Context(), &plan, `EXPLAIN QUERY PLAN `+statement, parameters...); err != nil {
		t.Fatal(err)
	}
	var searches []string
	for _, step := range plan {
		scanned, scans := strings.CutPrefix(step.Detail, "SCAN ")
		if scans && scanned != "CONSTANT ROW" && !strings.HasPrefix(scanned, "json_each") {
			t.Errorf("the plan scans %s", scanned)
		}
		if strings.HasPrefix(step.Detail, "USE TEMP B-TREE") {
			t.Errorf("the plan sorts: %s", step.Detail)
		}
		if strings.HasPrefix(step.Detail, "SEARCH ") && !strings.Contains(step.Detail, "goose_db_version") {
			searches = append(searches, step.Detail)
		}
	}
	slices.Sort(searches)
	return searches
}
