package consumer

const maxIDLength = 128

// ValidID reports whether s is a valid id of any kind: 1 to 128 characters of
// A–Z a–z 0–9 . _ : ~ - (the unreserved characters of RFC 3986 and the colon), except "."
// and "..", which are special in a URL path. The id of a consumer, moreover, cannot be
// "me", which is the path of the caller's own document.
func ValidID(s string) bool {
	if len(s) == 0 || len(s) > maxIDLength || s == "." || s == ".." {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == ':', c == '~', c == '-':
		default:
			return false
		}
	}
	return true
}
