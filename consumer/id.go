package consumer

const maxIDLength = 128

// ValidID reports whether s can be an id, of anything: 1 to 128 characters of
// A–Z a–z 0–9 . _ : ~ - (RFC 3986's unreserved characters and the colon), and
// neither "." nor "..", which a URL path swallows. A consumer moreover cannot be
// called "me", the path of the endpoint for the caller itself.
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
