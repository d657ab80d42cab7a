package consumer

import "slices"

// DistributionType is the type of a distribution.
type DistributionType string

// The types, in the order in which they lead a journey when all else is equal.
const (
	Queue        DistributionType = "queue"
	Draw         DistributionType = "draw"
	Auction      DistributionType = "auction"
	TimedRelease DistributionType = "timed_release"
	Waitlist     DistributionType = "waitlist"
)

// Status is the status of a participation. Its meaning depends on the type.
type Status string

// The statuses of all types. The documentation of the package lists those of each type.
const (
	StatusQueued    Status = "QUEUED"
	StatusAdmitted  Status = "ADMITTED"
	StatusEntered   Status = "ENTERED"
	StatusActive    Status = "ACTIVE"
	StatusOutbid    Status = "OUTBID"
	StatusWinning   Status = "WINNING"
	StatusWon       Status = "WON"
	StatusWaiting   Status = "WAITING"
	StatusNotified  Status = "NOTIFIED"
	StatusCompleted Status = "COMPLETED"
	StatusConverted Status = "CONVERTED"
	StatusLost      Status = "LOST"
	StatusDenied    Status = "DENIED"
	StatusLeft      Status = "LEFT"
	StatusExpired   Status = "EXPIRED"
)

// statusRow holds the statuses of one type, in the order in which a later one remains when
// two writes have equal times, and those among them that admit to the checkout.
type statusRow struct {
	active, terminal, admitting []Status
}

func (t DistributionType) row() statusRow {
	switch t {
	case Queue:
		return queueStatuses
	case Draw:
		return drawStatuses
	case Auction:
		return auctionStatuses
	case TimedRelease:
		return timedReleaseStatuses
	case Waitlist:
		return waitlistStatuses
	}
	return statusRow{}
}

var (
	queueStatuses = statusRow{
		active:    []Status{StatusQueued, StatusAdmitted},
		terminal:  []Status{StatusCompleted, StatusDenied, StatusLeft, StatusExpired},
		admitting: []Status{StatusAdmitted},
	}
	drawStatuses = statusRow{
		active:    []Status{StatusEntered, StatusWon},
		terminal:  []Status{StatusCompleted, StatusLost, StatusDenied, StatusLeft, StatusExpired},
		admitting: []Status{StatusWon},
	}
	auctionStatuses = statusRow{
		active:    []Status{StatusActive, StatusOutbid, StatusWinning, StatusWon},
		terminal:  []Status{StatusCompleted, StatusLost, StatusDenied, StatusLeft, StatusExpired},
		admitting: []Status{StatusWon},
	}
	timedReleaseStatuses = statusRow{
		active:    []Status{StatusEntered},
		terminal:  []Status{StatusCompleted, StatusLeft, StatusExpired},
		admitting: []Status{StatusEntered},
	}
	waitlistStatuses = statusRow{
		active:   []Status{StatusWaiting, StatusNotified},
		terminal: []Status{StatusConverted, StatusLeft},
	}
)

// DistributionTypes returns all types in the order in which they lead.
func DistributionTypes() []DistributionType {
	return []DistributionType{Queue, Draw, Auction, TimedRelease, Waitlist}
}

// Order returns the index of the type in [DistributionTypes], by which it leads when two
// times are equal. The order of an unknown type is after all others.
func (t DistributionType) Order() int {
	switch t {
	case Queue:
		return 0
	case Draw:
		return 1
	case Auction:
		return 2
	case TimedRelease:
		return 3
	case Waitlist:
		return 4
	}
	return 5
}

// Known reports whether t is one of [DistributionTypes].
func (t DistributionType) Known() bool { return t.Order() < 5 }

// Admits reports whether the type can admit to a checkout. All known types but the waitlist
// can.
func (t DistributionType) Admits() bool { return t.Order() < 4 }

// ActiveStatuses returns the active statuses of the type, nil for an unknown type.
func (t DistributionType) ActiveStatuses() []Status { return slices.Clone(t.row().active) }

// TerminalStatuses returns the statuses of the type that end a participation, nil for an
// unknown type.
func (t DistributionType) TerminalStatuses() []Status { return slices.Clone(t.row().terminal) }

// IsActive reports whether s is an active status of the type.
func (t DistributionType) IsActive(s Status) bool { return slices.Contains(t.row().active, s) }

// IsTerminal reports whether s is a terminal status of the type.
func (t DistributionType) IsTerminal(s Status) bool { return slices.Contains(t.row().terminal, s) }

// IsAdmitting reports whether a participation of the type with status s admits to the
// checkout if it holds a token.
func (t DistributionType) IsAdmitting(s Status) bool { return slices.Contains(t.row().admitting, s) }
