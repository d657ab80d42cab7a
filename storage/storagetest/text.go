package storagetest

import (
	"strings"
	"testing"

	"github.com/rejoinhq/rejoin/consumer"
)

func textCases() []storeCase {
	cases := []storeCase{
		{"ids that differ by letter case are different records", testLetterCase},
		{"unicode normal forms of one word are different texts", func(t *testing.T, store consumer.Store) {
			composed, decomposed := namedProfile("é"), namedProfile("e\u0301")
			wantWrite(t, store, profiles(decomposed), 1, 0)
			wantSnapshot(t, store, profiles(decomposed))
			wantWrite(t, store, profiles(composed), 1, 0) // the same moment and another text: the greater one
			wantSnapshot(t, store, profiles(composed))
		}},
		{"emails keep their letter case", func(t *testing.T, store consumer.Store) {
			shouting := profile(func(c *consumer.Consumer) { c.Email = new("Ada.LOVELACE@Example.COM") })
			write(t, store, profiles(shouting))
			wantSnapshot(t, store, profiles(shouting))
		}},
		{"ids of every allowed character come back", func(t *testing.T, store consumer.Store) {
			for _, id := range []string{
				"AZaz09._:~-", "...", "-", "~", ":", "0", "NULL", "null", strings.Repeat("x", 128),
			} {
				batch := together(
					profiles(profile(func(c *consumer.Consumer) { c.OrganizationID, c.ID = id, id })),
					participations(participation(func(p *consumer.Participation) {
						p.OrganizationID, p.ConsumerID, p.ID, p.ExperienceID, p.SequenceID = id, id, id, id, id
					})))
				write(t, store, batch)
				wantSnapshot(t, store, batch)
			}
		}},
	}
	for rule, text := range map[string]string{
		"a single space is kept":                        " ",
		"spaces at both ends are kept":                  "  Ada  ",
		"line ends are kept":                            "a\nb\r\nc\n",
		"tabs and control characters are kept":          "\t\x01\x1f\x7f\u0080",
		"JSON's own characters are kept":                `{"a":"b\n","c":[1,null]}\`,
		"SQL's own characters are kept":                 `'; DROP TABLE consumers; -- %_?1 :id $1 "x"`,
		"HTML's own characters are kept":                "<script>&amp;</script>",
		"characters beyond the basic plane are kept":    "👩‍👩‍👧 𝒜",
		"the ends of unicode's planes are kept":         "\uffff\U0010ffff\ufeff",
		"the line separators of JavaScript are kept":    "\u2028\u2029",
		"the replacement character is kept":             "\ufffd",
		"a long text is kept":                           strings.Repeat("é", 100_000),
		"text that looks like a number stays a text":    "007",
		"text that looks like another escape is kept":   `\u0041\x41`,
		"right-to-left text and its marks are kept":     "\u202eאבג\u200f",
		"text that looks like a blob literal is a text": "x'00'",
	} {
		cases = append(cases, storeCase{rule, func(t *testing.T, store consumer.Store) { testTextIsKept(t, store, text) }})
	}
	for rule, text := range map[string]string{
		"NUL is refused":                            "a\x00b",
		"invalid UTF-8 is refused":                  "a\xffb",
		"half a surrogate pair is refused":          "\xed\xa0\x80",
		"an overlong encoding is refused":           "\xc0\xaf",
		"an empty string is refused, never unset":   "",
		"NUL at the end is refused, never cut away": "a\x00",
	} {
		cases = append(cases, storeCase{rule, func(t *testing.T, store consumer.Store) { testTextIsRefused(t, store, text) }})
	}
	return cases
}

func namedProfile(name string) consumer.Consumer {
	return profile(func(c *consumer.Consumer) { c.FullName = &name })
}

// testTextIsKept writes a text to every table.
func testTextIsKept(t *testing.T, store consumer.Store, text string) {
	batch := together(
		profiles(namedProfile(text)),
		participations(
			participation(func(p *consumer.Participation) { p.DenyReason = &text }),
			participation(inDistribution("queue_2"), func(p *consumer.Participation) { p.DenyReason = &text })),
		admissions(
			admission(func(a *consumer.Admission) { a.AdmissionToken = text }),
			admission(func(a *consumer.Admission) { a.DistributionID, a.AdmissionToken = "release_2", text })))
	wantWrite(t, store, batch, 5, 0)
	wantSnapshot(t, store, batch)
	wantWrite(t, store, batch, 0, 5)
}

func testTextIsRefused(t *testing.T, store consumer.Store, text string) {
	_, err := store.Write(t.Context(), together(
		profiles(namedProfile(text)),
		participations(participation(func(p *consumer.Participation) { p.DenyReason = &text })),
		admissions(admission(func(a *consumer.Admission) { a.AdmissionToken = text }))))
	wantInvalidFields(t, err, "consumers[0].fullName", "participations[0].denyReason", "admissions[0].admissionToken")
	wantNotFound(t, store, organization, person)
}

func testLetterCase(t *testing.T, store consumer.Store) {
	batch := together(profiles(profile()),
		participations(participation(inDistribution("id")), participation(inDistribution("ID")), participation(inDistribution("Id"))),
		admissions(
			admission(func(a *consumer.Admission) { a.DistributionID = "id" }),
			admission(func(a *consumer.Admission) { a.DistributionID = "ID" })))
	wantWrite(t, store, batch, 6, 0)
	wantSnapshot(t, store, batch)

	upper := profile(func(c *consumer.Consumer) { c.ID = "CONS_1" })
	wantWrite(t, store, profiles(upper), 1, 0)
	wantSnapshot(t, store, profiles(upper))
}
