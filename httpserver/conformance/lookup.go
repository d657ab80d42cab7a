package conformance

import (
	"net/http"
	"strings"
)

// everyCharacter has each kind of character that an id may have.
const everyCharacter = "AZaz09._:~-"

func lookUpRules() []*rule {
	return []*rule{
		{
			name:    "it has the five fields of the profile in their order",
			records: `{"email":"ada@example.com","phone":"+12025550101","fullName":"Ada Lovelace","createdAt":"2024-11-15T10:00:00Z"}`,
			test: func(c *check) {
				c.lookUp("GET", c.consumer).hasJSON(`{"id":"` + c.consumer + `","email":"ada@example.com","phone":"+12025550101",
					"fullName":"Ada Lovelace","createdAt":"2024-11-15T10:00:00Z"}`)
			},
		},
		{name: "fields that are unset are null", records: `{}`, test: func(c *check) {
			c.lookUp("GET", c.consumer).hasJSON(`{"id":"` + c.consumer + `","email":null,"phone":null,"fullName":null,"createdAt":"2024-01-02T03:04:05Z"}`)
		}},
		{
			name:    "it shows nothing that the consumer takes part in",
			records: `{"participations":[` + record("queue", "queue_1", "QUEUED", "-10m") + `]}`,
			test: func(c *check) {
				c.lookUp("GET", c.consumer).hasJSON(`{"id":"` + c.consumer + `","email":null,"phone":null,"fullName":null,"createdAt":"2024-01-02T03:04:05Z"}`)
			},
		},
		{
			name:    "text stays as it came",
			records: `{"fullName":"Zoë \"<&>\" O\\Brien \u2028 नमस्ते 🎟"}`,
			test: func(c *check) {
				c.lookUp("GET", c.consumer).hasJSON(`{"id":"` + c.consumer + `","email":null,"phone":null,
					"fullName":"Zoë \"<&>\" O\\Brien \u2028 नमस्ते 🎟","createdAt":"2024-01-02T03:04:05Z"}`)
			},
		},
		{
			name:    "an id may have 128 characters and every character of the alphabet",
			id:      everyCharacter + strings.Repeat("x", 128-len(everyCharacter)-1-uniqueLength) + "#",
			records: `{}`,
			test: func(c *check) {
				c.lookUp("GET", c.consumer).hasJSON(`{"id":"` + c.consumer + `","email":null,"phone":null,"fullName":null,"createdAt":"2024-01-02T03:04:05Z"}`)
			},
		},
		{name: "ids are case-sensitive", records: `{}`, test: func(c *check) {
			c.lookUp("GET", strings.ToUpper(c.consumer)).hasError(http.StatusNotFound, consumerNotFound)
		}},
		{name: "an unknown id is 404", test: func(c *check) {
			c.lookUp("GET", c.consumer).hasError(http.StatusNotFound, consumerNotFound)
		}},
		{name: "an impossible id is 404, like an unknown one", test: func(c *check) {
			unknown := c.lookUp("GET", c.consumer)
			for _, id := range []string{
				strings.Repeat("x", 129), "a%20b", "a@b", "a%2Fb", "a+b", "%C3%A9", "%F0%9F%8E%9F", "%22", "a%25b", "a,b", "*", "!",
			} {
				impossible := c.lookUp("GET", id)
				impossible.hasError(http.StatusNotFound, consumerNotFound)
				sameBody(unknown, impossible)
			}
		}},
		{
			name:    "a consumer with records and without a profile is 404",
			records: `{"createdAt":null,"updatedAt":null,"participations":[` + record("queue", "queue_1", "QUEUED", "-10m") + `]}`,
			test: func(c *check) {
				c.lookUp("GET", c.consumer).hasError(http.StatusNotFound, consumerNotFound)
				c.me("GET").hasError(http.StatusNotFound, consumerNotFound)
			},
		},
	}
}
