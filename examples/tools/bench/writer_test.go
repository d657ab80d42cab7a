package main

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// recorder is a writer that keeps the records.
type recorder struct {
	records []consumer.Participation
	writes  int
	busy    time.Duration // how long the first write takes
}

func (r *recorder) Write(_ context.Context, batch consumer.Batch) (consumer.WriteResult, error) {
	if _, err := batch.Prepare(); err != nil {
		return consumer.WriteResult{}, err
	}
	if r.writes++; r.writes == 1 {
		time.Sleep(r.busy)
	}
	r.records = append(r.records, batch.Participations...)
	return consumer.WriteResult{}, nil
}

// TestWriteOnCommand checks that a writer writes at its rate between start and stop, and that it
// continues with the next consumer.
func TestWriteOnCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stdin, commands := io.Pipe()
		output, stdout := io.Pipe()
		writer := &recorder{}
		ended := make(chan error, 1)
		go func() { ended <- writeOnCommand(t.Context(), aboutConsumers(writer, []int{5, 3, 9}), stdin, stdout) }()
		lines := bufio.NewScanner(output)
		for range 2 {
			time.Sleep(time.Hour) // in the time of the bubble: nothing is written before the command
			say(t, commands, commandStart)
			time.Sleep(2*time.Second + time.Millisecond)
			say(t, commands, commandStop)
			if !lines.Scan() || lines.Text() != "wrote 200 records in 2001 ms, 99 % of the writes within 0 µs" {
				t.Errorf("it printed %q", lines.Text())
			}
		}
		must(t, commands.Close())
		must(t, <-ended)
		if len(writer.records) != 400 {
			t.Fatalf("%d records", len(writer.records))
		}
		for i, record := range writer.records {
			if want := consumerID([]int{5, 3, 9}[i%3]); record.ConsumerID != want {
				t.Errorf("record %d is about %s, want %s", i, record.ConsumerID, want)
			}
			if i > 0 && !record.UpdatedAt.After(writer.records[i-1].UpdatedAt) {
				t.Errorf("record %d is not newer than the one before", i)
			}
			if position := *record.Position; position < 0 || position > 9 {
				t.Errorf("record %d has the position %d, which changes the length of the document", i, position)
			}
		}
	})
}

// TestBusyDatabase checks that records which became due during a slow write are written later.
func TestBusyDatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		writer := &recorder{busy: 500 * time.Millisecond}
		commands := make(chan string)
		go func() {
			time.Sleep(time.Second + time.Millisecond)
			commands <- commandStop
		}()
		p := aboutConsumers(writer, []int{1})
		written, err := p.writeUntil(t.Context(), commands)
		if err != nil || written != 100 || len(writer.records) != 100 || writer.writes != 51 {
			t.Errorf("reported %d records, wrote %d, in %d writes; error %v", written, len(writer.records), writer.writes, err)
		}
	})
}

func TestWriteOnUnknownCommand(t *testing.T) {
	err := writeOnCommand(t.Context(), aboutConsumers(&recorder{}, []int{1}), strings.NewReader("halt\n"), io.Discard)
	if err == nil || err.Error() != `writer: unknown command "halt"` {
		t.Errorf("error %v", err)
	}
}

func say(t *testing.T, commands io.Writer, command string) {
	t.Helper()
	_, err := io.WriteString(commands, command+"\n")
	must(t, err)
}
