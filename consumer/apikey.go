package consumer

import (
	"encoding/hex"
	"time"
)

// APIKey is a publishable or secret key of an organization, as a store knows it: by
// its digest only. The key itself is shown once, to whoever created it.
type APIKey struct {
	OrganizationID string `json:"-" validate:"id"`
	// Kind is [PublishableKey] or [SecretKey].
	Kind string `json:"kind" validate:"oneof=publishable secret"`
	// Digest is the SHA-256 of the whole key, prefix included.
	Digest    [32]byte  `json:"-" validate:"digest"`
	CreatedAt time.Time `json:"createdAt" validate:"moment"`
	// ExpiresAt is the first moment at which the key is no longer valid.
	ExpiresAt *time.Time `json:"expiresAt,omitzero" validate:"omitnil,moment"`
	// RevokedAt is the first moment at which the key is no longer valid, because
	// somebody said so.
	RevokedAt *time.Time `json:"revokedAt,omitzero" validate:"omitnil,moment"`
}

// The kinds of API keys.
const (
	PublishableKey = "publishable"
	SecretKey      = "secret"
)

// ID names the key without giving it away: the first 16 hexadecimal digits of its
// digest.
func (k APIKey) ID() string { return hex.EncodeToString(k.Digest[:8]) }

// ValidAt reports whether the key works at a moment.
func (k APIKey) ValidAt(now time.Time) bool {
	return notExpired(k.ExpiresAt, now) && notExpired(k.RevokedAt, now)
}

// Normalized returns the key as a store keeps it, with its times in UTC, truncated
// to microseconds.
func (k APIKey) Normalized() APIKey {
	k.CreatedAt = normalTime(k.CreatedAt)
	k.ExpiresAt = normalTimePointer(k.ExpiresAt)
	k.RevokedAt = normalTimePointer(k.RevokedAt)
	return k
}

// Validate returns a [*ValidationError] that names every bad field, or nil.
func (k APIKey) Validate() error { return validationError(fieldErrors(k.Normalized())) }
