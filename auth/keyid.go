package auth

import (
	"encoding/base64"
	"strings"
)

const maxKeyIDLength = 256

// validKeyID reports whether a kid has 1 to 256 printable ASCII characters, spaces included. A
// kid is compared, and never used as a path or in a query (RFC 8725, section 3.10).
func validKeyID(id string) bool {
	if id == "" || len(id) > maxKeyIDLength {
		return false
	}
	for i := range len(id) {
		if id[i] < ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

// plausibleKeyID reports whether an issuer may have published a key with a kid that is not in
// the set. Issuers choose thumbprints, UUIDs, dates, URNs and URLs. A kid that looks like a
// path or a query is an attack, and must not cause a refresh.
func plausibleKeyID(id string) bool {
	if !validKeyID(id) || strings.Contains(id, "../") || strings.Contains(id, "/..") {
		return false
	}
	if id[0] == '/' && !isBase64(id) {
		return false
	}
	return strings.IndexFunc(id, func(r rune) bool { return !plausibleKeyIDRune(r) }) < 0
}

func plausibleKeyIDRune(r rune) bool {
	return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~:/+=@#|,{}", r)
}

// isBase64 reports whether an id is padded base64, which begins with a slash 1 in 64 times.
func isBase64(id string) bool {
	_, err := base64.StdEncoding.Strict().DecodeString(id)
	return err == nil
}

// loggableKeyID returns the part of a kid that may be logged: its first characters, with those
// that are not plain replaced. A caller may have chosen the kid, or pasted a secret into it.
func loggableKeyID(id string) string {
	const longest = 8
	cut := ""
	if len(id) > longest {
		id, cut = id[:longest], "…"
	}
	return strings.Map(func(r rune) rune {
		if plausibleKeyIDRune(r) && r != '@' && r != '+' { // as in an email or a phone number
			return r
		}
		return '?'
	}, id) + cut
}
