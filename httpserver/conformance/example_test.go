package conformance_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/rejoinhq/rejoin/httpserver/conformance"
	"github.com/rejoinhq/rejoin/httpserver/httpservertest"
)

// A test of a deployment. Here the deployment is the server of package httpservertest.
func ExampleRun() {
	_ = func(t *testing.T) { // func TestDeployment(t *testing.T)
		server := httpservertest.New(t)
		conformance.Run(t, conformance.Target{
			URL: server.URL + "/api/v1/consumers",
			Organization: conformance.Organization{
				ID: server.OrganizationID, PublishableKey: server.PublishableKey, SecretKey: server.SecretKey,
			},
			Token: func(_ context.Context, _, consumerID string) (string, error) { return server.Token(consumerID), nil },
			Load:  conformance.PostRecords(nil, server.URL+"/api/v1/records"),
			Now:   server.Now,

			CleansPaths: true, // the kit mounts the handlers on an http.ServeMux
		})
	}
}

// A program that checks a deployment and prints which sections of the contract it keeps.
func ExampleCheck() {
	t := &printer{}
	defer t.end()
	server := httpservertest.New(t)

	results, err := conformance.Check(context.Background(), conformance.Target{
		URL: server.URL + "/api/v1/consumers",
		Organization: conformance.Organization{
			ID: server.OrganizationID, PublishableKey: server.PublishableKey, SecretKey: server.SecretKey,
		},
		Token:       func(_ context.Context, _, consumerID string) (string, error) { return server.Token(consumerID), nil },
		Load:        conformance.PostRecords(nil, server.URL+"/api/v1/records"),
		Now:         server.Now,
		CleansPaths: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	var sections []string
	for _, result := range results {
		if result.Err != nil {
			fmt.Fprintf(os.Stderr, "%s: %s: %v\n", result.Section, result.Rule, result.Err)
		} else if result.Skipped == "" && !slices.Contains(sections, result.Section) {
			sections = append(sections, result.Section)
		}
	}
	for _, section := range sections {
		fmt.Println(section)
	}
	// Output:
	// methods and paths
	// bodies of requests
	// credentials of consumers
	// credentials of servers
	// errors
	// request ids
	// look-up
	// document
	// participations
	// journeys
	// distributions
	// caching
	// polling and rate limits
}

// printer is a testing.TB outside of a test.
type printer struct {
	testing.TB
	cleanups []func()
}

func (p *printer) Helper()           {}
func (p *printer) Cleanup(f func())  { p.cleanups = append(p.cleanups, f) }
func (p *printer) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

func (p *printer) end() {
	for _, f := range slices.Backward(p.cleanups) {
		f()
	}
}
