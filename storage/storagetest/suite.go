package storagetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
)

// Run tests the roles of package consumer that a store implements, such as
// [consumer.Reader] or all of [consumer.Store]. It logs which ones these are.
//
// Run calls open once for itself, to find the roles, and once for each case, from the case's
// own test and several at a time. A single case can be run with -run. open
// returns a store that is empty and used by nobody else, and closes it with t.Cleanup. A
// case that reads must also write, so a store that does not implement every role of
// consumer.Store comes with a backend: another Store on the same data, which serves the
// remaining roles. Otherwise the backend is nil.
func Run(t *testing.T, open func(t *testing.T) (store any, backend consumer.Store)) {
	store, backend := open(t)
	tested := rolesOf(store)
	t.Logf("the store implements %s", list(tested))
	if _, err := join(store, backend); err != nil {
		t.Fatal(err)
	}
	openStore := func(t *testing.T) consumer.Store {
		t.Helper()
		store, err := join(open(t))
		if err != nil {
			t.Fatal(err)
		}
		return store
	}
	for _, topic := range topics() {
		if !topic.concerns(tested) {
			continue
		}
		t.Run(topic.name, func(t *testing.T) {
			for _, c := range topic.cases {
				t.Run(c.rule, func(t *testing.T) {
					t.Parallel()
					c.test(t, openStore(t))
				})
			}
		})
	}
	t.Run("no method tells of another organization", func(t *testing.T) {
		t.Parallel()
		testTenancy(t, openStore(t), openStore(t))
	})
}

// storeCase is one sentence of the contract and its test on an empty store.
type storeCase struct {
	rule string
	test func(t *testing.T, store consumer.Store)
}

// topic is a group of cases for a store with any of some roles, and all of others.
type topic struct {
	name  string
	roles []string
	cases []storeCase
	all   []string
}

func (topic topic) concerns(tested map[string]bool) bool {
	for _, role := range topic.all {
		if !tested[role] {
			return false
		}
	}
	for _, role := range topic.roles {
		if tested[role] {
			return true
		}
	}
	return false
}

func topics() []topic {
	return []topic{
		{name: "profile", roles: []string{reader}, cases: profileCases()},
		{name: "lookup", roles: []string{bulkReader}, cases: lookupCases()},
		{name: "snapshot", roles: []string{reader}, cases: snapshotCases()},
		{name: "export", roles: []string{lifecycle}, cases: exportCases()},
		{name: "write", roles: []string{writer}, cases: writeCases()},
		{name: "convergence", roles: []string{writer}, cases: convergenceCases()},
		{name: "bulk", roles: []string{writer}, cases: bulkCases()},
		{name: "distribution", roles: []string{writer, reader, lifecycle, distributionReader}, cases: distributionCases()},
		{name: "merge", roles: []string{lifecycle}, cases: mergeCases()},
		{name: "alias", roles: []string{writer, lifecycle}, cases: aliasCases()},
		{name: "erase", roles: []string{lifecycle}, cases: eraseCases()},
		{name: "purge", roles: []string{lifecycle}, cases: purgeCases()},
		{name: "api key", roles: []string{apiKeyFinder, apiKeyStore}, cases: apiKeyCases()},
		{name: "text", roles: []string{writer, reader}, cases: textCases()},
		{name: "time", roles: []string{writer, reader}, cases: timeCases()},
		{name: "decimal", roles: []string{writer, reader}, cases: decimalCases()},
		{name: "isolation", roles: []string{writer, reader, bulkReader, lifecycle, apiKeyStore}, cases: isolationCases()},
		{name: "context", roles: []string{writer, reader, bulkReader, lifecycle, apiKeyFinder, apiKeyStore, changeFeed}, cases: contextCases()},
		{name: "change feed", roles: []string{changeFeed}, cases: changeFeedCases()},
		{name: "own changes", all: []string{changeFeed, writer, lifecycle}, roles: []string{changeFeed}, cases: ownChangeCases()},
		{name: "event", roles: []string{eventRecorder}, cases: eventCases()},
		{name: "completion", roles: []string{completer}, cases: completionCases()},
		{name: "concurrency", roles: []string{writer, reader, lifecycle}, cases: concurrencyCases()},
	}
}

