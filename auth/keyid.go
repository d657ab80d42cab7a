package auth

import (
	"encoding/base64"
	"strings"
)

const maxKeyIDLength = 256

// validKeyID reports whether a kid may name a key at all: 1 to 256 printable ASCII
// characters, spaces included. A kid is only ever compared, never used as a path or in a
// query (RFC 8725, section 3.10).
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

// plausibleKeyID reports whether a kid that is not in the set is worth a look whether
// the issuer has published it meanwhile. Issuers take thumbprints, UUIDs, dates, URNs and
// URLs. What looks like a path or a query is somebody trying, and gets no fetch.
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

// isBase64 reports whether an id is padded base64, of which 1 in 64 begins with a slash.
func isBase64(id string) bool {
	_, err := base64.StdEncoding.Strict().DecodeString(id)
	return err == nil
}

// loggableKeyID is as much of a kid as goes into a log: its first characters, with every
// one that is not plain replaced. The caller chose it, and it may be a secret pasted into
// the wrong place.
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
