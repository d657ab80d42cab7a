package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rejoinhq/rejoin/consumer"
)

// A feed receives notifications of the records that a transaction changed, soon after its
// commit (see outbox.go). A few times a second it sends a notification itself, the probe, and
// reads the outbox. A feed whose connection was lost misses notifications, and its listener is
// told so.
//
// The feeds of a Store are also notified of its own changes directly, so that what a process
// wrote shows in its next response.

const (
	// maxReconnectPause is the longest pause between two attempts to connect.
	maxReconnectPause = time.Second
	// minReplayPause is the first pause between two checks of how far the replica is. Each
	// pause is twice as long as the one before, up to maxReplayPause.
	minReplayPause = 5 * time.Millisecond
	maxReplayPause = 40 * time.Millisecond
	// maxPageHeader is the size of the page header at the start of a file of the server's
	// log. Other page headers are shorter.
	maxPageHeader = 40
)

// errOutboxMissed means that rows of the outbox may have been deleted before they were read.
var errOutboxMissed = errors.New("the outbox was not read for too long")

// feedTimeouts holds the durations that a feed works with.
type feedTimeouts struct {
	probe    time.Duration // between two probes of the connection
	response time.Duration // of a server, before it counts as lost
	replica  time.Duration // until the replica shows what was committed, before the feed counts as lost
}

// defaultFeedTimeouts allows a replica to lag for longer than the default of
// max_standby_streaming_delay, 30 s, for which it may delay changes in favor of its queries. There
// is a limit because the server keeps notifications until the listener has read them.
func defaultFeedTimeouts() feedTimeouts {
	return feedTimeouts{probe: 400 * time.Millisecond, response: 5 * time.Second, replica: time.Minute}
}

// feeds holds the calls of Changes of a Store that are followed.
type feeds struct {
	mu       sync.Mutex // held while a listener is called
	followed map[*feed]struct{}
}

// changed notifies the listeners of a commit of this Store.
func (f *feeds) changed(c commit) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for one := range f.followed {
		one.reported.add(c.xid)
		one.listener.Changed(c.change)
	}
}

// feed is one call of Changes.
type feed struct {
	*Store
	listener consumer.ChangeListener
	timeouts feedTimeouts
	reported reported // guarded by the lock of feeds
}

// reported holds the commits that a feed has reported lately, so that it does not report them
// again when it learns of them in another way.
type reported struct {
	recent, older map[string]struct{}
}

func (r *reported) add(xid string) { r.recent[xid] = struct{}{} }

func (r *reported) has(xid string) bool {
	_, recently := r.recent[xid]
	_, before := r.older[xid]
	return recently || before
}

// age forgets the commits that were added before the last call.
func (r *reported) age() { r.recent, r.older = make(map[string]struct{}), r.recent }

// notify calls the listener while no one else does.
func (f *feed) notify(call func(consumer.ChangeListener)) {
	f.feeds.mu.Lock()
	defer f.feeds.mu.Unlock()
	call(f.listener)
}

// Changes implements [consumer.ChangeFeed]. Each call has a connection of its own, in addition
// to [Options.MaxConnections], and replaces it when it is lost. With a replica, Changes
// reports a change when the replica has it. If one host name leads to several replicas, Changes
// checks only the one that its query reaches, so the others may not have the change yet.
//
// Without a replica, a change of this Store is reported before the method that made it
// returns, and once more when the server notifies of it. One in a transaction of the caller,
// such as [Store.WriteTx], is reported when the server notifies of it, soon after the commit.
func (s *Store) Changes(ctx context.Context, listener consumer.ChangeListener) error {
	return s.changes(ctx, listener, defaultFeedTimeouts())
}

func (s *Store) changes(ctx context.Context, listener consumer.ChangeListener, timeouts feedTimeouts) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.lifetime, cancel)()
	err := (&feed{Store: s, listener: listener, timeouts: timeouts}).run(ctx)
	if s.lifetime.Err() != nil {
		return fmt.Errorf("follow changes: %w: the store was closed", consumer.ErrUnavailable)
	}
	return translate(ctx, "follow changes", err)
}

