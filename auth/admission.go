package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/rejoinhq/rejoin/consumer"
)

// AdmissionVerifierOptions configure an [AdmissionVerifier].
type AdmissionVerifierOptions struct {
	// Keys are the keys that sign the admission tokens of all organizations, usually those
	// that sign the access tokens. Either Keys or KeysByOrganization is required, and not both.
	Keys *KeySet
	// KeysByOrganization are the key sets of organizations with issuers of their own, as in
	// [VerifierOptions]. The map is copied.
	KeysByOrganization map[string]*KeySet
	// Leeway is the largest difference between the clock of the issuer and Now. It applies to
	// exp, iat and nbf and to MaxLifetime. Default: 30 s. Negative: none.
	Leeway time.Duration
	// MaxLifetime is the longest time between the iat and the exp of a token. Default: 24 h.
	MaxLifetime time.Duration
	// MaxTokenSize is the largest length of a token in bytes. Default: 8192.
	MaxTokenSize int
	// Issuer is the value that iss must have. Default: any.
	Issuer string
	// Audience is the value that aud must be or contain, such as the name of the checkout.
	// Default: aud is ignored.
	Audience string
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// AdmissionVerifier verifies admission tokens at the checkout without a request to the issuer
// or to a store. An admission token is a JWT that is signed like an access token (see
// [Verifier]), usually with the same key. These are its claims:
//
//   - organizationId, consumerId and sequenceId, as strings that are not empty. Required.
//   - iat and exp. Required. nbf is optional.
//   - experienceId, as a string that is not empty. Optional.
//   - the distribution: distributionType and distributionId, or one of queueId, drawId,
//     auctionId and timedReleaseId. Optional. If there are several, they must agree.
//   - iss and aud, if the options name a value.
//
// Others are ignored, except that a claim that binds the token to a key (cnf), and a purpose
// such as "access", refuse it. The header typ is absent, JWT or admission+jwt.
//
// No token is both an access token and an admission token: an admission token needs
// sequenceId, and a [Verifier] refuses a token with that claim, whatever its value (RFC 8725,
// section 3.12). Several tokens of a consumer may be valid at once, and a valid one may be
// used up: see [Admission.LiveIn] and [consumer.Completer].
//
// An AdmissionVerifier is safe for concurrent use, and has no cache. The zero value refuses
// every token.
type AdmissionVerifier struct {
	signatures signatures
	rules      claimRules
	maxSize    int
	now        func() time.Time
}

// NewAdmissionVerifier returns an AdmissionVerifier. It fails if options are invalid, with an
// error that names all of them.
func NewAdmissionVerifier(options AdmissionVerifierOptions) (*AdmissionVerifier, error) {
	errs := keyErrors(options.Keys, options.KeysByOrganization)
	errs.check(options.MaxLifetime >= 0, "MaxLifetime", "must not be negative")
	errs.check(options.MaxTokenSize >= 0, "MaxTokenSize", "must not be negative")
	if err := errs.err(); err != nil {
		return nil, fmt.Errorf("auth: AdmissionVerifierOptions: %w", err)
	}
	signatures, err := newSignatures(options.Keys, options.KeysByOrganization, isAdmissionTokenType)
	if err != nil {
		return nil, err
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &AdmissionVerifier{
		signatures: signatures,
		rules:      newClaimRules(options.Leeway, options.MaxLifetime, options.Issuer, options.Audience),
		maxSize:    orDefault(options.MaxTokenSize, defaultMaxTokenSize),
		now:        options.Now,
	}, nil
}

// Admission is what an admission token says. It does not contain the token.
type Admission struct {
	OrganizationID string
	ConsumerID     string
	// ExperienceID is empty if the token does not name it.
	ExperienceID string
	SequenceID   string
	// DistributionType and DistributionID are empty if the token does not name the
	// distribution.
	DistributionType consumer.DistributionType
	DistributionID   string
	// ExpiresAt is the time at which the token expires, in UTC and in whole seconds. It does
	// not include the leeway of the verifier.
	ExpiresAt time.Time

	digest [sha256.Size]byte // of the token
}

// Expected is what the checkout knows about the admission that it needs. All fields are
// required, because an empty one would be a check that was forgotten: it matches no token.
type Expected struct {
	OrganizationID string
	// ConsumerID is the consumer of the session at the checkout.
	ConsumerID string
	// SequenceID is the sequence whose products are bought.
	SequenceID string
}

// Verify returns what the token says, or refuses the token with an [*Error]. It does not
// compare it with anything that the checkout knows: a checkout of one organization, which
// sells certain products, uses VerifyFor.
//
// A token that a new key may have signed causes a refresh of the key set as in
// [Verifier.Verify], and the errors that are not refusals are the same.
func (v *AdmissionVerifier) Verify(ctx context.Context, token string) (Admission, error) {
	admission, err := v.verify(ctx, token, anyOrganization)
	return admission, ofAdmission(err)
}

// VerifyFor is like Verify but refuses a token of another organization, of another consumer
// or for another sequence. A token of another organization is refused before any key is tried
// or fetched. A guest's token names the guest, also after the guest was merged into another
// consumer.
func (v *AdmissionVerifier) VerifyFor(ctx context.Context, token string, expected Expected) (Admission, error) {
	admission, err := v.verifyFor(ctx, token, expected)
	return admission, ofAdmission(err)
}

func (v *AdmissionVerifier) verifyFor(ctx context.Context, token string, expected Expected) (Admission, error) {
	if expected.OrganizationID == anyOrganization {
		return Admission{}, refused(ReasonOrganizationMismatch)
	}
	admission, err := v.verify(ctx, token, expected.OrganizationID)
	switch {
	case err != nil:
		return Admission{}, err
	case admission.ConsumerID != expected.ConsumerID:
		return Admission{}, refused(ReasonTokenConsumer)
	case admission.SequenceID != expected.SequenceID:
		return Admission{}, refused(ReasonTokenSequence)
	}
	return admission, nil
}

func (v *AdmissionVerifier) verify(ctx context.Context, token, organizationID string) (Admission, error) {
	if v.now == nil || len(token) > v.maxSize { // the zero value has no size
		return Admission{}, refused(ReasonTokenTooLarge)
	}
	parser := v.signatures.parser()
	defer v.signatures.release(parser)
	signed, err := v.signatures.verify(ctx, parser, token, organizationID)
	if err != nil {
		return Admission{}, err
	}
	admission, reason := v.rules.admissionOf(signed.claims, signed.organizationID, v.now())
	if reason != "" {
		return Admission{}, refused(reason)
	}
	admission.digest = digestOf(token)
	return admission, nil
}

// ofAdmission marks a refusal as that of an admission token, for its public message.
func ofAdmission(err error) error {
	if refusal := (*Error)(nil); errors.As(err, &refusal) {
		return &Error{Reason: refusal.Reason, admission: true}
	}
	return err
}

// admissionOf checks the claims of an admission token whose signature was verified and whose
// organization is known.
func (r *claimRules) admissionOf(c *claims, organizationID string, now time.Time) (Admission, Reason) {
	switch {
	case c.sequenceID == nil, c.admissionPurpose:
		return Admission{}, ReasonTokenPurpose
	case c.bound:
		return Admission{}, ReasonTokenBound
	}
	consumerID, _ := stringOf(c.consumerID)
	sequenceID, _ := stringOf(c.sequenceID)
	experienceID, _ := stringOf(c.experienceID)
	kind, id, known := c.distribution()
	if consumerID == "" || organizationID == "" || sequenceID == "" || c.experienceID != nil && experienceID == "" || !known {
		return Admission{}, ReasonTokenClaims
	}
	expiresAt, _, reason := r.checkDates(c, now)
	if reason != "" {
		return Admission{}, reason
	}
	if reason := r.checkParties(c); reason != "" {
		return Admission{}, reason
	}
	return Admission{
		OrganizationID: organizationID, ConsumerID: consumerID, ExperienceID: experienceID, SequenceID: sequenceID,
		DistributionType: kind, DistributionID: id, ExpiresAt: expiresAt,
	}, ""
}

// distribution returns the distribution that the claims name, if they do. It reports false if
// a claim is not valid, or if they name several.
func (c *claims) distribution() (kind consumer.DistributionType, id string, valid bool) {
	if (c.distributionType == nil) != (c.distributionID == nil) {
		return "", "", false
	}
	if c.distributionType != nil {
		text, _ := stringOf(c.distributionType)
		kind = consumer.DistributionType(text)
		if id, _ = stringOf(c.distributionID); id == "" || !kind.Admits() {
			return "", "", false
		}
	}
	for _, claim := range [...]struct {
		kind  consumer.DistributionType
		value jsontext.Value
	}{
		{consumer.Queue, c.queueID}, {consumer.Draw, c.drawID},
		{consumer.Auction, c.auctionID}, {consumer.TimedRelease, c.timedReleaseID},
	} {
		if claim.value == nil {
			continue
		}
		text, _ := stringOf(claim.value)
		if text == "" || kind != "" && (kind != claim.kind || id != text) {
			return "", "", false
		}
		kind, id = claim.kind, text
	}
	return kind, id, true
}

// LiveIn returns the distribution in which the admission is live at a time, by a snapshot of
// its consumer. It reports false if no active participation and no live admission of the
// sequence has exactly this token: it was completed, ended, expired in the store or was
// replaced by another token. If both have it, the result is that of the participation.
//
// The snapshot may be that of a consumer that the token's consumer, a guest, was merged into.
// A snapshot is soon old, so LiveIn is for what a checkout shows, and a [consumer.Completer]
// decides.
func (a Admission) LiveIn(snapshot consumer.Snapshot, now time.Time) (consumer.DistributionKey, bool) {
	if a.OrganizationID == "" || snapshot.Consumer.OrganizationID != a.OrganizationID {
		return consumer.DistributionKey{}, false
	}
	for _, p := range snapshot.Participations {
		if p.ActiveAt(now) && p.Admitting() && a.matches(*p.AdmissionToken, p.Type, p.ID, p.SequenceID) {
			return consumer.DistributionKey{OrganizationID: a.OrganizationID, Type: p.Type, ID: p.ID}, true
		}
	}
	for _, live := range snapshot.Admissions {
		if live.LiveAt(now) && a.matches(live.AdmissionToken, live.DistributionType, live.DistributionID, live.SequenceID) {
			return consumer.DistributionKey{OrganizationID: a.OrganizationID, Type: live.DistributionType, ID: live.DistributionID}, true
		}
	}
	return consumer.DistributionKey{}, false
}

// matches reports whether a record has the token, and the sequence and distribution that the
// token names.
func (a Admission) matches(token string, kind consumer.DistributionType, id, sequenceID string) bool {
	digest := digestOf(token)
	return subtle.ConstantTimeCompare(digest[:], a.digest[:]) == 1 && sequenceID == a.SequenceID &&
		(a.DistributionType == "" || a.DistributionType == kind && a.DistributionID == id)
}
