package auth_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"

	"github.com/rejoinhq/rejoin/auth"
)

// reference verifies tokens as package auth did at first: each token is parsed twice, by
// strict code that refuses what libraries tolerate, and by golang-jwt and keyfunc, which check
// the signature and the times. TestSameAsReference and FuzzSameAsReference compare the
// Verifier with it.
type reference struct {
	keyfunc     jwt.Keyfunc
	parser      *jwt.Parser
	rules       []jwt.ParserOption
	maxLifetime time.Duration
}

func newReference(leeway, maxLifetime time.Duration, issuer, audience string, keys ...auth.Key) (*reference, error) {
	storage := jwkset.NewMemoryStorage()
	for i, key := range keys {
		id := key.ID
		if id == "" {
			id = "\x00" + strconv.Itoa(i) // no token can have this kid
		}
		jwk, err := jwkset.NewJWKFromKey(key.Public, jwkset.JWKOptions{
			Metadata: jwkset.JWKMetadataOptions{KID: id, ALG: jwkset.AlgEdDSA, USE: jwkset.UseSig},
		})
		if err != nil {
			return nil, err
		}
		if err := storage.KeyWrite(context.Background(), jwk); err != nil {
			return nil, err
		}
	}
	found, err := keyfunc.New(keyfunc.Options{Storage: storage})
	if err != nil {
		return nil, err
	}
	r := &reference{
		keyfunc: found.Keyfunc,
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation(),
		),
		rules:       []jwt.ParserOption{jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway)},
		maxLifetime: maxLifetime + leeway,
	}
	if issuer != "" {
		r.rules = append(r.rules, jwt.WithIssuer(issuer))
	}
	if audience != "" {
		r.rules = append(r.rules, jwt.WithAudience(audience))
	}
	return r, nil
}

var errReference = errors.New("refused by the reference")

// verify returns the identity that a token names, or an error.
func (r *reference) verify(token string, now time.Time) (auth.Identity, error) {
	if len(token) > 8<<10 {
		return auth.Identity{}, errReference
	}
	if err := referencePrecheck(token, "jwt", "at+jwt"); err != nil {
		return auth.Identity{}, err
	}
	claims := jwt.MapClaims{}
	if _, err := r.parser.ParseWithClaims(token, claims, r.keyfunc); err != nil {
		return auth.Identity{}, err
	}
	return r.identityOf(claims, now)
}

var referenceForeignClaims = [...]string{
	"distributionId", "distributionType", "experienceId", "sequenceId",
	"queueId", "drawId", "auctionId", "timedReleaseId", "waitlistId",
	"admissionId", "admittedAt", "admissionToken", "paymentToken",
	"participationId", "selectedVariantId", "enteredAt", "wonAt",
}

var referencePurposeClaims = [...]string{"type", "tokenType", "token_type", "token_use", "typ", "purpose", "use", "scope", "scp"}

// identityOf checks the claims of a token whose signature was verified.
func (r *reference) identityOf(claims jwt.MapClaims, now time.Time) (auth.Identity, error) {
	for _, name := range referenceForeignClaims {
		if _, present := claims[name]; present {
			return auth.Identity{}, errReference
		}
	}
	for _, name := range referencePurposeClaims {
		if !referencePurpose(claims[name]) {
			return auth.Identity{}, errReference
		}
	}
	if _, present := claims["cnf"]; present {
		return auth.Identity{}, errReference
	}

	consumerID, _ := claims["consumerId"].(string)
	organizationID, _ := claims["organizationId"].(string)
	sessionID, _ := claims["sessionId"].(string)
	if consumerID == "" || organizationID == "" || sessionID == "" {
		return auth.Identity{}, errReference
	}

	expires, err := r.checkTimes(claims, now)
	if err != nil {
		return auth.Identity{}, err
	}
	return auth.Identity{
		OrganizationID: organizationID,
		ConsumerID:     consumerID,
		SessionID:      sessionID,
		ExpiresAt:      expires,
	}, nil
}

