package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
)

// HasWellKnownKey reports whether a key of the demonstration is among keys.
func HasWellKnownKey(keys ...string) bool {
	for _, key := range keys {
		if isWellKnown(auth.APIKeyDigest(key)) {
			return true
		}
	}
	return false
}

func isWellKnown(digest [32]byte) bool {
	return digest == auth.APIKeyDigest(publishableKey) || digest == auth.APIKeyDigest(secretKey)
}

// RefuseWellKnownKeys returns a finder that does not find the keys of the demonstration.
// Everybody knows them, and somebody may load the demonstration into the database of a
// server that the world can reach.
func RefuseWellKnownKeys(finder consumer.APIKeyFinder) consumer.APIKeyFinder {
	return refusing{finder}
}

type refusing struct{ finder consumer.APIKeyFinder }

func (r refusing) OrganizationByAPIKey(ctx context.Context, digest [32]byte, now time.Time) (string, error) {
	if isWellKnown(digest) {
		return "", fmt.Errorf("a key of the demonstration: %w", consumer.ErrNotFound)
	}
	return r.finder.OrganizationByAPIKey(ctx, digest, now)
}

// IsLoaded reports whether the keys of the demonstration are valid in a store.
func IsLoaded(ctx context.Context, finder consumer.APIKeyFinder, now time.Time) (bool, error) {
	for _, key := range []string{publishableKey, secretKey} {
		_, err := finder.OrganizationByAPIKey(ctx, auth.APIKeyDigest(key), now)
		switch {
		case err == nil:
			return true, nil
		case !errors.Is(err, consumer.ErrNotFound):
			return false, err
		}
	}
	return false, nil
}
