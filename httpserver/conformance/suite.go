package conformance

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"
)

// suite is one run of all rules.
type suite struct {
	target   Target
	sections []section
	// now is the beginning of the run, in whole seconds.
	now time.Time
	// unique is a text that differs from run to run.
	unique string
	// tokens are the access tokens so far, by organization and consumer.
	tokens map[[2]string]string
	// unsupported is the error of Target.Load for distributions, or nil.
	unsupported error
}

// uniqueLength is the length of suite.unique.
const uniqueLength = 8

// newSuite prepares a run: it loads the records of all rules.
func newSuite(ctx context.Context, target Target) (*suite, error) {
	if err := target.validate(); err != nil {
		return nil, fmt.Errorf("conformance: invalid target: %w", err)
	}
	target = target.withDefaults()
	s := &suite{
		target: target, sections: sections(), now: target.Now().UTC().Truncate(time.Second),
		unique: strings.ToLower(rand.Text()[:uniqueLength]), tokens: make(map[[2]string]string),
	}
	count := 0
	for _, section := range s.sections {
		for _, rule := range section.rules {
			count++
			if rule.id == "" {
				rule.id = fmt.Sprintf("conformance_%s_%d", s.unique, count)
			}
			rule.id = s.expand(rule.id)
		}
	}
	if err := s.loadAll(ctx); err != nil {
		s.close()
		return nil, fmt.Errorf("conformance: load records: %w", err)
	}
	return s, nil
}

func (s *suite) close() { s.target.Client.CloseIdleConnections() }

// loadAll loads the records of all rules. Those of rules with distributions are loaded apart,
// because a deployment may not support them.
func (s *suite) loadAll(ctx context.Context) error {
	for _, distributions := range []bool{false, true} {
		var own, other batch
		for _, section := range s.sections {
			for _, rule := range section.rules {
				if rule.hasDistributions() == distributions {
					err := errors.Join(
						s.add(&own, rule.id, rule.records, rule.distributions),
						s.add(&other, rule.id, rule.otherRecords, rule.otherDistributions))
					if err != nil {
						return fmt.Errorf("%s, %s: %w", section.name, rule.name, err)
					}
				}
			}
		}
		err := s.load(ctx, s.target.Organization, own)
		if err == nil && s.target.OtherOrganization != (Organization{}) {
			err = s.load(ctx, s.target.OtherOrganization, other)
		}
		if distributions && errors.Is(err, errors.ErrUnsupported) {
			s.unsupported, err = err, nil
		}
		if err != nil {
			return err
		}
	}
	return s.waitForResponses(ctx)
}

// batch is the object that Target.Load writes.
type batch struct {
	Consumers     []map[string]json.RawMessage `json:"consumers,omitempty"`
	Distributions []map[string]json.RawMessage `json:"distributions,omitempty"`
}

// add adds records in the form of a rule to a batch.
func (s *suite) add(b *batch, id, records, distributions string) error {
	if records != "" {
		var consumer map[string]json.RawMessage
		if err := json.Unmarshal([]byte(s.expand(records)), &consumer); err != nil {
			return err
		}
		s.setDefault(consumer, "id", id)
		s.setDefault(consumer, "createdAt", "2024-01-02T03:04:05Z")
		s.setDefault(consumer, "updatedAt", "@-1m")
		maps.DeleteFunc(consumer, func(_ string, value json.RawMessage) bool { return string(value) == "null" })
		for _, list := range []string{"participations", "admissions"} {
			if consumer[list] == nil {
				continue
			}
			var all []map[string]json.RawMessage
			if err := json.Unmarshal(consumer[list], &all); err != nil {
				return err
			}
			for _, record := range all {
				s.setDefault(record, "updatedAt", "@-1m")
			}
			consumer[list], _ = json.Marshal(all) // what was decoded can be encoded
		}
		b.Consumers = append(b.Consumers, consumer)
	}
	var all []map[string]json.RawMessage
	if err := json.Unmarshal([]byte("["+s.expand(distributions)+"]"), &all); err != nil {
		return err
	}
	for _, record := range all {
		s.setDefault(record, "updatedAt", "@-1m")
	}
	b.Distributions = append(b.Distributions, all...)
	return nil
}

func (s *suite) setDefault(record map[string]json.RawMessage, name, text string) {
	if record[name] == nil {
		record[name], _ = json.Marshal(s.expand(text)) // a string can be encoded
	}
}

func (s *suite) load(ctx context.Context, organization Organization, b batch) error {
	if len(b.Consumers)+len(b.Distributions) == 0 {
		return nil
	}
	records, err := json.Marshal(b)
	if err != nil {
		return err
	}
	if err := s.target.Load(ctx, organization, records); err != nil {
		return fmt.Errorf("Target.Load: %w", err)
	}
	return nil
}

// waitForResponses waits until responses show what was loaded.
func (s *suite) waitForResponses(ctx context.Context) error {
	if s.target.MaxStaleness == 0 {
		return nil
	}
	timer := time.NewTimer(s.target.MaxStaleness)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

var placeholders = regexp.MustCompile(`@[+-][0-9]+[smh]|#`)

// expand replaces the placeholders in a text: see rule.
func (s *suite) expand(text string) string {
	return placeholders.ReplaceAllStringFunc(text, func(placeholder string) string {
		if placeholder == "#" {
			return "_" + s.unique
		}
		d, _ := time.ParseDuration(placeholder[1:]) // the expression matches only durations
		return s.now.Add(d).Format(time.RFC3339)
	})
}

// token returns an access token of a consumer.
func (s *suite) token(ctx context.Context, organizationID, consumerID string) (string, error) {
	key := [2]string{organizationID, consumerID}
	if s.tokens[key] == "" {
		token, err := s.target.Token(ctx, organizationID, consumerID)
		if err == nil && token == "" {
			err = errors.New("returned no token")
		}
		if err != nil {
			return "", fmt.Errorf("Target.Token: %w", err)
		}
		s.tokens[key] = token
	}
	return s.tokens[key], nil
}
