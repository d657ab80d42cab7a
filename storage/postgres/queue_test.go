package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

// TestFullNotificationQueue lets a listener of another program fill the queue: it is idle in a
// transaction. Only from PostgreSQL 17 on can the queue be made small.
func TestFullNotificationQueue(t *testing.T) {
	t.Parallel()
	if version := count(t, openRaw(t, postgrestest.URL(t)), `SELECT current_setting('server_version_num')::int`); version < 170000 {
		t.Skipf("the server has version %d, and the queue of versions below 17 holds 8 GB", version/10000)
	}
	url := postgrestest.Start(t, "max_notify_queue_pages=64").URL(t)
	store, raw := newStore(t, url), openRaw(t, url)
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	if usage, err := store.NotificationQueueUsage(t.Context()); err != nil || usage > 0.1 {
		t.Errorf("NotificationQueueUsage returned %v and the error %v", usage, err)
	}
	idle, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{`LISTEN other`, `BEGIN`, `SELECT 1`} {
		if _, err := idle.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for err == nil {
		_, err = raw.Exec(t.Context(), `SELECT pg_notify('other', repeat('x', 7000) || n) FROM generate_series(1, 10) AS n`)
	}

	// What the Store commits itself needs no room, and what the caller commits does.
	if _, err := store.Write(t.Context(), aConsumer("cons_2")); err != nil {
		t.Errorf("Write: %v", err)
	}
	err = pgx.BeginFunc(t.Context(), raw, func(tx pgx.Tx) error {
		_, err := store.WriteTx(t.Context(), tx, aConsumer("cons_3"))
		return err
	})
	if err == nil {
		t.Error("a transaction of the caller was committed, want an error of the server")
	}
	const want = "the server's notification queue is full"
	if err := store.Ping(t.Context()); !errors.Is(err, consumer.ErrUnavailable) || !strings.Contains(err.Error(), want) {
		t.Errorf("Ping returned the error %v, want ErrUnavailable with %q", err, want)
	}
	if usage, err := store.NotificationQueueUsage(t.Context()); err != nil || usage < 0.99 {
		t.Errorf("NotificationQueueUsage returned %v and the error %v", usage, err)
	}
	wantConsumer(t, store, "cons_1")
	wantConsumer(t, store, "cons_2")

	if err := idle.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "there is room again", func() bool { return store.Ping(t.Context()) == nil })
	v := newView(t, store)
	v.follow(store.Changes)
	v.write(store, "cons_4")
	v.untilReported("cons_4")
}
