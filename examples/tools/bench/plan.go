package main

import (
	"fmt"
	"strings"
)

// kind is what the clients request.
type kind int

const (
	hot          kind = iota // a few consumers poll
	notModified              // the same, and the clients have the document already
	cold                     // another consumer for each request, with a token that the server has seen
	coldNewToken             // another consumer for each request, with a token that the server has not seen
)

func (k kind) String() string {
	return [...]string{"hot", "hot with If-None-Match", "cold", "cold and new token"}[k]
}

// row is one line of the table: a load on two sides, which are measured in turns.
type row struct {
	database    string // sqliteName or postgresName
	dataset     dataset
	kind        kind
	connections int
	accessLog   bool // the server writes an access log to a file
	writing     writing
	// smaller, if set, makes the other side the same server on a smaller database. If it is
	// not set, the other side is LIMIT.
	smaller dataset
	// about is the part of the name that describes a dataset which is not that of most rows.
	about string
	// atLeast is the target of the ratio, and p99AtMost that of the ratio of the 99th
	// percentiles. 0 is no target.
	atLeast, p99AtMost float64
}

// writing says which processes write records while a server is measured.
type writing int

const (
	noWriter writing = iota
	otherProcess
	bothProcesses // the other process and the server
	movingQueue   // the other process, which moves the queue that all consumers are in
)

func (w writing) String() string {
	return [...]string{"", "while another process writes", "while another process and the server write", "while another process moves the queue"}[w]
}

const (
	// polling is the number of consumers that poll in a hot row.
	polling = 2000
	// writeRate is the number of records a second that each writer writes about these
	// consumers.
	writeRate = 100
	// moveRate is how many times a second the queue moves that all consumers are in.
	moveRate = 10
	// members is the number of consumers in that queue.
	members = 1_000_000
	// smallDatabase is the number of consumers in the database that a large one is compared
	// with, and in those with another number of participations.
	smallDatabase      = 10_000
	smallQuickDatabase = 100
)

// name returns the name of the row, which is unique in a plan.
func (r row) name() string {
	parts := []string{r.database, r.kind.String()}
	if r.accessLog {
		parts = append(parts, "access log")
	}
	for _, part := range []string{r.writing.String(), r.about} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(append(parts, connections(r.connections)), ", ")
}

func connections(n int) string {
	if n == 1 {
		return "1 connection"
	}
	return fmt.Sprintf("%d connections", n)
}

// rows returns the plan: all rows that match -only.
func (c config) rows() []row {
	databases := []string{sqliteName}
	if c.postgres != "" {
		databases = append(databases, postgresName)
	}
	var rows []row
	for _, database := range databases {
		for _, r := range c.rowsOf(database) {
			if c.only == nil || c.only.MatchString(r.name()) {
				rows = append(rows, r)
			}
		}
	}
	return rows
}

func (c config) rowsOf(database string) []row {
	main := dataset{consumers: c.consumers, participations: c.participations[0]}
	usual := c.connections[len(c.connections)/2]
	var rows []row
	for _, n := range c.connections {
		for _, r := range []row{
			{kind: hot, accessLog: true},
			{kind: hot},
			{kind: notModified},
			{kind: cold},
			{kind: coldNewToken},
		} {
			r.database, r.dataset, r.connections = database, main, n
			rows = append(rows, r.withTargets())
		}
	}
	small := min(c.small(), c.consumers)
	for _, participations := range c.participations[1:] {
		for _, k := range []kind{hot, cold} {
			rows = append(rows, row{
				database: database, dataset: dataset{consumers: small, participations: participations}, kind: k, connections: usual,
				about: fmt.Sprintf("%d participations", participations),
			})
		}
	}
	if c.consumers > small {
		rows = append(rows, row{
			database: database, dataset: main, kind: cold, connections: usual,
			smaller: dataset{consumers: small, participations: main.participations}, atLeast: 0.78,
			about: fmt.Sprintf("%s consumers against %s", grouped(c.consumers), grouped(small)),
		})
	}
	if main.participations > 0 { // the writers need a participation
		for _, w := range []writing{otherProcess, bothProcesses} {
			r := row{database: database, dataset: main, kind: hot, connections: usual, writing: w}
			rows = append(rows, r.withTargets())
		}
	}
	return append(rows, c.movingRow(database, usual))
}

// movingRow returns the row in which one write moves everybody.
func (c config) movingRow(database string, usual int) row {
	data := dataset{consumers: members, participations: 1, tickets: true}
	if c.quick {
		data.consumers = c.consumers
	}
	return row{
		database: database, dataset: data, kind: hot, connections: usual, writing: movingQueue, atLeast: 0.55,
		about: grouped(data.consumers) + " members",
	}
}

// small returns the number of consumers in rows that need no large database.
func (c config) small() int {
	if c.quick {
		return smallQuickDatabase
	}
	return smallDatabase
}

// withTargets sets the targets of the row on two cores. A row with few connections has none,
// because it measures the latency and not the throughput.
func (r row) withTargets() row {
	if r.connections < 32 {
		return r
	}
	switch {
	case r.writing != noWriter && r.database == sqliteName:
		r.atLeast = 0.45
	case r.writing != noWriter:
	case r.database == sqliteName:
		r.atLeast = map[kind]float64{hot: 0.60, notModified: 0.70, cold: 0.26, coldNewToken: 0.17}[r.kind]
	default:
		r.atLeast = map[kind]float64{hot: 0.60, cold: 0.18}[r.kind]
	}
	if r.accessLog {
		r.atLeast = map[string]float64{sqliteName: 0.45}[r.database]
	}
	if r.kind == hot && r.writing == noWriter && r.connections >= 256 {
		r.p99AtMost = 2
	}
	return r
}

// grouped formats a number with commas, such as 2,000,000.
func grouped(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