const (
	reader             = "Reader"
	bulkReader         = "BulkReader"
	writer             = "Writer"
	lifecycle          = "Lifecycle"
	apiKeyFinder       = "APIKeyFinder"
	apiKeyStore        = "APIKeyStore"
	changeFeed         = "ChangeFeed"
	distributionReader = "DistributionReader"
	eventRecorder      = "event.Recorder"
	completer          = "Completer"
)

func rolesOf(store any) map[string]bool {
	return map[string]bool{
		reader:             implements[consumer.Reader](store),
		bulkReader:         implements[consumer.BulkReader](store),
		writer:             implements[consumer.Writer](store),
		lifecycle:          implements[consumer.Lifecycle](store),
		apiKeyFinder:       implements[consumer.APIKeyFinder](store),
		apiKeyStore:        implements[consumer.APIKeyStore](store),
		changeFeed:         implements[consumer.ChangeFeed](store),
		distributionReader: implements[consumer.DistributionReader](store),
		eventRecorder:      implements[event.Recorder](store),
		completer:          implements[consumer.Completer](store),
	}
}

func implements[R any](store any) bool {
	_, ok := store.(R)
	return ok
}

func list(roles map[string]bool) string {
	var names []string
	for _, role := range []string{reader, bulkReader, writer, lifecycle, apiKeyFinder, apiKeyStore, changeFeed, distributionReader, eventRecorder, completer} {
		if roles[role] {
			names = append(names, role)
		}
	}
	return strings.Join(names, ", ")
}

// joined is a Store with the roles of a store, and those of a backend for the rest.
type joined struct {
	consumer.Reader
	consumer.BulkReader
	consumer.DistributionReader
	consumer.Writer
	consumer.Lifecycle
	consumer.APIKeyStore
	consumer.ChangeFeed
}

// withFinder is an APIKeyStore that finds keys in another way.
type withFinder struct {
	consumer.APIKeyStore
	finder consumer.APIKeyFinder
}

func (f withFinder) OrganizationByAPIKey(ctx context.Context, digest [32]byte, now time.Time) (string, error) {
	return f.finder.OrganizationByAPIKey(ctx, digest, now)
}

// withRecorder is a Store that records events.
type withRecorder struct {
	consumer.Store
	event.Recorder
}

// withCompleter is a Store that completes admissions.
type withCompleter struct {
	consumer.Store
	consumer.Completer
}

// withBoth is a Store that does both.
type withBoth struct {
	consumer.Store
	event.Recorder
	consumer.Completer
}

func join(store any, backend consumer.Store) (consumer.Store, error) {
	if whole, ok := store.(consumer.Store); ok {
		return whole, nil
	}
	if backend == nil {
		return nil, fmt.Errorf("%T implements only %s of consumer.Store, so it needs a backend", store, list(rolesOf(store)))
	}
	whole := joined{
		Reader:     either[consumer.Reader](store, backend),
		BulkReader: either[consumer.BulkReader](store, backend),

		DistributionReader: either[consumer.DistributionReader](store, backend),

		Writer:      either[consumer.Writer](store, backend),
		Lifecycle:   either[consumer.Lifecycle](store, backend),
		APIKeyStore: withFinder{either[consumer.APIKeyStore](store, backend), either[consumer.APIKeyFinder](store, backend)},
		ChangeFeed:  either[consumer.ChangeFeed](store, backend),
	}
	events, records := optional[event.Recorder](store, backend)
	completions, completes := optional[consumer.Completer](store, backend)
	switch {
	case records && completes:
		return withBoth{whole, events, completions}, nil
	case records:
		return withRecorder{whole, events}, nil
	case completes:
		return withCompleter{whole, completions}, nil
	}
	return whole, nil
}

// optional returns a role that the store or the backend may have.
func optional[R any](store any, backend consumer.Store) (role R, ok bool) {
	if role, ok = store.(R); !ok {
		role, ok = backend.(R)
	}
	return role, ok
}

func either[R any](store any, backend R) R {
	if role, ok := store.(R); ok {
		return role
	}
	return backend
}
