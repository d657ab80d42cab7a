package conformance

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// Run tests a deployment, with a subtest for each section of the contract and one below it for
// each rule. A single rule can be run with -run. The test fails at once if the target is
// invalid or the records cannot be loaded.
func Run(t *testing.T, target Target) {
	t.Helper()
	s, err := newSuite(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for _, section := range s.sections {
		t.Run(section.name, func(t *testing.T) {
			for _, rule := range section.rules {
				t.Run(rule.name, func(t *testing.T) {
					switch skipped, err := s.check(t.Context(), rule); {
					case err != nil:
						t.Error(err)
					case skipped != "":
						t.Skip("SKIPPED:", skipped)
					}
				})
			}
		})
	}
}

// Result is what the suite found about one rule.
type Result struct {
	// Section is the section of the contract, such as "tenancy".
	Section string
	// Rule is a sentence that says what must be true.
	Rule string
	// Err says in what the deployment differs from the rule. It is nil if the deployment
	// conforms or the rule was skipped. It has the status and the body of responses, but no
	// credential.
	Err error
	// Skipped is the reason for which the rule was not tested, or empty.
	Skipped string
}

// Check does what [Run] does, outside of a test, and returns a result for each rule. It fails if
// the target is invalid, the records cannot be loaded, or ctx ends.
func Check(ctx context.Context, target Target) ([]Result, error) {
	s, err := newSuite(ctx, target)
	if err != nil {
		return nil, err
	}
	defer s.close()
	var results []Result
	for _, section := range s.sections {
		for _, rule := range section.rules {
			skipped, err := s.check(ctx, rule)
			if ctx.Err() != nil {
				return nil, fmt.Errorf("conformance: %w", ctx.Err())
			}
			results = append(results, Result{Section: section.name, Rule: rule.name, Err: err, Skipped: skipped})
		}
	}
	return results, nil
}

// section is a group of rules.
type section struct {
	name  string
	rules []*rule
}

// rule is one sentence of the contract, the records that its test needs, and the test. In
// records, # stands for a text that differs from run to run, and a time such as @-10m for one
// that is 10 minutes before the beginning of the run.
type rule struct {
	name string
	// id is the id of the rule's consumer. Default: a new one.
	id string
	// records is a consumer in the record format. It needs no id, createdAt or updatedAt. If
	// it is empty, the consumer does not exist.
	records string
	// distributions are distributions in the record format, separated by commas.
	distributions string
	// otherRecords and otherDistributions are records of the other organization. Its consumer
	// has the same id.
	otherRecords, otherDistributions string
	test                             func(*check)
}

func sections() []section {
	return []section{
		{"methods and paths", methodRules()},
		{"bodies of requests", bodyRules()},
		{"credentials of consumers", consumerCredentialRules()},
		{"credentials of servers", serverCredentialRules()},
		{"errors", errorRules()},
		{"request ids", requestIDRules()},
		{"look-up", lookUpRules()},
		{"document", documentRules()},
		{"participations", participationRules()},
		{"journeys", journeyRules()},
		{"distributions", distributionRules()},
		{"tenancy", tenancyRules()},
		{"caching", cachingRules()},
		{"browsers", browserRules()},
		{"polling and rate limits", pollingRules()},
	}
}

// check runs the test of a rule. At most one of the results is set.
func (s *suite) check(ctx context.Context, r *rule) (skipped string, err error) {
	if reason := s.missing(r); reason != "" {
		return reason, nil
	}
	c := &check{suite: s, ctx: ctx, consumer: r.id}
	r.test(c)
	if c.broken != nil {
		return "", c.broken
	}
	if err := errors.Join(c.errs...); err != nil {
		return "", err
	}
	return c.skipped, nil
}

// missing returns what a target lacks for a rule, or "".
func (s *suite) missing(r *rule) string {
	switch {
	case (r.otherRecords != "" || r.otherDistributions != "") && s.target.OtherOrganization == Organization{}:
		return "Target.OtherOrganization is not set"
	case r.hasDistributions() && s.unsupported != nil:
		return fmt.Sprintf("Target.Load does not support distributions: %v", s.unsupported)
	}
	return ""
}

func (r *rule) hasDistributions() bool { return r.distributions != "" || r.otherDistributions != "" }
