package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/examples/internal/tokensocket"
)

const tokenUsage = `
Prints an access token of a consumer, from the issuer inside a server that runs on this
machine as the same user. A server with -jwks-url or -jwks-file has no such issuer. If
several servers are running, name one by -addr or -database.
`

func (p program) token(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("token", flag.ContinueOnError)
	organizationID := flags.String("org", "", "the organization's `ID`")
	consumerID := flags.String("consumer", "", "the consumer's `ID`")
	addr := flags.String("addr", "", "`HOST:PORT` that the server listens on (default: that of the only server)")
	url := flags.String("database", "", "the server's -database (`URL`; default: that of the only server)")
	if _, err := p.parseFlags(flags, args, "token [flags]", tokenUsage); err != nil {
		return err
	}
	if err := noArguments(flags); err != nil {
		return err
	}
	key := consumer.Key{OrganizationID: *organizationID, ConsumerID: *consumerID}
	if key.Validate() != nil {
		return usagef("-org and -consumer must be the ids of an organization and of a consumer")
	}
	matches := func(server tokensocket.Info) bool {
		return (*addr == "" || *addr == server.Addr || *addr == server.ConfiguredAddr) &&
			(*url == "" || databaseID(*url) == server.Database)
	}
	response, err := tokensocket.Ask(tokensocket.Dir(p.getenv), matches, tokensocket.Request{
		OrganizationID: key.OrganizationID, ConsumerID: key.ConsumerID,
	})
	if err == nil && response.Problem != "" {
		err = errors.New(response.Problem)
	}
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	if response.Warning != "" {
		fmt.Fprintln(p.stderr, "warning:", response.Warning)
	}
	fmt.Fprintln(p.stdout, response.Token)
	return nil
}

// databaseID returns a text that identifies a database and shows no password.
func databaseID(url string) string {
	if path, isSQLite := strings.CutPrefix(url, "sqlite:"); isSQLite {
		if absolute, err := filepath.Abs(path); err == nil {
			url = "sqlite:" + absolute
		}
	}
	digest := sha256.Sum256([]byte(url))
	return hex.EncodeToString(digest[:])
}

// serveTokens lets the token command of the same user ask for tokens. A server that cannot
// offer this, because the directory for sockets is not writable, works without it.
func (s *server) serveTokens(c config, logger *slog.Logger) {
	if s.tokens.issuer == nil || c.socketDir == "" {
		return
	}
	info := tokensocket.Info{Addr: s.listener.Addr().String(), ConfiguredAddr: c.addr, Database: databaseID(c.database)}
	var err error
	if s.tokenSocket, err = tokensocket.Serve(c.socketDir, info, s.answerTokenRequest); err != nil {
		logger.Warn("the command token will not find this server", "cause", err)
	}
}

func (s *server) answerTokenRequest(r tokensocket.Request) (response tokensocket.Response) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err := s.database.Consumer(ctx, consumer.Key{OrganizationID: r.OrganizationID, ConsumerID: r.ConsumerID})
	if errors.Is(err, consumer.ErrNotFound) {
		response.Warning = "the organization has no profile of this consumer, so /me will respond with 404"
	}
	if response.Token, err = s.tokens.issue(r.OrganizationID, r.ConsumerID, time.Now()); err != nil {
		response.Problem = err.Error()
	}
	return response
}
