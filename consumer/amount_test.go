package consumer_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
)

func TestAmountValid(t *testing.T) {
	cases := []struct {
		name   string
		amount consumer.Amount
		want   bool
	}{
		{"zero", "0", true},
		{"a whole number", "250", true},
		{"digits behind the point", "250.00", true},
		{"less than one", "0.10", true},
		{"zero with digits behind the point", "0.00", true},
		{"12 digits before the point", "999999999999", true},
		{"13 digits before the point", "1000000000000", false},
		{"8 digits behind the point", "0.12345678", true},
		{"9 digits behind the point", "0.123456789", false},
		{"12 and 8 digits", "123456789012.12345678", true},
		{"9 digits behind the point, all zero", "1.000000000", false},
		{"empty", "", false},
		{"superfluous zeros in front", "007", false},
		{"two zeros", "00", false},
		{"superfluous zero before a fraction", "00.5", false},
		{"an exponent", "1e5", false},
		{"a capital exponent", "1E5", false},
		{"minus", "-1", false},
		{"minus zero", "-0", false},
		{"plus", "+1", false},
		{"no digit before the point", ".5", false},
		{"no digit behind the point", "5.", false},
		{"a lone point", ".", false},
		{"two points", "1.2.3", false},
		{"two points in a row", "1..2", false},
		{"a comma", "1,50", false},
		{"a separator of thousands", "1_000", false},
		{"a space in front", " 1", false},
		{"a newline at the end", "1\n", false},
		{"hexadecimal", "0x10", false},
		{"infinity", "Inf", false},
		{"digits outside ASCII", "\u0661", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := c.amount.Valid(); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestEveryAmountOfTheFormIsValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if a := genAmount().Draw(t, "amount"); !a.Valid() {
			t.Errorf("%q must be valid", a)
		}
	})
}
