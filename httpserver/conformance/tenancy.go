package conformance

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

func tenancyRules() []*rule {
	return []*rule{
		{
			name:         "an organization sees its own consumer of an id that another one has too",
			records:      `{"fullName":"First","participations":[` + record("queue", "a", "QUEUED", "-9m") + `]}`,
			otherRecords: `{"fullName":"Second","participations":[` + record("draw", "b", "ENTERED", "-9m") + `]}`,
			test: func(c *check) {
				other := c.target.OtherOrganization
				c.lookUp("GET", c.consumer).hasFullName("First")
				c.lookUp("GET", c.consumer, withBearer(other.SecretKey)).hasFullName("Second")
				first, second := c.me("GET"), c.send("GET", "/me", c.consumerCredentials(other))
				first.hasFullName("First")
				second.hasFullName("Second")
				first.hasKeys("queues", "a#")
				first.hasKeys("draws")
				second.hasKeys("queues")
				second.hasKeys("draws", "b#")
			},
		},
		{
			name:         "a consumer of another organization is 404",
			otherRecords: `{}`,
			test: func(c *check) {
				c.lookUp("GET", c.consumer).hasError(http.StatusNotFound, consumerNotFound)
				c.me("GET").hasError(http.StatusNotFound, consumerNotFound)
			},
		},
		{
			name:         "the response is that for an unknown consumer, to the byte",
			otherRecords: `{}`,
			test: func(c *check) {
				for _, method := range []string{"GET", "HEAD"} {
					unknown := c.lookUp(method, "conformance_unknown")
					unknown.hasError(http.StatusNotFound, consumerNotFound)
					sameResponse(unknown, c.lookUp(method, c.consumer))
				}
				unknown := c.send("GET", "/me", with("X-Publishable-Key", c.target.Organization.PublishableKey),
					withBearer(c.tokenOf(c.target.Organization.ID, "conformance_unknown")))
				unknown.hasError(http.StatusNotFound, consumerNotFound)
				sameResponse(unknown, c.me("GET"))
			},
		},
		{
			name:         "an access token of one organization and a publishable key of another are 401",
			records:      `{}`,
			otherRecords: `{}`,
			test: func(c *check) {
				own, other := c.target.Organization, c.target.OtherOrganization
				c.me("GET", with("X-Publishable-Key", other.PublishableKey)).hasError(http.StatusUnauthorized, authenticationRequired)
				c.me("GET", withBearer(c.tokenOf(other.ID, c.consumer))).hasError(http.StatusUnauthorized, authenticationRequired)
				r := c.send("GET", "/me", c.consumerCredentials(other), with("X-Publishable-Key", own.PublishableKey))
				r.hasError(http.StatusUnauthorized, authenticationRequired)
			},
		},
		{
			name:         "an entity tag of one organization is not another's",
			records:      `{"fullName":"First"}`,
			otherRecords: `{"fullName":"Second"}`,
			test: func(c *check) {
				other := c.target.OtherOrganization
				first := c.lookUp("GET", c.consumer)
				if tag := first.header.Get("ETag"); first.hasStatus(http.StatusOK) && tag != "" {
					c.lookUp("GET", c.consumer, withBearer(other.SecretKey), with("If-None-Match", tag)).hasStatus(http.StatusOK)
				}
			},
		},
		{
			name:               "a distribution of another organization changes nothing",
			records:            participations(record("queue", "tenancy", "QUEUED", "-9m", `,"position":7,"ticket":20`), record("draw", "tenancy", "ENTERED", "-9m")),
			otherRecords:       `{}`,
			otherDistributions: `{"type":"queue","id":"tenancy#","serving":10},` + ended("draw", "tenancy"),
			test: func(c *check) {
				r := c.me("GET")
				r.hasPositions("tenancy# 7")
				r.hasKeys("draws", "tenancy#")
			},
		},
	}
}

// hasFullName expects a document with the name of a consumer.
func (r *response) hasFullName(want string) {
	if !r.hasStatus(http.StatusOK) {
		return
	}
	var profile struct {
		FullName string `json:"fullName"`
	}
	if err := json.Unmarshal(r.body, &profile); err != nil || profile.FullName != want {
		r.failf("fullName is not %q; the body is %s", want, shortened(r.body))
	}
}

// sameResponse expects two responses that differ in nothing but what differs from request to
// request.
func sameResponse(want, got *response) {
	sameBody(want, got)
	if want.failed || got.failed {
		return
	}
	names := make(map[string]bool)
	for _, header := range []http.Header{want.header, got.header} {
		for name := range header {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if differing[name] {
			continue
		}
		if !slices.Equal(want.header[name], got.header[name]) {
			got.failf("%s is %q, and %q for an unknown consumer", name, got.header[name], want.header[name])
		}
	}
}

// differing are header fields that differ from request to request or that only proxies set.
var differing = map[string]bool{
	"Date": true, "X-Request-Id": true, "Connection": true, "Keep-Alive": true, "Age": true, "Via": true, "Set-Cookie": true, "Server-Timing": true,
	"X-Ratelimit-Remaining": true, "X-Ratelimit-Reset": true, "Cf-Ray": true, "X-Amzn-Trace-Id": true, "X-Amz-Cf-Id": true,
	"X-Cloud-Trace-Context": true, "Traceparent": true, "Tracestate": true,
}
