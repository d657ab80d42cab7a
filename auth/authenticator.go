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

// The request headers that carry credentials.
const (
	HeaderAuthorization  = "Authorization"
	HeaderPublishableKey = "X-Publishable-Key"
)

// Identity is the consumer, organization and session that an access token names.
type Identity struct {
	OrganizationID string
	ConsumerID     string
	SessionID      string
	// ExpiresAt is the time at which the access token expires, in UTC and in whole seconds.
	// It does not include the leeway of the verifier.
	ExpiresAt time.Time
}

// ConsumerCaller is the result of a successful authentication of a consumer.
type ConsumerCaller struct {
	Identity
	// APIKey is the [APIKeyDigest] of the publishable key of the request. It is zero if the
	// request was authenticated without one.
	APIKey [sha256.Size]byte
}

// ServerCaller is the result of a successful authentication of a server.
type ServerCaller struct {
	OrganizationID string
	// APIKey is the [APIKeyDigest] of the secret key of the request. It is zero if the
	// request was authenticated without one.
	APIKey [sha256.Size]byte
}

// TokenVerifier verifies consumer access tokens. [Verifier] implements it.
type TokenVerifier interface {
	// VerifyFor returns the identity that the token names. It refuses a token that is not
	// valid, and one of another organization than organizationID, with an error that
	// matches [ErrUnauthenticated]. Any other error means that the verifier could not
	// decide. VerifyFor honors ctx and must be safe for concurrent use.
	VerifyFor(ctx context.Context, token, organizationID string) (Identity, error)
}

// Options configure an [Authenticator].
type Options struct {
	// Tokens verifies consumer access tokens. It may be nil in a program that serves
	// only servers. AuthenticateConsumer then fails, with an error that is not a refusal.
	Tokens TokenVerifier
	// APIKeys finds API keys. Required.
	APIKeys consumer.APIKeyFinder
	// Now is the clock that decides whether an API key is valid. Default: time.Now.
	Now func() time.Time
}

// Authenticator identifies the caller of a request by its credentials. It is safe for
// concurrent use. The zero value fails for every request, with errors that are not refusals.
type Authenticator struct {
	tokens TokenVerifier
	keys   consumer.APIKeyFinder
	now    func() time.Time
}

// New returns an Authenticator. It fails if Options.APIKeys is missing.
func New(options Options) (*Authenticator, error) {
	var errs optionErrors
	errs.check(options.APIKeys != nil, "APIKeys", "is required")
	if err := errs.err(); err != nil {
		return nil, fmt.Errorf("auth: Options: %w", err)
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Authenticator{tokens: options.Tokens, keys: options.APIKeys, now: options.Now}, nil
}

// AuthenticateConsumer returns the consumer that the publishable key and the access token
// of the request identify. It honors ctx, and does not use the context of the request.
//
// The cheapest checks come first: each of the two headers is present once and well-formed,
// the publishable key is known, the token is valid, and the token's organization is the
// key's. With an error the ConsumerCaller is zero. An error that does not match
// [ErrUnauthenticated] is that of a dependency, or matches context.Canceled if the caller
// gave up.
func (a *Authenticator) AuthenticateConsumer(ctx context.Context, r *http.Request) (ConsumerCaller, error) {
	if a.tokens == nil || a.keys == nil {
		return ConsumerCaller{}, errors.New("auth: Options.Tokens or Options.APIKeys is missing: no consumer can be authenticated")
	}
	key, err := publishableKey(r.Header)
	if err != nil {
		return ConsumerCaller{}, err
	}
	token, err := bearer(r.Header)
	if err != nil {
		return ConsumerCaller{}, err
	}
	organizationID, digest, err := a.organization(ctx, key, consumer.PublishableKey, ReasonPublishableKeyUnknown)
	if err != nil {
		return ConsumerCaller{}, err
	}
	identity, err := a.tokens.VerifyFor(ctx, token, organizationID)
	if err != nil {
		return ConsumerCaller{}, tokenError(ctx, err)
	}
	if identity.OrganizationID == "" || identity.ConsumerID == "" {
		return ConsumerCaller{}, errors.New("auth: the token verifier returned an identity without organization or consumer")
	}
	if identity.OrganizationID != organizationID { // a TokenVerifier with a bug
		return ConsumerCaller{}, refused(ReasonOrganizationMismatch)
	}
	return ConsumerCaller{Identity: identity, APIKey: digest}, nil
}

// AuthenticateServer returns the organization that the secret key of the request
// identifies. It honors ctx, and does not use the context of the request. A consumer's
// token or a publishable key in place of the secret key fails like an unknown key. The
// errors are those of AuthenticateConsumer.
func (a *Authenticator) AuthenticateServer(ctx context.Context, r *http.Request) (ServerCaller, error) {
	if a.keys == nil {
		return ServerCaller{}, errors.New("auth: Options.APIKeys is missing: no server can be authenticated")
	}
	key, err := bearer(r.Header)
	if err != nil {
		return ServerCaller{}, err
	}
	organizationID, digest, err := a.organization(ctx, key, consumer.SecretKey, ReasonSecretKeyUnknown)
	if err != nil {
		return ServerCaller{}, err
	}
	return ServerCaller{OrganizationID: organizationID, APIKey: digest}, nil
}

// organization returns the organization and the digest of a key of the wanted kind.
func (a *Authenticator) organization(ctx context.Context, key string, want consumer.APIKeyKind, unknown Reason) (organizationID string, digest [sha256.Size]byte, err error) {
	// The prefix is checked before the look-up: a secret key that a client sends in place
	// of its publishable key must not work, although the finder knows it.
	if kind, err := CheckAPIKey(key); err != nil || kind != want {
		return "", digest, refused(unknown)
	}
	digest = APIKeyDigest(key)
	organizationID, err = a.keys.OrganizationByAPIKey(ctx, digest, a.now())
	switch {
	case errors.Is(err, consumer.ErrNotFound):
		return "", digest, refused(unknown)
	case err != nil:
		return "", digest, fmt.Errorf("auth: look up a %s key: %w", want, unlessCanceled(ctx, err))
	case organizationID == "":
		return "", digest, fmt.Errorf("auth: look up a %s key: the finder returned no organization", want)
	}
	return organizationID, digest, nil
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
	// Header.Get would use the first one, and a proxy in front perhaps the last one.
	return "", refused(ReasonPublishableKeyRepeated)
}

// bearer returns the credential of the Authorization header, which is the scheme Bearer in any
// letter case (RFC 9110, section 11.1), spaces, and one credential (RFC 6750, section 2.1).
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

// tokenError returns the refusal of any TokenVerifier as an [*Error], and any other error
// as a failure.
func tokenError(ctx context.Context, err error) error {
	var refusal *Error
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.Is(err, ErrUnauthenticated):
		return refused(ReasonTokenRefused)
	}
	return fmt.Errorf("auth: verify the access token: %w", unlessCanceled(ctx, err))
}

// unlessCanceled returns the error of a dependency, or context.Canceled if the caller gave
// up: the dependency was interrupted then, and its error, which may match
// consumer.ErrUnavailable, means nothing.
func unlessCanceled(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Canceled
	}
	return err
}
