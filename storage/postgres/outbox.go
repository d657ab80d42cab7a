package postgres

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rejoinhq/rejoin/consumer"
)

// A transaction that notifies takes a lock of the whole server until its commit is on disk, so
// such commits take turns. Therefore a transaction of a Store notifies nobody: it adds a row to
// the outbox, the table rejoin_changes, and the Store sends the notifications of many commits in
// one small transaction afterwards. Feeds also read the outbox a few times a second, so a change is
// reported even if the process that made it ended before it notified.

const (
	// outboxPeriod is how long a row stays in the outbox at least, from when it can be read.
	outboxPeriod = 5 * time.Minute
	// outboxCleaning is the time between two cleanings by one process.
	outboxCleaning = time.Minute
	// notifyDelay is how long a commit may wait for others to be notified of with it. It costs
	// a single writer less than a notification for each of its commits.
	notifyDelay = 4 * time.Millisecond
	// notifyTimeout bounds a transaction that notifies.
	notifyTimeout = 2 * time.Second
)

// commit is a committed transaction and what it changed.
type commit struct {
	xid    string // a decimal number
	change consumer.Change
}

// commitWith adds the change to the outbox and commits, in one round trip.
func (t transaction) commitWith(ctx context.Context, change consumer.Change) (xid string, err error) {
	if isEmpty(change) {
		_, err := t.Exec(ctx, `COMMIT`)
		return "", err
	}
	results, err := t.PgConn().Exec(ctx, `INSERT INTO rejoin_changes (xid, consumers, distributions) VALUES (pg_current_xact_id(), `+
		arrayLiteral(change.Consumers)+`, `+arrayLiteral(change.Distributions)+`) RETURNING xid; COMMIT`).ReadAll()
	if err != nil {
		return "", err
	}
	return string(results[0].Rows[0][0]), nil
}

func arrayLiteral(hashes []uint64) string {
	var text strings.Builder
	text.WriteString(`'{`)
	for i, hash := range hashes {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString(strconv.FormatInt(int64(hash), 10))
	}
	text.WriteString(`}'`)
	return text.String()
}

// notifier notifies of commits. While one transaction is under way, it collects the next ones.
type notifier struct {
	pool *pgxpool.Pool

	mu      sync.Mutex
	pending []commit
	running chan struct{} // closed when nothing is pending any more, nil if nothing is under way

	// The goroutine that notifies uses these.
	cleaned   time.Time
	snapshots []pastSnapshot
}

// pastSnapshot is a snapshot of the server in its text form, and when it was taken.
type pastSnapshot struct {
	text  string
	taken time.Time
}

func (n *notifier) notify(c commit) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.pending = append(n.pending, c)
	if n.running == nil {
		n.running = make(chan struct{})
		go n.run(n.running)
	}
}

// wait returns when nothing is pending.
func (n *notifier) wait() {
	n.mu.Lock()
	running := n.running
	n.mu.Unlock()
	if running != nil {
		<-running
	}
}

func (n *notifier) run(done chan struct{}) {
	defer close(done)
	for {
		time.Sleep(notifyDelay)
		n.mu.Lock()
		commits := n.pending
		n.pending = nil
		if len(commits) == 0 {
			n.running = nil
			n.mu.Unlock()
			return
		}
		n.mu.Unlock()
		// If it fails, the feeds find the changes in the outbox.
		_ = n.send(commits)
	}
}

// send notifies of commits, and cleans the outbox now and then. The notifications need not
// survive a crash of the server, so the transaction doesn't wait for the disk.
func (n *notifier) send(commits []commit) error {
	ctx, cancel := context.WithTimeout(context.Background(), notifyTimeout)
	defer cancel()
	var statements strings.Builder
	statements.WriteString(`BEGIN; SET LOCAL synchronous_commit TO off; `)
	for _, c := range commits {
		statements.WriteString(notificationsOf(c))
	}
	statements.WriteString(`COMMIT`)
	return withConnection(ctx, n.pool, func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, statements.String()); err != nil {
			newTransaction(conn).rollback(ctx)
			return err
		}
		if time.Since(n.cleaned) < outboxCleaning {
			return nil
		}
		n.cleaned = time.Now()
		return n.clean(ctx, conn)
	})
}

// clean deletes the rows that could be read some time ago, and those of another server's
// transactions, which came with a dump.
func (n *notifier) clean(ctx context.Context, conn *pgx.Conn) error {
	var now string
	if err := conn.QueryRow(ctx, `SELECT pg_current_snapshot()::text`).Scan(&now); err != nil {
		return err
	}
	n.snapshots = append(n.snapshots, pastSnapshot{now, time.Now()})
	if time.Since(n.snapshots[0].taken) < outboxPeriod {
		return nil
	}
	for len(n.snapshots) > 1 && time.Since(n.snapshots[1].taken) >= outboxPeriod {
		n.snapshots = n.snapshots[1:]
	}
	return cleanOutbox(ctx, conn, n.snapshots[0].text)
}

func cleanOutbox(ctx context.Context, conn *pgx.Conn, visibleIn string) error {
	_, err := conn.Exec(ctx, `DELETE FROM rejoin_changes WHERE pg_visible_in_snapshot(xid, $1::text::pg_snapshot) OR xid >= pg_snapshot_xmax(pg_current_snapshot())`, visibleIn)
	return err
}

// outboxReader reads each row of the outbox once.
type outboxReader struct {
	snapshot string // the last one in which rows were read
	read     time.Time
}

// begin skips what can be read now.
func (r *outboxReader) begin(ctx context.Context, conn *pgx.Conn) error {
	r.read = time.Now()
	return conn.QueryRow(ctx, `SELECT pg_current_snapshot()::text`).Scan(&r.snapshot)
}

// next returns the commits that can be read now and could not be read by the last call. It does
// not matter how long their transactions took, or that an older one has not ended.
func (r *outboxReader) next(ctx context.Context, conn *pgx.Conn) (commits []commit, err error) {
	begun := time.Now()
	if begun.Sub(r.read) > outboxPeriod/2 {
		return nil, errOutboxMissed
	}
	rows, err := conn.Query(ctx, newInOutbox, r.snapshot)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var xid *string
		var consumers, distributions []int64
		if err := rows.Scan(&r.snapshot, &xid, &consumers, &distributions); err != nil {
			return nil, err
		}
		if xid != nil {
			commits = append(commits, commit{*xid, consumer.Change{Consumers: unsigned(consumers), Distributions: unsigned(distributions)}})
		}
	}
	r.read = begun
	return commits, rows.Err()
}

// newInOutbox returns one row at least, with the snapshot that the statement sees. A row of
// another server's transaction, which came with a dump, is in no snapshot.
const newInOutbox = `
SELECT s.now::text, c.xid::text, c.consumers, c.distributions
FROM (SELECT pg_current_snapshot() AS now) AS s
LEFT JOIN rejoin_changes AS c ON c.xid >= pg_snapshot_xmin($1::text::pg_snapshot)
	AND NOT pg_visible_in_snapshot(c.xid, $1::text::pg_snapshot) AND pg_visible_in_snapshot(c.xid, s.now)`

func unsigned(hashes []int64) []uint64 {
	var all []uint64
	for _, hash := range hashes {
		all = append(all, uint64(hash))
	}
	return all
}
