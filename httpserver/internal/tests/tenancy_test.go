package tests_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
)

// For every route and every credential of one organization, the response is the same whether
// another organization has data or not.
func TestTenancy(t *testing.T) {
	crowded, alone := newWorld(t), newWorld(t)
	delete(alone.store.snapshots, consumer.Key{OrganizationID: otherOrg, ConsumerID: "cons_other"})
	alone.issuer = crowded.issuer // the same tokens for both; alone's own keys refuse them all the same

	for _, path := range []string{"", "/", "/me", "/me/", "/cons_1", "/cons_other", "/cons_gone", "/..", "/a%2Fb", "/cons_other/x"} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPost} {
			for name, headers := range map[string][]string{
				"nothing":           nil,
				"a secret key":      {"Authorization", "Bearer " + secret},
				"a publishable key": {"X-Publishable-Key", publishable},
				"a foreign token":   {"X-Publishable-Key", publishable, "Authorization", "Bearer " + crowded.token(otherOrg, "cons_other")},
				"a foreign key":     {"X-Publishable-Key", otherPublishable, "Authorization", "Bearer " + crowded.token(org, "cons_1")},
			} {
				headers = append([]string{"X-Request-Id", "same"}, headers...)
				with, without := crowded.do(method, prefix+path, headers...), alone.do(method, prefix+path, headers...)
				diff := cmp.Diff(without.StatusCode, with.StatusCode) + cmp.Diff(without.Header, with.Header) +
					cmp.Diff(body(t, without), body(t, with))
				if diff != "" {
					t.Errorf("%s %s with %s (-without the other organization +with it):\n%s", method, path, name, diff)
				}
			}
		}
	}
}
