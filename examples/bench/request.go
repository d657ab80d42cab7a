package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
)

const apiPrefix = "/api/v1/consumers"

// request is what one consumer sends.
type request struct {
	message []byte // the whole request, as it is sent
	begins  string // how the right body begins: with the consumer's own id
}

// client signs the requests of consumers.
type client struct {
	issuer         *authtest.Issuer
	publishableKey string
}

func newClient() (*client, error) {
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	if err != nil {
		return nil, err
	}
	key, err := auth.GenerateAPIKey(auth.KindPublishable, false)
	return &client{issuer, key}, err
}

// requests makes a request for each consumer, with a token that nobody saw before, and on
// all processors at once, because a signature takes some 25 µs.
func (c *client) requests(consumers []int) ([]request, error) {
	all := make([]request, len(consumers))
	workers := runtime.GOMAXPROCS(0)
	failed := make([]error, workers)
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for i := worker; i < len(all) && failed[worker] == nil; i += workers {
				all[i], failed[worker] = c.request(consumerID(consumers[i]))
			}
		})
	}
	group.Wait()
	for _, err := range failed {
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (c *client) request(consumerID string) (request, error) {
	token, err := c.issuer.Token(authtest.Claims{OrganizationID: organizationID, ConsumerID: consumerID})
	if err != nil {
		return request{}, err
	}
	return request{
		message: fmt.Appendf(nil, "GET %s/me HTTP/1.1\r\nHost: bench.example\r\n%s: %s\r\n%s: Bearer %s\r\n\r\n",
			apiPrefix, auth.HeaderPublishableKey, c.publishableKey, auth.HeaderAuthorization, token),
		begins: `{"id":"` + consumerID + `",`,
	}, nil
}

// withHeader is a request with one more header line.
func (r request) withHeader(name string, value []byte) request {
	message := bytes.TrimSuffix(r.message, []byte("\r\n"))
	r.message = fmt.Appendf(nil, "%s%s: %s\r\n\r\n", message, name, value)
	return r
}

// pick is some consumers of a database, spread over all of it and in no order, so that
// neighbours in the file don't come one after the other. It is the same at every run.
func pick(some, consumers int) []int {
	some = min(some, consumers)
	picked := make([]int, some)
	for i := range picked {
		picked[i] = int(int64(i) * int64(consumers) / int64(some))
	}
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(some, func(i, j int) { picked[i], picked[j] = picked[j], picked[i] })
	return picked
}