// checkTimes checks the times and parties of a token and returns when it expires.
func (r *reference) checkTimes(claims jwt.MapClaims, now time.Time) (time.Time, error) {
	issued, hasIssued := referenceDate(claims, "iat")
	expires, hasExpires := referenceDate(claims, "exp")
	_, hasStarts := referenceDate(claims, "nbf")
	if _, present := claims["nbf"]; !hasIssued || !hasExpires || present && !hasStarts {
		return time.Time{}, errReference
	}
	rules := append(slices.Clip(r.rules), jwt.WithTimeFunc(func() time.Time { return now }))
	if err := jwt.NewValidator(rules...).Validate(claims); err != nil {
		return time.Time{}, errReference
	}
	if lifetime := expires - issued; lifetime <= 0 || lifetime > r.maxLifetime.Seconds() {
		return time.Time{}, errReference
	}
	return time.Unix(int64(expires), 0).UTC(), nil
}

func referencePurpose(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case string:
		return !strings.Contains(strings.ToLower(value), "admission")
	case []any:
		return !slices.ContainsFunc(value, func(element any) bool {
			text, isString := element.(string)
			return !isString || !referencePurpose(text)
		})
	}
	return false
}

func referenceDate(claims jwt.MapClaims, name string) (seconds float64, ok bool) {
	seconds, ok = claims[name].(float64)
	return seconds, ok && seconds >= 0 && seconds <= 253402300799
}

// referencePrecheck checks the form of a token and its header parameters.
func referencePrecheck(token string, types ...string) error {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return errReference
	}
	var decoded [3][]byte
	for i, part := range parts {
		var ok bool
		if decoded[i], ok = referenceSegment(part); !ok {
			return errReference
		}
	}
	if err := referenceHeader(decoded[0], types); err != nil {
		return err
	}
	err := referenceMembers(decoded[1], func(string, jsontext.Value) error { return nil })
	if err != nil || len(decoded[2]) != ed25519.SignatureSize {
		return errReference
	}
	return nil
}

func referenceSegment(segment string) ([]byte, bool) {
	for i := range len(segment) {
		switch c := segment[i]; {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return nil, false
		}
	}
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(segment)
	return decoded, err == nil
}

func referenceHeader(data []byte, types []string) error {
	algorithm, typ, parameter, keyID := false, true, true, true
	err := referenceMembers(data, func(name string, value jsontext.Value) error {
		text, isString := referenceString(value)
		switch name {
		case "alg":
			algorithm = isString && text == "EdDSA"
		case "typ":
			mediaType := strings.TrimPrefix(strings.ToLower(text), "application/")
			typ = isString && slices.Contains(types, mediaType)
		case "kid":
			keyID = isString && text != "" && len(text) <= 256 && strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) < 0
		case "crit", "b64", "zip", "enc", "cty", "jwk", "jku", "x5u", "x5c":
			parameter = false
		}
		return nil
	})
	if err != nil || !algorithm || !typ || !parameter || !keyID {
		return errReference
	}
	return nil
}

// referenceMembers calls visit for every member of the one strict JSON object in data.
func referenceMembers(data []byte, visit func(name string, value jsontext.Value) error) error {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(data)) // strict by default
	return referenceWalk(decoder, func(name string, value jsontext.Value) error {
		if referenceDepth(value) > 16 {
			return errReference
		}
		return visit(name, value)
	})
}

func referenceWalk(decoder *jsontext.Decoder, visit func(name string, value jsontext.Value) error) error {
	if token, err := decoder.ReadToken(); err != nil || token.Kind() != '{' {
		return errReference
	}
	for {
		token, err := decoder.ReadToken()
		if err != nil {
			return errReference
		}
		if token.Kind() == '}' {
			break
		}
		name := token.String()
		value, err := decoder.ReadValue()
		if err != nil {
			return errReference
		}
		if err := visit(name, value); err != nil {
			return err
		}
	}
	if _, err := decoder.ReadToken(); err != io.EOF {
		return errReference
	}
	return nil
}

// referenceDepth returns how deep a valid value is nested.
func referenceDepth(value jsontext.Value) int {
	deepest, open, inString := 0, 0, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			open++
			deepest = max(deepest, open)
		case c == '}' || c == ']':
			open--
		}
	}
	return deepest
}

// referenceString returns the text of a JSON string, and false for any other value.
func referenceString(value jsontext.Value) (string, bool) {
	if value.Kind() != '"' {
		return "", false
	}
	text, err := jsontext.AppendUnquote(nil, value)
	return string(text), err == nil
}
