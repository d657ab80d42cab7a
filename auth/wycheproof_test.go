package auth_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/auth"
)

// The vectors are a module that the test downloads. They are not in go.mod, because the library
// does not need them. The checksum is the one that go.sum would have.
const (
	wycheproof    = "github.com/c2sp/wycheproof@v0.0.0-20260902155932-3fa63dd0344a"
	wycheproofSum = "h1:pNbL2nztRsWfW/ispAwsvcDFxs9Id38uIsR2/Up5G2c="
)

// TestWycheproof verifies Wycheproof's Ed25519 signatures with keys from a file and in memory,
// with and without kid. It uses all vectors, and no key of theirs is rejected.
func TestWycheproof(t *testing.T) {
	var vectors struct {
		NumberOfTests int
		TestGroups    []struct {
			PublicKey    struct{ PK string }
			PublicKeyJWK json.RawMessage
			Tests        []struct {
				TCID              int
				Comment, Msg, Sig string
				Result            string
			}
		}
	}
	data, err := os.ReadFile(filepath.Join(downloadModule(t, wycheproof, wycheproofSum), "testvectors_v1", "ed25519_test.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	seen, valid := 0, 0
	for _, group := range vectors.TestGroups {
		fromFile, err := fileSet(t, jwks(string(group.PublicKeyJWK)), auth.KeySetOptions{})
		if err != nil {
			t.Errorf("key %s as a JWK: %v", group.PublicKey.PK, err)
			continue
		}
		inMemory := staticSet(t, auth.Key{Public: unhex(t, group.PublicKey.PK)})
		for _, vector := range group.Tests {
			seen++
			message, signature := unhex(t, vector.Msg), unhex(t, vector.Sig)
			want := vector.Result == "valid"
			if want {
				valid++
			}
			for name, err := range map[string]error{
				"with kid":    fromFile.VerifyBytes("none", message, signature), // so the vectors call it
				"without kid": fromFile.VerifyBytes("", message, signature),
				"in memory":   inMemory.VerifyBytes("", message, signature),
			} {
				if (err == nil) != want {
					t.Errorf("vector %d (%s), %s: got %v, want %s", vector.TCID, vector.Comment, name, err, vector.Result)
				}
			}
		}
	}
	if seen != 151 || seen != vectors.NumberOfTests || valid != 88 {
		t.Errorf("%d vectors of %d, %d of them valid: want 151 and 88", seen, vectors.NumberOfTests, valid)
	}
}

// downloadModule returns the directory of a module with that version and checksum.
func downloadModule(t *testing.T, module, sum string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "go", "mod", "download", "-json", module)
	command.Dir = t.TempDir() // outside our module, so that go.mod stays as it is
	command.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	output, err := command.Output()
	if err != nil {
		unreachable(t, "%s could not be downloaded: %v\n%s", module, err, output)
	}
	var downloaded struct{ Dir, Sum string }
	if err := json.Unmarshal(output, &downloaded); err != nil {
		t.Fatal(err)
	}
	if downloaded.Sum != sum {
		t.Fatalf("%s has the checksum %s, want %s", module, downloaded.Sum, sum)
	}
	return downloaded.Dir
}

// unreachable ends a test that needs something that is missing, such as a registry. The test
// fails in CI, and is skipped elsewhere.
func unreachable(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf("NOT TESTED: "+format, args...)
}
