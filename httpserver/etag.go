package httpserver

import "strings"

// matches reports whether an If-None-Match field, which may come in several lines,
// names the entity tag. The comparison is the weak one that RFC 9110, section 13.1.2,
// asks for here: W/ before a tag is passed over. "*" names any.
func matches(lines []string, etag string) bool {
	for _, list := range lines {
		for list != "" {
			list = strings.TrimLeft(list, " \t,")
			if strings.HasPrefix(list, "*") {
				return true
			}
			tag, rest, ok := cutTag(strings.TrimPrefix(list, "W/"))
			if !ok {
				break // what stands behind a malformed tag is not looked at
			}
			if tag == etag {
				return true
			}
			list = rest
		}
	}
	return false
}

// cutTag cuts the quoted tag from the front of a list. A tag may contain a comma, but
// no quote: there is no escaping in one (RFC 9110, section 8.8.3).
func cutTag(list string) (tag, rest string, ok bool) {
	if !strings.HasPrefix(list, `"`) {
		return "", "", false
	}
	end := strings.IndexByte(list[1:], '"')
	if end < 0 {
		return "", "", false
	}
	return list[:end+2], list[end+2:], true
}
