// Package authtest provides an issuer of access tokens and admission tokens, for the tests of
// programs that import package auth and for programs that have to run without an issuer.
//
// An [Issuer] has an Ed25519 key pair. It signs tokens with the private key and serves the
// public key as a JWK Set. A verifier gets the set by URL, from a server with
// [Issuer.Handler], or in memory, from [Issuer.KeySet]. Every Issuer has a key pair of its
// own, and no function returns the private key.
package authtest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
)

// IssuerOptions configure an [Issuer].
type IssuerOptions struct {
	// KeyID is the kid of the key and of the tokens. If empty, neither has one, as in
	// Fanfare's Consumer Identity API documentation.
	KeyID string
	// Now is the clock for the iat of tokens. Default: time.Now.
	Now func() time.Time
}

// Issuer issues access tokens and admission tokens. It is safe for concurrent use.
type Issuer struct {
	now func() time.Time

	mu      sync.Mutex
	keyID   string
	private ed25519.PrivateKey
}

// NewIssuer returns an Issuer with a new random key. It fails if KeyID is not valid.
func NewIssuer(options IssuerOptions) (*Issuer, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	issuer := &Issuer{now: options.Now}
	if err := issuer.Rotate(options.KeyID); err != nil {
		return nil, err
	}
	return issuer, nil
}

// Rotate replaces the key by a new random one. It fails if keyID is not valid. Tokens that
// were signed with the old key stop working when a verifier has read the set again. A set
// from [Issuer.KeySet] does not change.
func (i *Issuer) Rotate(keyID string) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("authtest: %w", err)
	}
	if err := checkKey(auth.Key{ID: keyID, Public: public}); err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keyID, i.private = keyID, private
	return nil
}

// checkKey returns an error if package auth refuses the key.
func checkKey(key auth.Key) error {
	set, err := auth.NewKeySet(context.Background(), auth.KeySetOptions{Keys: []auth.Key{key}})
	if err != nil {
		return fmt.Errorf("authtest: %w", err)
	}
	return set.Close()
}

