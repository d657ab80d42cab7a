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

// TestStatementsSearch tests that no statement scans a table, with or without statistics.
func TestStatementsSearch(t *testing.T) {
	analyzed := openStore(t, analyzedFile(t))
	fresh := newStore(t, newPath(t))
	const ofConsumer = "USING PRIMARY KEY (organization_id=? AND consumer_id=?)"
	const distributionByKey = "SEARCH d USING PRIMARY KEY (organization_id=? AND type=? AND id=?) LEFT-JOIN"
	const formerByDigest = "SEARCH former_consumers USING PRIMARY KEY (organization_id=? AND consumer_digest=?)"
	const profileByID = "SEARCH consumers USING PRIMARY KEY (organization_id=? AND id=?)"
	moment := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixMicro()
	for name, c := range map[string]struct {
		statement  string
		parameters []any
		searches   []string
	}{
		"a snapshot": {sqlite.SnapshotStatement, []any{"org_1", "cons_1", consumer.TerminalRank}, []string{
			"SEARCH admissions " + ofConsumer, profileByID, "SEARCH p " + ofConsumer,
			distributionByKey, formerByDigest,
		}},
		"several profiles": {sqlite.ProfilesStatement, []any{"org_1", `["cons_1"]`}, []string{profileByID}},
		"an export": {sqlite.ExportStatement, []any{"org_1", "cons_1"}, []string{
			"SEARCH admissions " + ofConsumer, "SEARCH events " + ofConsumer, profileByID, "SEARCH p " + ofConsumer, distributionByKey, formerByDigest,
		}},
		"the events about a consumer": {sqlite.EventsStatement, []any{"org_1", "cons_1"}, []string{
			"SEARCH events " + ofConsumer,
		}},
		"events that are purged": {sqlite.DeleteEvents, []any{"org_1", "cons_1", "queue", "queue_1"}, []string{
			"SEARCH events USING PRIMARY KEY (organization_id=? AND consumer_id=? AND subject_type=? AND subject_id=?)",
		}},
		"order events that are purged": {sqlite.DeleteOrders, []any{"org_1", "cons_1", "queue", "queue_1"}, []string{
			"SEARCH events USING PRIMARY KEY (organization_id=? AND consumer_id=? AND subject_type=?)", "SEARCH participations " + ofConsumer,
		}},
		"a guest's events": {sqlite.MoveEvents, []any{"org_1", "cons_1", "cons_2"}, []string{
			"SEARCH events " + ofConsumer,
		}},
		"the distributions that a guest is in": {sqlite.GuestMembers, []any{"org_1", "cons_1", "cons_2"}, []string{
			"SEARCH g " + ofConsumer,
			"SEARCH p USING PRIMARY KEY (organization_id=? AND consumer_id=? AND type=? AND id=?) LEFT-JOIN",
		}},
		"a distribution": {sqlite.DistributionStatement, []any{"org_1", "queue", "queue_1"}, []string{
			"SEARCH distributions USING PRIMARY KEY (organization_id=? AND type=? AND id=?)",
		}},
		"former consumers": {sqlite.FormerStatement, []any{"org_1", `["00"]`}, []string{
			"SEARCH former_consumers USING PRIMARY KEY (organization_id=? AND consumer_digest=?)",
		}},
		"aliases that move": {sqlite.MoveAliases, []any{"org_1", "cons_1", "cons_2"}, []string{
			"SEARCH former_consumers USING COVERING INDEX former_consumers_successor (organization_id=? AND successor_id=?)",
		}},
		"members that the end of their distribution ended": {sqlite.EndedMembers, []any{moment, 100, consumer.TerminalRank}, []string{
			"SEARCH d USING INDEX distributions_ended (counting_ended_at<?)",
			"SEARCH p USING INDEX participations_distribution (organization_id=? AND type=? AND id=?)",
			"SEARCH f USING PRIMARY KEY (organization_id=? AND consumer_digest=?)",
		}},
		"distributions to purge": {sqlite.OverDistributions, []any{moment, 100}, []string{
			"SEARCH d USING INDEX distributions_ended (counting_ended_at<?)",
			"SEARCH p USING COVERING INDEX participations_distribution (organization_id=? AND type=? AND id=?)",
		}},
		"a distribution that is purged": {sqlite.DeleteDistribution, []any{"org_1", "", "queue", "queue_1"}, []string{
			"SEARCH distributions USING PRIMARY KEY (organization_id=? AND type=? AND id=?)",
		}},
		"a completion": {sqlite.PutCompletion, []any{"org_1", "cons_1", "queue", "queue_1", []byte{1}, "order_1", moment, "token", consumer.TerminalRank}, []string{
			"SEARCH p USING PRIMARY KEY (organization_id=? AND consumer_id=? AND type=? AND id=?)",
			"SEARCH admissions USING PRIMARY KEY (organization_id=? AND consumer_id=? AND distribution_type=? AND distribution_id=?)",
		}},
		"the records that a completion ends": {sqlite.Completable, []any{"org_1", "cons_1", "queue", "queue_1"}, []string{
			"SEARCH p USING PRIMARY KEY (organization_id=? AND consumer_id=? AND type=? AND id=?)",
			"SEARCH admissions USING PRIMARY KEY (organization_id=? AND consumer_id=? AND distribution_type=? AND distribution_id=?)",
		}},
		"an earlier completion": {sqlite.CompletionOf, []any{"org_1", "cons_1", "queue", "queue_1", []byte{1}}, []string{
			"SEARCH completions USING PRIMARY KEY (organization_id=? AND consumer_id=? AND type=? AND id=? AND token_digest=?)",
		}},
		"a guest's completions": {sqlite.MoveCompletions, []any{"org_1", "cons_1", "cons_2"}, []string{
			"SEARCH completions " + ofConsumer,
		}},
		"completions that are purged": {sqlite.DeleteCompletions, []any{"org_1", "cons_1", "queue", "queue_1"}, []string{
			"SEARCH completions USING PRIMARY KEY (organization_id=? AND consumer_id=? AND type=? AND id=?)",
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

// searchesOf returns the steps of a plan that search a table of this package, sorted by
// their text.
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
		// A subquery has one row.
		scanned, scans := strings.CutPrefix(step.Detail, "SCAN ")
		if scans && scanned != "CONSTANT ROW" && !strings.HasPrefix(scanned, "(subquery") && !strings.HasPrefix(scanned, "json_each") {
			t.Errorf("the plan scans %s", scanned)
		}
		if strings.HasPrefix(step.Detail, "USE TEMP B-TREE") {
			t.Errorf("the plan sorts: %s", step.Detail)
		}
		if strings.HasPrefix(step.Detail, "SEARCH ") && !strings.Contains(step.Detail, "rejoin_schema_version") {
			searches = append(searches, step.Detail)
		}
	}
	slices.Sort(searches)
	return searches
}
