// Package demo is the shop that the programs beside it serve: a database in memory with
// one consumer, who waits in a queue, and an issuer of access tokens. A real service has
// both already.
package demo

import (
	"context"
	"errors"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// Who is in the shop, and the keys of the organization, which everybody knows.
const (
	OrganizationID = "org_shop"
	ConsumerID     = "cons_1"
	PublishableKey = "pk_test_mount000000000000000"
	SecretKey      = "sk_test_mount000000000000000"
)

// Shop is the database and the key set of the issuer.
type Shop struct {
	Store *sqlite.Store
	Keys  *auth.KeySet
	// Token is an access token of the consumer.
	Token string
}

// Open returns a shop of its own.
func Open(ctx context.Context) (_ *Shop, err error) {
	s := &Shop{}
	if s.Store, err = sqlite.Open(ctx, sqlite.Options{Path: sqlite.Memory}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := s.Store.Migrate(ctx); err != nil {
		return nil, err
	}
	if _, err := s.Store.Write(ctx, stock(time.Now())); err != nil {
		return nil, err
	}
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	if err != nil {
		return nil, err
	}
	if s.Keys, err = issuer.KeySet(); err != nil {
		return nil, err
	}
	s.Token, err = issuer.Token(authtest.Claims{OrganizationID: OrganizationID, ConsumerID: ConsumerID})
	return s, err
}

// Close releases what Open opened.
func (s *Shop) Close() error {
	if s.Keys == nil {
		return s.Store.Close()
	}
	return errors.Join(s.Keys.Close(), s.Store.Close())
}

// Authenticator knows the shop's keys and tokens.
func (s *Shop) Authenticator() (*auth.Authenticator, error) {
	verifier, err := auth.NewVerifier(auth.VerifierOptions{Keys: s.Keys})
	if err != nil {
		return nil, err
	}
	return auth.New(auth.Options{Tokens: verifier, APIKeys: s.Store})
}

// stock is what is there from the start.
func stock(now time.Time) consumer.Batch {
	key := func(kind, key string) consumer.APIKey {
		return consumer.APIKey{OrganizationID: OrganizationID, Kind: kind, Digest: auth.APIKeyDigest(key), CreatedAt: now}
	}
	all := InQueueAt(7, now)
	all.APIKeys = []consumer.APIKey{key(consumer.PublishableKey, PublishableKey), key(consumer.SecretKey, SecretKey)}
	all.Consumers = []consumer.Consumer{{OrganizationID: OrganizationID, ID: ConsumerID, CreatedAt: now}}
	return all
}

// InQueueAt is what the engine of a queue reports when the consumer has come to a
// position.
func InQueueAt(position int64, now time.Time) consumer.Batch {
	return consumer.Batch{Participations: []consumer.Participation{{
		OrganizationID: OrganizationID, ConsumerID: ConsumerID,
		Type: consumer.Queue, ID: "queue_1", ExperienceID: "exp_1", SequenceID: "seq_1",
		Status: consumer.StatusQueued, EnteredAt: now, Position: &position, UpdatedAt: now,
	}}}
}
