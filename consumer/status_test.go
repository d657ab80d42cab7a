package consumer_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
)

func TestStatusIsActiveTerminalOrAdmittingByItsTypeOnly(t *testing.T) {
	for _, kind := range append(allTypes(), "", "raffle", "QUEUE") {
		row := contractTable[kind]
		for _, status := range allStatuses() {
			t.Run(string(kind)+" "+string(status), func(t *testing.T) {
				if got, want := kind.IsActive(status), slices.Contains(row.active, status); got != want {
					t.Errorf("IsActive: got %v, want %v", got, want)
				}
				if got, want := kind.IsTerminal(status), slices.Contains(row.terminal, status); got != want {
					t.Errorf("IsTerminal: got %v, want %v", got, want)
				}
				if got, want := kind.IsAdmitting(status), slices.Contains(row.admitting, status); got != want {
					t.Errorf("IsAdmitting: got %v, want %v", got, want)
				}
			})
		}
	}
}

func TestStatusesStandInTheOrderOfTheirRow(t *testing.T) {
	for kind, row := range contractTable {
		if diff := cmp.Diff(row.active, kind.ActiveStatuses()); diff != "" {
			t.Errorf("active statuses of %s (-contract +got):\n%s", kind, diff)
		}
		if diff := cmp.Diff(row.terminal, kind.TerminalStatuses()); diff != "" {
			t.Errorf("terminal statuses of %s (-contract +got):\n%s", kind, diff)
		}
	}
}

func TestStatusesAreTheCallersToChange(t *testing.T) {
	consumer.Queue.ActiveStatuses()[0] = "CHANGED"
	consumer.Queue.TerminalStatuses()[0] = "CHANGED"
	consumer.DistributionTypes()[0] = "changed"
	if !consumer.Queue.IsActive("QUEUED") || !consumer.Queue.IsTerminal("COMPLETED") {
		t.Error("a caller changed what a queue's statuses are")
	}
	if got := consumer.DistributionTypes()[0]; got != "queue" {
		t.Errorf("a caller changed the first type to %q", got)
	}
}

func TestTypesLeadInTheOrderOfTheContract(t *testing.T) {
	if diff := cmp.Diff(allTypes(), consumer.DistributionTypes()); diff != "" {
		t.Errorf("types (-contract +got):\n%s", diff)
	}
	for i, kind := range allTypes() {
		if kind.Order() != i || !kind.Known() {
			t.Errorf("%s: got order %d and known %v, want %d and true", kind, kind.Order(), kind.Known(), i)
		}
		if got, want := kind.Admits(), kind != "waitlist"; got != want {
			t.Errorf("%s admits: got %v, want %v", kind, got, want)
		}
	}
	for _, kind := range []consumer.DistributionType{"", "raffle", "Queue", "timedRelease"} {
		if kind.Known() || kind.Admits() || kind.Order() <= consumer.Waitlist.Order() {
			t.Errorf("%q must be unknown, admit nobody and come after all known types", kind)
		}
	}
}
