package row

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// APIKey is one API key as its table holds it, without the organization.
type APIKey struct {
	Digest    []byte `db:"digest"`
	Kind      string `db:"kind"`
	CreatedAt int64  `db:"created_at"` // the moments are in microseconds since 1970
	ExpiresAt *int64 `db:"expires_at"`
	RevokedAt *int64 `db:"revoked_at"`
}

// Decode returns the key.
func (k APIKey) Decode(organizationID string) (consumer.APIKey, error) {
	if len(k.Digest) != sha256.Size {
		return consumer.APIKey{}, fmt.Errorf("%w: a digest is none", ErrDamaged)
	}
	return consumer.APIKey{
		OrganizationID: organizationID,
		Kind:           k.Kind,
		Digest:         [sha256.Size]byte(k.Digest),
		CreatedAt:      time.UnixMicro(k.CreatedAt).UTC(),
		ExpiresAt:      Moment(k.ExpiresAt),
		RevokedAt:      Moment(k.RevokedAt),
	}, nil
}
