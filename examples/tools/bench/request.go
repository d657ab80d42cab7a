package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/consumer"
)

const apiPrefix = "/api/v1/consumers"

// request is a request of one consumer.
type request struct {
	message []byte // the whole request as it is sent
	prefix  string // of the expected body, with the consumer's ID
}

// client makes the requests of consumers, with signed tokens.
type client struct {
	issuer         *authtest.Issuer
	publishableKey string
}

func newClient() (*client, error) {
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	if err != nil {
		return nil, err
	}
	key, err := auth.GenerateAPIKey(consumer.PublishableKey, false)
	return &client{issuer, key}, err
}

// requests makes a request with a new token for each consumer. It uses all processors, because
// a signature takes about 25 µs.
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
		prefix: `{"id":"` + consumerID + `",`,
	}, nil
}

// withHeader returns the request with one more header line.
func (r request) withHeader(name string, value []byte) request {
	message := bytes.TrimSuffix(r.message, []byte("\r\n"))
	r.message = fmt.Appendf(nil, "%s%s: %s\r\n\r\n", message, name, value)
	return r
}

// pick returns some consumers of a database, spread over all of it and shuffled, so that
// consecutive requests do not read adjacent rows. The result is the same in every run.
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
