package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// formerConsumers returns one row, with the former consumers as lines that begin with the
// digest and end with the successor.
const formerConsumers = `
SELECT ` + schemaVersion + ` AS schema_version,
	(SELECT string_agg(encode(consumer_digest, 'hex') || coalesce(successor_id, ''), E'\n') FROM former_consumers
	WHERE (organization_id, consumer_digest) IN (SELECT * FROM unnest($1::text[], $2::bytea[]))) AS former`

const putErased = `
INSERT INTO former_consumers (organization_id, consumer_digest, successor_id) VALUES ($1, $2, NULL)
ON CONFLICT (organization_id, consumer_digest) DO UPDATE SET successor_id = NULL`

const putMerged = `INSERT INTO former_consumers (organization_id, consumer_digest, successor_id) VALUES ($1, $2, $3)`

// moveAliases makes the guests that were merged into one consumer guests of another.
const moveAliases = `UPDATE former_consumers SET successor_id = $3 WHERE organization_id = $1 AND successor_id = $2`

// endAliases erases the guests that were merged into a consumer.
const endAliases = `UPDATE former_consumers SET successor_id = NULL WHERE organization_id = $1 AND successor_id = $2`

// merged returns the guests among the keys, or a [*consumer.ErasedError] if a consumer among
// them was erased. The transaction must hold the locks of a write.
func (t transaction) merged(ctx context.Context, keys []consumer.Key) (row.Merged, error) {
	digests := column(keys, consumer.Key.Digest)
	var version int64
	var lines zeronull.Text
	err := t.QueryRow(ctx, formerConsumers,
		column(keys, func(k consumer.Key) string { return k.OrganizationID }),
		column(digests, func(d [sha256.Size]byte) []byte { return d[:] })).Scan(&version, &lines)
	if err != nil {
		return nil, err
	}
	if err := checkSchema(version); err != nil {
		return nil, err
	}
	former, err := parseFormer(string(lines))
	if err != nil {
		return nil, err
	}
	return row.NewMerged(keys, digests, former)
}

func parseFormer(lines string) (all []row.Former, err error) {
	if lines == "" {
		return nil, nil
	}
	for line := range strings.SplitSeq(lines, row.Separator) {
		f := row.Former{}
		const digits = 2 * sha256.Size
		if len(line) < digits {
			return nil, row.ErrDamaged
		}
		if f.Digest, err = hex.DecodeString(line[:digits]); err != nil {
			return nil, row.ErrDamaged
		}
		if successor := line[digits:]; successor != "" {
			f.SuccessorID = &successor
		}
		all = append(all, f)
	}
	return all, nil
}