func (f *feed) run(ctx context.Context) error {
	for {
		followed, err := f.follow(ctx)
		if ended := ctx.Err(); ended != nil {
			return ended
		}
		if err = explainSchema(ctx, f.primary, err); isSchemaMismatch(err) || errors.Is(err, consumer.ErrSchema) {
			return err
		}
		pause := mathrand.N(maxReconnectPause)
		if followed {
			pause = 0
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// follow listens on one connection until it is lost.
func (f *feed) follow(ctx context.Context) (followed bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, f.listening.Copy())
	if err != nil {
		return false, err
	}
	defer closeConnection(conn)
	p := probe{conn: conn, payload: probePrefix + rand.Text(), timeouts: f.timeouts}
	if err := f.listen(ctx, &p); err != nil {
		return false, err
	}
	f.notify(func(l consumer.ChangeListener) {
		f.reported.age()
		l.Following()
		f.feeds.followed[f] = struct{}{}
	})
	defer f.notify(func(l consumer.ChangeListener) {
		delete(f.feeds.followed, f)
		l.Lost()
	})
	p.sent = time.Now()
	for {
		n, err := p.next(ctx)
		if err != nil {
			return true, err
		}
		if err := f.awaitReplica(ctx, conn); err != nil {
			return true, err
		}
		f.notify(func(l consumer.ChangeListener) { f.report(n, l) })
	}
}

// report calls the listener with news, without the commits that it knows.
func (f *feed) report(n news, l consumer.ChangeListener) {
	var change consumer.Change
	for _, c := range n.commits {
		if c.xid != "" && f.reported.has(c.xid) {
			continue
		}
		change.Consumers = append(change.Consumers, c.change.Consumers...)
		change.Distributions = append(change.Distributions, c.change.Distributions...)
	}
	for _, c := range n.commits {
		if c.xid != "" && !c.isPart {
			f.reported.add(c.xid)
		}
	}
	if !isEmpty(change) {
		l.Changed(change)
	}
	if !n.confirmed.IsZero() {
		f.reported.age()
		l.Confirmed(n.confirmed)
	}
}

func closeConnection(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), rollbackTimeout)
	defer cancel()
	_ = conn.Close(ctx) // the server notices in any case
}

func (f *feed) listen(ctx context.Context, p *probe) error {
	requests, cancel := context.WithTimeout(ctx, f.timeouts.response)
	defer cancel()
	var version int64
	if err := p.conn.QueryRow(requests, `SELECT `+schemaVersion).Scan(&version); err != nil {
		return err
	}
	if err := checkSchema(version); err != nil {
		return err
	}
	if _, err := p.conn.Exec(requests, `LISTEN `+channel); err != nil {
		return err
	}
	if err := p.outbox.begin(requests, p.conn); err != nil {
		return err
	}
	if err := f.verify(requests, p); err != nil {
		return err
	}
	return f.awaitReplica(ctx, p.conn)
}

// verify makes sure that the connection receives the notifications of other connections. It
// doesn't if it leads to another database, or through a pooler in transaction mode.
func (f *feed) verify(ctx context.Context, p *probe) error {
	if _, err := f.primary.Exec(ctx, p.statement()); err != nil {
		return err
	}
	for {
		notification, err := p.conn.WaitForNotification(ctx)
		if err != nil || notification.Payload == p.payload {
			return err
		}
	}
}

// probe checks that the connection still receives notifications. They arrive in the order of
// their commits, so when the probe's own notification arrives, those that were committed
// before it was sent have arrived too. Changes that nobody has notified of are in the outbox,
// which is read with the probe.
type probe struct {
	conn     *pgx.Conn
	outbox   outboxReader
	payload  string // unique, because a pooler may hide which server process notifies
	sent     time.Time
	pending  bool
	timeouts feedTimeouts
}

// news is what a feed has learned: commits and, if the probe's own notification has arrived, the
// time before which everything that was committed is known.
type news struct {
	commits   []learnedCommit
	confirmed time.Time
}

