package sqlite

import (
	"context"
	"encoding/hex"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// A consumer that was erased, or merged into its successor, remains in former_consumers.

// formerStatement takes the digests of one organization as a JSON array, so that it is one
// statement for any number of them and looks each of them up by the primary key.
const formerStatement = `
SELECT consumer_digest, successor_id FROM former_consumers
WHERE organization_id = +?1 AND consumer_digest IN (SELECT unhex(value) FROM json_each(?2))`

const putErased = `
INSERT INTO former_consumers (organization_id, consumer_digest, successor_id) VALUES (?1, ?2, NULL)
ON CONFLICT DO UPDATE SET successor_id = NULL`

const putMerged = `INSERT INTO former_consumers (organization_id, consumer_digest, successor_id) VALUES (?1, ?2, ?3)`

// moveAliases makes the guests that were merged into one consumer guests of another, or
// erases them if that is NULL.
const moveAliases = `
UPDATE former_consumers SET successor_id = ?3 WHERE organization_id = +?1 AND successor_id = +?2`

// merged returns the guests among the keys, or a [*consumer.ErasedError] if a consumer
// among them was erased.
func (t transaction) merged(ctx context.Context, keys []consumer.Key) (row.Merged, error) {
	digests := make([][32]byte, len(keys))
	texts := make(map[string][]string) // by organization
	for i, key := range keys {
		digests[i] = key.Digest()
		texts[key.OrganizationID] = append(texts[key.OrganizationID], hex.EncodeToString(digests[i][:]))
	}
	statement := t.StmtxContext(ctx, t.former)
	var former []row.Former
	for organizationID, digests := range texts {
		var found []row.Former
		if err := statement.SelectContext(ctx, &found, organizationID, jsonArray(digests)); err != nil {
			return nil, err
		}
		former = append(former, found...)
	}
	return row.NewMerged(keys, digests, former)
}
