package storagetest

import (
	"testing"

	"github.com/rejoinhq/rejoin/consumer"
)

func decimalCases() []storeCase {
	var cases []storeCase
	for rule, amount := range map[string]consumer.Amount{
		"zero is kept":                                 "0",
		"zeros behind the point are kept":              "250.00",
		"a single zero behind the point is kept":       "0.0",
		"an amount without a point gets none":          "250",
		"an amount that no binary float has is kept":   "0.1",
		"the smallest amount is kept":                  "0.00000001",
		"the greatest amount is kept":                  "999999999999.99999999",
		"more digits than a binary float has are kept": "123456789012.12345678",
		"eight zeros are kept":                         "1.00000000",
	} {
		cases = append(cases, storeCase{rule, func(t *testing.T, store consumer.Store) {
			bid := bidder(amount)
			write(t, store, participations(bid))
			wantParticipation(t, store, bid)
		}})
	}
	for rule, amount := range map[string]consumer.Amount{
		"a sign is refused":                        "-1",
		"an exponent is refused":                   "1e5",
		"superfluous zeros in front are refused":   "007",
		"an empty amount is refused":               "",
		"nothing before the point is refused":      ".5",
		"nothing behind the point is refused":      "1.",
		"a thirteenth digit is refused":            "1000000000000",
		"a ninth digit behind it is refused":       "0.000000001",
		"a comma is refused":                       "1,5",
		"digits of another script are refused":     "١",
		"what is not a number to SQL is refused":   "NaN",
		"a quotation mark in an amount is refused": `1"`,
	} {
		cases = append(cases, storeCase{rule, func(t *testing.T, store consumer.Store) {
			_, err := store.Write(t.Context(), participations(bidder(amount)))
			wantInvalidFields(t, err, "participations[0].lastBidAmount")
		}})
	}
	return cases
}

func bidder(amount consumer.Amount) consumer.Participation {
	return participation(func(p *consumer.Participation) {
		p.Type, p.Status, p.LastBidAmount = consumer.Auction, consumer.StatusWinning, &amount
	})
}
