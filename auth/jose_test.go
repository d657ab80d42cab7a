package auth_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/auth"
)

// jose is the JavaScript library that signs the tokens of TestJose.
const jose = "jose@6.2.18"

// Tokens that jose signs verify with the key set that jose exports, and forged ones do not.
func TestJose(t *testing.T) {
	minted := mintWithJose(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/jwk-set+json")
		_, _ = w.Write(minted.JWKS)
	}))
	defer server.Close()
	keys, err := auth.NewKeySet(t.Context(), auth.KeySetOptions{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	verifier := newVerifier(t, auth.VerifierOptions{Keys: keys, Now: atNoon})

	want := auth.Identity{OrganizationID: "org_1", ConsumerID: "cons_1", SessionID: "sess_1", ExpiresAt: noon.Add(time.Hour)}
	for _, name := range []string{"with kid", "without kid", "without kid, of a key with kid", "at+jwt", "with other claims"} {
		t.Run(name, func(t *testing.T) {
			token := minted.Tokens[name]
			got, err := verifier.Verify(t.Context(), token)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Fatalf("%v %s", err, diff)
			}
			parts := strings.Split(token, ".")
			claims := segment(payload(map[string]any{"consumerId": "cons_2"}))
			_, err = verifier.Verify(t.Context(), parts[0]+"."+claims+"."+parts[2])
			wantReason(t, err, auth.ReasonTokenSignature)
		})
	}
	for name, want := range map[string]auth.Reason{
		"another key's kid": auth.ReasonTokenSignature,
		"an unknown kid":    auth.ReasonTokenKeyUnknown,
		"alg Ed25519":       auth.ReasonTokenAlgorithm,
		"an admission":      auth.ReasonTokenPurpose,
		"HS256 with the public key as the secret": auth.ReasonTokenAlgorithm,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := verifier.Verify(t.Context(), minted.Tokens[name])
			wantReason(t, err, want)
		})
	}
}

type joseOutput struct {
	JWKS   json.RawMessage
	Tokens map[string]string
}

// mintWithJose installs jose in a temporary directory, and runs testdata/jose/mint.mjs.
func mintWithJose(t *testing.T) joseOutput {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			unreachable(t, "%s is missing: %v", program, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	directory := t.TempDir()
	install := exec.CommandContext(ctx, "npm", "install", "--prefix", directory, "--ignore-scripts", "--no-audit", "--no-fund", jose)
	install.Dir = directory
	if output, err := install.CombinedOutput(); err != nil {
		unreachable(t, "%s could not be installed: %v\n%s", jose, err, output)
	}
	script, err := os.ReadFile(filepath.Join("testdata", "jose", "mint.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	// Copied, because node looks for jose next to the script.
	if err := os.WriteFile(filepath.Join(directory, "mint.mjs"), script, 0o600); err != nil {
		t.Fatal(err)
	}
	mint := exec.CommandContext(ctx, "node", "mint.mjs", strconv.FormatInt(noon.Unix(), 10))
	mint.Dir = directory
	var stderr strings.Builder
	mint.Stderr = &stderr
	output, err := mint.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var minted joseOutput
	if err := json.Unmarshal(output, &minted); err != nil {
		t.Fatal(err)
	}
	return minted
}