// learnedCommit is a commit or a part of one. Its transaction is unknown if the notification is
// that of an older program or of a transaction of the caller.
type learnedCommit struct {
	commit
	isPart bool
}

func isEmpty(c consumer.Change) bool { return len(c.Consumers)+len(c.Distributions) == 0 }

// next waits for news. It sends a probe whenever one is due, even if other news keep coming.
func (p *probe) next(ctx context.Context) (news, error) {
	for {
		due := p.sent.Add(p.timeouts.response)
		if !p.pending {
			due = p.sent.Add(p.timeouts.probe)
		}
		var n news
		var err error
		if !p.pending && !time.Now().Before(due) {
			n, err = p.send(ctx)
		} else {
			n, err = p.wait(ctx, due)
		}
		if err == nil && (len(n.commits) > 0 || !n.confirmed.IsZero()) {
			return n, nil
		}
		if err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) || p.pending) {
			return news{}, err
		}
	}
}

// wait returns the content of the next notification and of those that have arrived with it,
// so that the feed waits for the replica once for all of them.
func (p *probe) wait(ctx context.Context, due time.Time) (news, error) {
	ctx, cancel := context.WithDeadline(ctx, due)
	defer cancel()
	notification, err := p.conn.WaitForNotification(ctx)
	if err != nil {
		return news{}, err
	}
	cancel() // from now on WaitForNotification returns only what has arrived
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
	xid, isLast := commitIn(notification.Payload)
	c := learnedCommit{commit{xid: xid}, !isLast}
	appendChange(&c.change, notification.Payload)
	if !isEmpty(c.change) {
		n.commits = append(n.commits, c)
	}
}

// send reads the outbox and sends the probe.
func (p *probe) send(ctx context.Context) (n news, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeouts.response)
	defer cancel()
	p.sent, p.pending = time.Now(), true
	commits, err := p.outbox.next(ctx, p.conn)
	if err != nil {
		return news{}, err
	}
	for _, c := range commits {
		n.commits = append(n.commits, learnedCommit{commit: c})
	}
	_, err = p.conn.Exec(ctx, p.statement())
	return n, err
}

func (p *probe) statement() string { return `NOTIFY ` + channel + `, '` + p.payload + `'` }

// awaitReplica returns when the replica shows what was committed before the call. Meanwhile
// the connection receives notifications of later commits.
func (f *feed) awaitReplica(ctx context.Context, conn *pgx.Conn) error {
	if f.reading == f.primary {
		return nil
	}
	position, err := f.writePosition(ctx, conn)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, f.timeouts.replica)
	defer cancel()
	for pause := minReplayPause; !f.replayed(ctx, position); pause = min(2*pause, maxReplayPause) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
	return nil
}

// writePosition returns the end of the last record in the server's write-ahead log. The server
// reports the start of the next record instead. If the last record fills its page, that start
// lies after the header of the next page, and the replica does not reach it until another record
// is written. So a position at most maxPageHeader bytes into a page is rounded down to the start
// of the page. This is safe: no record ends inside a header, or so soon after one that a record
// before it could end on the same page.
func (f *feed) writePosition(ctx context.Context, conn *pgx.Conn) (position int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeouts.response)
	defer cancel()
	var page int64
	err = conn.QueryRow(ctx, `SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint, current_setting('wal_block_size')::bigint`).Scan(&position, &page)
	if err != nil {
		return 0, err
	}
	if offset := position % page; offset <= maxPageHeader {
		position -= offset
	}
	return position, nil
}

// replayed reports whether the replica has reached a position of the log. It returns false if
// the replica doesn't respond. A server that replays nothing is not a replica, or not one any
// more, and counts as having reached every position.
func (f *feed) replayed(ctx context.Context, position int64) (reached bool) {
	ctx, cancel := context.WithTimeout(ctx, f.timeouts.response)
	defer cancel()
	err := f.reading.QueryRow(ctx,
		`SELECT coalesce(pg_last_wal_replay_lsn() - '0/0'::pg_lsn >= $1::bigint, true)`, position).Scan(&reached)
	return err == nil && reached
}
