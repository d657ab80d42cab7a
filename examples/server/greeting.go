package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
)

// mostIntroduced bounds how many consumers of one organization the terminal shows.
const mostIntroduced = 20

// greeting is what the terminal is told: the line with the address, the curl lines
// that work as they stand, and then whom there is to be.
func greeting(base string, organizations []fixtureOrganization, t *tokens, now time.Time) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "listening on %s\n", base)
	if err := writeCurlLines(&b, base, organizations, t, now); err != nil {
		return "", err
	}
	for _, o := range organizations {
		fmt.Fprintf(&b, "\nOrganization %s\n", o.ID)
		writeKeys(&b, "publishable key", o.PublishableKeys)
		writeKeys(&b, "secret key", o.SecretKeys)
		for i, c := range o.Consumers {
			if i == mostIntroduced {
				fmt.Fprintf(&b, "\n  and %d more consumers\n", len(o.Consumers)-i)
				break
			}
			if err := writeConsumer(&b, o.ID, c, t, now); err != nil {
				return "", err
			}
		}
	}
	switch {
	case t.issuer == nil:
		b.WriteString("\nConsumer access tokens come from the issuer of your key set.\n")
	case hasConsumers(organizations):
		fmt.Fprintf(&b, "\nThe access tokens are valid for %d hours, on this start of the server.\n", int(demoTokenLifetime.Hours()))
	default:
		b.WriteString("\nNo consumer is loaded here: give -fixture or -demo for ready-to-paste requests.\n")
	}
	return b.String(), nil
}

func hasConsumers(organizations []fixtureOrganization) bool {
	return slices.ContainsFunc(organizations, func(o fixtureOrganization) bool { return len(o.Consumers) > 0 })
}

// writeCurlLines writes one line for each endpoint, about the first consumer of the
// first organization that has the key for it.
func writeCurlLines(b *strings.Builder, base string, organizations []fixtureOrganization, t *tokens, now time.Time) error {
	me, lookup := t.issuer != nil, true // still to be written
	for _, o := range organizations {
		if len(o.Consumers) == 0 {
			continue
		}
		id := o.Consumers[0].ID
		if me && len(o.PublishableKeys) > 0 {
			token, err := t.issue(o.ID, id, now)
			if err != nil {
				return err
			}
			fmt.Fprintf(b, "curl -sS %s -H %s -H %s\n", quote(base+apiPrefix+"/me"),
				quote(auth.HeaderPublishableKey+": "+o.PublishableKeys[0]), quote("Authorization: Bearer "+token))
			me = false
		}
		if lookup && len(o.SecretKeys) > 0 && showable(o.SecretKeys[0]) {
			fmt.Fprintf(b, "curl -sS %s -H %s\n", quote(base+apiPrefix+"/"+id), quote("Authorization: Bearer "+o.SecretKeys[0]))
			lookup = false
		}
	}
	return nil
}

func writeKeys(b *strings.Builder, name string, keys []string) {
	for _, key := range keys {
		if !showable(key) {
			key = key[:len("sk_live_")] + "… (a live key is not shown)"
		}
		fmt.Fprintf(b, "  %-16s %s\n", name, key)
	}
}

// showable keeps a secret of the real world from a terminal whose output may be kept.
func showable(key string) bool { return !strings.HasPrefix(key, "sk_live_") }

func writeConsumer(b *strings.Builder, organizationID string, c fixtureConsumer, t *tokens, now time.Time) error {
	fmt.Fprintf(b, "\n  %s: %s\n", c.ID, situation(c, now))
	token, err := t.issue(organizationID, c.ID, now)
	if err != nil || token == "" {
		return err
	}
	fmt.Fprintf(b, "    %s\n", token)
	return nil
}

// situation says what a consumer is in, by the very rules that the document follows.
func situation(c fixtureConsumer, now time.Time) string {
	journeys := journey.Derive(consumer.Snapshot{Participations: c.Participations, Admissions: c.Admissions}, now).Journeys()
	if len(journeys) == 0 && len(c.Participations)+len(c.Admissions) > 0 {
		return "nothing is active any more"
	}
	if len(journeys) == 0 {
		return "only a profile"
	}
	var stages []string
	for _, j := range journeys {
		stages = append(stages, fmt.Sprintf("%s %s (%s)", where(j), j.Participation.ID, j.Participation.Status))
	}
	return strings.Join(stages, ", ")
}

func where(j journey.Journey) string {
	kind := strings.ReplaceAll(string(j.Participation.Type), "_", " ")
	switch j.SequenceStage {
	case journey.SequenceAdmitted:
		return "admitted by " + kind
	case journey.WaitlistEntered:
		return "on " + kind
	}
	return "in " + kind
}

// quote makes a text one word of a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
