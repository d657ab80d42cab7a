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
	"github.com/jackc/pgx/v5/pgconn"

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

	// probeInterval is how often the connection is tried, with a notification to itself,
	// and probePatience how long that may take to come back.
	probeInterval = 400 * time.Millisecond
	probePatience = 5 * time.Second
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
	p := probe{conn: conn, sent: time.Now()}
	for {
		hashes, confirmed, err := p.next(ctx)
		if err != nil {
			return true, err
		}
		if err := s.awaitReplica(ctx, conn); err != nil {
			return true, err
		}
		if len(hashes) > 0 {
			listener.Changed(hashes)
		}
		if !confirmed.IsZero() {
			listener.Confirmed(confirmed)
		}
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

// probe makes sure that the connection still brings what it should: notifications come in
// the order of their commits, so that one which it sent itself comes after all that were
// committed before.
type probe struct {
	conn    *pgx.Conn
	sent    time.Time
	pending bool
}

// next returns what a notification says: whose records changed, or, when it is the probe's
// own, as of when all was told. Once in a while it sends a probe first.
func (p *probe) next(ctx context.Context) (hashes []uint64, confirmed time.Time, err error) {
	for {
		due := p.sent.Add(probeInterval)
		if p.pending {
			due = p.sent.Add(probePatience)
		}
		waiting, cancel := context.WithDeadline(ctx, due)
		notification, err := p.conn.WaitForNotification(waiting)
		cancel()
		switch {
		case err == nil && p.isOwn(notification):
			p.pending = false
			return nil, p.sent, nil
		case err == nil:
			return hashesOf(notification.Payload), time.Time{}, nil
		case ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) || p.pending:
			return nil, time.Time{}, err
		}
		if err := p.send(ctx); err != nil {
			return nil, time.Time{}, err
		}
	}
}

func (p *probe) isOwn(n *pgconn.Notification) bool {
	return p.pending && n.Payload == "" && n.PID == p.conn.PgConn().PID()
}

func (p *probe) send(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probePatience)
	defer cancel()
	p.sent, p.pending = time.Now(), true
	_, err := p.conn.Exec(ctx, `NOTIFY `+channel)
	return err
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
