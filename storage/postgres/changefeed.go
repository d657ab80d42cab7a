package postgres

import (
	"context"
	crand "crypto/rand"
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

	// probeInterval is how often the connection is tried, with a notification to itself.
	probeInterval = 400 * time.Millisecond
	// reconnectPause is the longest pause between two attempts to connect.
	reconnectPause = time.Second
	// replayPause is the first pause between two questions how far the replica is, each of
	// which is twice as long as the one before, and longestReplayPause the longest.
	replayPause        = 5 * time.Millisecond
	longestReplayPause = 40 * time.Millisecond

	// longestPageHead is that of the first page in a file of the server's log; others are
	// shorter.
	longestPageHead = 40
)

// feedPatience says when what a feed waits for is taken for lost.
type feedPatience struct {
	answer  time.Duration // of a server
	replica time.Duration // to show what was committed
}

// defaultFeedPatience lets a replica lag for longer than it may by default hold back
// changes for the sake of those who read. The limit is there because the server keeps for
// whoever listens what he doesn't take.
func defaultFeedPatience() feedPatience {
	return feedPatience{answer: 5 * time.Second, replica: time.Minute}
}

// feed is one call of Changes.
type feed struct {
	*Store
	consumer.ChangeListener
	patience feedPatience
}

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
	return s.changesWithin(ctx, listener, defaultFeedPatience())
}

func (s *Store) changesWithin(ctx context.Context, listener consumer.ChangeListener, patience feedPatience) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.lifetime, cancel)()
	err := feed{s, listener, patience}.run(ctx)
	if s.lifetime.Err() != nil {
		return fmt.Errorf("follow changes: %w: the store was closed", consumer.ErrUnavailable)
	}
	return translate(ctx, "follow changes", err)
}

func (f feed) run(ctx context.Context) error {
	for {
		followed, err := f.follow(ctx)
		if ended := ctx.Err(); ended != nil {
			return ended
		}
		if err = explainSchema(ctx, f.primary, err); isSchemaMismatch(err) || errors.Is(err, consumer.ErrSchema) {
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
func (f feed) follow(ctx context.Context) (followed bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, f.listening.Copy())
	if err != nil {
		return false, err
	}
	defer closeSoon(conn)
	p := probe{conn: conn, payload: probePrefix + crand.Text(), patience: f.patience.answer}
	if err := f.listen(ctx, &p); err != nil {
		return false, err
	}
	f.Following()
	defer f.Lost()
	p.sent = time.Now()
	for {
		n, err := p.next(ctx)
		if err != nil {
			return true, err
		}
		if err := f.awaitReplica(ctx, conn); err != nil {
			return true, err
		}
		if len(n.changed) > 0 {
			f.Changed(n.changed)
		}
		if !n.confirmed.IsZero() {
			f.Confirmed(n.confirmed)
		}
	}
}

func closeSoon(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), rollbackPatience)
	defer cancel()
	_ = conn.Close(ctx) // the server notices in any case
}

func (f feed) listen(ctx context.Context, p *probe) error {
	asking, cancel := context.WithTimeout(ctx, f.patience.answer)
	defer cancel()
	var version int64
	if err := p.conn.QueryRow(asking, `SELECT `+schemaVersion).Scan(&version); err != nil {
		return err
	}
	if err := checkSchema(version); err != nil {
		return err
	}
	if _, err := p.conn.Exec(asking, `LISTEN `+channel); err != nil {
		return err
	}
	if err := f.hear(asking, p); err != nil {
		return err
	}
	return f.awaitReplica(ctx, p.conn)
}

// hear makes sure that the connection brings what others notify. It doesn't when it leads
// to another database, or through a pooler that gives the server's side of it away
// between transactions.
func (f feed) hear(ctx context.Context, p *probe) error {
	if _, err := f.primary.ExecContext(ctx, p.statement()); err != nil {
		return err
	}
	for {
		notification, err := p.conn.WaitForNotification(ctx)
		if err != nil || notification.Payload == p.payload {
			return err
		}
	}
}

