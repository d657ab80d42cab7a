package auth

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// tokenHeader is what the look-up of the key needs to know of a token's header.
type tokenHeader struct {
	keyID    string
	hasKeyID bool
}

// precheck refuses, without any key, every token that could not be valid with any:
// spelled in more than one way, read differently by different parsers, or asking to be
// read in a way that we do not offer (RFC 8725, sections 2.3, 2.4, 3.1, 3.10 and 3.11). The JWT library looks at few of these. What passes has one reading, so that
// the library's lenient decoding and this strict one agree about it, and only such a
// token may cost a refresh of the key set.
//
// The payload is checked for its form only: no claim is trusted before the signature was
// verified. The organization that it claims is returned to choose the keys by, which then
// decide; it is empty if there is none, or one that is no string.
func precheck(token string) (header tokenHeader, claimedOrganization string, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return tokenHeader{}, "", refused(ReasonTokenMalformed)
	}
	var decoded [3][]byte
	for i, part := range parts {
		var ok bool
		if decoded[i], ok = decodeSegment(part); !ok {
			return tokenHeader{}, "", refused(ReasonTokenMalformed)
		}
	}
	header, err = parseHeader(decoded[0])
	if err != nil {
		return tokenHeader{}, "", err
	}
	err = eachMember(decoded[1], func(name string, value jsontext.Value) error {
		if name == "organizationId" {
			claimedOrganization, _ = stringOf(value)
		}
		return nil
	})
	if err != nil || len(decoded[2]) != ed25519.SignatureSize {
		return tokenHeader{}, "", refused(ReasonTokenMalformed)
	}
	return header, claimedOrganization, nil
}

// decodeSegment decodes base64url without padding. Decoding is strict, so the bits that
// the last character has to spare must be zero, and line ends, which encoding/base64
// skips even then, are refused: each byte sequence has exactly one spelling.
func decodeSegment(segment string) ([]byte, bool) {
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

// parseHeader reads the JOSE header. Of several faults the first of the list below is
// the reason, whatever their order in the header.
func parseHeader(data []byte) (tokenHeader, error) {
	var (
		header                           tokenHeader
		algorithm, typ, parameter, keyID = false, true, true, true
	)
	err := eachMember(data, func(name string, value jsontext.Value) error {
		text, isString := stringOf(value)
		switch name {
		case "alg":
			algorithm = isString && text == "EdDSA" // RFC 8037, section 3.1
		case "typ":
			// RFC 8725, section 3.11: a token made for something else is told apart by
			// its type. "at+jwt" is RFC 9068's.
			typ = isString && (text == "JWT" || text == "at+jwt")
		case "kid":
			header.keyID, header.hasKeyID = text, true
			keyID = isString && validKeyID(text)
		case "crit", "b64", "zip", "enc", "cty":
			// crit must be refused when it is not understood (RFC 7515, section 4.1.11),
			// and the others change what was signed, or say that the payload is no claims.
			parameter = false
		case "jwk", "jku", "x5u", "x5c":
			// The key is ours to choose (RFC 8725, section 3.10). A token that brings its
			// own is a forgery, and must not cost a refresh either.
			parameter = false
		}
		return nil
	})
	switch {
	case err != nil:
		return tokenHeader{}, refused(ReasonTokenMalformed)
	case !algorithm:
		return tokenHeader{}, refused(ReasonTokenAlgorithm)
	case !typ:
		return tokenHeader{}, refused(ReasonTokenType)
	case !parameter || !keyID:
		return tokenHeader{}, refused(ReasonTokenHeader)
	}
	return header, nil
}
