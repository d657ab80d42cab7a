package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
	"github.com/rejoinhq/rejoin/httpserver"
)

const webhooksPath = "/api/v1/webhooks"

// webhookSecrets is the value of a flag with the secrets of organizations, as ORG=SECRET. It
// may be repeated and comma-separated.
type webhookSecrets map[string][]string

// String returns nothing, because the values are secret.
func (*webhookSecrets) String() string { return "" }

// Set adds secrets. Its errors never repeat them.
func (s *webhookSecrets) Set(value string) error {
	if *s == nil {
		*s = make(webhookSecrets)
	}
	for pair := range strings.SplitSeq(value, ",") {
		organizationID, secret, found := strings.Cut(strings.TrimSpace(pair), "=")
		switch {
		case !found || secret == "":
			return errors.New("must be ORG=SECRET")
		case !consumer.ValidID(organizationID):
			return errors.New("the text before = must be the id of an organization")
		}
		if known := (*s)[organizationID]; !slices.Contains(known, secret) {
			(*s)[organizationID] = append(known, secret)
		}
	}
	return nil
}

// options returns the options for webhooks, nil without a secret.
func (s webhookSecrets) options(events event.Recorder) *httpserver.WebhookOptions {
	if len(s) == 0 {
		return nil
	}
	return &httpserver.WebhookOptions{
		Events:  events,
		Secrets: func(_ context.Context, organizationID string) ([]string, error) { return s[organizationID], nil },
	}
}