// probePrefix makes a payload one of which hashesOf reads nothing.
const probePrefix = "probe "

// probe makes sure that the connection still brings what it should: notifications come in
// the order of their commits, so that one which it sent itself comes after all that were
// committed before.
type probe struct {
	conn     *pgx.Conn
	payload  string // its own. A pooler may hide which process of the server sends it.
	sent     time.Time
	pending  bool
	patience time.Duration
}

// news is what one or several notifications say: whose records changed, and, when the
// probe's own is among them, as of when all was told.
type news struct {
	changed   []uint64
	confirmed time.Time
}

// next waits for news. Once in a while it sends a probe first, also when there is always
// other news.
func (p *probe) next(ctx context.Context) (news, error) {
	for {
		due := p.sent.Add(p.patience)
		if !p.pending {
			due = p.sent.Add(probeInterval)
		}
		if !p.pending && !time.Now().Before(due) {
			if err := p.send(ctx); err != nil {
				return news{}, err
			}
			continue
		}
		n, err := p.wait(ctx, due)
		if err == nil && (len(n.changed) > 0 || !n.confirmed.IsZero()) {
			return n, nil
		}
		if err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) || p.pending) {
			return news{}, err
		}
	}
}

// wait returns what a notification says, together with those that have come already, so
// that a replica is waited for once.
func (p *probe) wait(ctx context.Context, due time.Time) (news, error) {
	ctx, cancel := context.WithDeadline(ctx, due)
	defer cancel()
	notification, err := p.conn.WaitForNotification(ctx)
	if err != nil {
		return news{}, err
	}
	cancel() // from now on it only returns what was read before
	var n news
	for ; err == nil; notification, err = p.conn.WaitForNotification(ctx) {
		p.read(notification, &n)
	}
	return n, nil
}

func (p *probe) read(notification *pgconn.Notification, n *news) {
	if notification.Payload == p.payload {
		p.pending, n.confirmed = false, p.sent
		return
	}
	n.changed = append(n.changed, hashesOf(notification.Payload)...)
}

func (p *probe) send(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	p.sent, p.pending = time.Now(), true
	_, err := p.conn.Exec(ctx, p.statement())
	return err
}

func (p *probe) statement() string { return `NOTIFY ` + channel + `, '` + p.payload + `'` }

// awaitReplica returns once the replica shows what was committed before the call. What
// is notified meanwhile is read, but may be later than that.
func (f feed) awaitReplica(ctx context.Context, conn *pgx.Conn) error {
	if f.reading == f.primary {
		return nil
	}
	written, err := f.written(ctx, conn)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, f.patience.replica)
	defer cancel()
	for pause := replayPause; !f.replayed(ctx, written); pause = min(2*pause, longestReplayPause) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
	return nil
}

// written returns where the last record of the server's log ends. The server says where the
// next one begins, which is behind the head of the next page when the last one fills its
// page: the replica gets there with the next record only. No record ends within a head, or
// so soon behind one that it is not the first to do so.
func (f feed) written(ctx context.Context, conn *pgx.Conn) (position int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, f.patience.answer)
	defer cancel()
	var page int64
	err = conn.QueryRow(ctx, `SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint, current_setting('wal_block_size')::bigint`).Scan(&position, &page)
	if err != nil {
		return 0, err
	}
	if within := position % page; within <= longestPageHead {
		position -= within
	}
	return position, nil
}

// replayed reports whether the replica is at a position of the log, and not when it
// doesn't answer. A server that replays nothing is no replica any more, or none yet.
func (f feed) replayed(ctx context.Context, position int64) (reached bool) {
	ctx, cancel := context.WithTimeout(ctx, f.patience.answer)
	defer cancel()
	err := f.reading.GetContext(ctx, &reached,
		`SELECT coalesce(pg_last_wal_replay_lsn() - '0/0'::pg_lsn >= $1::bigint, true)`, position)
	return err == nil && reached
}
