package auth_test

import (
	"crypto/sha256"
	"hash/crc32"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
)

func TestCheckAPIKey(t *testing.T) {
	for _, test := range []struct {
		name, key string
		want      consumer.APIKeyKind // empty: refused
		message   string
	}{
		{"publishable, live", "pk_live_aaaaaaaaaaaa", consumer.PublishableKey, ""},
		{"publishable, test", "pk_test_aaaaaaaaaaaa", consumer.PublishableKey, ""},
		{"secret, live", "sk_live_aaaaaaaaaaaa", consumer.SecretKey, ""},
		{"secret, test", "sk_test_aaaaaaaaaaaa", consumer.SecretKey, ""},
		{"every printable character", "sk_test_!~-._#$%&'()*+,/:;<=>?@", consumer.SecretKey, ""},
		{"256 characters", "sk_test_" + strings.Repeat("a", 248), consumer.SecretKey, ""},
		{"empty", "", "", "must begin with"},
		{"another prefix", "rk_live_aaaaaaaaaaaaaaaa", "", "must begin with"},
		{"a prefix without its end", "sk_prod_aaaaaaaaaaaaaaaa", "", "must begin with"},
		{"a prefix in another case", "SK_test_aaaaaaaaaaaaaaaa", "", "must begin with"},
		{"space before", " sk_test_aaaaaaaaaaaaaaaa", "", "must begin with"},
		{"19 characters", "sk_test_aaaaaaaaaaa", "", "at least 20"},
		{"257 characters", "sk_test_" + strings.Repeat("a", 249), "", "at most 256"},
		{"a space", "sk_test_aaaaaa aaaaaaaaa", "", "printable"},
		{"line end", "sk_test_aaaaaaaaaaaaaaaa\n", "", "printable"},
		{"DEL", "sk_test_aaaaaaaaaaaaaaaa\x7f", "", "printable"},
		{"not ASCII", "sk_test_aaaaaaaaaaaaaaaaé", "", "printable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			kind, err := auth.CheckAPIKey(test.key)
			switch {
			case kind != test.want:
				t.Errorf("got kind %q, want %q", kind, test.want)
			case test.want != "" && err != nil:
				t.Error(err)
			case test.want == "" && (err == nil || !strings.Contains(err.Error(), test.message)):
				t.Errorf("got %v, want %q", err, test.message)
			case err != nil && strings.Contains(err.Error(), "aaaa"):
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
}

func TestGenerateAPIKey(t *testing.T) {
	const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	seen := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]consumer.APIKeyKind{consumer.PublishableKey, consumer.SecretKey}).Draw(t, "kind")
		live := rapid.Bool().Draw(t, "live")
		key, err := auth.GenerateAPIKey(kind, live)
		if err != nil {
			t.Fatal(err)
		}
		prefix := map[consumer.APIKeyKind]string{consumer.PublishableKey: "pk_", consumer.SecretKey: "sk_"}[kind] + map[bool]string{true: "live_", false: "test_"}[live]
		if !regexp.MustCompile(`^` + prefix + `[0-9A-Za-z]{36}$`).MatchString(key) {
			t.Fatal("the key has another form")
		}
		if got, err := auth.CheckAPIKey(key); err != nil || got != kind {
			t.Fatalf("CheckAPIKey says %q, %v", got, err)
		}
		var checksum uint64
		for _, c := range key[len(key)-6:] {
			checksum = checksum*62 + uint64(strings.IndexRune(base62, c))
		}
		if want := uint64(crc32.ChecksumIEEE([]byte(key[:len(key)-6]))); checksum != want {
			t.Fatalf("the checksum is %d, want %d", checksum, want)
		}
		if seen[key] {
			t.Fatal("the same key twice")
		}
		seen[key] = true
	})
}

// The 62 characters are uniformly distributed. χ² with 61 degrees of freedom is above 150 once
// in 10⁸ runs, and about 1,500 for random bytes modulo 62.
func TestGenerateAPIKeyUniform(t *testing.T) {
	const keys = 5000
	counts := map[rune]float64{}
	for range keys {
		key, err := auth.GenerateAPIKey(consumer.SecretKey, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range key[8:38] {
			counts[c]++
		}
	}
	expected, chi2 := keys*30/62.0, 0.0
	for _, count := range counts {
		chi2 += (count - expected) * (count - expected) / expected
	}
	if len(counts) != 62 || chi2 > 150 {
		t.Errorf("%d characters, χ² = %.0f", len(counts), chi2)
	}
}

func TestGenerateAPIKeyRefuses(t *testing.T) {
	for _, kind := range []consumer.APIKeyKind{"", "Secret", "token"} {
		if key, err := auth.GenerateAPIKey(kind, true); err == nil || key != "" {
			t.Errorf("kind %q: got a key", kind)
		}
	}
}

func TestDigest(t *testing.T) {
	if auth.APIKeyDigest(secret) != sha256.Sum256([]byte(secret)) {
		t.Error("the digest is not SHA-256: keys that are stored would be lost")
	}
}
