package conformance

import (
	"net/http"
	"strings"
)

func serverCredentialRules() []*rule {
	refused := func(name string, options func(c *check) []option) *rule {
		return &rule{name: name, records: `{}`, test: func(c *check) {
			for _, o := range options(c) {
				c.lookUp("GET", c.consumer, o).hasError(http.StatusUnauthorized, secretKeyRequired)
			}
		}}
	}
	return []*rule{
		{name: "a look-up without credentials is 401", records: `{}`, test: func(c *check) {
			c.send("GET", "/"+c.consumer).hasError(http.StatusUnauthorized, secretKeyRequired)
			c.send("HEAD", "/"+c.consumer).hasStatus(http.StatusUnauthorized)
		}},
		refused("a look-up without a secret key is 401", func(c *check) []option {
			return []option{with("Authorization", ""), with("Authorization", "Bearer"), with("Authorization", "Bearer ")}
		}),
		refused("another scheme of a look-up than Bearer is 401", func(c *check) []option {
			key := c.target.Organization.SecretKey
			return []option{with("Authorization", "Basic "+key), with("Authorization", key)}
		}),
		refused("a secret key that is malformed or unknown is 401", func(c *check) []option {
			key := c.target.Organization.SecretKey
			return []option{
				withBearer("wrong"), withBearer("sk_test_conformance" + c.unique + "00000000"), withBearer(key + "0"), withBearer(strings.ToUpper(key)),
			}
		}),
		refused("a publishable key is no secret key", func(c *check) []option {
			return []option{withBearer(c.target.Organization.PublishableKey)}
		}),
		refused("an access token is no secret key", func(c *check) []option {
			return []option{withBearer(c.tokenOf(c.target.Organization.ID, c.consumer)), c.consumerCredentials(c.target.Organization)}
		}),
		{name: "two secret keys are 401", records: `{}`, test: func(c *check) {
			key := "Bearer " + c.target.Organization.SecretKey
			c.lookUp("GET", c.consumer, with("Authorization", key, key)).refusesRepeated(secretKeyRequired)
			c.lookUp("GET", c.consumer, with("Authorization", key, "Bearer wrong")).refusesRepeated(secretKeyRequired)
		}},
		{name: "a secret key is not a consumer's credential", records: `{}`, test: func(c *check) {
			c.lookUp("GET", "me").hasError(http.StatusUnauthorized, authenticationRequired)
		}},
		{name: "the secret key is checked before the consumer is looked up", records: `{}`, test: func(c *check) {
			existing, unknown := c.lookUp("GET", c.consumer, withBearer("wrong")), c.lookUp("GET", "conformance_unknown", withBearer("wrong"))
			existing.hasError(http.StatusUnauthorized, secretKeyRequired)
			sameBody(existing, unknown)
			c.send("GET", "/impossible%20id").hasError(http.StatusUnauthorized, secretKeyRequired)
		}},
		{name: "a 401 of a look-up has a challenge, with invalid_token only for a refused key", records: `{}`, test: func(c *check) {
			c.send("GET", "/"+c.consumer).hasChallenge(false)
			c.lookUp("GET", c.consumer, with("Authorization", "Basic wrong")).hasChallenge(false)
			c.lookUp("GET", c.consumer, withBearer("wrong")).hasChallenge(true)
		}},
	}
}
