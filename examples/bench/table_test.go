package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func exampleReport() report {
	main := dataset{consumers: 100, participations: 3}
	ours := measurement{requestsPerSecond: 30_000, p50: time.Millisecond, p99: 4 * time.Millisecond, serverCPU: 22_500 * time.Nanosecond}
	limit := measurement{requestsPerSecond: 60_000, p50: 500 * time.Microsecond, p99: time.Millisecond, ownCPU: 11 * time.Microsecond}
	return report{
		machine: "2 cores <of something>", command: "go run ./examples/bench", rounds: 5, notes: []string{"A note."},
		results: []result{
			{row: row{database: sqliteName, kind: hot, dataset: main, connections: 256, atLeast: 0.65, p99AtMost: 4}, ratio: 0.5, least: 0.4, greatest: 0.55, p99Ratio: 4, ours: ours, other: limit},
			{row: row{database: sqliteName, kind: seen, dataset: main, connections: 1, atLeast: 0.26}, ratio: 0.26, least: 0.2, greatest: 0.3, p99Ratio: 2, ours: measurement{requestsPerSecond: 900, written: []float64{99.6, 80}}, other: limit},
			{row: row{database: sqliteName, kind: seen, dataset: main, connections: 1, smaller: dataset{10, 3}, about: "100 consumers against 10"}, ratio: 1.04, least: 1, greatest: 1.1, p99Ratio: 1, ours: ours, other: ours},
		},
	}
}

func TestTable(t *testing.T) {
	want := `Measured on 2 cores <of something>, with

    go run ./examples/bench

| | requests/s | × LIMIT | least–greatest | aim | p50 | p99 | p99 × LIMIT's | its aim | server's CPU |
|---|---:|---:|---:|---|---:|---:|---:|---|---:|
| SQLite, hot, 256 connections | 30,000 | 0.50 | 0.40–0.55 | ≥ 0.65 **missed** | 1.00 ms | 4.00 ms | 4.0 | ≤ 4.00 ok | 22.5 µs |
| SQLite, cold, 1 connection | 900 | 0.26 | 0.20–0.30 | ≥ 0.26 ok | 0.00 ms | 0.00 ms | 2.0 |  |  |
| SQLite, cold, 100 consumers against 10, 1 connection | 30,000 | 1.04 | 1.00–1.10 |  | 1.00 ms | 4.00 ms | 1.0 |  | 22.5 µs |
`
	table, explanations, _ := strings.Cut(exampleReport().markdown(), "\n\n- ")
	if diff := cmp.Diff(want, table+"\n"); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	for _, part := range []string{
		"Rounds: 5,",
		"length: 60,000–60,000 requests/s at 1 connection, 60,000–60,000 requests/s at 256 connections.",
		"coordinated omission",
		"the same cores, 11.0 µs for each request to LIMIT",
		"In fact it was 100 and 80 (SQLite, cold, 1 connection).",
		"\n- A note.\n",
	} {
		if !strings.Contains(explanations, part) {
			t.Errorf("%q is not explained:\n%s", part, explanations)
		}
	}
}

// What was not done is not explained, and what was done in a hurry is said to be.
func TestTableOfAQuickRun(t *testing.T) {
	r := exampleReport()
	r.quick, r.results = true, r.results[2:]
	markdown := r.markdown()
	if !strings.Contains(markdown, "\n\n**This was a quick run: the figures mean little.**\n\n") {
		t.Errorf("it does not say so:\n%s", markdown)
	}
	for _, part := range []string{"Each writer", "documents' length: ", "cores, "} {
		if _, explanations, _ := strings.Cut(markdown, "\n\n- "); strings.Contains(explanations, part) {
			t.Errorf("it explains %q:\n%s", part, explanations)
		}
	}
}

func TestPlot(t *testing.T) {
	plot := exampleReport().plot()
	checkPlot(t, plot, 3)
	for part, want := range map[string]int{
		`<line class="aim"`:                    2,
		`<rect class="missed"`:                 1,
		`width="210.0"`:                        1, // half of what LIMIT has
		`x1="763.0" x2="763.0"`:                1, // the aim 0.65
		`prefers-color-scheme:dark`:            1,
		`2 cores &lt;of something&gt;. Where`:  1,
		`>SQLite, hot, 256 connections</text>`: 1,
		`text-anchor="middle">1.0</text>`:      1,
		`<text x="932.8" y="119">1.04</text>`:  1, // beside its bar
		`<text x="605.2" y="97">0.26</text>`:   1, // beside its aim
	} {
		if got := strings.Count(plot, part); got != want {
			t.Errorf("%s stands there %d times, want %d:\n%s", part, got, want, plot)
		}
	}
}

// checkPlot wants XML with a bar for each row.
func checkPlot(t *testing.T, plot string, rows int) {
	t.Helper()
	bars := 0
	for decoder := xml.NewDecoder(strings.NewReader(plot)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		if element, ok := token.(xml.StartElement); ok && element.Name.Local == "rect" {
			bars++
		}
	}
	if bars != rows {
		t.Errorf("%d bars, want %d:\n%s", bars, rows, plot)
	}
}
