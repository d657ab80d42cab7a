package auth_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
)

func TestStaticAPIKeys(t *testing.T) {
	keys, err := auth.NewStaticAPIKeys([]auth.StaticAPIKey{
		{OrganizationID: "org_1", Key: publishable},
		{OrganizationID: "org_1", Key: secret}, // several of an organization overlap
		{OrganizationID: "org_2", Key: otherSecret},
	})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{publishable: "org_1", secret: "org_1", otherSecret: "org_2"} {
		if got, err := keys.OrganizationByAPIKey(t.Context(), auth.APIKeyDigest(key), noon); got != want || err != nil {
			t.Errorf("got %q, %v; want %s", got, err, want)
		}
	}
	for _, digest := range [][32]byte{{}, auth.APIKeyDigest(otherPublishable), auth.APIKeyDigest(secret[:len(secret)-1])} {
		if got, err := keys.OrganizationByAPIKey(t.Context(), digest, noon); got != "" || !errors.Is(err, consumer.ErrNotFound) {
			t.Errorf("got %q, %v; want not found", got, err)
		}
	}
}

func TestStaticAPIKeysEmpty(t *testing.T) {
	none, err := auth.NewStaticAPIKeys(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, keys := range []*auth.StaticAPIKeys{none, new(auth.StaticAPIKeys)} {
		if _, err := keys.OrganizationByAPIKey(t.Context(), [32]byte{}, time.Time{}); !errors.Is(err, consumer.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	}
}

func TestNewStaticKeysRefuses(t *testing.T) {
	good := auth.StaticAPIKey{OrganizationID: "org_1", Key: secret}
	for name, test := range map[string]struct {
		keys []auth.StaticAPIKey
		want string
	}{
		"no organization":               {[]auth.StaticAPIKey{good, {Key: publishable}}, "keys[1]: the organization is missing"},
		"a bad key":                     {[]auth.StaticAPIKey{good, good, {OrganizationID: "org_1", Key: "sk_test_short"}}[1:], "keys[1]: the key must have at least 20"},
		"a key twice":                   {[]auth.StaticAPIKey{good, {OrganizationID: "org_1", Key: publishable}, good}, "keys[2]: the same key as keys[0]"},
		"a key of two organizations":    {[]auth.StaticAPIKey{good, {OrganizationID: "org_2", Key: secret}}, "keys[1]: the same key as keys[0]"},
		"the first that is bad is told": {[]auth.StaticAPIKey{{}, good, good}, "keys[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := auth.NewStaticAPIKeys(test.keys)
			if err == nil || keys != nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			for _, key := range test.keys {
				if key.Key != "" && strings.Contains(err.Error(), key.Key) {
					t.Error("the error shows a key")
				}
			}
		})
	}
}
