package httpserver

import "strings"

// matches reports whether the lines of an If-None-Match field list an entity tag. It
// compares weakly, as RFC 9110, section 13.1.2, requires: W/ in front of a tag is ignored.
// The value "*" matches every tag.
func matches(lines []string, etag string) bool {
	for _, list := range lines {
		for list != "" {
			list = strings.TrimLeft(list, " \t,")
			if strings.HasPrefix(list, "*") {
				return true
			}
			tag, rest, ok := cutTag(strings.TrimPrefix(list, "W/"))
			if !ok {
				break // ignore the rest of the line after a malformed tag
			}
			if tag == etag {
				return true
			}
			list = rest
		}
	}
	return false
}

// cutTag cuts a quoted tag from the beginning of a list. A tag may contain a comma but no
// quotation mark, because nothing is escaped in a tag (RFC 9110, section 8.8.3).
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
