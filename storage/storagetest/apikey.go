package storagetest

import (
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

func apiKey(key string) consumer.APIKey {
	return consumer.APIKey{
		OrganizationID: organization, Kind: consumer.PublishableKey,
		Digest: sha256.Sum256([]byte(key)), CreatedAt: at(0),
	}
}

func apiKeyCases() []storeCase {
	return []storeCase{
		{"a key's digest leads to its organization", func(t *testing.T, store consumer.Store) {
			write(t, store, keys(apiKey("pk_test_1")))
			wantOrganization(t, store, apiKey("pk_test_1").Digest, organization)
		}},
		{"an unknown digest is not found", func(t *testing.T, store consumer.Store) {
			write(t, store, keys(apiKey("pk_test_1")))
			wantKeyNotFound(t, store, apiKey("pk_test_2").Digest)
			wantKeyNotFound(t, store, [32]byte{})
		}},
		{"every byte of the digest counts", func(t *testing.T, store consumer.Store) {
			key := apiKey("pk_test_1")
			key.Digest[0], key.Digest[16], key.Digest[31] = 0, 0, 0
			write(t, store, keys(key))
			wantOrganization(t, store, key.Digest, organization)
			for i := range key.Digest {
				other := key.Digest
				other[i] ^= 1
				wantKeyNotFound(t, store, other)
			}
		}},
		{"an organization has several keys of each kind at a time", func(t *testing.T, store consumer.Store) {
			all := []consumer.APIKey{apiKey("pk_test_1"), apiKey("pk_test_2"), apiKey("sk_test_1"), apiKey("sk_test_2")}
			all[2].Kind, all[3].Kind = consumer.SecretKey, consumer.SecretKey
			write(t, store, keys(all...))
			for _, k := range all {
				wantOrganization(t, store, k.Digest, organization)
			}
		}},
		{"a key that is known already stays as it is", func(t *testing.T, store consumer.Store) {
			again := apiKey("pk_test_1")
			again.CreatedAt = at(9)
			write(t, store, keys(apiKey("pk_test_1"), apiKey("pk_test_1")))
			wantWrite(t, store, keys(again), 0, 0)
			wantOrganization(t, store, again.Digest, organization)
		}},
		{"a key that expired or was revoked is not found, from that very moment on", func(t *testing.T, store consumer.Store) {
			expired, revoked := apiKey("pk_test_1"), apiKey("pk_test_2")
			expired.ExpiresAt, revoked.RevokedAt = new(at(60)), new(at(60))
			write(t, store, keys(expired, revoked))
			for _, k := range []consumer.APIKey{expired, revoked} {
				wantKeyNotFound(t, store, k.Digest)
				if got, err := store.OrganizationByKey(t.Context(), k.Digest, at(60).Add(-time.Microsecond)); err != nil || got != organization {
					t.Errorf("just before: %q and the error %v", got, err)
				}
			}
		}},
		{"a key that is written again is not revived", func(t *testing.T, store consumer.Store) {
			revoked := apiKey("pk_test_1")
			revoked.RevokedAt = new(at(1))
			write(t, store, keys(revoked))
			write(t, store, keys(apiKey("pk_test_1")))
			wantKeyNotFound(t, store, revoked.Digest)
		}},
		{"a key that belongs to another organization is a conflict", func(t *testing.T, store consumer.Store) {
			other := apiKey("pk_test_1")
			other.OrganizationID = otherOrganization
			write(t, store, keys(apiKey("pk_test_1")))
			wantRefused(t, store, keys(other), consumer.ErrConflict)
			wantOrganization(t, store, other.Digest, organization)
		}},
		{"a key that is known under another kind is a conflict", func(t *testing.T, store consumer.Store) {
			secret := apiKey("pk_test_1")
			secret.Kind = consumer.SecretKey
			write(t, store, keys(apiKey("pk_test_1")))
			wantRefused(t, store, keys(secret), consumer.ErrConflict)
		}},
		{"two organizations with one key in one batch are a conflict", func(t *testing.T, store consumer.Store) {
			other := apiKey("pk_test_1")
			other.OrganizationID = otherOrganization
			wantRefused(t, store, keys(apiKey("pk_test_1"), other), consumer.ErrConflict)
			wantKeyNotFound(t, store, other.Digest)
		}},
	}
}

func wantOrganization(t *testing.T, store consumer.KeyReader, digest [32]byte, want string) {
	t.Helper()
	got, err := store.OrganizationByKey(t.Context(), digest, at(60))
	if err != nil || got != want {
		t.Errorf("OrganizationByKey returned %q and the error %v, want %q", got, err, want)
	}
}

func wantKeyNotFound(t *testing.T, store consumer.KeyReader, digest [32]byte) {
	t.Helper()
	if got, err := store.OrganizationByKey(t.Context(), digest, at(60)); !errors.Is(err, consumer.ErrNotFound) {
		t.Errorf("OrganizationByKey returned %q and the error %v, want ErrNotFound", got, err)
	}
}
