package consumer

import "strings"

// Amount is an exact decimal without sign or exponent: up to 12 digits before the point and
// up to 8 after it, without superfluous leading zeros. It keeps the digits that were
// recorded, so "250.00" remains "250.00". The empty Amount is invalid.
type Amount string

const (
	maxIntegerDigits  = 12
	maxFractionDigits = 8
)

// Valid reports whether the amount has this form.
func (a Amount) Valid() bool {
	integer, fraction, hasPoint := strings.Cut(string(a), ".")
	switch {
	case !onlyDigits(integer, maxIntegerDigits), len(integer) > 1 && integer[0] == '0':
		return false
	case hasPoint:
		return onlyDigits(fraction, maxFractionDigits)
	}
	return true
}

func onlyDigits(s string, most int) bool {
	if len(s) == 0 || len(s) > most {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
