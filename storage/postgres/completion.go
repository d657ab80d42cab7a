package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// putCompletion decides whether a token is completed: it adds a row if a record has the token
// and is live, and if the token was not completed before. It locks the records first, the
// participation before the admission, as a write does. If another transaction completes the
// token at the same time, the statement waits for it and then checks the records again. Of two
// records with the token, the participation is the carrier.
var putCompletion = `
WITH live_participation AS (
	SELECT ` + row.Counting("p", "record") + ` AS record FROM participations AS p
	WHERE p.organization_id = $1 AND p.consumer_id = $2 AND p.type = $3 AND p.id = $4 AND ` + row.Counting("p", "status_rank") + ` < $9
		AND (` + row.Counting("p", "expires_at") + ` IS NULL OR ` + row.Counting("p", "expires_at") + ` > $7)
		AND (` + row.Counting("p", "record") + `)::json ->> 'admissionToken' = $8
	FOR UPDATE
), live_admission AS (
	SELECT record FROM admissions
	WHERE organization_id = $1 AND consumer_id = $2 AND distribution_type = $3 AND distribution_id = $4 AND status_rank < $9
		AND (expires_at IS NULL OR expires_at > $7) AND record::json ->> 'admissionToken' = $8
	FOR UPDATE
), done AS (
` + row.IntoCompletions + `
	SELECT $1, $2, $3, $4, $5::bytea, $6, $7::bigint, carrier FROM (SELECT coalesce(
		(SELECT '` + row.ParticipationCarrier + `' FROM live_participation),
		(SELECT '` + row.AdmissionCarrier + `' FROM live_admission)) AS carrier) AS live
	WHERE carrier IS NOT NULL` + row.KeepFirstCompletion + `
	RETURNING 1
)
SELECT EXISTS (SELECT 1 FROM done),
	coalesce((SELECT record FROM live_participation), ''), coalesce((SELECT record FROM live_admission), '')`

const completionOf = `
SELECT order_id, completed_at FROM completions
WHERE organization_id = $1 AND consumer_id = $2 AND type = $3 AND id = $4 AND token_digest = $5`

const moveCompletions = row.IntoCompletions + `
SELECT organization_id, $3, type, id, token_digest, order_id, completed_at, carrier
FROM completions WHERE organization_id = $1 AND consumer_id = $2` + row.KeepFirstCompletion

// Complete implements [consumer.Completer]. It is one transaction of about six round trips. Two
// completions of one token wait for each other, and all wait while a purge runs.
func (s *Store) Complete(ctx context.Context, c consumer.Completion) (result consumer.CompletionResult, err error) {
	defer translateTo(&err, ctx, "complete admission")
	if err := c.Validate(); err != nil {
		return consumer.CompletionResult{}, err
	}
	err = s.transact(ctx, completerLocks(c), func(ctx context.Context, t transaction) (err error) {
		result, err = t.complete(ctx, c.Normalized())
		return err
	})
	if err != nil {
		return consumer.CompletionResult{}, err
	}
	return result, nil
}

// completerLocks returns the locks of a completion, which are those of a recorded event: a purge
// deletes completions together with their records.
func completerLocks(c consumer.Completion) []advisoryLock {
	return recorderLocks([]consumer.Key{c.Key()})
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
	var done bool
	var participation, admission string
	err = t.QueryRow(ctx, putCompletion, c.OrganizationID, c.ConsumerID, string(c.DistributionType), c.DistributionID,
		digest[:], c.OrderID, c.At.UnixMicro(), c.AdmissionToken, consumer.TerminalRank).Scan(&done, &participation, &admission)
	if err != nil {
		return consumer.CompletionResult{}, err
	}
	if !done {
		return t.completedBefore(ctx, c, digest[:])
	}
	rows, err := row.Completed(c, participation, admission)
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
	var orderID string
	var completedAt int64
	err := t.QueryRow(ctx, completionOf, c.OrganizationID, c.ConsumerID, string(c.DistributionType), c.DistributionID, digest).Scan(&orderID, &completedAt)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return consumer.CompletionResult{}, consumer.ErrNotAdmitted
	case err != nil:
		return consumer.CompletionResult{}, err
	case orderID != c.OrderID:
		return consumer.CompletionResult{}, consumer.ErrAlreadyCompleted
	}
	return consumer.CompletionResult{CompletedAt: time.UnixMicro(completedAt).UTC(), Repeated: true}, nil
}
