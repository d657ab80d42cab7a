package main

import (
	"fmt"
	"strings"
)

// kind is what the clients ask for.
type kind int

const (
	hot         kind = iota // few consumers poll
	notModified             // the same, and hold the document already
	seen                    // another consumer each time, with a token that the server knows
	unseen                  // another consumer each time, with a token that is new
)

func (k kind) String() string {
	return [...]string{"hot", "hot with If-None-Match", "cold", "cold and new token"}[k]
}

// row is one line of the table: a load on two sides that take turns.
type row struct {
	database    string // sqliteName or postgresName
	dataset     dataset
	kind        kind
	connections int
	accessLog   bool // to a file
	// writing says who writes meanwhile.
	writing writing
	// smaller, if set, is the other side: the same server on a smaller database. Otherwise
	// the other side is LIMIT.
	smaller dataset
	// about is what the name says when the dataset is not that of most rows.
	about string
	// atLeast is what the ratio should be, and p99AtMost what that of the 99th
	// percentiles. 0: nothing.
	atLeast, p99AtMost float64
}

// writing is who writes records while a server is measured.
type writing int

const (
	nobody  writing = iota
	another         // process
	both            // another process, and the one that serves
)

func (w writing) String() string {
	return [...]string{"", "while another process writes", "while another process and the server write"}[w]
}

const (
	// polling is how many consumers poll in a hot row.
	polling = 2000
	// writeRate is how many records a second each writer writes, about those who poll.
	writeRate = 100
	// smallDatabase is the number of consumers that a large database is compared with, and
	// of each consumer with another number of participations.
	smallDatabase      = 10_000
	smallQuickDatabase = 100
)

// name is unique among the rows of a plan.
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

// rows is the plan: the rows that -only leaves.
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
			{kind: seen},
			{kind: unseen},
		} {
			r.database, r.dataset, r.connections = database, main, n
			rows = append(rows, r.aiming())
		}
	}
	small := min(c.small(), c.consumers)
	for _, participations := range c.participations[1:] {
		for _, k := range []kind{hot, seen} {
			rows = append(rows, row{
				database: database, dataset: dataset{small, participations}, kind: k, connections: usual,
				about: fmt.Sprintf("%d participations", participations),
			})
		}
	}
	if c.consumers > small {
		rows = append(rows, row{
			database: database, dataset: main, kind: seen, connections: usual,
			smaller: dataset{small, main.participations}, atLeast: 0.78,
			about: fmt.Sprintf("%s consumers against %s", grouped(c.consumers), grouped(small)),
		})
	}
	if main.participations > 0 { // there is something to write anew
		for _, w := range []writing{another, both} {
			r := row{database: database, dataset: main, kind: hot, connections: usual, writing: w}
			rows = append(rows, r.aiming())
		}
	}
	return rows
}

// small is the size of the databases in rows that need no large one.
func (c config) small() int {
	if c.quick {
		return smallQuickDatabase
	}
	return smallDatabase
}

// aiming sets what the project wants the row to reach on two cores: nothing for one
// connection, which tells how long a request takes and not how many there can be.
func (r row) aiming() row {
	if r.connections < 32 {
		return r
	}
	switch {
	case r.writing != nobody && r.database == sqliteName:
		r.atLeast = 0.45
	case r.writing != nobody:
	case r.database == sqliteName:
		r.atLeast = map[kind]float64{hot: 0.60, notModified: 0.70, seen: 0.26, unseen: 0.17}[r.kind]
	default:
		r.atLeast = map[kind]float64{hot: 0.60, seen: 0.18}[r.kind]
	}
	if r.accessLog {
		r.atLeast = map[string]float64{sqliteName: 0.45}[r.database]
	}
	if r.kind == hot && r.writing == nobody && r.connections >= 256 {
		r.p99AtMost = 2
	}
	return r
}

// grouped writes a number with commas, such as 2,000,000.
func grouped(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
