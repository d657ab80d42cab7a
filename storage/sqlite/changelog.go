package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"strconv"
	"strings"

	"github.com/jmoiron/sqlx"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// Every transaction that changes the database adds at least one entry to the log, the
// table changes: one for each consumer and each distribution whose records it changed. So the revision of the
// last entry tells other processes what they missed, and a commit without an entry is not
// one of a Store.

// keptChanges is how many entries the log keeps.
const keptChanges = "100000"

// The kinds of entries.
const (
	changedNothing      = 0 // nothing that a snapshot shows, for example an API key
	changedConsumer     = 1
	changedDistribution = 2
)

// logChanges takes the hashes as a JSON array, so that one statement adds any number of
// entries.
const logChanges = `INSERT INTO changes (kind, hash) SELECT ?1, value FROM json_each(?2)`

const truncateLog = `DELETE FROM changes WHERE revision <= (SELECT max(revision) FROM changes) - ` + keptChanges

// readChanges reads the log after a revision. It is one statement, so that all columns are
// as of one commit.
const readChanges = `
SELECT ` + schemaVersion + ` AS schema_version,
	(SELECT data_version FROM pragma_data_version) AS data_version,
	(SELECT coalesce(max(revision), 0) FROM changes) AS revision,
	(SELECT count(*) FROM changes WHERE revision > ?1) AS entries,
	(SELECT group_concat(hash) FROM changes WHERE revision > ?1 AND kind = 1) AS consumers,
	(SELECT group_concat(hash) FROM changes WHERE revision > ?1 AND kind = 2) AS distributions`

// loggedChanges are the entries that a transaction adds to the log when it commits.
type loggedChanges struct {
	consumers, distributions []uint64 // hashes
	nothing                  bool
}

// logConsumers adds entries for consumers to the log.
func (t transaction) logConsumers(keys ...consumer.Key) {
	for _, key := range keys {
		t.changes.consumers = append(t.changes.consumers, key.Hash())
	}
}

// logDistributions adds entries for distributions to the log.
func (t transaction) logDistributions(rows ...row.Row) {
	for _, r := range rows {
		key := consumer.DistributionKey{OrganizationID: r.OrganizationID, Type: consumer.DistributionType(r.Type), ID: r.ID}
		t.changes.distributions = append(t.changes.distributions, key.Hash())
	}
}

// logCommit adds an entry for a change that no snapshot shows.
func (t transaction) logCommit() { t.changes.nothing = true }

// writeLog writes the entries.
func (t transaction) writeLog(ctx context.Context) error {
	c := t.changes
	if len(c.consumers) == 0 && len(c.distributions) == 0 && !c.nothing {
		return nil
	}
	if len(c.consumers) == 0 && len(c.distributions) == 0 {
		if err := t.addToLog(ctx, changedNothing, []uint64{0}); err != nil {
			return err
		}
	}
	if err := t.addToLog(ctx, changedConsumer, c.consumers); err != nil {
		return err
	}
	if err := t.addToLog(ctx, changedDistribution, c.distributions); err != nil {
		return err
	}
	_, err := t.StmtxContext(ctx, t.truncateLog).ExecContext(ctx)
	return err
}

func (t transaction) addToLog(ctx context.Context, kind int, hashes []uint64) error {
	if len(hashes) == 0 {
		return nil
	}
	array := make([]byte, 0, 21*len(hashes)+2)
	for _, hash := range hashes {
		array = append(array, ',')
		array = strconv.AppendInt(array, int64(hash), 10)
	}
	array[0] = '['
	_, err := t.StmtxContext(ctx, t.logChanges).ExecContext(ctx, kind, string(append(array, ']')))
	return err
}

// changeLog reads the log. It is not safe for concurrent use.
//
// It has a connection of its own to a file, for two reasons: it never waits for one, and
// SQLite's data_version, which takes a few microseconds to read, tells whether other
// connections have committed anything since this connection last read it. A database in
// memory has one connection for everything, and is changed by one Store only.
type changeLog struct {
	db   *sqlx.DB
	file bool

	conn        *sqlx.Conn // nil for a database in memory
	dataVersion int64      // as of the last read of the log, negative if there was none
}

// news is what the log contains after a revision.
type news struct {
	any      bool  // if false, nothing was committed and the other fields are not set
	foreign  bool  // something was committed that is not in the log
	revision int64 // of the last entry
	entries  int   // number of entries after the given revision that the log still has
	change   consumer.Change
}

// since returns the news after a revision.
func (l *changeLog) since(revision int64) (n news, err error) {
	ctx := context.Background()
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	if !l.file {
		conn, err := l.db.Connx(ctx)
		if err != nil {
			return news{}, err
		}
		defer conn.Close()
		n, _, err = readNews(conn, revision)
		return n, err
	}
	if l.conn == nil {
		if l.conn, err = l.db.Connx(ctx); err != nil {
			return news{}, err
		}
		l.dataVersion = -1
	}
	if l.dataVersion >= 0 {
		moved, err := l.moved()
		if err != nil || !moved {
			return news{}, err
		}
	}
	n, dataVersion, err := readNews(l.conn, revision)
	if err != nil {
		return news{}, err
	}
	n.foreign = n.entries == 0 && l.dataVersion >= 0
	l.dataVersion = dataVersion
	return n, nil
}

func (l *changeLog) moved() (moved bool, err error) {
	err = l.conn.Raw(func(c any) error {
		return c.(*connection).queryRow(`PRAGMA data_version`, nil, func(columns []driver.Value) {
			moved = columns[0] != l.dataVersion
		})
	})
	return moved, err
}

func readNews(conn *sqlx.Conn, revision int64) (n news, dataVersion int64, err error) {
	var schema int64
	var consumers, distributions string
	err = conn.Raw(func(c any) error {
		return c.(*connection).queryRow(readChanges, []any{revision}, func(columns []driver.Value) {
			schema, _ = columns[0].(int64)
			dataVersion, _ = columns[1].(int64)
			n.revision, _ = columns[2].(int64)
			entries, _ := columns[3].(int64)
			n.entries = int(entries)
			consumers, _ = columns[4].(string)
			distributions, _ = columns[5].(string)
		})
	})
	if err == nil {
		err = checkSchema(schema)
	}
	if err != nil {
		return news{}, 0, err
	}
	n.any = true
	if n.change.Consumers, err = parseHashes(consumers); err != nil {
		return news{}, 0, err
	}
	n.change.Distributions, err = parseHashes(distributions)
	return n, dataVersion, err
}

// parseHashes parses what group_concat returned.
func parseHashes(text string) ([]uint64, error) {
	if text == "" {
		return nil, nil
	}
	hashes := make([]uint64, 0, 1+strings.Count(text, ","))
	for number := range strings.SplitSeq(text, ",") {
		hash, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, row.ErrDamaged
		}
		hashes = append(hashes, uint64(hash))
	}
	return hashes, nil
}

// close gives up the connection. The next one has another data_version.
func (l *changeLog) close() error {
	if l.conn == nil {
		return nil
	}
	err := l.conn.Close()
	l.conn, l.dataVersion = nil, -1
	return err
}
