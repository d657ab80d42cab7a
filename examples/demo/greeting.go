package demo

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/recordjson"
	"github.com/rejoinhq/rejoin/journey"
)

// maxIntroduced bounds how many consumers of one organization are printed.
const maxIntroduced = 20

// Greeting introduces the consumers of some organizations on the terminal.
type Greeting struct {
	// API and Records are the URLs that the API and its records are mounted at.
	API, Records string
	// Token issues an access token for a consumer. It is nil if the server cannot issue
	// tokens.
	Token func(organizationID, consumerID string, now time.Time) (string, error)
	Now   time.Time
}

// WriteCurl writes a line with a curl command for each endpoint, about the first consumer
// of the first organization that has the key for it.
func (g Greeting) WriteCurl(w io.Writer, organizations []recordjson.Organization) error {
	me, lookup := g.Token != nil, true // still to be written
	for _, o := range organizations {
		if len(o.Consumers) == 0 {
			continue
		}
		id := o.Consumers[0].ID
		if me && len(o.PublishableKeys) > 0 {
			token, err := g.Token(o.ID, id, g.Now)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "curl -sS %s -H %s -H %s\n", quote(g.API+"/me"),
				quote(auth.HeaderPublishableKey+": "+o.PublishableKeys[0]), quote("Authorization: Bearer "+token))
			me = false
		}
		if lookup && len(o.SecretKeys) > 0 && isShowable(o.SecretKeys[0]) {
			fmt.Fprintf(w, "curl -sS %s -H %s\n", quote(g.API+"/"+id), quote("Authorization: Bearer "+o.SecretKeys[0]))
			lookup = false
		}
	}
	return nil
}

// WriteFirstWrite writes a line with a curl command that lets the demonstration's first
// consumer enter an auction. The document of that consumer then shows it.
func (g Greeting) WriteFirstWrite(w io.Writer) {
	at := g.Now.UTC().Format(time.RFC3339Nano)
	body := fmt.Sprintf(`{"consumers":[{"id":"cons_demo_several","participations":[{"type":"auction","id":"auction_demo_guitar",`+
		`"experienceId":"exp_demo_guitar","sequenceId":"seq_demo_guitar","status":"ACTIVE","enteredAt":%q,"updatedAt":%q}]}]}`, at, at)
	fmt.Fprintf(w, "curl -sS %s -H %s -H %s -d %s\n", quote(g.Records), quote("Authorization: Bearer "+secretKey),
		quote("Content-Type: application/json"), quote(body))
}

// WriteConsumers writes the keys of each organization, and its first consumers with what
// they take part in and a token.
func (g Greeting) WriteConsumers(w io.Writer, organizations []recordjson.Organization) error {
	for _, o := range organizations {
		fmt.Fprintf(w, "\nOrganization %s\n", o.ID)
		writeKeys(w, "publishable key", o.PublishableKeys)
		writeKeys(w, "secret key", o.SecretKeys)
		for i, c := range o.Consumers {
			if i == maxIntroduced {
				fmt.Fprintf(w, "\n  and %d more consumers\n", len(o.Consumers)-i)
				break
			}
			fmt.Fprintf(w, "\n  %s: %s\n", c.ID, situation(c, g.Now))
			if g.Token == nil {
				continue
			}
			token, err := g.Token(o.ID, c.ID, g.Now)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "    %s\n", token)
		}
	}
	return nil
}

func writeKeys(w io.Writer, name string, keys []string) {
	for _, key := range keys {
		if !isShowable(key) {
			key = key[:len("sk_live_")] + "… (a live key is not shown)"
		}
		fmt.Fprintf(w, "  %-16s %s\n", name, key)
	}
}

// isShowable reports whether a key may be printed on a terminal, whose output may be kept.
func isShowable(key string) bool { return !strings.HasPrefix(key, "sk_live_") }

// situation describes what a consumer takes part in, by the same rules as the document.
func situation(c recordjson.Consumer, now time.Time) string {
	journeys := journey.Derive(consumer.Snapshot{Participations: c.Participations, Admissions: c.Admissions}, now).Journeys()
	if len(journeys) == 0 && len(c.Participations)+len(c.Admissions) > 0 {
		return "nothing is active any more"
	}
	if len(journeys) == 0 {
		return "only a profile"
	}
	var stages []string
	for _, j := range journeys {
		stages = append(stages, fmt.Sprintf("%s %s (%s)", stage(j), j.Participation.ID, j.Participation.Status))
	}
	return strings.Join(stages, ", ")
}

func stage(j journey.Journey) string {
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
