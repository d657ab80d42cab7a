package recordjson

import "strings"

const (
	maxPlainName = 64
	maxShownName = 32
)

// isPlain reports whether a name can be part of a path as it is.
func isPlain(name string) bool {
	if name == "" || len(name) > maxPlainName || isCredential(name) {
		return false
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '_', c == '-', c == '$':
		default:
			return false
		}
	}
	return true
}

// credentials are what API keys, webhook secrets and tokens begin with.
var credentials = []string{"pk_live_", "pk_test_", "sk_live_", "sk_test_", "whsec_", "eyJ"}

// isCredential reports whether somebody may have taken a secret for a name.
func isCredential(name string) bool {
	for _, prefix := range credentials {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// shortened returns the part of a name that an error may show.
func shortened(name string) string {
	for _, prefix := range credentials {
		if strings.HasPrefix(name, prefix) {
			return prefix + "…"
		}
	}
	if runes := []rune(name); len(runes) > maxShownName {
		return string(runes[:maxShownName]) + "…"
	}
	return name
}
