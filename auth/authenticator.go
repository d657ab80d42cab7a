package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// The headers that carry credentials (seed document, "Authentication").
const (
	HeaderAuthorization  = "Authorization"
	HeaderPublishableKey = "X-Publishable-Key"
)

// Identity is who a request speaks for: one consumer, in one session.
type Identity struct {
	OrganizationID string
	ConsumerID     string
	SessionID      string
	// ExpiresAt is when the access token expires, in UTC and whole seconds. The leeway
	// of the verifier is not added.
	ExpiresAt time.Time
}

// TokenVerifier verifies a consumer access token, and is implemented by [Verifier]. A
// refusal must match [ErrUnauthenticated]; any other error says that nothing is known
// about the token. It must be safe for concurrent use.
type TokenVerifier interface {
	Verify(ctx context.Context, token string) (Identity, error)
}

// Options are the parts of an [Authenticator].
type Options struct {
	// Tokens verifies consumer access tokens. It may be nil in a program that serves
	// only servers; AuthenticateConsumer then fails, with an error that is no refusal.
	Tokens TokenVerifier
	// APIKeys finds API keys. Required.
	APIKeys APIKeyFinder
	// Now is the clock by which keys are valid. Default: time.Now.
	Now func() time.Time
}

// Authenticator decides who is calling. It is safe for concurrent use. The zero value lets
// nobody in: it fails, with errors that are no refusals.
type Authenticator struct {
	tokens TokenVerifier
	keys   APIKeyFinder
	now    func() time.Time
}

// New returns an Authenticator, or an error when Options.APIKeys is missing.
func New(options Options) (*Authenticator, error) {
	if options.APIKeys == nil {
		return nil, errors.New("auth: Options.APIKeys is missing")
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Authenticator{tokens: options.Tokens, keys: options.APIKeys, now: options.Now}, nil
}

// AuthenticateConsumer says which consumer the request speaks for, by its publishable
// key and its access token. What costs least is checked first: both headers stand there
// once and well-formed; the publishable key is known; the token is valid; the token is
// of the key's organization. The result is never a half-filled Identity.
func (a *Authenticator) AuthenticateConsumer(r *http.Request) (Identity, error) {
	return a.ConsumerOf(r.Context(), r.Header)
}

// ConsumerOf is AuthenticateConsumer for who has the headers of a request, and a context
// of their own: it takes the credentials from the header, and waits no longer than ctx
// allows.
func (a *Authenticator) ConsumerOf(ctx context.Context, header http.Header) (Identity, error) {
	if a.tokens == nil || a.keys == nil {
		return Identity{}, errors.New("auth: Options.Tokens or Options.APIKeys is missing: no consumer can be authenticated")
	}
	key, err := publishableKey(header)
	if err != nil {
		return Identity{}, err
	}
	token, err := bearer(header)
	if err != nil {
		return Identity{}, err
	}
	organizationID, err := a.organization(ctx, key, KindPublishable, ReasonPublishableKeyUnknown)
	if err != nil {
		return Identity{}, err
	}
	identity, err := a.verify(ctx, token, organizationID)
	if err != nil {
		return Identity{}, tokenError(err)
	}
	if identity.OrganizationID == "" || identity.ConsumerID == "" {
		return Identity{}, errors.New("auth: the token verifier returned an identity without organization or consumer")
	}
	if identity.OrganizationID != organizationID {
		return Identity{}, refused(ReasonOrganizationMismatch)
	}
	return identity, nil
}

// verify verifies a token of which the organization is known already, if the verifier can
// make use of that.
func (a *Authenticator) verify(ctx context.Context, token, organizationID string) (Identity, error) {
	if v, ok := a.tokens.(*Verifier); ok {
		return v.VerifyFor(ctx, token, organizationID)
	}
	return a.tokens.Verify(ctx, token)
}

// AuthenticateServer says which organization the request speaks for, by its secret key.
// A consumer's token or a publishable key in its place fails like an unknown key.
func (a *Authenticator) AuthenticateServer(r *http.Request) (organizationID string, err error) {
	return a.OrganizationOf(r.Context(), r.Header)
}

// OrganizationOf is AuthenticateServer in the way that ConsumerOf is AuthenticateConsumer.
func (a *Authenticator) OrganizationOf(ctx context.Context, header http.Header) (organizationID string, err error) {
	if a.keys == nil {
		return "", errors.New("auth: Options.APIKeys is missing: no server can be authenticated")
	}
	key, err := bearer(header)
	if err != nil {
		return "", err
	}
	return a.organization(ctx, key, KindSecret, ReasonSecretKeyUnknown)
}

// APIKey is the digest of the API key that a request presents: of its publishable key, or
// of the secret key it has for its bearer. It says nothing of whether the key is valid, so
// it is of use for a request that was authenticated, such as to count it. Without such a
// key it is the digest of the empty string.
func (a *Authenticator) APIKey(r *http.Request, kind APIKeyKind) [sha256.Size]byte {
	read := publishableKey
	if kind == KindSecret {
		read = bearer
	}
	key, _ := read(r.Header)
	return APIKeyDigest(key)
}

// organization finds the organization of a key of that kind.
func (a *Authenticator) organization(ctx context.Context, key string, want APIKeyKind, unknown Reason) (string, error) {
	// The prefix decides before the look-up: a secret key that a client sends as its
	// publishable one by mistake must not work, although the finder knows it.
	if kind, err := CheckAPIKey(key); err != nil || kind != want {
		return "", refused(unknown)
	}
	organizationID, err := a.keys.OrganizationByKey(ctx, APIKeyDigest(key), a.now())
	switch {
	case errors.Is(err, consumer.ErrNotFound):
		return "", refused(unknown)
	case err != nil:
		return "", fmt.Errorf("auth: look up a %s key: %w", want, err)
	case organizationID == "":
		return "", fmt.Errorf("auth: look up a %s key: the finder returned no organization", want)
	}
	return organizationID, nil
}

func publishableKey(header http.Header) (string, error) {
	switch values := header[HeaderPublishableKey]; len(values) {
	case 0:
		return "", refused(ReasonPublishableKeyMissing)
	case 1:
		if values[0] == "" {
			return "", refused(ReasonPublishableKeyMissing)
		}
		return values[0], nil
	}
	// Header.Get would take the first, a proxy in front of us perhaps the last.
	return "", refused(ReasonPublishableKeyRepeated)
}

// bearer returns the credential of the Authorization header: the scheme Bearer in any
// case (RFC 9110, section 11.1), spaces, and one credential (RFC 6750, section 2.1).
func bearer(header http.Header) (string, error) {
	values := header[HeaderAuthorization]
	switch {
	case len(values) > 1:
		return "", refused(ReasonAuthorizationRepeated)
	case len(values) == 0 || values[0] == "":
		return "", refused(ReasonAuthorizationMissing)
	}
	scheme, credential, _ := strings.Cut(values[0], " ")
	credential = strings.TrimLeft(credential, " ")
	if !strings.EqualFold(scheme, "Bearer") || credential == "" || !printable(credential) {
		return "", refused(ReasonAuthorizationMalformed)
	}
	return credential, nil
}

// tokenError makes the refusal of any TokenVerifier an [*Error], and marks everything
// else as the failure that it is.
func tokenError(err error) error {
	var refusal *Error
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.Is(err, ErrUnauthenticated):
		return refused(ReasonTokenRefused)
	}
	return fmt.Errorf("auth: verify the access token: %w", err)
}
