package sqlite

import (
	"context"
	"errors"

	"github.com/jmoiron/sqlx"
)

const newestChange = `SELECT ` + schemaVersion + ` AS schema_version, (SELECT coalesce(max(revision), 0) FROM changes) AS revision`

const changesSince = `SELECT consumer_hash FROM changes WHERE revision > ?1 AND revision <= ?2 ORDER BY revision`

// changeLog reads the log. It is not safe for concurrent use.
//
// In a file it has a connection of its own, so that it doesn't wait for one, and holds it,
// because SQLite's data_version says of one connection whether others have committed
// anything since it was last asked: that costs a few microseconds, and nearly always it
// is all there is to ask. A database in memory has one connection for everything.
type changeLog struct {
	db    *sqlx.DB
	holds bool // a connection of db, which nobody else needs

	conn *sqlx.Conn
	// asked is the data_version up to which the log was read, negative when that is not
	// known.
	asked int64
}

// newest is the last revision, 0 for an empty log.
func (l *changeLog) newest() (int64, error) {
	_, newest, err := l.read(-1)
	return newest, err
}

// since returns whose records changed after a revision, and the last revision. When the
// log doesn't go back that far, it returns fewer than there were.
func (l *changeLog) since(revision int64) (consumers []uint64, newest int64, err error) {
	if l.conn == nil {
		return l.read(revision)
	}
	version, err := l.dataVersion()
	if err != nil {
		return nil, 0, errors.Join(err, l.close())
	}
	if version == l.asked {
		return nil, revision, nil
	}
	consumers, newest, err = l.read(revision)
	if err == nil {
		l.asked = version
	}
	return consumers, newest, err
}

func (l *changeLog) dataVersion() (version int64, err error) {
	err = l.conn.Raw(func(c any) (err error) {
		version, err = c.(*connection).number(`PRAGMA data_version`)
		return err
	})
	return version, err
}

// read reads the log after a revision, or only its end for a negative one.
func (l *changeLog) read(revision int64) (consumers []uint64, newest int64, err error) {
	ctx := context.Background()
	if err := l.hold(ctx); err != nil {
		return nil, 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	var end struct {
		SchemaVersion int64 `db:"schema_version"`
		Revision      int64 `db:"revision"`
	}
	if err := sqlx.GetContext(ctx, l.queryer(), &end, newestChange); err != nil {
		return nil, 0, err
	}
	if err := checkSchema(end.SchemaVersion); err != nil || revision < 0 || end.Revision == revision {
		return nil, end.Revision, err
	}
	var hashes []int64
	if err := sqlx.SelectContext(ctx, l.queryer(), &hashes, changesSince, revision, end.Revision); err != nil {
		return nil, 0, err
	}
	consumers = make([]uint64, len(hashes))
	for i, hash := range hashes {
		consumers[i] = uint64(hash)
	}
	return consumers, end.Revision, nil
}

func (l *changeLog) queryer() sqlx.QueryerContext {
	if l.conn != nil {
		return l.conn
	}
	return l.db
}

// hold takes the connection, if it is to have one of its own.
func (l *changeLog) hold(ctx context.Context) (err error) {
	if !l.holds || l.conn != nil {
		return nil
	}
	if l.conn, err = l.db.Connx(ctx); err != nil {
		return err
	}
	l.asked = -1
	return nil
}

// close gives the connection up. Another one counts differently, so the log is read anew.
func (l *changeLog) close() error {
	if l.conn == nil {
		return nil
	}
	err := l.conn.Close()
	l.conn, l.asked = nil, -1
	return err
}