// Claims are the claims of a token.
type Claims struct {
	ConsumerID     string // required
	OrganizationID string // required
	SessionID      string // default: a new random one
	// IssuedAt and ExpiresAt are truncated to whole seconds. Default: now, and one hour after
	// IssuedAt.
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// header is the header of a token. Without kid it is {"alg":"EdDSA","typ":"JWT"}, as in the API
// documentation.
type header struct {
	Algorithm string `json:"alg"`
	Type      string `json:"typ"`
	KeyID     string `json:"kid,omitempty"`
}

type payload struct {
	ConsumerID     string `json:"consumerId"`
	OrganizationID string `json:"organizationId"`
	SessionID      string `json:"sessionId"`
	IssuedAt       int64  `json:"iat"`
	ExpiresAt      int64  `json:"exp"`
}

// Token returns a signed access token. It does not check the times. It fails if ConsumerID or
// OrganizationID is missing.
func (i *Issuer) Token(claims Claims) (string, error) {
	if claims.ConsumerID == "" || claims.OrganizationID == "" {
		return "", errors.New("authtest: a token needs a ConsumerID and an OrganizationID")
	}
	if claims.SessionID == "" {
		claims.SessionID = "sess_" + rand.Text()
	}
	if claims.IssuedAt.IsZero() {
		claims.IssuedAt = i.now()
	}
	if claims.ExpiresAt.IsZero() {
		claims.ExpiresAt = claims.IssuedAt.Add(time.Hour)
	}
	keyID, private := i.key()
	return sign(private, header{Algorithm: "EdDSA", Type: "JWT", KeyID: keyID}, payload{
		ConsumerID:     claims.ConsumerID,
		OrganizationID: claims.OrganizationID,
		SessionID:      claims.SessionID,
		IssuedAt:       claims.IssuedAt.Unix(),
		ExpiresAt:      claims.ExpiresAt.Unix(),
	})
}

// AdmissionClaims are the claims of an admission token. Optional ones are left out if they are
// empty.
type AdmissionClaims struct {
	ConsumerID       string                    // required
	OrganizationID   string                    // required
	SequenceID       string                    // required
	ExperienceID     string                    // optional
	DistributionType consumer.DistributionType // optional
	DistributionID   string                    // optional
	Audience         string                    // optional
	ID               string                    // the jti; default: a new random one
	// IssuedAt and ExpiresAt are truncated to whole seconds. Default: now, and ten minutes
	// after IssuedAt.
	IssuedAt  time.Time
	ExpiresAt time.Time
}

type admissionPayload struct {
	ConsumerID       string                    `json:"consumerId"`
	OrganizationID   string                    `json:"organizationId"`
	ExperienceID     string                    `json:"experienceId,omitempty"`
	SequenceID       string                    `json:"sequenceId"`
	DistributionType consumer.DistributionType `json:"distributionType,omitempty"`
	DistributionID   string                    `json:"distributionId,omitempty"`
	Audience         string                    `json:"aud,omitempty"`
	ID               string                    `json:"jti"`
	IssuedAt         int64                     `json:"iat"`
	ExpiresAt        int64                     `json:"exp"`
}

// AdmissionToken returns a signed admission token. Two tokens are different unless all claims
// are given. It does not check the times. It fails if
// ConsumerID, OrganizationID or SequenceID is missing.
func (i *Issuer) AdmissionToken(claims AdmissionClaims) (string, error) {
	if claims.ConsumerID == "" || claims.OrganizationID == "" || claims.SequenceID == "" {
		return "", errors.New("authtest: an admission token needs a ConsumerID, an OrganizationID and a SequenceID")
	}
	if claims.ID == "" {
		claims.ID = "adm_" + rand.Text()
	}
	if claims.IssuedAt.IsZero() {
		claims.IssuedAt = i.now()
	}
	if claims.ExpiresAt.IsZero() {
		claims.ExpiresAt = claims.IssuedAt.Add(10 * time.Minute)
	}
	keyID, private := i.key()
	return sign(private, header{Algorithm: "EdDSA", Type: "JWT", KeyID: keyID}, admissionPayload{
		ConsumerID:       claims.ConsumerID,
		OrganizationID:   claims.OrganizationID,
		ExperienceID:     claims.ExperienceID,
		SequenceID:       claims.SequenceID,
		DistributionType: claims.DistributionType,
		DistributionID:   claims.DistributionID,
		Audience:         claims.Audience,
		ID:               claims.ID,
		IssuedAt:         claims.IssuedAt.Unix(),
		ExpiresAt:        claims.ExpiresAt.Unix(),
	})
}

// Sign returns a signed token with any header and claims, for tests of tokens that must be
// refused. Nothing is added or checked, and a nil map is the JSON null. It fails if a value
// has no JSON form.
func (i *Issuer) Sign(header, claims map[string]any) (string, error) {
	_, private := i.key()
	return sign(private, header, claims)
}

func sign(private ed25519.PrivateKey, header, payload any) (string, error) {
	first, err := json.Marshal(header)
	if err != nil {
		return "", fmt.Errorf("authtest: header: %w", err)
	}
	second, err := json.Marshal(payload)
	if err != nil {
		return "", fmt.Errorf("authtest: claims: %w", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode(first) + "." + encode(second)
	return signed + "." + encode(ed25519.Sign(private, []byte(signed))), nil
}

func (i *Issuer) key() (keyID string, private ed25519.PrivateKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keyID, i.private
}

// Keys returns the current public key.
func (i *Issuer) Keys() []auth.Key {
	keyID, private := i.key()
	return []auth.Key{{ID: keyID, Public: slices.Clone(private.Public().(ed25519.PublicKey))}}
}

// KeySet returns a set in memory with the current public key. It does not follow Rotate.
func (i *Issuer) KeySet() (*auth.KeySet, error) {
	return auth.NewKeySet(context.Background(), auth.KeySetOptions{Keys: i.Keys()})
}

// JWKS returns the current public key as a JWK Set (RFC 7517, RFC 8037).
func (i *Issuer) JWKS() []byte {
	type jwk struct {
		KeyType   string `json:"kty"`
		Curve     string `json:"crv"`
		X         string `json:"x"`
		Use       string `json:"use"`
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid,omitempty"`
	}
	set := struct {
		Keys []jwk `json:"keys"`
	}{}
	for _, key := range i.Keys() {
		set.Keys = append(set.Keys, jwk{"OKP", "Ed25519", base64.RawURLEncoding.EncodeToString(key.Public), "sig", "EdDSA", key.ID})
	}
	data, _ := json.Marshal(set) // it has strings only, and cannot fail
	return data
}

// Handler returns a handler that serves [Issuer.JWKS] to GET and HEAD at any path.
func (i *Issuer) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(i.JWKS()) // an error means that the client is gone
	})
}
