package storagetest

import (
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

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
		{"every byte of the digest matters", func(t *testing.T, store consumer.Store) {
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
		{"a label is kept", func(t *testing.T, store consumer.Store) {
			labeled := apiKey("pk_test_1")
			labeled.Label = "Zażółć 🎟 \\ '"
			write(t, store, keys(labeled, apiKey("pk_test_2")))
			renamed := labeled
			renamed.Label = "another"
			write(t, store, keys(renamed))
			got, err := store.APIKeys(t.Context(), organization)
			if err != nil || len(got) != 2 || got[0].Label+got[1].Label != labeled.Label {
				t.Errorf("APIKeys returned %v and the error %v", got, err)
			}
		}},
		{"a key that exists is not changed", func(t *testing.T, store consumer.Store) {
			again := apiKey("pk_test_1")
			again.CreatedAt = at(9)
			write(t, store, keys(apiKey("pk_test_1"), apiKey("pk_test_1")))
			wantWrite(t, store, keys(again), 0, 0)
			wantOrganization(t, store, again.Digest, organization)
		}},
		{"a key is not found from the time on at which it expires or is revoked", func(t *testing.T, store consumer.Store) {
			expired, revoked := apiKey("pk_test_1"), apiKey("pk_test_2")
			expired.ExpiresAt, revoked.RevokedAt = new(at(60)), new(at(60))
			write(t, store, keys(expired, revoked))
			for _, k := range []consumer.APIKey{expired, revoked} {
				wantKeyNotFound(t, store, k.Digest)
				if got, err := store.OrganizationByAPIKey(t.Context(), k.Digest, at(60).Add(-time.Microsecond)); err != nil || got != organization {
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
		{"all keys of an organization are listed, as they were written", func(t *testing.T, store consumer.Store) {
			full := apiKey("sk_test_1")
			full.Kind, full.CreatedAt = consumer.SecretKey, at(1).Add(time.Microsecond)
			full.ExpiresAt, full.RevokedAt = new(at(2).Add(2*time.Microsecond)), new(at(3).Add(3*time.Microsecond))
			write(t, store, keys(apiKey("pk_test_1"), full))
			wantKeys(t, store, organization, apiKey("pk_test_1"), full)
		}},
		{"keys are listed in the order of their creation, then of their digests", testKeysAreOrdered},
		{"the list of an organization without keys is nil", func(t *testing.T, store consumer.Store) {
			write(t, store, keys(apiKey("pk_test_1")))
			for _, id := range []string{otherOrganization, "ORG_1", "", "a/b", "\x00", "\xff"} {
				if got, err := store.APIKeys(t.Context(), id); err != nil || got != nil {
					t.Errorf("APIKeys(%q) returned %v and the error %v, want nil", id, got, err)
				}
			}
		}},
		{"a listed key belongs to the caller", func(t *testing.T, store consumer.Store) {
			key := apiKey("pk_test_1")
			key.ExpiresAt = new(at(99))
			write(t, store, keys(key))
			got, err := store.APIKeys(t.Context(), organization)
			if err != nil || len(got) != 1 {
				t.Fatalf("APIKeys returned %v and the error %v", got, err)
			}
			*got[0].ExpiresAt = at(0)
			wantOrganization(t, store, key.Digest, organization)
		}},
		{"a revoked key is invalid from that time on", func(t *testing.T, store consumer.Store) {
			write(t, store, keys(apiKey("pk_test_1"), apiKey("pk_test_2")))
			revoke(t, store, "pk_test_1", at(60))
			wantKeyNotFound(t, store, apiKey("pk_test_1").Digest)
			wantOrganization(t, store, apiKey("pk_test_2").Digest, organization)
			if _, err := store.OrganizationByAPIKey(t.Context(), apiKey("pk_test_1").Digest, at(60).Add(-time.Microsecond)); err != nil {
				t.Errorf("just before: %v", err)
			}
		}},
		{"a revocation may be in the future", func(t *testing.T, store consumer.Store) {
			write(t, store, keys(apiKey("pk_test_1")))
			revoke(t, store, "pk_test_1", at(61))
			wantOrganization(t, store, apiKey("pk_test_1").Digest, organization)
		}},
		{"of two revocations the earlier time remains", func(t *testing.T, store consumer.Store) {
			write(t, store, keys(apiKey("pk_test_1"), apiKey("pk_test_2")))
			for _, moment := range []time.Time{at(5), at(9), at(5)} {
				revoke(t, store, "pk_test_1", moment)
			}
			for _, moment := range []time.Time{at(9), at(5), at(9)} {
				revoke(t, store, "pk_test_2", moment)
			}
			wantRevoked(t, store, at(5), at(5))
		}},
		{"a revocation before 1970 is valid", func(t *testing.T, store consumer.Store) {
			moon := time.Date(1969, 7, 20, 20, 17, 40, 0, time.UTC)
			write(t, store, keys(apiKey("pk_test_1")))
			revoke(t, store, "pk_test_1", at(5))
			revoke(t, store, "pk_test_1", moon)
			wantRevoked(t, store, moon)
		}},
		{"the time of a revocation is truncated to microseconds", func(t *testing.T, store consumer.Store) {
			write(t, store, keys(apiKey("pk_test_1")))
			revoke(t, store, "pk_test_1", at(5).Add(1999*time.Nanosecond).In(time.FixedZone("east", 3600)))
			wantRevoked(t, store, at(5).Add(time.Microsecond))
		}},
		{"a revoked key that is written again is not revived", func(t *testing.T, store consumer.Store) {
			write(t, store, keys(apiKey("pk_test_1")))
			revoke(t, store, "pk_test_1", at(5))
			write(t, store, keys(apiKey("pk_test_1")))
			wantRevoked(t, store, at(5))
		}},
		{"revoking changes nothing else about a key", func(t *testing.T, store consumer.Store) {
			key := apiKey("sk_test_1")
			key.Kind, key.ExpiresAt = consumer.SecretKey, new(at(99))
			write(t, store, keys(key))
			revoke(t, store, "sk_test_1", at(5))
			key.RevokedAt = new(at(5))
			wantKeys(t, store, organization, key)
		}},
		{"a key that the organization doesn't have cannot be revoked", func(t *testing.T, store consumer.Store) {
			write(t, store, keys(apiKey("pk_test_1")))
			for _, c := range []struct{ organizationID, key string }{
				{organization, "pk_test_2"}, {otherOrganization, "pk_test_1"}, {"ORG_1", "pk_test_1"}, {"", "pk_test_1"}, {"\x00", "pk_test_1"},
			} {
				err := store.RevokeAPIKey(t.Context(), c.organizationID, apiKey(c.key).Digest, at(0))
				if !errors.Is(err, consumer.ErrNotFound) {
					t.Errorf("RevokeAPIKey of %s in %q returned the error %v, want ErrNotFound", c.key, c.organizationID, err)
				}
			}
			wantKeys(t, store, organization, apiKey("pk_test_1"))
		}},
		{"an invalid time of a revocation is a validation error that names it", func(t *testing.T, store consumer.Store) {
			write(t, store, keys(apiKey("pk_test_1")))
			for _, moment := range []time.Time{{}, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)} {
				wantInvalidFields(t, store.RevokeAPIKey(t.Context(), organization, apiKey("pk_test_1").Digest, moment), "at")
			}
			wantKeys(t, store, organization, apiKey("pk_test_1"))
		}},
	}
}

func revoke(t *testing.T, store consumer.APIKeyStore, key string, moment time.Time) {
	t.Helper()
	if err := store.RevokeAPIKey(t.Context(), organization, apiKey(key).Digest, moment); err != nil {
		t.Fatalf("RevokeAPIKey: %v", err)
	}
}

// wantKeys compares the keys of an organization, including their order.
func wantKeys(t *testing.T, store consumer.APIKeyStore, organizationID string, want ...consumer.APIKey) {
	t.Helper()
	got, err := store.APIKeys(t.Context(), organizationID)
	if err != nil {
		t.Fatalf("APIKeys: %v", err)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("API keys (-want +got):\n%s", diff)
	}
}

// wantRevoked compares the times at which the keys of the organization were revoked.
func wantRevoked(t *testing.T, store consumer.APIKeyStore, want ...time.Time) {
	t.Helper()
	all, err := store.APIKeys(t.Context(), organization)
	if err != nil {
		t.Fatalf("APIKeys: %v", err)
	}
	var got []time.Time
	for _, k := range all {
		got = append(got, *k.RevokedAt)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("moments of revocation (-want +got):\n%s", diff)
	}
}

func testKeysAreOrdered(t *testing.T, store consumer.Store) {
	numbered := func(first byte, createdAt time.Time) consumer.APIKey {
		key := consumer.APIKey{OrganizationID: organization, Kind: consumer.SecretKey, CreatedAt: createdAt}
		key.Digest[0], key.Digest[31] = first, 1
		return key
	}
	want := []consumer.APIKey{
		numbered(9, at(0)), numbered(0, at(1)), numbered(1, at(1)), numbered(0x7f, at(1)), numbered(0x80, at(1)), numbered(0xff, at(1)),
		numbered(8, at(1).Add(time.Microsecond)), numbered(7, at(2)),
	}
	for i := range want { // the last first
		write(t, store, keys(want[len(want)-1-i]))
	}
	wantKeys(t, store, organization, want...)
}

func wantOrganization(t *testing.T, store consumer.APIKeyFinder, digest [32]byte, want string) {
	t.Helper()
	got, err := store.OrganizationByAPIKey(t.Context(), digest, at(60))
	if err != nil || got != want {
		t.Errorf("OrganizationByAPIKey returned %q and the error %v, want %q", got, err, want)
	}
}

func wantKeyNotFound(t *testing.T, store consumer.APIKeyFinder, digest [32]byte) {
	t.Helper()
	if got, err := store.OrganizationByAPIKey(t.Context(), digest, at(60)); !errors.Is(err, consumer.ErrNotFound) {
		t.Errorf("OrganizationByAPIKey returned %q and the error %v, want ErrNotFound", got, err)
	}
}
