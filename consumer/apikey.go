package consumer

import (
	"encoding/hex"
	"time"
)

// APIKey is the record of a publishable or secret key of an organization. It has the digest
// of the key; the key itself is shown only when it is created.
type APIKey struct {
	OrganizationID string `json:"-" validate:"id"`
	// Kind is [PublishableKey] or [SecretKey].
	Kind APIKeyKind `json:"kind" validate:"oneof=publishable secret"`
	// Digest is the SHA-256 digest of the key including its prefix.
	Digest [32]byte `json:"-" validate:"digest"`
	// Label says what the key is for. It is optional, is not secret, and has at most 100
	// characters without control characters.
	Label     string    `json:"label,omitzero" validate:"label"`
	CreatedAt time.Time `json:"createdAt" validate:"time"`
	// ExpiresAt is the time from which on the key is invalid.
	ExpiresAt *time.Time `json:"expiresAt,omitzero" validate:"omitnil,time"`
	// RevokedAt is the time from which on the key is invalid because it was revoked.
	RevokedAt *time.Time `json:"revokedAt,omitzero" validate:"omitnil,time"`
}

// APIKeyKind is the purpose of an API key. The prefix of a key states its kind, so a key
// that is presented in place of the other kind is rejected without a look-up.
type APIKeyKind string

const (
	// PublishableKey is the kind of a key that identifies an organization in a browser or
	// app. The key is not a secret and grants nothing without an access token. Its prefix
	// is pk_live_ or pk_test_.
	PublishableKey APIKeyKind = "publishable"
	// SecretKey is the kind of a key that authenticates a server. It grants access to the
	// data of every consumer of its organization. Its prefix is sk_live_ or sk_test_.
	SecretKey APIKeyKind = "secret"
)

// ID identifies the key without revealing it: it returns the first 16 hexadecimal digits of
// the digest.
func (k APIKey) ID() string { return hex.EncodeToString(k.Digest[:8]) }

// ValidAt reports whether the key is valid at now.
func (k APIKey) ValidAt(now time.Time) bool {
	return notExpired(k.ExpiresAt, now) && notExpired(k.RevokedAt, now)
}

// Normalized returns the key as a store keeps it, with its times normalized by
// [NormalizeTime].
func (k APIKey) Normalized() APIKey {
	k.CreatedAt = NormalizeTime(k.CreatedAt)
	k.ExpiresAt = normalizeTimePointer(k.ExpiresAt)
	k.RevokedAt = normalizeTimePointer(k.RevokedAt)
	return k
}

// Validate returns a [*ValidationError] that names every bad field, or nil.
func (k APIKey) Validate() error { return validationError(fieldErrors(k.Normalized())) }
