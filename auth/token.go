package auth

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// unverifiedToken is a token whose form was checked and whose signature was not.
type unverifiedToken struct {
	keyID     string // empty without a kid
	signed    []byte // the part of the token that was signed
	signature []byte
	claims    claims // not to be trusted
}

// tokenParser parses one token after the other, in the same memory.
type tokenParser struct {
	objects objectReader
	text    []byte // the token
	decoded []byte // its parts
	token   unverifiedToken
}

// parseUnverified parses a token. It refuses every token that could not be valid with any
// key: one that is spelled in more than one way, that parsers read differently, or that asks
// to be processed in a way that is not offered (RFC 8725, sections 2.3, 2.4, 3.1, 3.10 and
// 3.11). Only a token that passes may cause a refresh of the key set. isType reports whether
// a typ is that of the wanted kind of token. The result is valid until the next call.
func (p *tokenParser) parseUnverified(token string, isType func(string) bool) (*unverifiedToken, error) {
	p.text = append(p.text[:0], token...)
	p.decoded = slices.Grow(p.decoded[:0], len(token))
	header, rest, _ := bytes.Cut(p.text, []byte{'.'})
	payload, signature, ok := bytes.Cut(rest, []byte{'.'})
	if !ok {
		return nil, refused(ReasonTokenMalformed)
	}
	p.token = unverifiedToken{signed: p.text[:len(header)+len(".")+len(payload)]}
	for _, part := range []*[]byte{&header, &payload, &signature} {
		if *part, ok = p.decode(*part); !ok {
			return nil, refused(ReasonTokenMalformed)
		}
	}
	if err := p.parseHeader(header, isType); err != nil {
		return nil, err
	}
	err := p.objects.each(payload, func(name []byte, value jsontext.Value) error {
		p.token.claims.set(name, value)
		return nil
	})
	if err != nil || len(signature) != ed25519.SignatureSize {
		return nil, refused(ReasonTokenMalformed)
	}
	p.token.signature = signature
	return &p.token, nil
}

// decode returns the bytes that a part of the token encodes.
func (p *tokenParser) decode(part []byte) ([]byte, bool) {
	start := len(p.decoded)
	var ok bool
	p.decoded, ok = appendSegment(p.decoded, part)
	return p.decoded[start:], ok
}

// parseHeader reads the JOSE header. Of several faults the first of the list below is
// the reason, whatever their order in the header.
func (p *tokenParser) parseHeader(header []byte, isType func(string) bool) error {
	algorithm, typ, parameter, keyID := false, true, true, true
	err := p.objects.each(header, func(name []byte, value jsontext.Value) error {
		switch string(name) {
		case "alg":
			text, _ := textOf(value)
			algorithm = string(text) == "EdDSA" // RFC 8037, section 3.1
		case "typ":
			text, _ := textOf(value)
			typ = isType(string(text))
		case "kid":
			p.token.keyID, _ = stringOf(value)
			keyID = validKeyID(p.token.keyID)
		case "crit", "b64", "zip", "enc", "cty":
			// crit must be refused when it is not understood (RFC 7515, section 4.1.11).
			// The others change what was signed, or mean that the payload is not claims.
			parameter = false
		case "jwk", "jku", "x5u", "x5c":
			// The token must not choose its key (RFC 8725, section 3.10). One that brings a
			// key is a forgery, and must not cost a refresh either.
			parameter = false
		}
		return nil
	})
	switch {
	case err != nil:
		return refused(ReasonTokenMalformed)
	case !algorithm:
		return refused(ReasonTokenAlgorithm)
	case !typ:
		return refused(ReasonTokenType)
	case !parameter || !keyID:
		return refused(ReasonTokenHeader)
	}
	return nil
}

// isAccessTokenType reports whether typ is the media type of a JWT or of an access token
// (RFC 9068, section 2.1). The type keeps out tokens that were made for something else (RFC
// 8725, section 3.11). Letter case and a leading "application/" do not matter (RFC 7515,
// section 4.1.9).
func isAccessTokenType(typ string) bool { return isMediaType(typ, "JWT") || isMediaType(typ, "at+jwt") }

// isAdmissionTokenType reports whether typ is the media type of a JWT or of an admission token.
func isAdmissionTokenType(typ string) bool {
	return isMediaType(typ, "JWT") || isMediaType(typ, "admission+jwt")
}

func isMediaType(typ, want string) bool {
	const tree = "application/"
	if len(typ) > len(tree) && strings.EqualFold(typ[:len(tree)], tree) {
		typ = typ[len(tree):]
	}
	return strings.EqualFold(typ, want)
}

// strictBase64 is base64url without padding, in which the spare bits of the last character
// are zero.
var strictBase64 = base64.RawURLEncoding.Strict()

// appendSegment appends the bytes that a segment encodes. Each byte sequence has one
// spelling: also line ends, which package base64 ignores, are refused.
func appendSegment(dst, segment []byte) ([]byte, bool) {
	if bytes.ContainsAny(segment, "\r\n") {
		return dst, false
	}
	decoded, err := strictBase64.AppendDecode(dst, segment)
	return decoded, err == nil
}
