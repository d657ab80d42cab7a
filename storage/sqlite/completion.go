package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// putCompletion decides whether a token is completed: it adds a row if a record has the token
// and is live, and if the token was not completed before. Of two records with the token, the
// participation is the carrier. The limit keeps SQLite from searching both records twice.
var putCompletion = row.IntoCompletions + `
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, carrier FROM (SELECT coalesce((
	SELECT '` + row.ParticipationCarrier + `' FROM participations AS p
	WHERE p.organization_id = +?1 AND p.consumer_id = +?2 AND p.type = +?3 AND p.id = +?4 AND ` + row.Counting("p", "status_rank") + ` < ?9
		AND (` + row.Counting("p", "expires_at") + ` IS NULL OR ` + row.Counting("p", "expires_at") + ` > ?7)
		AND (` + row.Counting("p", "record") + `) ->> 'admissionToken' = ?8
), (
	SELECT '` + row.AdmissionCarrier + `' FROM admissions
	WHERE organization_id = +?1 AND consumer_id = +?2 AND distribution_type = +?3 AND distribution_id = +?4 AND status_rank < ?9
		AND (expires_at IS NULL OR expires_at > ?7) AND record ->> 'admissionToken' = ?8
)) AS carrier LIMIT 1) WHERE carrier IS NOT NULL` + row.KeepFirstCompletion

// completable returns the records that may have the token, empty if there are none.
var completable = `
SELECT
	coalesce((SELECT ` + row.Counting("p", "record") + ` FROM participations AS p
	WHERE p.organization_id = +?1 AND p.consumer_id = +?2 AND p.type = +?3 AND p.id = +?4), '') AS participation,
	coalesce((SELECT record FROM admissions
	WHERE organization_id = +?1 AND consumer_id = +?2 AND distribution_type = +?3 AND distribution_id = +?4), '') AS admission`

const completionOf = `
SELECT order_id, completed_at FROM completions
WHERE organization_id = +?1 AND consumer_id = +?2 AND type = +?3 AND id = +?4 AND token_digest = +?5`

const moveCompletions = row.IntoCompletions + `
SELECT organization_id, ?3, type, id, token_digest, order_id, completed_at, carrier
FROM completions WHERE organization_id = +?1 AND consumer_id = +?2` + row.KeepFirstCompletion

// deleteCompletions returns a statement that deletes the completions of one record.
func deleteCompletions(carrier string) string {
	return `
DELETE FROM completions
WHERE organization_id = ?1 AND consumer_id = ?2 AND type = ?3 AND id = ?4 AND carrier = '` + carrier + `'`
}

// completionStatements complete admissions.
type completionStatements struct {
	put, completable, of *sqlx.Stmt
}

// Complete implements [consumer.Completer]. All writes to the database wait for each other.
// Those that wait at the same time share a transaction, like small ones of [Store.Write].
func (s *Store) Complete(ctx context.Context, c consumer.Completion) (result consumer.CompletionResult, err error) {
	defer translateTo(&err, ctx, "complete admission")
	if err := c.Validate(); err != nil {
		return consumer.CompletionResult{}, err
	}
	err = s.transactShared(ctx, func(ctx context.Context, t transaction) (err error) {
		if result, err = t.complete(ctx, c.Normalized()); err == nil && result.Repeated {
			return errRollback
		}
		return err
	})
	if err != nil {
		return consumer.CompletionResult{}, err
	}
	return result, nil
}

func (t transaction) complete(ctx context.Context, c consumer.Completion) (consumer.CompletionResult, error) {
	keys := []consumer.Key{c.Key()}
	merged, err := t.merged(ctx, keys)
	if err != nil {
		return consumer.CompletionResult{}, err
	}
	keys = merged.Keys(keys)
	c.ConsumerID = keys[0].ConsumerID
	digest := c.TokenDigest()
	added, err := t.affectPrepared(ctx, t.completions.put, c.OrganizationID, c.ConsumerID, string(c.DistributionType), c.DistributionID,
		digest[:], c.OrderID, c.At.UnixMicro(), c.AdmissionToken, consumer.TerminalRank)
	if err != nil {
		return consumer.CompletionResult{}, err
	}
	if added == 0 {
		return t.completedBefore(ctx, c, digest[:])
	}
	var records struct{ Participation, Admission string }
	if err := t.StmtxContext(ctx, t.completions.completable).GetContext(ctx, &records,
		c.OrganizationID, c.ConsumerID, string(c.DistributionType), c.DistributionID); err != nil {
		return consumer.CompletionResult{}, err
	}
	rows, err := row.Completed(c, records.Participation, records.Admission)
	if err != nil {
		return consumer.CompletionResult{}, err
	}
	if _, err := t.putRecords(ctx, rows, keys); err != nil {
		return consumer.CompletionResult{}, err
	}
	return consumer.CompletionResult{CompletedAt: c.At}, nil
}

// completedBefore returns the result of an earlier completion, or why there is none.
func (t transaction) completedBefore(ctx context.Context, c consumer.Completion, digest []byte) (consumer.CompletionResult, error) {
	var before struct {
		OrderID     string `db:"order_id"`
		CompletedAt int64  `db:"completed_at"`
	}
	err := t.StmtxContext(ctx, t.completions.of).GetContext(ctx, &before,
		c.OrganizationID, c.ConsumerID, string(c.DistributionType), c.DistributionID, digest)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return consumer.CompletionResult{}, consumer.ErrNotAdmitted
	case err != nil:
		return consumer.CompletionResult{}, err
	case before.OrderID != c.OrderID:
		return consumer.CompletionResult{}, consumer.ErrAlreadyCompleted
	}
	return consumer.CompletionResult{CompletedAt: time.UnixMicro(before.CompletedAt).UTC(), Repeated: true}, nil
}
