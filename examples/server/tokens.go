package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
)

// tokenLifetime is how long a token of the issuer inside the server is valid: the longest
// lifetime that the verifier accepts, so that a tester's terminal stays useful for a day.
const tokenLifetime = 24 * time.Hour

// tokens verifies consumer access tokens, against the operator's key set or against an
// issuer inside the server. The key of that issuer is new at every start.
type tokens struct {
	verifier *auth.Verifier
	keys     *auth.KeySet
	issuer   *authtest.Issuer // nil with the operator's key set
}

func openTokens(ctx context.Context, c config, logger *slog.Logger) (_ *tokens, err error) {
	t := &tokens{}
	switch {
	case c.jwksURL != "" || c.jwksFile != "":
		t.keys, err = auth.NewKeySet(ctx, auth.KeySetOptions{
			URL: c.jwksURL, File: c.jwksFile, RefreshInterval: c.jwksRefresh, Logger: logger,
		})
		if err != nil {
			return nil, fmt.Errorf("-%s: %w", keySetFlag(c), err)
		}
	default:
		if t.issuer, err = authtest.NewIssuer(authtest.IssuerOptions{}); err != nil {
			return nil, err
		}
		if t.keys, err = t.issuer.KeySet(); err != nil {
			return nil, err
		}
	}
	t.verifier, err = auth.NewVerifier(auth.VerifierOptions{Keys: t.keys})
	return t, err
}

func keySetFlag(c config) string {
	if c.jwksFile != "" {
		return "jwks-file"
	}
	return "jwks-url"
}

// issue returns an access token of the issuer inside the server.
func (t *tokens) issue(organizationID, consumerID string, now time.Time) (string, error) {
	return t.issuer.Token(authtest.Claims{
		OrganizationID: organizationID, ConsumerID: consumerID,
		IssuedAt: now, ExpiresAt: now.Add(tokenLifetime),
	})
}

func (t *tokens) close() error { return t.keys.Close() }
