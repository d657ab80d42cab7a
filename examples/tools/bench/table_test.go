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
		machine: "2 cores <of something>", command: "go run ./examples/tools/bench", rounds: 5,
		results: []result{
			{row: row{database: sqliteName, kind: hot, dataset: main, connections: 256, atLeast: 0.65, p99AtMost: 4}, ratio: 0.5, least: 0.4, greatest: 0.55, p99Ratio: 4, ours: ours, other: limit},
			{row: row{database: sqliteName, kind: cold, dataset: main, connections: 1, atLeast: 0.26}, ratio: 0.26, least: 0.2, greatest: 0.3, p99Ratio: 2, ours: measurement{requestsPerSecond: 900, written: []float64{99.6, 80}, writeP99: []time.Duration{2 * time.Millisecond, 3 * time.Millisecond}}, other: limit},
			{row: row{database: sqliteName, kind: cold, dataset: main, connections: 1, smaller: dataset{consumers: 10, participations: 3}, about: "100 consumers against 10"}, ratio: 1.04, least: 1, greatest: 1.1, p99Ratio: 1, ours: ours, other: ours},
		},
	}
}

func TestTable(t *testing.T) {
	want := `Measured on 2 cores <of something>, with

    go run ./examples/tools/bench

| | requests/s | × LIMIT | range | target | p50 | p99 | p99 × LIMIT | target | server CPU |
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
		"Rounds: 5.",
		"documents: 60,000–60,000 requests/s at 1 connection, 60,000–60,000 requests/s at 256 connections.",
		"coordinated omission",
		"the same cores and needs 11.0 µs for each request to LIMIT",
		"The actual rates, and the 99th percentile of a write, were 100 within 2.00 ms and 80 within 3.00 ms (SQLite, cold, 1 connection).",
	} {
		if !strings.Contains(explanations, part) {
			t.Errorf("%q is not explained:\n%s", part, explanations)
		}
	}
}

// TestTableOfAQuickRun checks that the table names a quick run, and does not explain figures that
// it does not have.
func TestTableOfAQuickRun(t *testing.T) {
	r := exampleReport()
	r.quick, r.results = true, r.results[2:]
	markdown := r.markdown()
	if !strings.Contains(markdown, "\n\n**This was a quick run: the figures mean little.**\n\n") {
		t.Errorf("the table does not say that the run was quick:\n%s", markdown)
	}
	for _, part := range []string{"Each writer", "documents: ", "cores and needs"} {
		if _, explanations, _ := strings.Cut(markdown, "\n\n- "); strings.Contains(explanations, part) {
			t.Errorf("it explains %q:\n%s", part, explanations)
		}
	}
}

func TestPlot(t *testing.T) {
	plot := exampleReport().plot()
	checkPlot(t, plot, 3)
	for part, want := range map[string]int{
		`<line class="target"`:                 2,
		`<rect class="missed"`:                 1,
		`width="210.0"`:                        1, // half of LIMIT
		`x1="763.0" x2="763.0"`:                1, // the target 0.65
		`prefers-color-scheme:dark`:            1,
		`2 cores &lt;of something&gt;. If a`:   1,
		`>SQLite, hot, 256 connections</text>`: 1,
		`text-anchor="middle">1.0</text>`:      1,
		`<text x="932.8" y="119">1.04</text>`:  1, // next to its bar
		`<text x="605.2" y="97">0.26</text>`:   1, // next to its target
	} {
		if got := strings.Count(plot, part); got != want {
			t.Errorf("%s occurs %d times, want %d:\n%s", part, got, want, plot)
		}
	}
}

// checkPlot checks that the plot is XML with a bar for each row.
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
