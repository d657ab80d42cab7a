package row

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// APIKey is one API key as its table holds it, without the organization. Times are in
// microseconds since 1970.
type APIKey struct {
	Digest    []byte `db:"digest"`
	Kind      string `db:"kind"`
	Label     string `db:"label"`
	CreatedAt int64  `db:"created_at"`
	ExpiresAt *int64 `db:"expires_at"`
	RevokedAt *int64 `db:"revoked_at"`
}

var errDigest = fmt.Errorf("%w: malformed digest", ErrDamaged)

// Decode returns the key.
func (k APIKey) Decode(organizationID string) (consumer.APIKey, error) {
	if len(k.Digest) != sha256.Size {
		return consumer.APIKey{}, errDigest
	}
	return consumer.APIKey{
		OrganizationID: organizationID,
		Kind:           consumer.APIKeyKind(k.Kind),
		Digest:         [sha256.Size]byte(k.Digest),
		Label:          k.Label,
		CreatedAt:      time.UnixMicro(k.CreatedAt).UTC(),
		ExpiresAt:      Time(k.ExpiresAt),
		RevokedAt:      Time(k.RevokedAt),
	}, nil
}
