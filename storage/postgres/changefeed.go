package postgres

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rejoinhq/rejoin/consumer"
)

// Every transaction notifies the channel of the consumers whose records it changes. The
// server hands that out when the transaction is committed, and only then, to everybody
// who listens at that moment. Who doesn't, because a connection was lost, misses it, and
// the listener is told so.

const channel = "rejoin_changes"

const (
	// hashDigits is how a notification writes a hash: hexadecimal, of this length.
	hashDigits = 16
	// hashesPerNotification keep it below the server's 8000 bytes.
	hashesPerNotification = 499

	// silence is how long nothing may come before the connection is tried, and
	// answerPatience how long it may then take.
	silence        = 10 * time.Second
	answerPatience = 5 * time.Second
	// reconnectPause is the longest pause between two attempts to connect.
	reconnectPause = time.Second
	// replayPause keeps the questions apart how far the replica is.
	replayPause = 5 * time.Millisecond
)

// commit is the statement that ends a transaction, with the notifications in the same
// round trip.
func commit(changed []consumer.ConsumerKey) string {
	var statements strings.Builder
	for chunk := range slices.Chunk(changed, hashesPerNotification) {
		statements.WriteString("SELECT pg_notify('" + channel + "', '")
		for _, key := range chunk {
			fmt.Fprintf(&statements, "%0*x", hashDigits, key.Hash())
		}
		statements.WriteString("'); ")
	}
	return statements.String() + "COMMIT"
}

// hashesOf reads a notification. What it cannot read is of no consumer's, because
// anybody may notify the channel.
func hashesOf(payload string) []uint64 {
	var hashes []uint64
	for ; len(payload) >= hashDigits; payload = payload[hashDigits:] {
		digest, err := hex.DecodeString(payload[:hashDigits])
		if err != nil {
			return hashes
		}
		var hash uint64
		for _, b := range digest {
			hash = hash<<8 | uint64(b)
		}
		hashes = append(hashes, hash)
	}
	return hashes
}

// Changes implements [consumer.ChangeFeed]. Each call has a connection of its own, beside
// [Options.MaxConnections], and makes another when it is lost. With a replica it tells of
// a change once the replica has it; of several replicas behind one name, once the one that
// was asked has it.
func (s *Store) Changes(ctx context.Context, listener consumer.ChangeListener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.lifetime, cancel)()
	err := s.changes(ctx, listener)
	if s.lifetime.Err() != nil {
		return fmt.Errorf("follow changes: %w: the store was closed", consumer.ErrUnavailable)
	}
	return translate(ctx, "follow changes", err)
}

func (s *Store) changes(ctx context.Context, listener consumer.ChangeListener) error {
	for {
		followed, err := s.follow(ctx, listener)
		if followed {
			listener.Lost()
		}
		if ended := ctx.Err(); ended != nil {
			return ended
		}
		if err = explainSchema(ctx, s.primary, err); isSchemaMismatch(err) || errors.Is(err, consumer.ErrSchema) {
			return err
		}
		pause := rand.N(reconnectPause)
		if followed {
			pause = 0 // the first attempt is at once
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// follow listens on one connection for as long as it lasts.
func (s *Store) follow(ctx context.Context, listener consumer.ChangeListener) (followed bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, s.listening.Copy())
	if err != nil {
		return false, err
	}
	defer closeSoon(conn)
	if err := s.listen(ctx, conn); err != nil {
		return false, err
	}
	listener.Following()
	for {
		hashes, err := next(ctx, conn)
		if err != nil {
			return true, err
		}
		if len(hashes) == 0 {
			continue
		}
		if err := s.awaitReplica(ctx, conn); err != nil {
			return true, err
		}
		listener.Changed(hashes)
	}
}

func closeSoon(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), rollbackPatience)
	defer cancel()
	_ = conn.Close(ctx) // the server notices in any case
}

func (s *Store) listen(ctx context.Context, conn *pgx.Conn) error {
	var version int64
	if err := conn.QueryRow(ctx, `SELECT `+schemaVersion).Scan(&version); err != nil {
		return err
	}
	if err := checkSchema(version); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, `LISTEN `+channel); err != nil {
		return err
	}
	return s.awaitReplica(ctx, conn)
}

// next waits for a notification. Now and then it makes sure that the connection would
// still bring one, and returns without any.
func next(ctx context.Context, conn *pgx.Conn) ([]uint64, error) {
	waiting, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	notification, err := conn.WaitForNotification(waiting)
	if err == nil {
		return hashesOf(notification.Payload), nil
	}
	if ctx.Err() != nil || waiting.Err() == nil {
		return nil, err
	}
	answering, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	return nil, conn.Ping(answering)
}

// awaitReplica returns once the replica shows what was committed before the call.
func (s *Store) awaitReplica(ctx context.Context, conn *pgx.Conn) error {
	if s.reading == s.primary {
		return nil
	}
	var written string
	if err := conn.QueryRow(ctx, `SELECT pg_current_wal_insert_lsn()::text`).Scan(&written); err != nil {
		return err
	}
	for {
		// A server that replays nothing is no replica any more, or none yet.
		var replayed bool
		err := s.reading.GetContext(ctx, &replayed, `SELECT coalesce(pg_last_wal_replay_lsn() >= $1::pg_lsn, true)`, written)
		if err == nil && replayed {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(replayPause):
		}
	}
}
