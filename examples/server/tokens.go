package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
)

// demoTokenLifetime is the longest that the verifier accepts, so that a tester's
// terminal stays useful for a day.
const demoTokenLifetime = 24 * time.Hour

// tokens verifies consumer access tokens: against the operator's key set, or those of
// an issuer inside the server, whose key is new at every start, so that nobody else
// can issue any.
type tokens struct {
	verifier *auth.Verifier
	keys     *auth.KeySet
	issuer   *authtest.Issuer // nil with a key set of the operator's
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

// issue returns an access token for a consumer, or "" when the operator's issuer is
// the only one that can.
func (t *tokens) issue(organizationID, consumerID string, now time.Time) (string, error) {
	if t.issuer == nil {
		return "", nil
	}
	return t.issuer.Token(authtest.Claims{
		OrganizationID: organizationID, ConsumerID: consumerID,
		IssuedAt: now, ExpiresAt: now.Add(demoTokenLifetime),
	})
}

func (t *tokens) close() error { return t.keys.Close() }
